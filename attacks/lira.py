"""LiRA, the likelihood-ratio attack, online (Carlini et al., S&P 2022, section V).

Written from the formulas of specification A1: masked sums in float64 instead of truncated lists, a variance per side
that never mixes records, and the target's complement left out with the target. On a plain leave-one-out of a balanced
design the numbers of IN and OUT shadows tell the membership apart without any model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.results import canary_result, check_targets
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Variance = Literal["per_record", "pooled"]
Exclude = Literal["pair", "target"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SideSums:
    """Sums over the shadows of one side (IN or OUT), each ``(n_records,)``.

    ``rounding`` is the error that taking models out again may leave in ``square``.
    """

    count: Floats
    total: Floats
    square: Floats
    rounding: Floats

    def without(self, values: Floats, on_side: NDArray[np.bool_]) -> "SideSums":
        """Take models out again, so that all targets share one pass over the shadows.

        Args:
            values: ``(n_left_out, n_records)`` their signals.
            on_side: ``(n_left_out, n_records)`` where they stood on this side.
        """
        left = side_sums(values, on_side)
        return SideSums(self.count - left.count, self.total - left.total, self.square - left.square, self.rounding)


def side_sums(values: Floats, on_side: NDArray[np.bool_]) -> SideSums:
    """Sum a signal over the shadows of one side.

    Args:
        values: ``(n_shadows, n_records)`` signals, centred per record so that the squares do not cancel.
        on_side: ``(n_shadows, n_records)`` which shadows stand on this side for each record.
    """
    kept = np.where(on_side, values, 0.0)
    square = (kept * kept).sum(axis=0)
    rounding = 64 * np.finfo(np.float64).eps * len(values) * square
    return SideSums(on_side.sum(axis=0).astype(np.float64), kept.sum(axis=0), square, rounding)


def mean_and_variance(sums: SideSums, *, variance: Variance) -> tuple[Floats, Floats, str]:
    """Fit one side's Gaussians.

    Args:
        sums: the side's sums.
        variance: ``per_record``, or ``pooled`` = one within-record variance for all records.

    Returns:
        ``(n_records,)`` mean, ``(n_records,)`` variance, and the rule used: the one asked for; ``pooled`` where a
        record has fewer than two shadows on this side; ``unit`` where no record has two.

    Raises:
        UnsupportedError: if a record has no shadow on this side.
    """
    if (sums.count < 1).any():
        raise UnsupportedError(
            f"LiRA online needs a shadow model with and one without each record; {int((sums.count < 1).sum())} records "
            "lack one. Train more models (design.n_models)."
        )
    mean = sums.total / sums.count
    residual = sums.square - sums.total * mean
    residual = np.where(residual > sums.rounding, residual, 0.0)  # rounding must not pass for a tiny variance
    freedom = sums.count - 1.0
    if not (freedom > 0).any():
        return mean, np.ones_like(mean), "unit"
    pooled = max(float(residual.sum() / freedom.sum()), 0.0) or 1.0
    if variance == "pooled":
        return mean, np.full_like(mean, pooled), "pooled"
    enough = (freedom > 0) & (residual > 0)
    own = residual / np.maximum(sums.count, 1.0)
    used = "per_record" if (freedom > 0).all() else "pooled where a record has one shadow on a side"
    return mean, np.where(enough, own, pooled), used


def log_likelihood_ratio(
    observed: Floats, inside: SideSums, outside: SideSums, *, variance: Variance
) -> tuple[Floats, str]:
    """Return log N(observed; IN) - log N(observed; OUT) of every record, never exponentiated.

    Args:
        observed: ``(n_records,)`` the target's signal, centred like the shadows'.
        inside: sums over the shadows that trained on each record.
        outside: sums over those that did not.
        variance: see `mean_and_variance`.

    Returns:
        ``(n_records,)`` scores, and the variance rule used.
    """
    parts, rules = [], set()
    for sums in (inside, outside):
        mean, spread, rule = mean_and_variance(sums, variance=variance)
        rules.add(rule)
        parts.append(-0.5 * ((observed - mean) ** 2 / spread + np.log(spread)))
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
        values = inputs.signal("logit_margin")[:, canaries]
        values = values - values[models].mean(axis=0)
        is_in = inputs.design.is_in[:, canaries].astype(bool)
        inside = side_sums(values[models], is_in[models])
        outside = side_sums(values[models], ~is_in[models])
        results = []
        for target in targets:
            out = [model for model in left_out(inputs.design.pair, target, self.exclude) if model in models]
            scores, used = log_likelihood_ratio(
                values[target],
                inside.without(values[out], is_in[out]),
                outside.without(values[out], ~is_in[out]),
                variance=self.variance,
            )
            results.append(self._result(inputs, target, scores, used))
        return tuple(results)

    def _result(self, inputs: AuditInputs, target: int, scores: Floats, used: str) -> AttackResult:
        every = np.zeros(inputs.design.n_records)
        every[inputs.design.canaries] = scores
        notes = () if used == self.variance else (f"variance used: {used}, for want of shadow models",)
        params = {"variance": self.variance, "exclude": self.exclude}
        return canary_result(self.name, inputs, target, every, params=params, notes=notes)
