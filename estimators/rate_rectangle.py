"""Epsilon from an interval for each of two error rates: the corners of their rectangle."""

from collections.abc import Callable
from typing import Literal

from privaudit.errors import ConfigError
from privaudit.estimators.privacy_region import rates_to_epsilon
from privaudit.types import ConfusionCounts, EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_delta, check_probability

Interval = Literal["lower", "two_sided"]
RateEnd = Callable[[int, int, float], float]
"""From a count, the number of trials and the chance to miss, to one end of an interval for the rate."""

COUNT_ASSUMPTIONS = (
    "each outcome comes from an independent training",
    "the threshold was fixed before these outcomes were seen",
)


def check_interval(interval: Interval) -> bool:
    """Return whether the interval has two ends.

    Raises:
        ConfigError: if it is neither ``lower`` nor ``two_sided``.
    """
    if interval not in ("lower", "two_sided"):
        raise ConfigError(f"interval must be lower or two_sided; got {interval!r}.", key="interval")
    return interval == "two_sided"


def flawless(counts: ConfusionCounts) -> ConfusionCounts:
    """Return the counts of as many outcomes without an error."""
    return ConfusionCounts(tp=counts.n_in, fn=0, fp=0, tn=counts.n_out)


def lower_end(counts: ConfusionCounts, upper_rate: RateEnd, *, delta: float, tail: float) -> float:
    """Return epsilon at the upper ends of both error rates, each missed with chance ``tail``."""
    fnr = upper_rate(counts.fn, counts.n_in, tail)
    return rates_to_epsilon(fnr, upper_rate(counts.fp, counts.n_out, tail), delta)


def upper_end(counts: ConfusionCounts, lower_rate: RateEnd, *, delta: float, tail: float) -> float:
    """Return the largest epsilon in the rectangle of both rates, each end missed with chance ``tail``.

    The far corner (both rates high) is the same attack with its answer negated.
    """
    fnr, fpr = lower_rate(counts.fn, counts.n_in, tail), lower_rate(counts.fp, counts.n_out, tail)
    tpr, tnr = lower_rate(counts.tp, counts.n_in, tail), lower_rate(counts.tn, counts.n_out, tail)
    return max(rates_to_epsilon(fnr, fpr, delta), rates_to_epsilon(tpr, tnr, delta))


def rectangle_estimate(
    counts: ConfusionCounts,
    *,
    method: str,
    lower_rate: RateEnd,
    upper_rate: RateEnd,
    validity: Validity,
    delta: float,
    confidence: float,
    interval: Interval,
    neighbouring: Neighbouring | None,
    assumptions: tuple[str, ...] = COUNT_ASSUMPTIONS,
) -> EpsilonEstimate:
    """Return the estimate of a method that bounds each error rate on its own.

    The error is shared by the union bound: half per rate for a lower bound, a quarter per end of each rate for an
    interval.
    """
    check_delta(delta)
    two_sided = check_interval(interval)
    tail = (1.0 - check_probability("confidence", confidence)) / (4 if two_sided else 2)
    return EpsilonEstimate(
        method=method,
        kind=EstimateKind.INTERVAL if two_sided else EstimateKind.LOWER_BOUND,
        lower=lower_end(counts, upper_rate, delta=delta, tail=tail),
        upper=upper_end(counts, lower_rate, delta=delta, tail=tail) if two_sided else None,
        delta=delta,
        confidence=confidence,
        neighbouring=neighbouring,
        n_in=counts.n_in,
        n_out=counts.n_out,
        ceiling=lower_end(flawless(counts), upper_rate, delta=delta, tail=tail),
        validity=validity,
        assumptions=assumptions,
        diagnostics=count_diagnostics(counts),
    )


def count_diagnostics(counts: ConfusionCounts) -> dict[str, float]:
    """Return the four cells by name."""
    return {"tp": counts.tp, "fn": counts.fn, "fp": counts.fp, "tn": counts.tn}
