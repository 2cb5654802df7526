"""Epsilon of a mechanism that is Gaussian, from the error rates of an attack on independent runs of it."""

from scipy.special import ndtri

from privaudit.estimators.gaussian_tradeoff import check_gaussian_delta, gaussian_epsilon
from privaudit.estimators.rate_rectangle import COUNT_ASSUMPTIONS, count_diagnostics, flawless
from privaudit.estimators.rates import upper_rate
from privaudit.types import ConfusionCounts, EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_probability

ASSUMPTIONS = (
    *COUNT_ASSUMPTIONS,
    "the mechanism is mu-Gaussian for some mu (one step or full batches, Gaussian noise, nothing subsampled)",
)


def gaussian_dp(
    counts: ConfusionCounts,
    *,
    delta: float,
    confidence: float,
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Bound the epsilon of a Gaussian mechanism from the outcomes of one attack on independent runs.

    What the outcomes refute is that the mechanism is mu-Gaussian for a smaller mu; only for a mechanism that is
    Gaussian does this bound epsilon.

    Args:
        counts: outcomes in both worlds, one per run.
        delta: the delta of the claim, in (0, 1).
        confidence: chance that the bound holds, at every sample size; half the error per rate.
        neighbouring: the relation of the two worlds, ``None`` = not stated.

    Returns:
        the estimate, of validity ``in_family``; the lower end of mu is ``diagnostics["mu"]``.

    Raises:
        ConfigError: if delta or the confidence is not legal; a Gaussian mechanism has no epsilon at delta 0.

    Source: Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023;
        Dong, Roth, Su, "Gaussian Differential Privacy", JRSS B 2022.

    >>> counts = ConfusionCounts(tp=1000, fn=0, fp=0, tn=1000)
    >>> estimate = gaussian_dp(counts, delta=1e-5, confidence=0.95)
    >>> round(estimate.diagnostics["mu"], 4), round(estimate.lower, 4)
    (5.3598, 36.4895)
    """
    check_gaussian_delta(delta)
    tail = (1.0 - check_probability("confidence", confidence)) / 2
    mu = _least_mu(counts, tail)
    return EpsilonEstimate(
        method="gaussian_dp",
        kind=EstimateKind.LOWER_BOUND,
        lower=rounded_down(gaussian_epsilon(mu, delta)),
        delta=delta,
        confidence=confidence,
        neighbouring=neighbouring,
        n_in=counts.n_in,
        n_out=counts.n_out,
        ceiling=rounded_down(gaussian_epsilon(_least_mu(flawless(counts), tail), delta)),
        validity=Validity.IN_FAMILY,
        assumptions=ASSUMPTIONS,
        diagnostics={**count_diagnostics(counts), "mu": mu},
    )


def _least_mu(counts: ConfusionCounts, tail: float) -> float:
    """Return the mu of the two upper ends of the error rates, Phi^-1(1 - FPR) - Phi^-1(FNR), or 0 if below."""
    fnr, fpr = upper_rate(counts.fn, counts.n_in, tail), upper_rate(counts.fp, counts.n_out, tail)
    return max(0.0, float(-ndtri(fpr) - ndtri(fnr)))


def rounded_down(epsilon: float) -> float:
    """Return an epsilon less what solver and rates may be off by."""
    return max(0.0, epsilon - 1e-10 - 1e-12 * epsilon)
