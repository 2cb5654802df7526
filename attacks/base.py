"""BASE: RMIA's log-ratio at temperature 2 (Lassila, Ostman, Ngo, Graell i Amat, NeurIPS 2025).

Online it is the same formula on probabilities of halved logits, which lie further from 1 where models are all but
sure of a record. Offline the log of the OUT models' mean probability is shrunk by a constant factor, where RMIA
extrapolates the mean itself. Written from the formulas of specification A3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.mean_probability import log_mean_probability
from privaudit.attacks.offline_tuning import References, split_references, tuned, tuning_note
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.attacks.rmia import check_mode, check_n_references, check_share
from privaudit.attacks.shadow_fit import left_out
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Floats = NDArray[np.float64]

UNTUNED = 0.33  # of published code


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """BASE on log-probabilities at temperature 2.

    Attributes:
        mode: ``online`` (default): the log-probability minus the log of the references' mean probability. ``offline``:
            minus ``factor`` times that of the references that were not trained on the record.
        factor: offline only, from 0 (no references) to 1; ``None`` (default) tunes it on a pair that is neither the
            target's nor a reference (see `split_references`), and takes 0.33 where there is no such pair.
        n_references: number of reference models, taken pair by pair; ``None`` (default) = all.

    Source: Lassila, Ostman, Ngo, Graell i Amat, "Practical Bayes-Optimal Membership Inference Attacks", NeurIPS 2025.
    """

    name: ClassVar[str] = "base"
    signals: ClassVar[frozenset[str]] = frozenset({"negative_loss_t2"})
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    mode: Literal["online", "offline"] = "online"
    factor: float | None = None
    n_references: int | None = None

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        check_mode(self.mode)
        check_n_references(self.n_references)
        check_share("factor", self.factor, self.mode)

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; usable models but the target and its pair serve as references.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if too few reference models are left, or, offline, none that was not trained on a record.
        """
        check_targets(inputs, targets)
        values = finite_signal(inputs, "negative_loss_t2")
        return tuple(self._attack(inputs, values, int(target)) for target in targets)

    def _attack(self, inputs: AuditInputs, values: Floats, target: int) -> AttackResult:
        design, is_offline = inputs.design, self.mode == "offline"
        references = split_references(
            design.pair,
            inputs.usable,
            target,
            n_references=self.n_references,
            is_tuned=is_offline and self.factor is None,
        )
        log_p = log_mean_probability(
            values, models=references.models, is_used=design.is_in == 0 if is_offline else None
        )
        params: dict[str, Any] = {"mode": self.mode}
        if self.n_references is not None:
            params["n_references"] = self.n_references
        factor, notes = 1.0, tuple[str, ...]()
        if is_offline:
            factor = params["factor"] = self._factor(inputs, values, log_p, references)
            notes = (tuning_note("factor", factor, references.tuning),) if self.factor is None else ()
        out = left_out(design.pair, target, "pair")
        scores = values[target] - factor * log_p
        return coin_result(self, inputs, target, scores, params=params, left_out=out, notes=notes)

    def _factor(self, inputs: AuditInputs, values: Floats, log_p: Floats, references: References) -> float:
        if not len(references.tuning):
            return UNTUNED if self.factor is None else float(self.factor)
        canaries = inputs.design.coin_records
        cells = np.ix_(references.tuning, canaries)
        return tuned(values[cells], inputs.design.is_in[cells] == 1, lambda factor: factor * log_p[canaries])
