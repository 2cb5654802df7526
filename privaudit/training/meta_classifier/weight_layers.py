"""The weights of trained networks of one architecture, layer by layer, as stacked arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.errors import DataError, ShapeError, UnsupportedError
from privaudit.types.frozen import set_array

ReadLayer = nn.Linear | nn.Conv1d | nn.Conv2d


_WAY_OUT = "Use another model, or attacks on what models say (kl, gauss)."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightLayer:
    """One layer of many networks.

    Attributes:
        weight: ``(n_models, n_out, n_in, n_edge)`` float32; ``n_edge`` numbers lead from one unit to another: positions of a
            kernel, or positions of a channel where a linear layer follows a convolution.
        bias: ``(n_models, n_out)`` float32.

    Raises:
        ShapeError: if both do not fit.
        DataError: if a weight is not finite.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Freeze the arrays and check them."""
        weight = set_array(self, "weight", self.weight, np.float32)
        bias = set_array(self, "bias", self.bias, np.float32)
        if weight.ndim != 4 or bias.shape != weight.shape[:2]:
            raise ShapeError(
                f"weight {weight.shape} must be (n_models, n_out, n_in, n_edge), bias {bias.shape} its start."
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise DataError("weights must be finite, and some are not. Leave networks that diverged out.")

    @property
    def n_models(self) -> int:
        """Number of networks."""
        return len(self.weight)

    @property
    def n_out(self) -> int:
        """Number of units."""
        return int(self.weight.shape[1])

    def rows(self, models: Sequence[int] | NDArray[np.int64]) -> "WeightLayer":
        """Return the layer of some of the networks."""
        chosen = np.asarray(models, dtype=np.int64)
        return WeightLayer(weight=self.weight[chosen], bias=self.bias[chosen])


WeightLayers = tuple[WeightLayer, ...]


def check_layers(network: nn.Module) -> None:
    """Refuse a network whose weights cannot be read.

    Args:
        network: one of the architecture, trained or not.

    Raises:
        UnsupportedError: if a module other than linear and convolution layers has weights, a convolution has groups, the layers
            do not form a chain, or there is none.
    """
    _chain(_readable(network))


def read_layers(networks: Sequence[nn.Module]) -> WeightLayers:
    """Read the weights of networks of one architecture, in the order in which it defines its layers.

    Args:
        networks: one at least; wherever their weights are, copies of them come to the processor's memory.

    Returns:
        the layers; a layer without a bias has zeros.

    Raises:
        UnsupportedError: if the weights cannot be read, see `check_layers`.
        ShapeError: if there is no network, or the networks differ in their layers' sizes.
    """
    if not networks:
        raise ShapeError("weights are read of one network at least; got none.")
    layers = [_readable(network) for network in networks]
    shapes = [[tuple(layer.weight.shape) for layer in own] for own in layers]
    if any(own != shapes[0] for own in shapes):
        raise ShapeError("networks must have layers of the same sizes; some differ. Train all by one model block.")
    return tuple(_stacked([own[place] for own in layers], n_in) for place, n_in in enumerate(_chain(layers[0])))


def _readable(network: nn.Module) -> list[ReadLayer]:
    """Return the layers with weights, if all of them are of a known kind."""
    found: list[ReadLayer] = []
    for layer in network.modules():
        if next(layer.parameters(recurse=False), None) is None:
            continue
        name = type(layer).__name__
        if not isinstance(layer, ReadLayer):
            raise UnsupportedError(
                f"a white-box meta-classifier reads linear and convolution layers; this model has weights in {name}. {_WAY_OUT}"
            )
        if getattr(layer, "groups", 1) != 1:
            raise UnsupportedError(
                f"a white-box meta-classifier reads convolutions without groups; this model has a {name} with some. {_WAY_OUT}"
            )
        found.append(layer)
    if not found:
        raise UnsupportedError(f"a white-box meta-classifier reads weights, and this model has none. {_WAY_OUT}")
    return found


def _chain(layers: Sequence[ReadLayer]) -> list[int]:
    """Return the number of units that each layer sees: those of the layer before it."""
    found: list[int] = []
    before: ReadLayer | None = None
    for layer in layers:
        n_inputs = int(layer.weight.shape[1])
        n_in = n_inputs if before is None else int(before.weight.shape[0])
        is_flattened = isinstance(before, nn.Conv1d | nn.Conv2d) and isinstance(layer, nn.Linear)
        if n_inputs != n_in and not (is_flattened and n_inputs % n_in == 0):
            raise UnsupportedError(
                "a white-box meta-classifier reads layers that follow one another, in the order in which the model defines them; "
                f"layer {len(found) + 1} ({type(layer).__name__}) takes {n_inputs} inputs, and the one before it has {n_in} "
                f"units. Define them in order. {_WAY_OUT}"
            )
        found.append(n_in)
        before = layer
    return found


def _stacked(layers: Sequence[ReadLayer], n_in: int) -> WeightLayer:
    weight = np.stack([_array(layer.weight) for layer in layers])
    n_models, n_out = weight.shape[:2]
    bias = np.stack([np.zeros(n_out, np.float32) if layer.bias is None else _array(layer.bias) for layer in layers])
    return WeightLayer(weight=weight.reshape(n_models, n_out, n_in, -1), bias=bias)


def _array(values: torch.Tensor) -> NDArray[np.float32]:
    return np.asarray(values.detach().to("cpu", torch.float32).numpy())
