"""Epsilon from Jeffreys intervals of the two error rates: shorter than Clopper-Pearson, and without its guarantee."""

from scipy.special import betainccinv, betaincinv

from privaudit.estimators.rate_rectangle import COUNT_ASSUMPTIONS, Interval, rectangle_estimate
from privaudit.types import ConfusionCounts, EpsilonEstimate, Neighbouring, Validity

ASSUMPTIONS = (*COUNT_ASSUMPTIONS, "enough outcomes: the coverage of a Jeffreys interval is nominal only on average")


def jeffreys_upper_rate(count: int, n: int, tail: float) -> float:
    """Return the upper quantile of Beta(count + 1/2, n - count + 1/2), 1 where every outcome counted."""
    return 1.0 if count == n else float(betainccinv(count + 0.5, n - count + 0.5, tail))


def jeffreys_lower_rate(count: int, n: int, tail: float) -> float:
    """Return the lower quantile of Beta(count + 1/2, n - count + 1/2), 0 where no outcome counted."""
    return 0.0 if count == 0 else float(betaincinv(count + 0.5, n - count + 0.5, tail))


def jeffreys(
    counts: ConfusionCounts,
    *,
    delta: float,
    confidence: float,
    interval: Interval = "lower",
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Bound epsilon by Jeffreys intervals of both error rates.

    Args:
        counts: outcomes in both worlds, one per training.
        delta: the delta of the claim, in [0, 1).
        confidence: nominal chance that the statement holds; reached for many outcomes, not at every sample size.
        interval: ``lower`` (a bound, half the error per rate) or ``two_sided`` (a quarter per end; the upper end is
            about this attack, not about the mechanism, and ``math.inf`` where an error was never seen).
        neighbouring: the relation of the two worlds, ``None`` = not stated.

    Returns:
        the estimate, of validity ``asymptotic``.

    Raises:
        ConfigError: if delta, the confidence or the interval is not legal.

    Source: Brown, Cai, DasGupta, "Interval Estimation for a Binomial Proportion", Statistical Science 2001, with
        its end points at 0 and n; corners as in `clopper_pearson`.

    >>> counts = ConfusionCounts(tp=1000, fn=0, fp=0, tn=1000)
    >>> round(jeffreys(counts, delta=1e-5, confidence=0.95).lower, 4)
    5.9857
    """
    return rectangle_estimate(
        counts,
        method="jeffreys",
        lower_rate=jeffreys_lower_rate,
        upper_rate=jeffreys_upper_rate,
        validity=Validity.ASYMPTOTIC,
        delta=delta,
        confidence=confidence,
        interval=interval,
        neighbouring=neighbouring,
        assumptions=ASSUMPTIONS,
    )
