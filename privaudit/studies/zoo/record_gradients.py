"""Explicit per-record gradients of many small networks at once: a perceptron with one hidden layer, each run its own weights."""

from collections.abc import Mapping
from itertools import accumulate, pairwise
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

N_PIXELS, N_HIDDEN, N_CLASSES = 64, 16, 10
SHAPES: Mapping[str, tuple[int, ...]] = {
    "hidden.weight": (N_HIDDEN, N_PIXELS),
    "hidden.bias": (N_HIDDEN,),
    "output.weight": (N_CLASSES, N_HIDDEN),
    "output.bias": (N_CLASSES,),
}
_ENDS = (0, *accumulate(prod(shape) for shape in SHAPES.values()))
# Where each layer stands in the flat vector of all weights.
LAYERS: Mapping[str, slice] = {name: slice(*ends) for name, ends in zip(SHAPES, pairwise(_ENDS), strict=True)}
N_WEIGHTS = _ENDS[-1]


def layer_of(flat: Tensor, name: str) -> Tensor:
    """Return one layer of ``(..., n_weights)`` as a view in the layer's own shape."""
    return flat[..., LAYERS[name]].view(*flat.shape[:-1], *SHAPES[name])


def initial_weights(generator: torch.Generator) -> Tensor:
    """Draw ``(n_weights,)`` weights, uniform within one over the root of the layer's inputs.

    Args:
        generator: source of the draw.
    """
    weights = torch.empty(N_WEIGHTS)
    for name, n_inputs in (("hidden", N_PIXELS), ("output", N_HIDDEN)):
        for kind in ("weight", "bias"):
            weights[LAYERS[f"{name}.{kind}"]].uniform_(-(n_inputs**-0.5), n_inputs**-0.5, generator=generator)
    return weights


def record_gradients(weights: Tensor, features: Tensor, labels: Tensor, out: Tensor) -> None:
    """Write the cross-entropy's gradient for every run and record.

    Args:
        weights: ``(n_runs, n_weights)`` of every run's network.
        features: ``(n_records, 64)`` the records, the same in all runs.
        labels: ``(n_records,)`` int64 classes.
        out: ``(n_runs, n_records, n_weights)`` where to; every element is written.
    """
    hidden = features @ layer_of(weights, "hidden.weight").mT + layer_of(weights, "hidden.bias")[:, None]
    active = hidden.relu()
    logits = active @ layer_of(weights, "output.weight").mT + layer_of(weights, "output.bias")[:, None]
    at_output = logits.softmax(-1) - functional.one_hot(labels, N_CLASSES)
    at_hidden = (at_output @ layer_of(weights, "output.weight")) * (hidden > 0)
    torch.mul(at_hidden[..., None], features[:, None], out=layer_of(out, "hidden.weight"))
    torch.mul(at_output[..., None], active[..., None, :], out=layer_of(out, "output.weight"))
    out[..., LAYERS["hidden.bias"]] = at_hidden
    out[..., LAYERS["output.bias"]] = at_output
