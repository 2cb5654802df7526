"""The gap attack on many labels of each record: where a service draws noise, a vote takes it away.

Labels that are right now and then also give away how sure the model is: random answers turn a label into a score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from privaudit.attacks.label_only.constant_labels import constant_note
from privaudit.attacks.results import check_targets, coin_result, finite_signal
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
        check_targets(inputs, targets)
        shares = finite_signal(inputs, "repeated_correct")
        return tuple(
            coin_result(
                self,
                inputs,
                int(target),
                shares[target],
                params={},
                notes=constant_note(shares[target], inputs.labels),
            )
            for target in targets
        )
