"""The boundary distance attack: a record that lies far from the decision boundary is called a member.

Training pushes the boundary away from the records it sees. How far it is, hard labels alone tell at the price of many
queries; so the distance is measured on the targets only, at several numbers of queries (the checkpoints), and a record
that the model misclassifies has distance 0. A record for which no start in another class was found, or that could not
be followed, has an infinite distance: the boundary was not reached, so it ranks as far, and is never dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.constant_labels import constant_note
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.errors import ConfigError, MissingSignalError, ShapeError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Floats = NDArray[np.float64]

CHECKPOINTS = (0, 1, 3, 6, 9)  # iterations after which a distance is kept; 0 = after the search from the starts
N_EVALUATIONS = 100  # random points of the first iteration; the t-th takes sqrt(t) times as many
SEARCH_ROUNDS = 12  # queries of a search along a line, to 1/4096 of it: .01 / sqrt(n_features) up to 1,677 features
N_STARTS = 30  # the nearest record of each other class, of so many classes; most take 1 query
START_QUERIES = 100  # at most, of a record, on its starts
STEP_QUERIES = 4  # allowed for a step in the ladder; most take 1 or 2


def most_queries(n_iterations: int) -> int:
    """Return how many queries nearly every record has spent after some iterations.

    The record itself, ``START_QUERIES``, all evaluations and searches, and ``STEP_QUERIES`` for each step; what a record
    really spent is measured beside its distance.

    >>> [most_queries(n) for n in CHECKPOINTS]
    [101, 217, 563, 1278, 2172]
    """
    evaluations = sum(int(N_EVALUATIONS * t**0.5) for t in range(1, n_iterations + 1))
    return 1 + START_QUERIES + evaluations + n_iterations * (SEARCH_ROUNDS + STEP_QUERIES)


LADDER = tuple(most_queries(n) for n in CHECKPOINTS)


def distance_within(distances: Floats, spent: Floats, n_queries: int | None) -> tuple[Floats, Floats]:
    """Return each record's distance at the last checkpoint that it reached within some queries.

    Args:
        distances: ``(n, n_checkpoints)`` distances, not increasing.
        spent: ``(n, n_checkpoints)`` queries that the record had spent by then, not decreasing.
        n_queries: most queries, or ``None`` = all that were asked.

    Returns:
        ``(n,)`` distances, and ``(n,)`` queries spent; at the first checkpoint at least, which takes ``LADDER[0]`` at most.

    >>> distance_within(np.array([[5.0, 3.0], [4.0, 2.0]]), np.array([[60.0, 180.0], [60.0, 190.0]]), 185)
    (array([3., 4.]), array([180.,  60.]))
    """
    if n_queries is None:
        return distances[:, -1], spent[:, -1]
    last = np.maximum((spent <= n_queries).sum(axis=1) - 1, 0)
    rows = np.arange(len(last))
    return distances[rows, last], spent[rows, last]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryDistance:
    """Euclidean distance from a record to the target's decision boundary, found by HopSkipJump.

    Misclassified records tie at 0, below all others; records whose boundary was not reached tie above all others.

    Attributes:
        n_queries: most labels asked per record, one of ``query_ladder``; ``None`` = all that were measured.

    Source: Choquette-Choo, Tramer, Carlini, Papernot, "Label-Only Membership Inference Attacks", ICML 2021, section 3.3;
    Li, Zhang, "Membership Leakage in Label-Only Exposures", CCS 2021, section 4 (which drops unreached records).
    """

    name: ClassVar[str] = "boundary"
    signals: ClassVar[frozenset[str]] = frozenset({"boundary_distance", "correct"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"label"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "label"
    measured_on: ClassVar[str] = "targets"
    query_ladder: ClassVar[tuple[int, ...]] = LADDER
    n_queries: int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers of queries at which no distance was kept."""
        if self.n_queries is not None and self.n_queries not in self.query_ladder:
            raise ConfigError(
                f"n_queries must be one of {', '.join(map(str, self.query_ladder))}; got {self.n_queries!r}.",
                key="n_queries",
            )

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target; no other model is looked at.

        Args:
            inputs: design, labels and signals.
            targets: numbers of the models to attack.

        Raises:
            MissingSignalError: if the distance was not measured on a target, or not for all its records.
            ShapeError: if it was not measured at the checkpoints.
        """
        check_targets(inputs, targets)
        is_correct = finite_signal(inputs, "correct") > 0.5
        return tuple(self._one(inputs, int(target), is_correct[target]) for target in targets)

    def _one(self, inputs: AuditInputs, target: int, is_correct: NDArray[np.bool_]) -> AttackResult:
        records = inputs.design.coin_records
        distances, queries = np.split(_of_target(inputs, target), 2, axis=1)
        distance, spent = distance_within(distances, queries, self.n_queries)
        scores = np.where(is_correct[records], distance, 0.0)
        n_failed = int(np.isinf(scores).sum())
        params: dict[str, Any] = {
            "n_queries": self.n_queries or int(spent.max()),
            "mean_queries": float(spent.mean()),
            "n_misclassified": int((~is_correct[records]).sum()),
            "n_failed": n_failed,
        }
        notes = (*constant_note(is_correct * 1.0, inputs.labels), *_failed_note(n_failed, len(records)))
        return coin_result(self, inputs, target, scores, params=params, notes=notes)


def _of_target(inputs: AuditInputs, target: int) -> Floats:
    """Return ``(n_coin_records, 2 * n_checkpoints)``: distances, then queries spent."""
    table = inputs.signal("boundary_distance")
    row, records = np.flatnonzero(table.model_index == target), inputs.design.coin_records
    if not len(row) or len(np.setdiff1d(records, table.record_index)):
        raise MissingSignalError(
            f"signal boundary_distance was not measured on every record with a coin of target {target}; it was on models "
            f"{table.model_index.tolist()}. Run the audit once more with this model among the targets."
        )
    if table.values.shape[2] != 2 * len(CHECKPOINTS):
        raise ShapeError(
            f"signal boundary_distance must have {2 * len(CHECKPOINTS)} numbers per record: distances after {CHECKPOINTS} "
            f"iterations, then the queries spent; got {table.values.shape[2]}. Measure it with read_boundary_distance."
        )
    order = np.argsort(table.record_index, kind="stable")
    place = order[np.searchsorted(table.record_index, records, sorter=order)]
    return np.asarray(table.values[row[0], place])


def _failed_note(n_failed: int, n_records: int) -> tuple[str, ...]:
    if not n_failed:
        return ()
    return (f"no boundary was reached from {n_failed} of {n_records} records; they share the largest score",)
