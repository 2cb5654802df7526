"""The threshold that tells two samples apart best, exactly: by sorting and counting, in many columns at once.

Only midpoints between neighbouring values need a look. Counts of both samples below each of them give the balanced accuracy
of either direction in whole numbers, so that equal accuracies are equal; of the best midpoints the one in the widest gap
is taken. None of that asks which sample is which: with the samples exchanged the same threshold comes out, turned round.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from privaudit.attacks.distribution.checks import Floats
from privaudit.errors import DataError, ShapeError
from privaudit.validate import check_scores


class Thresholds(NamedTuple):
    """The best threshold of each column, each ``(n_columns,)``.

    Attributes:
        threshold: where to cut; no value of either sample lies on it where ``direction`` is not 0.
        direction: 1.0 where values above it speak for world 1, -1.0 for values below it, 0.0 where no threshold does
            better than a coin.
        accuracy: balanced accuracy on the two samples, at least 0.5.
    """

    threshold: Floats
    direction: Floats
    accuracy: Floats

    def distance(self, values: Floats) -> Floats:
        """Return how far values, ``(..., n_columns)``, lie on world 1's side."""
        return np.asarray(self.direction * (values - self.threshold))


class ExactThreshold(NamedTuple):
    """The best threshold of one metric: `Thresholds` of a single column."""

    threshold: float
    direction: int
    accuracy: float


def best_thresholds(metric_0: Floats, metric_1: Floats, *, both_directions: bool = True) -> Thresholds:
    """Return the threshold and direction of highest balanced accuracy in each column.

    Args:
        metric_0: ``(n_0, n_columns)`` finite values of world 0's models, n_0 at least 1.
        metric_1: ``(n_1, n_columns)`` of world 1's; the numbers may differ.
        both_directions: also try values below the threshold as world 1's.

    Returns:
        equal values are never cut apart. O(n log n) for each column.

    Raises:
        ShapeError: if a sample is empty or the columns differ.

    >>> found = best_thresholds(np.array([[0.0, 5.0], [1.0, 6.0]]), np.array([[2.0, 1.0], [4.0, 2.0]]))
    >>> [part.tolist() for part in found]
    [[1.5, 3.5], [1.0, -1.0], [1.0, 1.0]]
    """
    if metric_0.ndim != 2 or not len(metric_0) or not len(metric_1) or metric_0.shape[1:] != metric_1.shape[1:]:
        raise ShapeError(f"both samples must be (n, n_columns), not empty; got {metric_0.shape} and {metric_1.shape}.")
    n_0, n_1 = len(metric_0), len(metric_1)
    values = np.ascontiguousarray(np.concatenate([metric_0, metric_1]).T)  # one metric a row: rows sort fast
    order = values.argsort(axis=1)
    ranked = np.take_along_axis(values, order, axis=1)
    # of world 0 below the cut, minus of world 1, in shares times n_0 n_1; twice the accuracy's distance from 1/2
    edge = np.cumsum(np.where(order < n_0, n_1, -n_0), axis=1)[:, :-1]
    gap = np.diff(ranked, axis=1)
    gain = np.where(gap > 0, np.abs(edge) if both_directions else edge, 0)
    best = np.maximum(gain.max(axis=1), 0)
    at = np.where(gain == best[:, None], gap, -1.0).argmax(axis=1)[:, None]
    direction = np.where(best > 0, np.sign(np.take_along_axis(edge, at, axis=1)[:, 0]), 0.0)
    low, high = (np.take_along_axis(ranked, at + side, axis=1)[:, 0] for side in (0, 1))
    return Thresholds(_between(low, high, direction), direction, 0.5 + best / (2.0 * n_0 * n_1))


def _between(low: Floats, high: Floats, direction: Floats) -> Floats:
    middle = low / 2 + high / 2
    # no number fits between neighbours: the threshold's own value is world 1's, so it takes the value on that side
    return np.where((low < middle) & (middle < high), middle, np.where(direction > 0, high, low))


def exact_threshold(metric_0: ArrayLike, metric_1: ArrayLike, *, both_directions: bool = True) -> ExactThreshold:
    """Return the threshold and direction that tell two samples of a metric apart best.

    Args:
        metric_0: ``(n_0,)`` finite values of world 0's models.
        metric_1: ``(n_1,)`` of world 1's; the numbers may differ.
        both_directions: also try values below the threshold as world 1's.

    Returns:
        threshold, direction (0 where no threshold does better than a coin) and balanced accuracy.

    Raises:
        ShapeError: if a sample is empty or not one-dimensional.
        DataError: if a value is NaN or infinite.

    Source: Suri, Evans, "Formalizing and Estimating Distribution Inference Risks", PETS 2022, the threshold test; exact
    search in place of their grid is ours.

    >>> exact_threshold([0.70, 0.72, 0.74, 0.78], [0.73, 0.76, 0.79, 0.81]).accuracy
    0.75
    >>> exact_threshold([0.2, 0.4], [0.2, 0.4]).direction
    0
    """
    samples = [check_scores(metric, name=f"metric_{world}") for world, metric in enumerate((metric_0, metric_1))]
    for world, sample in enumerate(samples):
        if not np.isfinite(sample).all():
            raise DataError(f"metric_{world} must be finite; {int((~np.isfinite(sample)).sum())} values are not.")
    found = best_thresholds(samples[0][:, None], samples[1][:, None], both_directions=both_directions)
    return ExactThreshold(float(found.threshold[0]), int(found.direction[0]), float(found.accuracy[0]))
