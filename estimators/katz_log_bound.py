"""Epsilon from the normal approximation of a log ratio of two rates.

A direction is one inequality of the definition: ``tpr`` says epsilon >= ln((TPR - delta) / FPR), ``tnr`` says
epsilon >= ln((TNR - delta) / FNR). Negating the attack's answer gives two more, which matter for upper ends only.

Errors. The lower end is the largest of the lower ends of its directions, wrong as soon as one of them is: k directions
share the error, 1/k each. The upper end speaks of the attack's epsilon, the largest of four fixed numbers (or 0). Were
it too small, the end of the one direction that attains epsilon would be too small as well, so every direction may spend
the whole error of that end, and ``lower`` of one direction does not narrow it. Two ends: half the error each.
"""

import math
from functools import lru_cache
from typing import Literal

from scipy.special import ndtri

from privaudit.errors import ConfigError
from privaudit.estimators.rate_rectangle import COUNT_ASSUMPTIONS, Interval, check_interval, count_diagnostics
from privaudit.types import ConfusionCounts, EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_delta, check_probability

Direction = Literal["both", "tpr", "tnr"]
Ratio = tuple[float, int | float, float, int | float]
"""Count and outcomes of the rate above, count and outcomes of the rate below."""

ASSUMPTIONS = (*COUNT_ASSUMPTIONS, "enough outcomes in every cell for a log ratio of rates to be normal")
ZERO_CELL = "a cell is zero: the lower end is from counts with 1/2 added to every cell, which proves less than it shows"


def katz_log(
    counts: ConfusionCounts,
    *,
    delta: float,
    confidence: float,
    interval: Interval = "lower",
    direction: Direction = "both",
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Bound epsilon by the normal approximation of the log ratio of two rates.

    Args:
        counts: outcomes in both worlds, one per training.
        delta: the delta of the claim, in [0, 1).
        confidence: nominal chance that the statement holds; reached for large counts only. Below one half, the point.
        interval: ``lower`` (a bound) or ``two_sided`` (half the error per end; the upper end is about this attack in
            whatever direction, not about the mechanism, and ``math.inf`` where a cell is zero).
        direction: ``both`` (half of the lower end's error each), or one of them, chosen before these outcomes were
            seen: ``tpr`` is ln((TPR - delta) / FPR), ``tnr`` is ln((TNR - delta) / FNR).
        neighbouring: the relation of the two worlds, ``None`` = not stated.

    Returns:
        the estimate, of validity ``asymptotic``; a zero cell adds 1/2 to every cell, an assumption and a diagnostic.

    Raises:
        ConfigError: if delta, the confidence, the interval or the direction is not legal.

    Source: Katz, Baptista, Azen, Pike, "Obtaining Confidence Intervals for the Risk Ratio in Cohort Studies",
        Biometrics 1978; with delta, and for the largest of several directions, derived here.

    >>> counts = ConfusionCounts(tp=76, fn=923, fp=19, tn=982)
    >>> round(katz_log(counts, delta=0.0, confidence=0.95, direction="tpr").lower, 4)
    0.9729
    """
    check_delta(delta)
    two_sided = check_interval(interval)
    if direction not in ("both", "tpr", "tnr"):
        raise ConfigError(f"direction must be both, tpr or tnr; got {direction!r}.", key="direction")
    error = (1.0 - check_probability("confidence", confidence)) / (2 if two_sided else 1)
    tail = error / (2 if direction == "both" else 1)
    has_zero = _has_zero(counts)
    return EpsilonEstimate(
        method="katz_log",
        kind=EstimateKind.INTERVAL if two_sided else EstimateKind.LOWER_BOUND,
        lower=_lower_end(counts, delta, tail, direction),
        upper=_upper_end(counts, delta, error) if two_sided else None,
        delta=delta,
        confidence=confidence,
        neighbouring=neighbouring,
        n_in=counts.n_in,
        n_out=counts.n_out,
        ceiling=_ceiling(counts.n_in, counts.n_out, delta, tail, direction),
        validity=Validity.ASYMPTOTIC,
        assumptions=(*ASSUMPTIONS, ZERO_CELL) if has_zero else ASSUMPTIONS,
        diagnostics={**count_diagnostics(counts), "added_to_every_cell": 0.5 if has_zero else 0.0},
    )


def _has_zero(counts: ConfusionCounts) -> bool:
    return 0 in (counts.tp, counts.fn, counts.fp, counts.tn)


def _ratios(counts: ConfusionCounts) -> dict[str, Ratio]:
    """Return the ratios of all four directions, from counts without a zero."""
    more = 0.5 if _has_zero(counts) else 0
    tp, fn, fp, tn = (cell + more for cell in (counts.tp, counts.fn, counts.fp, counts.tn))
    return {
        "tpr": (tp, tp + fn, fp, fp + tn),
        "tnr": (tn, fp + tn, fn, tp + fn),
        "tpr_negated": (fn, tp + fn, tn, fp + tn),
        "tnr_negated": (fp, fp + tn, tp, tp + fn),
    }


def _log_end(ratio: Ratio, delta: float, deviations: float) -> float:
    """Return ln((above - delta) / below) moved by so many standard errors; minus infinity where above <= delta."""
    above, below = ratio[0] / ratio[1], ratio[2] / ratio[3]
    excess = above - delta
    if excess <= 0.0:
        return -math.inf
    variance = above * (1.0 - above) / (ratio[1] * excess * excess) + (1.0 - below) / ratio[2]
    return math.log(excess) - math.log(below) + deviations * math.sqrt(variance)


def _lower_end(counts: ConfusionCounts, delta: float, tail: float, direction: Direction) -> float:
    ratios, deviations = _ratios(counts), min(0.0, float(ndtri(tail)))  # a lower end lies below the point, always
    chosen = ("tpr", "tnr") if direction == "both" else (direction,)
    return max(0.0, *(_log_end(ratios[name], delta, deviations) for name in chosen))


def _upper_end(counts: ConfusionCounts, delta: float, tail: float) -> float:
    if _has_zero(counts):
        return math.inf  # what was never seen may be impossible
    deviations = -float(ndtri(tail))
    return max(0.0, *(_log_end(ratio, delta, deviations) for ratio in _ratios(counts).values()))


@lru_cache(maxsize=1024)  # the ceiling of many audits of one size is one number
def _ceiling(n_in: int, n_out: int, delta: float, tail: float, direction: Direction) -> float:
    """Return the largest lower end over all counts of these sizes.

    No error at all need not be best: the standard error shrinks as errors appear. With z standard errors,
    -ln FP - z sqrt(1/FP + constant) falls from FP = z^2 / 2 on wherever it is above 0, so the best counts are among
    those with few errors of both kinds.
    """
    most = math.ceil(float(ndtri(tail)) ** 2 / 2.0) + 1
    few = [
        ConfusionCounts(tp=n_in - fn, fn=fn, fp=fp, tn=n_out - fp)
        for fn in range(min(n_in, most) + 1)
        for fp in range(min(n_out, most) + 1)
    ]
    return max(_lower_end(counts, delta, tail, direction) for counts in few)
