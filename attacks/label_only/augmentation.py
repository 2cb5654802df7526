"""Augmentation agreement: a member's label stands when the record is shifted or turned a little.

Each record is shown as it is and in altered copies; what counts is how many get its class. The paper feeds the vector of
right and wrong answers to a small network for each class, trained on a shadow model, and has the plain mean as the simple
variant; this is the mean. A record that is misclassified as it stands is kept, and scores by its other copies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.constant_labels import constant_note
from privaudit.attacks.results import check_targets, coin_result, finite_queries
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

N_VIEWS = 17  # the record itself first
VIEW_LADDER = (1, 5, 9, N_VIEWS)  # of images: itself, four shifts, four small rotations, all


def agreement(correct: NDArray[np.float64], n_queries: int) -> NDArray[np.float64]:
    """Return the share of right labels among the first views.

    Args:
        correct: ``(n_records, N_VIEWS)`` 1 where the label is right, else 0; the record itself first.
        n_queries: number of views that count.

    Returns:
        ``(n_records,)``.

    >>> agreement(np.array([[1.0, 1.0, 0.0, 0.0]]), 2), agreement(np.array([[1.0, 1.0, 0.0, 0.0]]), 4)
    (array([1.]), array([0.5]))
    """
    return np.asarray(correct[:, :n_queries].mean(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationAgreement:
    """Share of right labels over a record's views; needs no shadow models.

    Attributes:
        n_queries: labels asked per record, the first of the views: 1 (the gap attack), 5, 9 or 17; ``None`` (default) = all.

    Source: Choquette-Choo, Tramer, Carlini, Papernot, "Label-Only Membership Inference Attacks", ICML 2021, section 3
    (data augmentation; the mean instead of the network).
    """

    name: ClassVar[str] = "augmentation"
    signals: ClassVar[frozenset[str]] = frozenset({"augmented_correct"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"label"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "label"
    query_ladder: ClassVar[tuple[int, ...]] = VIEW_LADDER
    n_queries: int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers of queries that are not on the ladder."""
        if self.n_queries is not None and self.n_queries not in self.query_ladder:
            legal = ", ".join(map(str, self.query_ladder))
            raise ConfigError(f"n_queries must be one of {legal}; got {self.n_queries!r}.", key="n_queries")

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design, labels and signals.
            targets: numbers of the models to attack.

        Raises:
            ShapeError: if the signal has another number of views.
            DataError: if it holds anything but 0 and 1.
        """
        check_targets(inputs, targets)
        values, n_queries = finite_queries(inputs, "augmented_correct"), self.n_queries or N_VIEWS
        _check(values[list(targets)])
        return tuple(
            coin_result(
                self,
                inputs,
                int(target),
                agreement(values[target], n_queries),
                params={"n_queries": n_queries},
                notes=constant_note(values[target, :, 0], inputs.labels),
            )
            for target in targets
        )


def _check(values: NDArray[np.float64]) -> None:
    remedy = "Measure it with read_augmented_correct."
    if values.shape[2] != N_VIEWS:
        raise ShapeError(f"signal augmented_correct must have {N_VIEWS} views; got {values.shape[2]}. {remedy}")
    if not ((values == 0) | (values == 1)).all():
        raise DataError(f"signal augmented_correct must be 1 where a label is right, else 0; it is not. {remedy}")
