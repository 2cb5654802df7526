"""Finds a model's decision boundary by hard labels: between two points, along a step, and which way it faces.

All records are asked about at once: a round holds one query, or one batch of queries, of each record that goes on.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privaudit.scoring.label_oracle import LabelOracle

Points = NDArray[np.float32]
Rows = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

CHUNK_NUMBERS = 2**21  # features of queries held at a time: 8 MiB
MOST_HALVINGS = 25  # of a step; half of that again is lost in single precision


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryQuestions:
    """Asks on which side of its record's boundary a point lies.

    Attributes:
        oracle: gives labels; its records are numbered as ``labels`` are.
        labels: ``(n_records,)`` true classes.
        shape: of one record, as the model takes it; points are flat.
        lowest: smallest legal values, of the shape of a flat point or a number, or ``None`` = any.
        highest: largest legal values.
    """

    oracle: LabelOracle
    labels: NDArray[np.int64]
    shape: tuple[int, ...]
    lowest: Points | None = None
    highest: Points | None = None

    def are_beyond(self, points: Points, rows: Rows) -> Bools:
        """Tell which points the model gives another class than the record's: one query each.

        Args:
            points: ``(n, n_features)``.
            rows: ``(n,)`` the record that each belongs to.
        """
        return np.asarray(self.oracle(points.reshape(len(points), *self.shape), rows) != self.labels[rows])

    def have_left(self, rows: Rows) -> Bools:
        """Tell which records may ask another query."""
        return np.asarray(self.oracle.remaining(rows) > 0)

    def legal(self, points: Points) -> Points:
        """Return points with every feature moved into its range, in place."""
        if self.lowest is not None or self.highest is not None:
            np.clip(points, self.lowest, self.highest, out=points)
        return points


def distances(origins: Points, points: Points) -> Floats:
    """Return ``(n,)`` Euclidean distances, summed in double precision.

    Args:
        origins: ``(n, n_features)``.
        points: ``(n, n_features)``.

    >>> distances(np.zeros((1, 2), dtype=np.float32), np.array([[3.0, 4.0]], dtype=np.float32))
    array([5.])
    """
    moved = points - origins
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", moved, moved, dtype=np.float64)))


def search_rounds(tolerance: float) -> int:
    """Return how many halvings shrink an interval to ``tolerance`` of its length.

    >>> search_rounds(0.25), search_rounds(0.2)
    (2, 3)
    """
    return max(0, math.ceil(-math.log2(tolerance)))


def nearest_beyond(
    questions: BoundaryQuestions, origins: Points, beyond: Points, rows: Rows, *, tolerance: float
) -> Points:
    """Move points towards their records until they lie just beyond the boundary: one query per record and halving.

    Args:
        questions: asks the model; a record without queries left keeps what it found.
        origins: ``(n, n_features)`` the records.
        beyond: ``(n, n_features)`` points beyond the boundary.
        rows: ``(n,)`` numbers of the records, each once.
        tolerance: where to stop, as a share of the way.

    Returns:
        ``(n, n_features)`` points that the model was asked about, or ``beyond`` itself.

    Source: Chen, Jordan, Wainwright, "HopSkipJumpAttack", S&P 2020, algorithm 1.
    """
    found, way = beyond.copy(), beyond - origins
    low, high = np.zeros(len(rows), dtype=np.float32), np.ones(len(rows), dtype=np.float32)
    for _ in range(search_rounds(tolerance)):
        asked = np.flatnonzero(questions.have_left(rows))
        if not len(asked):
            break
        middle = (low[asked] + high[asked]) / 2
        points = questions.legal(origins[asked] + middle[:, None] * way[asked])
        is_beyond = questions.are_beyond(points, rows[asked])
        found[asked[is_beyond]] = points[is_beyond]
        high[asked[is_beyond]], low[asked[~is_beyond]] = middle[is_beyond], middle[~is_beyond]
    return found


def step_beyond(
    questions: BoundaryQuestions, points: Points, directions: Points, sizes: Floats, rows: Rows
) -> tuple[Points, Bools]:
    """Step from points on the boundary, by half the step each time until the new point lies beyond it.

    Args:
        questions: asks the model; a record without queries left stays where it is.
        points: ``(n, n_features)`` just beyond the boundary.
        directions: ``(n, n_features)`` of length 1.
        sizes: ``(n,)`` first lengths of the steps.
        rows: ``(n,)`` numbers of the records, each once.

    Returns:
        ``(n, n_features)`` new points, and ``(n,)`` which have moved.

    Source: Chen, Jordan, Wainwright, S&P 2020, section IV-C (geometric progression).
    """
    found, is_moved = points.copy(), np.zeros(len(rows), dtype=np.bool_)
    length, going = sizes.astype(np.float32), np.arange(len(rows))
    for _ in range(MOST_HALVINGS):
        going = going[questions.have_left(rows[going])]
        if not len(going):
            break
        tried = questions.legal(points[going] + length[going, None] * directions[going])
        is_beyond = questions.are_beyond(tried, rows[going])
        found[going[is_beyond]], is_moved[going[is_beyond]] = tried[is_beyond], True
        going = going[~is_beyond]
        length[going] /= 2
    return found, is_moved


def unit_directions(n_directions: int, n_features: int, seed: tuple[int, ...]) -> Points:
    """Return ``(n_directions, n_features)`` random directions of length 1, float32.

    >>> unit_directions(2, 3, (0, 1)).shape
    (2, 3)
    """
    drawn = np.random.default_rng(seed).standard_normal((n_directions, n_features), dtype=np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


def directions_beyond(
    questions: BoundaryQuestions, points: Points, radii: Floats, rows: Rows, *, n_each: Rows, directions: Points
) -> Points:
    """Estimate at each point which way leads beyond the boundary: one query per record and direction.

    Args:
        questions: asks the model.
        points: ``(n, n_features)`` close to the boundary.
        radii: ``(n,)`` how far from the points to ask.
        rows: ``(n,)`` numbers of the records.
        n_each: ``(n,)`` how many of the directions to ask about, the first ones.
        directions: ``(n_directions, n_features)`` of length 1, shared by all records, so that what a record gets does not
            depend on those beside it.

    Returns:
        ``(n, n_features)`` directions of length 1; zeros where the answers cancel.

    Source: Chen, Jordan, Wainwright, S&P 2020, equations 9 and 16 (with the mean answer subtracted).
    """
    result, length = np.empty_like(points), radii.astype(np.float32)
    for chunk in _chunks(n_each, most=max(1, CHUNK_NUMBERS // max(1, points.shape[1]))):
        ends = np.cumsum(n_each[chunk])
        queries = np.empty((int(ends[-1]), points.shape[1]), dtype=np.float32)
        parts = [queries[end - size : end] for end, size in zip(ends, n_each[chunk], strict=True)]
        for row, part in zip(chunk, parts, strict=True):
            np.multiply(directions[: len(part)], length[row], out=part)
            part += points[row]
        is_beyond = questions.are_beyond(questions.legal(queries), np.repeat(rows[chunk], n_each[chunk]))
        for row, part, end in zip(chunk, parts, ends, strict=True):
            tried = directions[: len(part)] if questions.lowest is None else (part - points[row]) / length[row]
            result[row] = _mean_direction(is_beyond[end - len(part) : end], tried)
    return result


def _mean_direction(is_beyond: Bools, tried: Points) -> Points:
    """Weigh directions by +1 and -1, less the mean unless all answers agree."""
    signs = np.where(is_beyond, np.float32(1), np.float32(-1))
    mean = signs.mean()
    total = (signs - mean if abs(mean) < 1 else signs) @ tried
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-30), dtype=np.float32)


def _chunks(sizes: Rows, *, most: int) -> Iterator[range]:
    """Yield runs of places whose sizes add up to ``most`` at most; one larger than that stands alone."""
    start, total = 0, 0
    for place, size in enumerate(sizes.tolist()):
        if total + size > most and place > start:
            yield range(start, place)
            start, total = place, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))
