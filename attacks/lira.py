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

from privaudit.attacks.results import canary_result, check_targets, count_notes, finite_signal
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Variance = Literal["per_record", "pooled"]
Exclude = Literal["pair", "target"]
Floats = NDArray[np.float64]

CANCELLED = 1e-6  # share of the squares below which what is left of them is summed anew
SMALLEST_SPREAD = 1e-50  # of any signal; keeps every score finite


class SideFit(NamedTuple):
    """The shadows of one side (IN or OUT) that are left for a target, each ``(n_records,)``.

    ``residual`` is the sum of squared deviations from ``mean``, 0 where it is no more than rounding.
    """

    n: Floats
    mean: Floats
    residual: Floats


class Side(NamedTuple):
    """One side (IN or OUT) with its sums over all shadows, so that all targets share one pass.

    Attributes:
        values: ``(n_shadows, n_records)`` signals, centred per record so that the squares do not cancel.
        on_side: ``(n_shadows, n_records)`` which shadows stand on this side for each record.
        rounding: ``(n_records,)`` standard deviation that rounding of the signal alone may cause.
        n: ``(n_records,)`` shadows on this side.
        total: ``(n_records,)`` sum of their signals.
        square: ``(n_records,)`` sum of their squares.
    """

    values: Floats
    on_side: NDArray[np.bool_]
    rounding: Floats
    n: Floats
    total: Floats
    square: Floats

    def without(self, out: NDArray[np.bool_]) -> SideFit:
        """Take shadows out again.

        Where an outlier among them, or a mean far from 0, leaves too little of the squares, the rest is summed anew.

        Args:
            out: ``(n_shadows,)`` True for the shadows to take out.

        Raises:
            UnsupportedError: if a record has no shadow left on this side.
        """
        n_out, total_out, square_out = _sums(self.values[out], self.on_side[out])
        n, total = self.n - n_out, self.total - total_out
        if (n < 1).any():
            raise UnsupportedError(
                f"LiRA online needs a shadow model with and one without each record; {int((n < 1).sum())} records "
                "lack one. Train more models (design.n_models)."
            )
        mean = total / n
        residual = self.square - square_out - total * mean
        again = np.flatnonzero(residual < CANCELLED * self.square)
        if again.size:
            values, on_side = self.values[np.ix_(~out, again)], self.on_side[np.ix_(~out, again)]
            mean[again] = np.where(on_side, values, 0.0).sum(axis=0) / n[again]
            residual[again] = (np.where(on_side, values - mean[again], 0.0) ** 2).sum(axis=0)
        return SideFit(n, mean, np.where(residual > n * self.rounding**2, residual, 0.0))


def _sums(values: Floats, on_side: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    kept = np.where(on_side, values, 0.0)
    return on_side.sum(axis=0).astype(np.float64), kept.sum(axis=0), (kept * kept).sum(axis=0)


def make_side(values: Floats, on_side: NDArray[np.bool_], rounding: Floats) -> Side:
    """Sum a signal over the shadows of one side; see `Side` for the arguments."""
    return Side(values, on_side, rounding, *_sums(values, on_side))


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
        return np.full_like(fit.mean, pooled), "pooled"
    enough = fit.residual > 0
    used = "per_record" if enough.all() else "pooled where a record has one shadow or no spread on a side"
    return np.where(enough, fit.residual / fit.n, pooled), used


def log_likelihood_ratio(
    observed: Floats, inside: SideFit, outside: SideFit, *, variance: Variance
) -> tuple[Floats, str]:
    """Return log N(observed; IN) - log N(observed; OUT) of every record, never exponentiated.

    Args:
        observed: ``(n_records,)`` the target's signal, centred like the shadows'.
        inside: the shadows that trained on each record.
        outside: those that did not.
        variance: see `side_variance`.

    Returns:
        ``(n_records,)`` scores, and the variance rule used: ``unit`` on both sides where one of them has no spread at
        any record, so that the sides stay comparable.
    """
    if not (inside.residual.any() and outside.residual.any()):
        return 0.5 * ((observed - outside.mean) ** 2 - (observed - inside.mean) ** 2), "unit"
    parts, rules = [], set()
    for fit in (inside, outside):
        spread, rule = side_variance(fit, variance=variance)
        rules.add(rule)
        parts.append(-0.5 * ((observed - fit.mean) ** 2 / spread + np.log(spread)))
    return parts[0] - parts[1], " and ".join(sorted(rules))


def left_out(design_pair: NDArray[np.int64], target: int, exclude: Exclude) -> list[int]:
    """Models that must not serve as shadows of a target: itself and, by default, its complement."""
    pair = int(design_pair[target])
    return [target, pair] if exclude == "pair" and pair >= 0 else [target]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lira:
    """Online likelihood-ratio attack on the logit margin, all targets from one set of sums.

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
        canaries, models = inputs.design.canaries, inputs.models
        values = finite_signal(inputs, "logit_margin")[:, canaries]
        rounding = np.maximum(4 * np.finfo(np.float64).eps * np.abs(values[models]).max(axis=0), SMALLEST_SPREAD)
        values = values - np.median(values[models], axis=0)  # unlike the mean, not moved by one outlier
        is_in = inputs.design.is_in[np.ix_(models, canaries)].astype(bool)
        inside = make_side(values[models], is_in, rounding)
        outside = make_side(values[models], ~is_in, rounding)
        results = []
        for target in targets:
            out = np.isin(models, left_out(inputs.design.pair, target, self.exclude))
            scores, used = log_likelihood_ratio(
                values[target], inside.without(out), outside.without(out), variance=self.variance
            )
            results.append(self._result(inputs, target, scores, used))
        return tuple(results)

    def _result(self, inputs: AuditInputs, target: int, scores: Floats, used: str) -> AttackResult:
        every = np.zeros(inputs.design.n_records)
        every[inputs.design.canaries] = scores
        notes = count_notes(left_out(inputs.design.pair, target, self.exclude))
        if used != self.variance:
            notes = (f"variance used: {used}, for want of spread among the shadow models", *notes)
        params = {"variance": self.variance, "exclude": self.exclude}
        return canary_result(self.name, inputs, target, every, params=params, notes=notes)
