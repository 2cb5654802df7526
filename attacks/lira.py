"""LiRA, the likelihood-ratio attack, online (Carlini et al., S&P 2022, section V).

Written from the formulas of specification A1: masked sums in float64 instead of truncated lists, a variance per side
that never mixes records, and the target's complement left out with the target. On a plain leave-one-out of a balanced
design the numbers of IN and OUT shadows tell the membership apart without any model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Variance = Literal["per_record", "pooled"]
Exclude = Literal["pair", "target"]
Floats = NDArray[np.float64]

SMALLEST_SPREAD = 1e-50  # of any signal; keeps every score finite


class SideFit(NamedTuple):
    """The shadows of one side (IN or OUT), each ``(n_records,)``.

    Attributes:
        n: shadows on this side.
        distance: the target's signal minus their mean.
        residual: sum of their squared deviations from the mean, 0 where it is no more than rounding.
    """

    n: Floats
    distance: Floats
    residual: Floats


def fit_side(observed: Floats, shadows: Floats, on_side: NDArray[np.bool_]) -> SideFit:
    """Fit the shadows of one side in two passes.

    Each target gets sums of its own. Subtracting the target from sums over all models would be faster, but leaves
    rounding that depends on the side it stood on: its coins would show in the last digits, and wherever it is an outlier.

    Args:
        observed: ``(n_records,)`` the target's signal.
        shadows: ``(n_shadows, n_records)`` the same under the shadows.
        on_side: ``(n_shadows, n_records)`` which shadows stand on this side for each record.

    Raises:
        UnsupportedError: if a record has no shadow on this side.
    """
    weight = on_side.astype(np.float64)  # 0 or 1; multiplying is several times faster than choosing
    n = weight.sum(axis=0)
    if not n.all():
        raise UnsupportedError(
            f"LiRA online needs a shadow model with and one without each record; {int((n == 0).sum())} records lack "
            "one. Train more models (design.n_models)."
        )
    mean = np.einsum("ij,ij->j", weight, shadows) / n
    deviation = (shadows - mean) * weight
    rest = deviation.sum(axis=0) / n  # what a mean far from 0 lost by rounding
    residual = np.einsum("ij,ij->j", deviation, deviation) - n * rest * rest
    largest = np.maximum(np.abs(shadows).max(axis=0), np.abs(observed))
    rounding = np.maximum(4 * np.finfo(np.float64).eps * largest, SMALLEST_SPREAD)
    return SideFit(n, observed - mean - rest, np.where(residual > n * rounding * rounding, residual, 0.0))


def side_variance(fit: SideFit, *, variance: Variance) -> tuple[Floats, str]:
    """Return one side's variances; its pooled variance must not be 0.

    Args:
        fit: the side.
        variance: ``per_record`` = of the record's own shadows; ``pooled`` = one within-record variance for all records.

    Returns:
        ``(n_records,)`` variances, and the rule used: the one asked for, or ``pooled`` for the records that have fewer
        than two shadows on this side, or shadows that all say the same.
    """
    pooled = fit.residual.sum() / (fit.n - 1.0).sum()
    if variance == "pooled":
        return np.full_like(fit.distance, pooled), "pooled"
    enough = fit.residual > 0
    used = "per_record" if enough.all() else "pooled where a record has one shadow or no spread on a side"
    return np.where(enough, fit.residual / fit.n, pooled), used


def log_likelihood_ratio(inside: SideFit, outside: SideFit, *, variance: Variance) -> tuple[Floats, str]:
    """Return log N(observed; IN) - log N(observed; OUT) of every record, never exponentiated.

    Args:
        inside: the shadows that trained on each record.
        outside: those that did not.
        variance: see `side_variance`.

    Returns:
        ``(n_records,)`` scores, and the variance rule used: ``unit`` on both sides where one of them has no spread at
        any record, so that the sides stay comparable.
    """
    if not (inside.residual.any() and outside.residual.any()):
        return 0.5 * (outside.distance**2 - inside.distance**2), "unit"
    parts, rules = [], set()
    for fit in (inside, outside):
        spread, rule = side_variance(fit, variance=variance)
        rules.add(rule)
        parts.append(-0.5 * (fit.distance**2 / spread + np.log(spread)))
    return parts[0] - parts[1], " and ".join(sorted(rules))


def left_out(design_pair: NDArray[np.int64], target: int, exclude: Exclude) -> list[int]:
    """Models that must not serve as shadows of a target: itself and, by default, its complement."""
    pair = int(design_pair[target])
    return [target, pair] if exclude == "pair" and pair >= 0 else [target]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lira:
    """Online likelihood-ratio attack on the logit margin.

    Attributes:
        variance: ``per_record`` (default) or ``pooled``; pooled is stronger with fewer than about 64 models.
        exclude: ``pair`` (default) leaves out the target and its complement; ``target`` only the target, which leaks
            membership through the counts and is kept for reproducing published numbers on a balanced design.

    Source: Carlini, Chien, Nasr, Song, Terzis, Tramer, "Membership Inference Attacks From First Principles",
    S&P 2022, section V and equation 4.
    """

    name: ClassVar[str] = "lira"
    signals: ClassVar[frozenset[str]] = frozenset({"logit_margin"})
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    variance: Variance = "per_record"
    exclude: Exclude = "pair"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        if self.variance not in ("per_record", "pooled"):
            raise ConfigError(f"variance must be per_record or pooled; got {self.variance!r}.", key="variance")
        if self.exclude not in ("pair", "target"):
            raise ConfigError(f"exclude must be pair or target; got {self.exclude!r}.", key="exclude")

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; all usable models but the target and its pair serve as shadows.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if a canary has no shadow on a side.
        """
        check_targets(inputs, targets)
        canaries, models = inputs.design.coin_records, inputs.usable
        values = finite_signal(inputs, "logit_margin")[:, canaries]
        is_in = inputs.design.is_in[:, canaries].astype(bool)
        results = []
        for target in targets:
            shadows = np.setdiff1d(models, left_out(inputs.design.pair, target, self.exclude))
            kept, inside = values[shadows], is_in[shadows]
            scores, used = log_likelihood_ratio(
                fit_side(values[target], kept, inside), fit_side(values[target], kept, ~inside), variance=self.variance
            )
            results.append(self._result(inputs, target, scores, used))
        return tuple(results)

    def _result(self, inputs: AuditInputs, target: int, scores: Floats, used: str) -> AttackResult:
        every = np.zeros(inputs.design.n_records)
        every[inputs.design.coin_records] = scores
        out = left_out(inputs.design.pair, target, self.exclude)
        wanting = f"variance used: {used}, for want of spread among the shadow models"
        notes = () if used == self.variance else (wanting,)
        params = {"variance": self.variance, "exclude": self.exclude}
        return coin_result(self, inputs, target, every, params=params, left_out=out, notes=notes)
