"""The gap attack on many labels of each record: where a service draws noise, a vote takes it away.

Labels that are right now and then also give away how sure the model is: random answers turn a label into a score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from privaudit.attacks.label_only.gap import right_label_results
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedGap:
    """Score a record by the share of right labels among 32 queries for it and for copies moved by next to nothing.

    Of a model that always answers alike it is the gap attack, but for records at a boundary.

    Source: the gap attack is Yeom et al., CSF 2018; averaging over different queries with the same answer: Asghar and
    Kaafar, "Averaging Attacks on Bounded Noise-based Disclosure Control Algorithms", PETS 2020; together: this project.
    """

    name: ClassVar[str] = "repeated_gap"
    signals: ClassVar[frozenset[str]] = frozenset({"repeated_correct"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"label"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "label"

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design, labels and signals.
            targets: numbers of the models to attack.
        """
        return right_label_results(self, inputs, targets, signal="repeated_correct")
