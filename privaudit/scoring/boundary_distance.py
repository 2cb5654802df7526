"""How far every record lies from a model's decision boundary, at several numbers of queries."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.boundary import CHECKPOINTS, N_EVALUATIONS, N_STARTS, SEARCH_ROUNDS, START_QUERIES
from privaudit.scoring.boundary_search import Points, Rows
from privaudit.scoring.boundary_starts import boundary_starts
from privaudit.scoring.hop_skip_jump import first_points, flat, make_questions, walk
from privaudit.scoring.label_oracle import LabelOracle


def read_boundary_distance(
    oracle: LabelOracle, features: NDArray[np.float32], labels: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Return distances to the decision boundary, and what they cost.

    A walk starts at the nearest records of other classes, as the model answers; they are each other's starts, which takes
    one query per record. A record with fewer queries left in the oracle stops earlier.

    Args:
        oracle: gives labels; its records are numbered as ``features`` are.
        features: ``(n, ...)`` the records, as the model takes them.
        labels: ``(n,)`` true classes.
        seed: of the random directions.

    Returns:
        ``(n, 2 * n_checkpoints)``: Euclidean distances after the iterations in ``CHECKPOINTS``, 0 for misclassified
        records and infinite where no point beyond the boundary was found; then the queries spent by then.

    Source: Chen, Jordan, Wainwright, "HopSkipJumpAttack", S&P 2020; Choquette-Choo et al., ICML 2021, section 3.3.

    >>> oracle = LabelOracle(lambda x: (x[:, 0] > 0).astype(int), n_records=2)
    >>> shown = np.array([[-1.0, 0.0], [2.0, 3.0]], dtype=np.float32)
    >>> read_boundary_distance(oracle, shown, np.array([0, 1]), 0)[:, 4].round(2).tolist()
    [1.0, 2.0]
    """
    records = np.arange(len(labels))
    before = oracle.n_queries[records]
    answers = oracle(features, records)
    questions, origins = make_questions(oracle, features, labels), flat(features)
    starts = boundary_starts(features, labels, answers, n_starts=N_STARTS, kind="nearest", seed=seed)
    tolerance = 2.0**-SEARCH_ROUNDS
    points = first_points(
        questions,
        origins,
        _start_points(origins, starts),
        answers == labels,
        tolerance=tolerance,
        most=START_QUERIES,
    )
    path = walk(
        questions,
        origins,
        points,
        answers == labels,
        before,
        n_iterations=CHECKPOINTS[-1],
        n_evaluations=N_EVALUATIONS,
        seed=seed,
        tolerance=tolerance,
    )
    kept = list(CHECKPOINTS)
    return np.concatenate([path.distances[:, kept], path.n_queries[:, kept].astype(np.float64)], axis=1)


def _start_points(origins: Points, starts: Rows) -> Iterator[Points]:
    """Yield the points of one start per record at a time; NaN where a record has no more."""
    for rows in starts.T:
        yield np.where((rows >= 0)[:, None], origins[rows], np.float32(np.nan))
