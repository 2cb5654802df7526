"""The gap attack: a record is a member if the target classifies it correctly; the baseline of label-only attacks.

Its balanced accuracy is 1/2 + (training accuracy - test accuracy) / 2. There are two scores only, so that at a false
positive rate below the test accuracy it finds nobody (floor rule).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from privaudit.attacks.label_only.constant_labels import constant_note
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.interfaces import Attack, AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access


def right_label_results(
    attack: Attack, inputs: AuditInputs, targets: Sequence[int], *, signal: str
) -> tuple[AttackResult, ...]:
    """Score every canary of every target by how often its label was right, with a note where labels tell nothing.

    Args:
        attack: whose results they are.
        inputs: design, labels and signals.
        targets: numbers of the models to attack.
        signal: name of the shares of right labels.
    """
    check_targets(inputs, targets)
    right = finite_signal(inputs, signal)
    return tuple(
        coin_result(
            attack, inputs, int(target), right[target], params={}, notes=constant_note(right[target], inputs.labels)
        )
        for target in targets
    )


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
        return right_label_results(self, inputs, targets, signal="correct")
