"""What a meta-classifier is given of shadow models and of others, standardised by the shadow models alone."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from privaudit.attacks.distribution.pin import Form
from privaudit.training.meta_classifier.standardise import Scale, Sharing, fit_scale
from privaudit.training.meta_classifier.weight_layers import WeightLayers
from privaudit.training.meta_classifier.weight_paths import Floats, chain_of, own_rows, path_rows

PART = 64  # models that are made ready at once to be judged: of wide layers the inputs of many would fill the memory


class MetaInputs(NamedTuple):
    """Weights of several models, as tensors.

    Attributes:
        rows: of each layer ``(n_models, n_units, n_numbers)`` float32.
        edges: of each layer but the first ``(n_models, 2, n_units, n_units of the layer before)`` float32: scaled weights, and their
            absolute values; empty in the published form.
    """

    rows: tuple[torch.Tensor, ...]
    edges: tuple[torch.Tensor, ...]


def prepare(
    form: Form, shadows: WeightLayers, group: NDArray[Any], others: WeightLayers, device: torch.device
) -> tuple[MetaInputs, Iterator[MetaInputs]]:
    """Standardise weights of shadow models and, part by part, of others.

    Args:
        form: of the meta-classifier.
        shadows: the shadow models' layers.
        group: ``(n_shadows,)`` world or ratio of each.
        others: the layers of the models that will be judged.
        device: where the tensors go.

    Returns:
        Inputs of the shadow models, and those of the others in their order, at most `PART` models at a time.
    """
    ours, our_edges = _read(form, shadows)
    scales = [fit_scale(rows, group, _sharing(form, place, len(ours))) for place, rows in enumerate(ours)]
    sizes = [_size(edges) for edges in our_edges]
    theirs = (_tensors(*_read(form, part), scales, sizes, device) for part in _parts(others))
    return _tensors(ours, our_edges, scales, sizes, device), theirs


def _parts(layers: WeightLayers) -> Iterator[WeightLayers]:
    n_models = layers[0].n_models
    for start in range(0, n_models, PART):
        models = np.arange(start, min(start + PART, n_models))
        yield tuple(layer.rows(models) for layer in layers)


def _read(form: Form, layers: WeightLayers) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    """Return rows and edges."""
    if form == "published":
        return own_rows(layers), ()
    chain = chain_of(layers)
    return path_rows(chain), chain.edges


def _sharing(form: Form, place: int, n_layers: int) -> Sharing:
    if form == "published":
        return "units" if place == 0 else "layer"
    return "classes" if place == n_layers - 1 else "units"


def _size(edges: Floats) -> float:
    """Root mean square of a weight, times the root of how many are summed."""
    size = float(np.sqrt(np.square(edges[:, 0]).mean() * edges.shape[3]))
    return size if size > 0 else 1.0


def _tensors(
    rows: Sequence[Floats],
    edges: Sequence[Floats],
    scales: Sequence[Scale],
    sizes: Sequence[float],
    device: torch.device,
) -> MetaInputs:
    scaled = [scale.apply(own) for scale, own in zip(scales, rows, strict=True)]
    divided = [np.asarray(own / size, dtype=np.float32) for own, size in zip(edges, sizes, strict=True)]
    return MetaInputs(
        rows=tuple(torch.from_numpy(own).to(device) for own in scaled),
        edges=tuple(torch.from_numpy(own).to(device) for own in divided),
    )
