"""How many steps along a fixed direction a model still gives a record its true label."""

import math

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.dhattack import N_STEPS
from privaudit.errors import QueryBudgetError
from privaudit.scoring.label_oracle import LabelOracle

CHUNK_NUMBERS = 2**22  # features moved at a time: 16 MiB


def read_direction_distance(
    oracle: LabelOracle, features: NDArray[np.float32], labels: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Return the number of the first step at which the label is wrong, ``N_STEPS`` where none is.

    Step j of Q asks about x + (j / Q) (max(x) - x), j = 0..Q-1, where max(x) is the record's own largest feature: all
    features rise together to one value, those that have it already stay. Binary features that are 0 are thus switched on
    by degrees, which no record of such data looks like; a record of equal features does not move, and standardised
    features rise to a value that is more usual for some than for others. A record is asked about until its label is
    wrong, at most ``N_STEPS`` times; one that is misclassified to begin with has distance 0.

    Args:
        oracle: gives labels; its records are numbered as ``features`` are.
        features: ``(n_records, ...)`` what the model sees.
        labels: ``(n_records,)`` true classes.
        seed: unused, as nothing is random.

    Returns:
        ``(n_records, 1)`` steps, 0..``N_STEPS``.

    Raises:
        QueryBudgetError: if the budget has not ``N_STEPS`` queries left for each record; then nothing is asked.

    Source: DHAttack, USENIX Security 2025 (fixed direction; a run of max(Q // 100, 1) wrong labels ends it: of one here).

    >>> oracle = LabelOracle(lambda x: (x[:, 0] > 0).astype(int), n_records=2)
    >>> shown = np.array([[-1.0, 1.0], [1.0, 1.0]], dtype=np.float32)
    >>> read_direction_distance(oracle, shown, np.array([0, 1]), 0).tolist(), oracle.n_queries.tolist()
    ([[26.0], [50.0]], [27, 50])
    """
    _check_budget(oracle, len(labels))
    distance = np.full((len(labels), 1), float(N_STEPS))
    size = max(1, CHUNK_NUMBERS // max(1, math.prod(features.shape[1:])))
    for start in range(0, len(labels), size):
        chunk = slice(start, start + size)
        distance[chunk, 0] = _first_wrong_step(oracle, features[chunk], labels[chunk], start)
    return distance


def _check_budget(oracle: LabelOracle, n_records: int) -> None:
    left = oracle.remaining(np.arange(n_records)).min(initial=N_STEPS)
    if left < N_STEPS:
        raise QueryBudgetError(
            f"the direction distance takes up to {N_STEPS} queries per record; the oracle has {left} left for one of them. "
            "Raise its budget. Nothing was asked."
        )


def _first_wrong_step(
    oracle: LabelOracle, features: NDArray[np.float32], labels: NDArray[np.int64], first_record: int
) -> NDArray[np.int64]:
    distance = np.full(len(labels), N_STEPS)
    going = np.arange(len(labels))
    to_flat = features.max(axis=tuple(range(1, features.ndim)), keepdims=True) - features
    for step in range(N_STEPS):
        queries = features[going] + np.float32(step / N_STEPS) * to_flat[going]
        is_right = oracle(queries, first_record + going) == labels[going]
        distance[going[~is_right]] = step
        going = going[is_right]
        if not len(going):
            break
    return distance
