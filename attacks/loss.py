"""The global loss threshold: members have a smaller loss (Yeom et al., CSF 2018, section 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from privaudit.attacks.results import check_targets, coin_result
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class LossThreshold:
    """Score a record by its negative loss under the target; needs no shadow models.

    Source: Yeom, Giacomelli, Fredrikson, Jha, "Privacy Risk in Machine Learning", CSF 2018, section 3.
    """

    name: ClassVar[str] = "loss"
    signals: ClassVar[frozenset[str]] = frozenset({"negative_loss"})
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals.
            targets: numbers of the models to attack.
        """
        check_targets(inputs, targets)
        values = inputs.dense("negative_loss")
        return tuple(coin_result(self, inputs, target, values[target], params={}) for target in targets)
