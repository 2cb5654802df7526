"""Where a walk along the boundary starts: at records that the model puts into another class."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.scoring.boundary_search import Floats, Points, Rows

Kind = Literal["nearest", "random"]

MOST_POOL = 5_000  # records that may serve as starts; distances to all of 100,000 would take longer than the walk
CHUNK_NUMBERS = 2**22  # distances held at a time


def boundary_starts(
    features: Points, labels: NDArray[np.int64], answers: NDArray[np.int64], *, n_starts: int, kind: Kind, seed: int
) -> Rows:
    """Choose, for each record, records that the model gives another class than the record's true one.

    Args:
        features: ``(n, ...)`` the records, which are each other's starts (at most 5,000 of them, drawn by the seed).
        labels: ``(n,)`` true classes.
        answers: ``(n,)`` the classes that the model gave them.
        n_starts: for each record.
        kind: ``nearest``: the nearest record of each class, the nearest classes first. ``random``: any records.
        seed: of what is drawn.

    Returns:
        ``(n, n_starts)`` rows of ``features``, -1 where there is no other.

    >>> shown = np.array([[0.0], [1.0], [3.0], [9.0]], dtype=np.float32)
    >>> boundary_starts(shown, np.array([0, 0, 1, 2]), np.array([0, 0, 1, 2]), n_starts=2, kind="nearest", seed=0).tolist()
    [[2, 3], [2, 3], [1, 3], [2, 1]]
    """
    rng = np.random.default_rng((seed, 0))
    pool = np.sort(rng.permutation(len(features))[:MOST_POOL])
    if kind == "random":
        return _random_starts(labels, answers, pool, n_starts, rng)
    return _nearest_starts(features.reshape(len(features), -1), labels, answers, pool, n_starts)


def _random_starts(
    labels: NDArray[np.int64], answers: NDArray[np.int64], pool: Rows, n_starts: int, rng: np.random.Generator
) -> Rows:
    """Draw among the pool, ordered by class, with the record's own class skipped."""
    ordered = pool[np.argsort(answers[pool], kind="stable")]
    first = np.searchsorted(answers[ordered], labels, side="left")
    size = np.searchsorted(answers[ordered], labels, side="right") - first
    n_others = len(pool) - size
    drawn = (rng.random((len(labels), n_starts)) * n_others[:, None]).astype(np.int64)
    place = np.where(drawn < first[:, None], drawn, drawn + size[:, None])
    return np.where(n_others[:, None] > 0, ordered[np.minimum(place, len(pool) - 1)], -1)


def _nearest_starts(
    features: Points, labels: NDArray[np.int64], answers: NDArray[np.int64], pool: Rows, n_starts: int
) -> Rows:
    classes = np.unique(answers[pool])
    nearest = np.empty((len(classes), len(features)), dtype=np.int64)
    squared = np.empty((len(classes), len(features)))
    for place, label in enumerate(classes):
        members = pool[answers[pool] == label]
        nearest[place], squared[place] = _nearest(features, members)
        squared[place, labels == label] = np.inf
    order = np.argsort(squared, axis=0, kind="stable")[:n_starts]
    found = np.where(np.isfinite(np.take_along_axis(squared, order, 0)), np.take_along_axis(nearest, order, 0), -1).T
    missing = np.full((len(features), n_starts - found.shape[1]), -1, dtype=np.int64)
    return np.concatenate([found, missing], axis=1)


def _nearest(features: Points, members: Rows) -> tuple[Rows, Floats]:
    """Return the nearest member to each record, and the squared distance less the record's own square."""
    others = features[members]
    squares = np.einsum("ij,ij->i", others, others, dtype=np.float64)
    nearest, least = np.empty(len(features), dtype=np.int64), np.empty(len(features))
    step = max(1, CHUNK_NUMBERS // len(members))
    for start in range(0, len(features), step):
        far = squares - 2.0 * (features[start : start + step] @ others.T)
        place = far.argmin(axis=1)
        nearest[start : start + step] = members[place]
        least[start : start + step] = np.take_along_axis(far, place[:, None], 1)[:, 0]
    return nearest, least
