"""HopSkipJump: how far it is from a record to the decision boundary, by hard labels alone, for many records at once.

From a point just beyond the boundary, the way that leads further beyond is estimated from the labels of random points
around it; a step that way and a search back towards the record give the next point, closer to the record. Differences
from the paper: the search stops at .01 / sqrt(n_features) of the way and the random points lie at .01 of the distance,
as in the widely used implementation of the Adversarial Robustness Toolbox; features have no range unless one is given;
the random directions of an iteration are shared by all records.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.scoring.boundary_search import (
    Bools,
    BoundaryQuestions,
    Floats,
    Points,
    Rows,
    directions_beyond,
    distances,
    nearest_beyond,
    search_rounds,
    step_beyond,
    unit_directions,
)
from privaudit.scoring.label_oracle import LabelOracle, refuse_constant

N_EVALUATIONS = 100  # random points of the first iteration
RADIUS = 0.01  # of the random points around the boundary, in distances to the record
FEWEST_EVALUATIONS = 10  # a record that cannot pay for more does not start another iteration
STEPS_KEPT = 3  # queries for the step that are kept back when evaluations are cut short


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoundaryPath:
    """How far each record was from the boundary, and what it cost to find out.

    Attributes:
        distances: ``(n, n_iterations + 1)`` Euclidean, after the first search and each iteration, the least so far; 0 for
            records that are misclassified, infinite for those without a start beyond the boundary.
        n_queries: ``(n, n_iterations + 1)`` queries that each record had spent by then.
        closest: ``(n, n_features)`` the nearest point found beyond the boundary; the record itself where there is none.
    """

    distances: Floats
    n_queries: NDArray[np.int64]
    closest: Points


def hop_skip_jump(
    oracle: LabelOracle,
    features: Points,
    labels: NDArray[np.int64],
    starts: Points,
    *,
    n_iterations: int,
    n_evaluations: int = N_EVALUATIONS,
    seed: int,
    answers: NDArray[np.int64] | None = None,
    tolerance: float | None = None,
    limits: tuple[ArrayLike, ArrayLike] | None = None,
) -> BoundaryPath:
    """Walk along the boundary towards each record, from a given start.

    A record whose oracle has too few queries left asks fewer random points in its last iteration, then stops. What a
    record gets does not depend on the records beside it, as far as the model's own answers do not.

    Args:
        oracle: gives labels; its records are numbered as ``features`` are.
        features: ``(n, ...)`` the records, as the model takes them.
        labels: ``(n,)`` true classes.
        starts: ``(n, ...)`` a point of another class for each record; a row of NaN where there is none.
        n_iterations: how often to step; the t-th takes ``n_evaluations * sqrt(t)`` queries and about 14.
        n_evaluations: random points of the first iteration.
        seed: of the random directions.
        answers: ``(n,)`` labels that the model gave to the records; ``None`` asks for them, a query each.
        tolerance: where a search along a line stops, as a share of the line; ``None`` = .01 / sqrt(n_features).
        limits: smallest and largest value of each feature (or of all of them), or ``None``.

    Raises:
        ShapeError: if the arrays do not fit together.
        ConfigError: if a number is out of its range.
        DataError: if the model gave one label to every record and start.

    Source: Chen, Jordan, Wainwright, "HopSkipJumpAttack: A Query-Efficient Decision-Based Attack", S&P 2020, algorithm 2.

    >>> oracle = LabelOracle(lambda x: (x[:, 0] > 0).astype(int), n_records=1)
    >>> record, start = np.array([[-1.0, 0.0]], dtype=np.float32), np.array([[3.0, 5.0]], dtype=np.float32)
    >>> path = hop_skip_jump(oracle, record, np.array([0]), start, n_iterations=5, seed=0)
    >>> path.distances.round(2).tolist(), int(path.n_queries[0, -1]) == int(oracle.n_queries[0])
    ([[1.63, 1.09, 1.04, 1.01, 1.0, 1.0]], True)
    """
    _check(features, labels, starts, n_iterations=n_iterations, n_evaluations=n_evaluations, tolerance=tolerance)
    records = np.arange(len(labels))
    before = oracle.n_queries[records]
    questions = make_questions(oracle, features, labels, limits)
    answers = oracle(features, records) if answers is None else answers
    tolerance = usual_tolerance(features) if tolerance is None else tolerance
    origins = flat(features)
    points = first_points(questions, origins, [flat(starts)], answers == labels, tolerance=tolerance)
    if not np.isfinite(distances(origins, points)[answers == labels]).any() and (answers == labels).any():
        # a start that was asked and is not beyond the boundary was given the record's own class
        refuse_constant(answers)
    return walk(
        questions,
        origins,
        points,
        answers == labels,
        before,
        n_iterations=n_iterations,
        n_evaluations=n_evaluations,
        seed=seed,
        tolerance=tolerance,
    )


def make_questions(
    oracle: LabelOracle,
    features: Points,
    labels: NDArray[np.int64],
    limits: tuple[ArrayLike, ArrayLike] | None = None,
) -> BoundaryQuestions:
    """Return what asks about points near the records, kept within ``limits``."""
    shape = features.shape[1:]
    lowest, highest = (None, None) if limits is None else (_flat_limit(limit, shape) for limit in limits)
    return BoundaryQuestions(oracle=oracle, labels=labels, shape=shape, lowest=lowest, highest=highest)


def _flat_limit(limit: ArrayLike, shape: tuple[int, ...]) -> Points:
    return np.broadcast_to(np.asarray(limit, dtype=np.float32), shape).reshape(-1)


def flat(features: Points) -> Points:
    """Return ``(n, n_features)`` float32."""
    return np.asarray(features, dtype=np.float32).reshape(len(features), -1)


def usual_tolerance(features: Points) -> float:
    """Return .01 / sqrt(n_features)."""
    return 0.01 / math.sqrt(max(1, math.prod(features.shape[1:])))


def first_points(
    questions: BoundaryQuestions,
    origins: Points,
    candidates: Iterable[Points],
    is_right: Bools,
    *,
    tolerance: float,
    most: int | None = None,
) -> Points:
    """Return, of several starts, the nearest point beyond the boundary on the way to one of them.

    A later start is searched only if the point on the way to it, as far away as the best so far, lies beyond the boundary.

    Args:
        questions: asks the model.
        origins: ``(n, n_features)`` the records.
        candidates: ``(n, n_features)`` starts, NaN where there is none; one array after the other.
        is_right: ``(n,)`` which records to search for: those that are classified correctly.
        tolerance: where a search stops, as a share of the way.
        most: queries that a record may spend here, or ``None``; it leaves out starts whose search might take more.

    Returns:
        ``(n, n_features)`` points, infinite where no start lies beyond the boundary.
    """
    best, least = np.full_like(origins, np.inf), np.full(len(origins), np.inf)
    before, records = questions.oracle.n_queries, np.arange(len(origins))
    for starts in candidates:
        far = distances(origins, starts)
        spent = (questions.oracle.n_queries - before)[records]
        is_paid = questions.have_left(records) & (most is None or spent + 1 + search_rounds(tolerance) <= most)
        rows = np.flatnonzero(is_right & is_paid & np.isfinite(far) & (far > 0))
        share = np.minimum(1.0, least[rows] / far[rows]).astype(np.float32)
        way = starts[rows] - origins[rows]
        tried = np.where(share[:, None] < 1, origins[rows] + share[:, None] * way, starts[rows])
        tried = questions.legal(tried)
        is_beyond = questions.are_beyond(tried, rows)
        rows, tried = rows[is_beyond], tried[is_beyond]
        points = nearest_beyond(questions, origins[rows], tried, rows, tolerance=tolerance)
        found = distances(origins[rows], points)
        is_less = found < least[rows]
        best[rows[is_less]], least[rows[is_less]] = points[is_less], found[is_less]
    return best


def walk(
    questions: BoundaryQuestions,
    origins: Points,
    points: Points,
    is_right: Bools,
    before: NDArray[np.int64],
    *,
    n_iterations: int,
    n_evaluations: int,
    seed: int,
    tolerance: float,
) -> BoundaryPath:
    """Iterate from points on the boundary.

    Args:
        questions: asks the model.
        origins: ``(n, n_features)`` the records.
        points: ``(n, n_features)`` just beyond the boundary, infinite where there is none.
        is_right: ``(n,)`` False for records that are misclassified: they lie beyond the boundary themselves.
        before: ``(n,)`` queries that the oracle had counted before the first of this measurement.
        n_iterations: how often to step.
        n_evaluations: random points of the first iteration.
        seed: of the random directions.
        tolerance: where a search along a line stops, as a share of the line.
    """
    records = np.arange(len(origins))
    far = np.where(is_right, distances(origins, points), 0.0)
    closest = np.where((is_right & np.isfinite(far))[:, None], points, origins)
    going, points = np.flatnonzero(is_right & np.isfinite(far)), points.copy()
    columns, spent = [far.copy()], [questions.oracle.n_queries[records] - before]
    for iteration in range(1, n_iterations + 1):
        n_each = _affordable(questions, going, int(n_evaluations * np.sqrt(iteration)), tolerance)
        going, n_each = going[n_each > 0], n_each[n_each > 0]
        if len(going):
            directions = unit_directions(int(n_each.max()), origins.shape[1], (seed, iteration))
            points[going] = _iterate(
                questions, origins[going], points[going], going, n_each, directions, iteration, tolerance
            )
            found = distances(origins[going], points[going])
            is_less = found < far[going]
            far[going[is_less]], closest[going[is_less]] = found[is_less], points[going[is_less]]
        columns.append(far.copy())
        spent.append(questions.oracle.n_queries[records] - before)
    return BoundaryPath(distances=np.stack(columns, axis=1), n_queries=np.stack(spent, axis=1), closest=closest)


def _affordable(questions: BoundaryQuestions, rows: Rows, wanted: int, tolerance: float) -> NDArray[np.int64]:
    """Return how many random points each record can pay for besides step and search, 0 where it should stop."""
    left = questions.oracle.remaining(rows) - search_rounds(tolerance) - STEPS_KEPT
    return np.where(left >= min(FEWEST_EVALUATIONS, wanted), np.minimum(left, wanted), 0)


def _iterate(
    questions: BoundaryQuestions,
    origins: Points,
    points: Points,
    rows: Rows,
    n_each: Rows,
    directions: Points,
    iteration: int,
    tolerance: float,
) -> Points:
    """Estimate the direction, step, and search back; a record whose step failed stays where it is."""
    far = distances(origins, points)
    ways = directions_beyond(questions, points, RADIUS * far, rows, n_each=n_each, directions=directions)
    stepped, is_moved = step_beyond(questions, points, ways, far / np.sqrt(iteration), rows)
    moved = np.flatnonzero(is_moved)
    stepped[moved] = nearest_beyond(questions, origins[moved], stepped[moved], rows[moved], tolerance=tolerance)
    return stepped


def _check(
    features: Points,
    labels: NDArray[np.int64],
    starts: Points,
    *,
    n_iterations: int,
    n_evaluations: int,
    tolerance: float | None,
) -> None:
    if starts.shape != features.shape or labels.shape != features.shape[:1] or features.ndim < 2:
        raise ShapeError(
            "features and starts must have one shape (n, ...) and labels (n,); got "
            f"{features.shape}, {starts.shape} and {labels.shape}."
        )
    for name, value, least in (("n_iterations", n_iterations, 0), ("n_evaluations", n_evaluations, 2)):
        if value < least:
            raise ConfigError(f"{name} must be at least {least}; got {value}.", key=name)
    if tolerance is not None and not 0 < tolerance < 1:
        raise ConfigError(f"tolerance must lie in (0, 1), a share of the way; got {tolerance}.", key="tolerance")
    if not np.isfinite(features).all():
        raise DataError("features must be finite; some are not. Drop these records or fill their features.")
