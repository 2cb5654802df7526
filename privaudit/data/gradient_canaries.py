"""Gradient canaries: directions that are put into a step's sum before the clip, in shapes that show different errors.

A canary as long as the clip shows no error of the clip; one that is many clips long does, where its shape lies in what
the error leaves unclipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, ShapeError
from privaudit.types.frozen import set_array
from privaudit.validate import nearest

GRADIENT_SHAPES = ("coordinate", "spread", "layer", "bias", "opposed", "alternating")
ORTHOGONAL = 1e-5  # largest inner product of two directions that count as orthogonal
MOST_NUMBERS = 2**30  # of all directions together, 4 GiB in single precision


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradientCanaries:
    """Directions of gradient canaries and their length before the clip.

    Attributes:
        shape: one of ``GRADIENT_SHAPES``.
        directions: ``(n_canaries, n_weights)`` float32, rows of norm 1, in the order of the weights.
        norm: length before the clip, in clips.
        is_alternating: the sign changes with every step.

    Raises:
        ShapeError: if a row is not of norm 1.
    """

    shape: str
    directions: NDArray[np.float32]
    norm: float
    is_alternating: bool = False

    def __post_init__(self) -> None:
        """Freeze the array and check it."""
        rows = set_array(self, "directions", self.directions, np.float32)
        if rows.ndim != 2 or not len(rows) or not (np.abs(np.linalg.norm(rows, axis=1) - 1) <= 1e-4).all():
            raise ShapeError(f"directions must be (n_canaries, n_weights) rows of norm 1; got shape {rows.shape}.")
        if not 0 < self.norm < np.inf:
            raise ConfigError(f"norm must be a positive multiple of the clip; got {self.norm}.", key="canaries.norm")

    def sign(self, step: int) -> int:
        """Return the sign of every canary in a step, counted from 0."""
        return -1 if self.is_alternating and step % 2 else 1

    @property
    def is_orthogonal(self) -> bool:
        """Whether no two canaries move each other's scores."""
        if len(self.directions) == 1 or (np.count_nonzero(self.directions, axis=0) <= 1).all():
            return True
        products = self.directions @ self.directions.T
        return bool((np.abs(products - np.diag(np.diag(products))) < ORTHOGONAL).all())


def make_gradient_canaries(
    shape: str,
    *,
    weights: Mapping[str, tuple[int, ...]],
    n_canaries: int = 1,
    norm: float = 100.0,
    seed: int = 0,
    layer: str | None = None,
    background: ArrayLike | None = None,
    coordinates: Sequence[int] | None = None,
) -> GradientCanaries:
    """Make canaries of one shape.

    Args:
        shape: ``coordinate`` (a weight of its own for each canary), ``alternating`` (the same, with a sign that changes
            every step), ``spread`` (random, equal energy in every tensor), ``layer`` (random, in one tensor), ``bias``
            (random, in tensors whose name ends in ``bias``) or ``opposed`` (against the sum of the other records).
        weights: name -> shape of every trained tensor, in the order of ``named_parameters()``.
        n_canaries: how many.
        norm: length before the clip, in clips.
        seed: of what is drawn.
        layer: the tensor of shape ``layer``.
        background: ``(n_weights,)`` sum of the other records' gradients, for ``opposed``.
        coordinates: ``(n_canaries,)`` which weights, for ``coordinate`` and ``alternating``; by default drawn.

    Raises:
        ConfigError: if the shape, the layer or the number of canaries does not fit the weights.

    Source: Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023 (canaries of
        one coordinate and of random direction); the other shapes are ours.

    >>> canaries = make_gradient_canaries("bias", weights={"0.weight": (3, 2), "0.bias": (3,)}, seed=1)
    >>> canaries.directions.shape, bool(canaries.directions[0, :6].any())
    ((1, 9), False)
    """
    if shape not in GRADIENT_SHAPES:
        raise ConfigError(
            f"shape must be one of {', '.join(GRADIENT_SHAPES)}; got {shape!r}.{nearest(shape, GRADIENT_SHAPES)}",
            key="canaries.kind",
        )
    if n_canaries < 1:
        raise ConfigError(f"n_canaries must be at least 1; got {n_canaries}.", key="canaries.n_canaries")
    rng = np.random.default_rng(seed)
    n_weights = sum(int(np.prod(extent, dtype=np.int64)) for extent in weights.values())
    if n_canaries * n_weights > MOST_NUMBERS:
        raise ConfigError(
            f"{n_canaries} canaries of {n_weights:,} weights would take {4e-9 * n_canaries * n_weights:.1f} GB; at most "
            f"{4e-9 * MOST_NUMBERS:.1f} are used. Take {MOST_NUMBERS // n_weights} canaries, or freeze weights.",
            key="canaries.n_canaries",
        )
    sizes = {name: int(np.prod(extent, dtype=np.int64)) for name, extent in weights.items()}
    if shape in ("coordinate", "alternating"):
        rows = _coordinates(sum(sizes.values()), n_canaries, rng, coordinates)
    elif shape == "opposed":
        rows = _opposed(background, sum(sizes.values()), n_canaries)
    else:
        rows = _random(sizes, _tensors(shape, sizes, layer), n_canaries, rng)
    return GradientCanaries(shape=shape, directions=rows, norm=norm, is_alternating=shape == "alternating")


def _coordinates(
    n_weights: int, n_canaries: int, rng: np.random.Generator, wanted: Sequence[int] | None
) -> NDArray[np.float32]:
    if n_canaries > n_weights:
        raise ConfigError(
            f"{n_canaries} canaries of one coordinate each need as many weights; the model has {n_weights}. Use fewer.",
            key="canaries.n_canaries",
        )
    places = rng.choice(n_weights, n_canaries, replace=False) if wanted is None else np.asarray(wanted, dtype=np.int64)
    if (
        places.shape != (n_canaries,)
        or len(np.unique(places)) != n_canaries
        or not ((places >= 0) & (places < n_weights)).all()
    ):
        raise ConfigError(f"coordinates must be {n_canaries} distinct weights below {n_weights}.", key="coordinates")
    rows = np.zeros((n_canaries, n_weights), dtype=np.float32)
    rows[np.arange(n_canaries), places] = 1.0
    return rows


def _opposed(background: ArrayLike | None, n_weights: int, n_canaries: int) -> NDArray[np.float32]:
    against = np.zeros(0) if background is None else -np.asarray(background, dtype=np.float64)
    length = float(np.linalg.norm(against))
    if against.shape != (n_weights,) or not 0 < length < np.inf:
        raise ConfigError(
            f"canaries of shape opposed need the background, ({n_weights},) numbers that are not all 0; got shape "
            f"{against.shape}.",
            key="background",
        )
    return np.repeat((against / length).astype(np.float32)[None], n_canaries, axis=0)


def _tensors(shape: str, sizes: Mapping[str, int], layer: str | None) -> list[str]:
    """Return the tensors that canaries of a shape lie in."""
    if shape == "spread":
        return list(sizes)
    if shape == "bias":
        chosen = [name for name in sizes if name.endswith("bias")]
        if not chosen:
            raise ConfigError(
                "canaries of shape bias need a tensor whose name ends in bias; the model has none.", key="canaries.kind"
            )
        return chosen
    if layer is None or layer not in sizes:
        raise ConfigError(
            f"layer must be one of {', '.join(sizes)}; got {layer!r}.{nearest(str(layer), sizes)}", key="canaries.layer"
        )
    return [layer]


def _random(
    sizes: Mapping[str, int], chosen: Sequence[str], n_canaries: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return Gaussian directions with equal energy in each chosen tensor and nothing elsewhere."""
    parts = []
    for name, size in sizes.items():
        part = rng.standard_normal((n_canaries, size)) if name in chosen else np.zeros((n_canaries, size))
        length = np.linalg.norm(part, axis=1, keepdims=True)
        parts.append(part / np.where(length > 0, length, 1.0) / np.sqrt(len(chosen)))
    return np.concatenate(parts, axis=1).astype(np.float32)
