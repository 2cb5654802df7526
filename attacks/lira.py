"""LiRA, the likelihood-ratio attack, online and offline (Carlini et al., S&P 2022, section V).

Written from the formulas of specification A1. Three things differ from usual practice: the target's complement is left
out with the target (on a plain leave-one-out of a balanced design the numbers of IN and OUT shadows tell the membership
apart without any model); a pooled variance is the spread within records, of each side for itself; and the offline score
is one-sided: an unusually low confidence is no sign of membership.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.results import check_targets, coin_result, finite_queries
from privaudit.attacks.shadow_fit import (
    BlockFit,
    Bools,
    Centre,
    Exclude,
    Floats,
    ShadowFits,
    SideFit,
    Sides,
    fit_side,
    left_out,
    shadow_fits,
)
from privaudit.attacks.whiten import whitened
from privaudit.errors import ConfigError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

__all__ = ["Lira", "SideTotals", "fit_side", "left_out", "lira_scores", "log_likelihood_ratio", "one_sided"]

Variance = Literal["per_record", "pooled"]
Mode = Literal["online", "offline"]

OWN, SOME_POOLED, POOLED, UNIT = (
    "per_record",
    "pooled where a record has one shadow or no spread on a side",
    "pooled",
    "unit",
)


class SideTotals(NamedTuple):
    """Sums over all records of one side, each ``(n_targets,)``.

    Attributes:
        residual: of the squared deviations from the records' means.
        freedom: of the numbers of shadows less one.
        n_flat: records without spread.
    """

    residual: Floats
    freedom: Floats
    n_flat: NDArray[np.int64]


def total_of(fit: SideFit) -> SideTotals:
    """Sum up one side over the records of a block."""
    freedom = np.broadcast_to(fit.n - 1.0, fit.residual.shape).sum(axis=-1)
    return SideTotals(fit.residual.sum(axis=-1), freedom, (fit.residual == 0).sum(axis=-1))


def added(parts: Sequence[SideTotals]) -> SideTotals:
    """Add the sums of several blocks."""
    residual, freedom, n_flat = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
    return SideTotals(residual, freedom, n_flat)


def side_variance(fit: SideFit, totals: SideTotals, *, variance: Variance) -> Floats:
    """Return one side's variances.

    Args:
        fit: the side, ``(n_targets, n_records)``.
        totals: its sums over all records; the residual must not be 0.
        variance: ``per_record`` = of the record's own shadows, but pooled for a record that has fewer than two shadows
            on this side, or shadows that all say the same; ``pooled`` = one within-record variance for all records.

    Returns:
        ``(n_targets, n_records)``.
    """
    pooled = np.broadcast_to((totals.residual / totals.freedom)[..., None], fit.residual.shape)
    if variance == "pooled":
        return np.asarray(pooled)
    return np.where(fit.residual > 0, fit.residual / fit.n, pooled)


def variance_or_unit(fit: SideFit, totals: SideTotals, has_spread: Bools, *, variance: Variance) -> Floats:
    """Return one side's variances, 1 for targets whose shadows have no spread.

    Args:
        fit: the side, ``(n_targets, n_records)``.
        totals: its sums over all records.
        has_spread: ``(n_targets,)``; where True the totals' residual must not be 0.
        variance: see `side_variance`.
    """
    safe = totals._replace(residual=np.where(has_spread, totals.residual, 1.0), freedom=np.maximum(totals.freedom, 1))
    return np.where(has_spread[..., None], side_variance(fit, safe, variance=variance), 1.0)


def log_likelihood_ratio(
    observed: Floats, inside: SideFit, outside: SideFit, totals: Sequence[SideTotals], *, variance: Variance
) -> Floats:
    """Return log N(observed; IN) - log N(observed; OUT) of every record, never exponentiated.

    Args:
        observed: ``(n_targets, n_records)`` the targets' signals.
        inside: the shadows that trained on each record.
        outside: those that did not.
        totals: of IN and OUT. Where one of them has no spread at any record both get unit variances, so that the sides
            stay comparable.
        variance: see `side_variance`.

    Returns:
        ``(n_targets, n_records)`` scores.
    """
    parts = []
    has_spread = (totals[0].residual > 0) & (totals[1].residual > 0)
    for fit, total in zip((inside, outside), totals, strict=True):
        spread = variance_or_unit(fit, total, has_spread, variance=variance)
        parts.append(-0.5 * (fit.distance(observed) ** 2 / spread + np.log(spread)))
    return np.asarray(parts[0] - parts[1])


def one_sided(observed: Floats, outside: SideFit, totals: SideTotals, *, variance: Variance) -> Floats:
    """Return how many deviations above its OUT shadows each record lies.

    The offline test's probability Phi(z) is a monotone function of it, and unlike that never saturates.

    Args:
        observed: ``(n_targets, n_records)`` the targets' signals.
        outside: the shadows that did not train on each record.
        totals: of that side; without any spread the deviation is 1.
        variance: see `side_variance`.
    """
    spread = variance_or_unit(outside, totals, totals.residual > 0, variance=variance)
    return np.asarray(outside.distance(observed) / np.sqrt(spread))


def lira_scores(
    fits: ShadowFits, *, mode: Mode = "online", variance: Variance = "per_record"
) -> tuple[Floats, list[str]]:
    """Score every record of every target.

    Args:
        fits: the shadows, for ``online`` on both sides.
        mode: ``online`` compares IN with OUT shadows, ``offline`` looks at OUT shadows alone.
        variance: see `side_variance`.

    Returns:
        ``(n_targets, n_records)`` scores, and for each target the variance rule used.

    Raises:
        UnsupportedError: if a record has no shadow on a side that is fitted.
    """
    blocks = fits.blocks()
    totals = totals_of(blocks)
    scores = np.empty((len(fits.targets), fits.values.shape[1]))
    for block in blocks:
        scores[:, block.records] = _block_scores(block, totals, mode, variance)
    sides = totals if mode == "online" else totals[-1:]
    return scores, [_rule(sides, target, variance) for target in range(len(fits.targets))]


def totals_of(blocks: Iterable[BlockFit]) -> tuple[SideTotals, ...]:
    """Sum every fitted side up over all records, block after block: IN and OUT, or OUT alone."""
    parts = [[total_of(fit) for fit in block.sides] for block in blocks]
    return tuple(added(side) for side in zip(*parts, strict=True))


def variance_notes(used: str, wanted: str) -> tuple[str, ...]:
    """Say so where the shadows' spread did not allow the variance that was asked for."""
    return () if used == wanted else (f"variance used: {used}, for want of spread among the shadow models",)


def _block_scores(block: BlockFit, totals: Sequence[SideTotals], mode: Mode, variance: Variance) -> Floats:
    if mode == "offline":
        return one_sided(block.observed, block.outside, totals[-1], variance=variance)
    inside, outside = block.sides
    return log_likelihood_ratio(block.observed, inside, outside, totals, variance=variance)


def _rule(sides: Sequence[SideTotals], target: int, variance: Variance) -> str:
    if not all(side.residual[target] > 0 for side in sides):
        return UNIT
    if variance == "pooled":
        return POOLED
    return SOME_POOLED if any(side.n_flat[target] for side in sides) else OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Lira:
    """Likelihood-ratio attack on the logit margin.

    Attributes:
        mode: ``online`` (default), or ``offline``: by OUT shadows alone and one-sided, for an attacker who cannot train
            on the attacked records.
        variance: ``per_record`` (default) or ``pooled``; pooled is stronger with fewer than about 64 models.
        centre: ``mean`` (default) or ``median`` of the shadows, as the densities' location; the spread is about the mean.
        queries: ``plain`` = one query per record; ``augmented`` = several views of each record, decorrelated by their
            covariance over all records: a multivariate normal whose correlation is pooled. Offline: their mean.
        exclude: ``pair`` (default) leaves out the target and its complement; ``target`` only the target, which leaks
            membership through the counts and is kept for reproducing published numbers on a balanced design.

    Source: Carlini, Chien, Nasr, Song, Terzis, Tramer, "Membership Inference Attacks From First Principles",
    S&P 2022, section V (equation 4; offline: section V-B; several queries: section VI-B).
    """

    name: ClassVar[str] = "lira"
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    mode: Mode = "online"
    variance: Variance = "per_record"
    centre: Centre = "mean"
    queries: Literal["plain", "augmented"] = "plain"
    exclude: Exclude = "pair"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        options = {
            "mode": ("online", "offline"),
            "variance": ("per_record", "pooled"),
            "centre": ("mean", "median"),
            "queries": ("plain", "augmented"),
            "exclude": ("pair", "target"),
        }
        for key, known in options.items():
            if getattr(self, key) not in known:
                raise ConfigError(f"{key} must be {' or '.join(known)}; got {getattr(self, key)!r}.", key=key)

    @property
    def signals(self) -> frozenset[str]:
        """The signal read: the logit margin of the record, or of several views of it."""
        return frozenset({"logit_margin" if self.queries == "plain" else "augmented_logit_margin"})

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; all usable models but the target and its pair serve as shadows.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if a canary has no shadow on a side that is looked at: OUT, and online IN.
        """
        check_targets(inputs, targets)
        (signal,) = self.signals
        values = finite_queries(inputs, signal)[:, inputs.design.coin_records]
        if values.shape[2] > 1 and self.mode == "online":
            scored = [self._views(inputs, values, target) for target in targets]
        else:
            scores, rules = self._scores(inputs, values.mean(axis=2), targets)
            scored = list(zip(scores, rules, strict=True))
        return tuple(self._result(inputs, int(t), *one) for t, one in zip(targets, scored, strict=True))

    def _scores(self, inputs: AuditInputs, values: Floats, targets: Sequence[int]) -> tuple[Floats, list[str]]:
        sides: Sides = "both" if self.mode == "online" else "out"
        fits = shadow_fits(inputs, values, targets, exclude=self.exclude, centre=self.centre, sides=sides)
        return lira_scores(fits, mode=self.mode, variance=self.variance)

    def _views(self, inputs: AuditInputs, values: Floats, target: int) -> tuple[Floats, str]:
        """Add up the scores of decorrelated views, which are a normal distribution's independent coordinates."""
        shadows = np.setdiff1d(inputs.usable, left_out(inputs.design.pair, target, self.exclude))
        views = whitened(values, inputs.design.is_in[:, inputs.design.coin_records].astype(bool), shadows)
        scores, rules = zip(*(self._scores(inputs, view, [target]) for view in views), strict=True)
        return np.sum(scores, axis=0)[0], max((rule[0] for rule in rules), key=[OWN, POOLED, SOME_POOLED, UNIT].index)

    def _result(self, inputs: AuditInputs, target: int, scores: Floats, used: str) -> AttackResult:
        out = left_out(inputs.design.pair, target, self.exclude)
        notes = variance_notes(used, self.variance)
        return coin_result(self, inputs, target, scores, params=self._params(), left_out=out, notes=notes)

    def _params(self) -> dict[str, Any]:
        """The variance and what was left out always, other options where they are not the usual ones."""
        usual = {"mode": "online", "centre": "mean", "queries": "plain"}
        unusual = {name: getattr(self, name) for name in usual if getattr(self, name) != usual[name]}
        return {**unusual, "variance": self.variance, "exclude": self.exclude}
