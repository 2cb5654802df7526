"""Scales of the meta-classifier's inputs, fitted to shadow models alone, that do not depend on the order of hidden units.

What tells worlds apart is large beside the spread *within* a world, and columns are divided by that: the spread over all shadow
models would make the most telling columns small.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.training.meta_classifier.weight_paths import Floats

SMALLEST = 0.1  # of the usual spread: a column that shadow models hardly differ in must not explode on a victim
Sharing = Literal["classes", "units", "layer"]
AXES: dict[Sharing, tuple[int, ...]] = {"classes": (0,), "units": (0, 1), "layer": (0, 1, 2)}


class Scale(NamedTuple):
    """How rows are standardised.

    Attributes:
        centre: what is subtracted, of a shape that fits ``(n_models, n_units, n_columns)``.
        spread: what is divided by afterwards.
        directions: ``(n_columns, rank)`` that rows are expressed in, ``None`` = the columns themselves.
        size: what is divided by at the end, so that the shadow models' numbers have a mean square of 1.
    """

    centre: Floats
    spread: Floats
    directions: Floats | None = None
    size: float = 1.0

    def apply(self, rows: Floats) -> NDArray[np.float32]:
        """Return rows of shadow models or victims, ``(n_models, n_units, n_numbers)``, standardised."""
        scaled = (rows - self.centre) / self.spread
        turned = scaled if self.directions is None else scaled @ self.directions
        return np.asarray(turned / self.size, dtype=np.float32)


def fit_scale(rows: Floats, group: NDArray[Any], sharing: Sharing) -> Scale:
    """Fit the scale of a layer's rows to shadow models.

    Args:
        rows: ``(n_models, n_units, n_columns)`` with the bias in the last column.
        group: ``(n_models,)`` world or ratio of each.
        sharing: who shares a centre and a spread: ``classes``: nobody, for units that have an order. Then rows are also expressed in
            as many directions as shadow models span, which loses nothing of them. ``units``: the units of a layer. ``layer``: all
            units and columns but the bias, for columns that are hidden units themselves.
    """
    if sharing == "layer":
        parts = [_centre_and_spread(part, group, AXES[sharing]) for part in (rows[..., :-1], rows[..., -1:])]
        n_columns = (rows.shape[2] - 1, 1)
        centre, spread = (
            np.concatenate([np.repeat(part[one], n, axis=2) for part, n in zip(parts, n_columns, strict=True)], axis=2)
            for one in (0, 1)
        )
    else:
        centre, spread = _centre_and_spread(rows, group, AXES[sharing])
    scaled = (rows - centre) / spread
    directions = _span(scaled) if sharing == "classes" else None
    # the span keeps all of a row's length
    n_numbers = len(rows) * rows.shape[1] * (rows.shape[2] if directions is None else directions.shape[1])
    size = float(np.sqrt(np.square(scaled).sum() / n_numbers))
    return Scale(centre, spread, directions, size if size > 0 else 1.0)


def _centre_and_spread(rows: Floats, group: NDArray[Any], axes: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return the mean of the groups' means, and the spread around each group's own, smallest ones raised."""
    groups = [rows[group == one] for one in np.unique(group)]
    means = [part.mean(axis=axes, keepdims=True) for part in groups]
    centre = np.mean(means, axis=0)
    freedom = len(rows) - len(groups)
    if freedom:
        squares = [np.square(part - mean) for part, mean in zip(groups, means, strict=True)]
        total = sum(part.mean(axis=axes, keepdims=True) * len(part) for part in squares)
        variance = np.asarray(total / freedom)
    else:  # every model is a world of its own: there is no spread within
        variance = np.square(rows - centre).mean(axis=axes, keepdims=True)
    floor = SMALLEST**2 * float(variance.mean())
    return centre, np.sqrt(np.maximum(variance, floor if floor > 0 else 1.0))


def _span(scaled: Floats) -> Floats:
    """Return ``(n_columns, rank)`` orthonormal directions that the rows span, the largest number of each above 0."""
    _, size, directions = np.linalg.svd(scaled.reshape(-1, scaled.shape[2]), full_matrices=False)
    rank = int((size > 1e-9 * size[0]).sum()) if size[0] > 0 else 1
    kept = directions[:rank]
    largest = np.take_along_axis(kept, np.abs(kept).argmax(axis=1)[:, None], axis=1)
    return np.asarray((kept * np.where(largest < 0, -1.0, 1.0)).T)  # else rounding may turn a direction round
