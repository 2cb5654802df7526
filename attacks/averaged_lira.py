"""LiRA on answers averaged over many slightly moved copies of each record.

Noise that a service adds to its answers vanishes in the mean of many answers, be it drawn anew at each query or once for
each: copies that are moved by next to nothing are other queries with the same answer but for the noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from privaudit.attacks.lira import Mode, Variance, lira_scores, variance_notes
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.attacks.shadow_fit import Floats, Sides, left_out, shadow_fits
from privaudit.errors import ConfigError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

N_QUERIES = 32  # per record, itself among them: noise is left at a sixth of its standard deviation
MOVE = 1e-3  # of each feature's standard deviation over the audit's records


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragedLira:
    """Likelihood-ratio attack on the logit margin averaged over 32 queries next to each record.

    Where no noise is added to answers it does what `Lira` does.

    Attributes:
        mode: ``online`` (default), or ``offline``: by OUT shadows alone and one-sided.
        variance: ``per_record`` (default) or ``pooled``; pooled is stronger with fewer than about 64 models.

    Source: the attack is Carlini et al., S&P 2022; averaging over different queries with the same answer, against noise that
    sticks to a query: Asghar and Kaafar, "Averaging Attacks on Bounded Noise-based Disclosure Control Algorithms", PETS 2020.
    """

    name: ClassVar[str] = "averaged_lira"
    signals: ClassVar[frozenset[str]] = frozenset({"averaged_logit_margin"})
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    mode: Mode = "online"
    variance: Variance = "per_record"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        for key, known in (("mode", ("online", "offline")), ("variance", ("per_record", "pooled"))):
            if getattr(self, key) not in known:
                raise ConfigError(f"{key} must be {' or '.join(known)}; got {getattr(self, key)!r}.", key=key)

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; all usable models but the target and its pair serve as shadows.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if a canary has no shadow on a side that is looked at: OUT, and online IN.
        """
        check_targets(inputs, targets)
        values = finite_signal(inputs, "averaged_logit_margin")[:, inputs.design.coin_records]
        sides: Sides = "both" if self.mode == "online" else "out"
        fits = shadow_fits(inputs, values, targets, sides=sides)
        scores, rules = lira_scores(fits, mode=self.mode, variance=self.variance)
        return tuple(self._result(inputs, int(t), *one) for t, *one in zip(targets, scores, rules, strict=True))

    def _result(self, inputs: AuditInputs, target: int, scores: Floats, used: str) -> AttackResult:
        out = left_out(inputs.design.pair, target, "pair")
        params = {"mode": self.mode, "variance": self.variance}
        notes = variance_notes(used, self.variance)
        return coin_result(self, inputs, target, scores, params=params, left_out=out, notes=notes)
