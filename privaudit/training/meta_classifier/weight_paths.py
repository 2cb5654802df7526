"""What can be read off weights without training: rows of neurons that do not depend on how the neurons before them are ordered.

If all units were linear, unit j of layer l would give its inputs the weights P_l = W_l P_(l-1): a row of as many numbers as the
network has inputs, whichever way the hidden units are ordered. With absolute weights in place of the later ones, Q_l =
|W_l| Q_(l-1), a row says how inputs reach a unit on all ways together. Sums over the units before it are what makes both
strictly invariant; learned codes of these units come by the same two sums (`edges`).

A shift that all classes' weights share is not seen by a softmax, and what training did not move is a random number of the first
weights; it is taken off.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.training.meta_classifier.weight_layers import WeightLayer, WeightLayers

Floats = NDArray[np.float64]


class Chain(NamedTuple):
    """Layers as sums over edges, in float64.

    Attributes:
        first: ``(n_models, n_out, n_inputs)`` the first layer's weights.
        edges: of each later layer ``(n_models, 2, n_out, n_in)``: weights, and absolute weights, summed over an edge's positions.
        biases: of each layer ``(n_models, n_out)``.
    """

    first: Floats
    edges: tuple[Floats, ...]
    biases: tuple[Floats, ...]


def chain_of(layers: WeightLayers) -> Chain:
    """Return the layers' sums, those of the classes without what all classes share.

    Args:
        layers: from the first to the classes.
    """
    exact = [_exact(layer, is_last=place == len(layers) - 1) for place, layer in enumerate(layers)]
    first = exact[0][0].reshape(*exact[0][0].shape[:2], -1)
    edges = tuple(np.stack([weight.sum(axis=3), np.abs(weight).sum(axis=3)], axis=1) for weight, _ in exact[1:])
    return Chain(first=first, edges=edges, biases=tuple(bias for _, bias in exact))


def _exact(layer: WeightLayer, *, is_last: bool) -> tuple[Floats, Floats]:
    weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
    if is_last and layer.n_out > 1:  # a single output goes through a sigmoid, which sees all of it
        weight, bias = weight - weight.mean(axis=1, keepdims=True), bias - bias.mean(axis=1, keepdims=True)
    return weight, bias


def path_rows(chain: Chain) -> tuple[Floats, ...]:
    """Return rows of every layer's units, with each unit's bias at the end.

    Args:
        chain: of the layers.

    Returns:
        ``(n_models, n_out, n_inputs + 1)`` of the first layer, ``(n_models, n_out, 2 n_inputs + 1)`` of later ones: paths, then
        absolute paths.
    """
    linear = absolute = chain.first
    rows = [_with_bias(chain.first, chain.biases[0])]
    for edges, bias in zip(chain.edges, chain.biases[1:], strict=True):
        linear, absolute = edges[:, 0] @ linear, edges[:, 1] @ absolute
        rows.append(_with_bias(np.concatenate([linear, absolute], axis=2), bias))
    return tuple(rows)


def own_rows(layers: WeightLayers) -> tuple[Floats, ...]:
    """Return every unit's own weights and bias, as the published form reads them.

    Args:
        layers: from the first to the classes.

    Returns:
        ``(n_models, n_out, n_in n_edge + 1)`` of each layer; two classes give one row, that of their log-odds, as the models of the
        published form have one output.
    """
    exact = [_exact(layer, is_last=place == len(layers) - 1) for place, layer in enumerate(layers)]
    if layers[-1].n_out == 2:
        exact[-1] = (np.diff(exact[-1][0], axis=1), np.diff(exact[-1][1], axis=1))
    return tuple(_with_bias(weight.reshape(*weight.shape[:2], -1), bias) for weight, bias in exact)


def _with_bias(rows: Floats, bias: Floats) -> Floats:
    return np.concatenate([rows, bias[:, :, None]], axis=2)
