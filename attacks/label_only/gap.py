"""The gap attack: a record is a member if the target classifies it correctly; the baseline of label-only attacks.

Its balanced accuracy is 1/2 + (training accuracy - test accuracy) / 2. There are two scores only, so that at a false
positive rate below the test accuracy it finds nobody (floor rule).
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
class Gap:
    """Score a record 1 if the target classifies it correctly, else 0: one label per record, no shadow models.

    Source: Yeom, Giacomelli, Fredrikson, Jha, "Privacy Risk in Machine Learning", CSF 2018, section 3 (the adversary
    for bounded loss); named the gap attack in Choquette-Choo, Tramer, Carlini, Papernot, "Label-Only Membership
    Inference Attacks", ICML 2021, section 2.
    """

    name: ClassVar[str] = "gap"
    signals: ClassVar[frozenset[str]] = frozenset({"correct"})
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
        correct = finite_signal(inputs, "correct")
        return tuple(
            coin_result(
                self,
                inputs,
                int(target),
                correct[target],
                params={},
                notes=constant_note(correct[target], inputs.labels),
            )
            for target in targets
        )
