"""Epsilon of a DP-SGD run whose single steps were audited: from error rates to noise, from noise to epsilon.

The score of one step is N(0, sigma^2) without the canary; with it, which each batch holds with probability q, it is
N(1, sigma^2) with probability q and N(0, sigma^2) else. The likelihood ratio rises with the score, so the best attacks
are thresholds, and their rates obey TPR = (1 - q) FPR + q Phi(Phi^-1(FPR) + 1 / sigma). FPR belongs to the world
without the canary, FNR to the one with it, whichever of the two is called the null: one curve serves both.
"""

import math

from scipy.special import ndtri

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.gaussian_dp_bound import rounded_down
from privaudit.estimators.gaussian_tradeoff import check_gaussian_delta, gaussian_epsilon
from privaudit.estimators.privacy_loss import optimistic_privacy_loss
from privaudit.estimators.rate_rectangle import count_diagnostics, flawless
from privaudit.estimators.rates import upper_rate
from privaudit.types import ConfusionCounts, DpSgdParams, EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_probability

ASSUMPTIONS = (
    "each outcome comes from an independent step; nothing but noise and the canary moves the score",
    "the threshold was fixed before these outcomes were seen",
    "every step holds the canary with probability sample_rate, at the full clipping norm, and adds Gaussian noise",
    "all steps of the run have the noise of the audited ones",
)
ROUNDING = 1e-12  # relative, of a rate
REFUTED = (
    "no noise at this sample rate allows these outcomes: at the stated confidence the steps are not subsampled as "
    "stated, and the infinite bound says that, not how large epsilon is"
)


def inverse_noise(fpr: float, fnr: float, sample_rate: float) -> float:
    """Return 1 / sigma of the subsampled Gaussian step whose best attack has these error rates.

    Args:
        fpr: false positive rate, in the world without the canary.
        fnr: false negative rate, in the world whose batches may hold it.
        sample_rate: probability q with which a batch holds the canary.

    Returns:
        the inverse of the noise multiplier; 0 for an attack at or below chance, ``math.inf`` where no noise
        multiplier above 0 allows the rates, since whoever misses the batch cannot be told apart.

    Raises:
        ConfigError: if a rate is out of range.

    Source: Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023 (the audit);
        the closed form is derived here.

    >>> round(inverse_noise(0.05, 0.6, 0.5), 6)
    2.319343
    >>> inverse_noise(0.01, 0.4, 0.5)
    inf
    """
    check_probability("fpr", fpr, open_ends=False)
    check_probability("fnr", fnr, open_ends=False)
    _check_sample_rate(sample_rate)
    if fpr + fnr >= 1.0:
        return 0.0
    missed = (fnr - (1.0 - sample_rate) * (1.0 - fpr)) / sample_rate  # FNR of steps that hold the canary
    if missed <= 0.0 or fpr == 0.0:
        return math.inf
    return max(0.0, float(-ndtri(missed) - ndtri(fpr)))


def _check_sample_rate(sample_rate: float) -> None:
    if not 0.0 < sample_rate <= 1.0:
        raise ConfigError(f"sample_rate must lie in (0, 1]; got {sample_rate}.", key="sample_rate")


def subsampled_gaussian_step(
    counts: ConfusionCounts,
    *,
    sample_rate: float,
    steps: int,
    delta: float,
    confidence: float,
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Bound the epsilon of a run of DP-SGD from the outcomes of an attack on its single steps.

    Args:
        counts: outcomes of single steps, without and with the canary among the records that batches are drawn from.
        sample_rate: probability q with which a batch holds the canary.
        steps: number of steps of the run that the bound is for.
        delta: the delta of the claim, in (0, 1).
        confidence: chance that the bound holds, at every sample size; half the error per rate.
        neighbouring: ``ADD_REMOVE`` or ``None``, which is taken for it.

    Returns:
        the estimate, of validity ``in_family``, with ``inverse_noise`` and ``noise_multiplier`` in its diagnostics;
        ``math.inf`` with an assumption that says why where the outcomes refute the family. So is the ceiling, where
        outcomes without an error would.

    Raises:
        ConfigError: if an argument is out of range; a Gaussian mechanism has no epsilon at delta 0.
        UnsupportedError: for other relations.

    Source: Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023.

    >>> counts = ConfusionCounts(tp=380, fn=620, fp=60, tn=940)
    >>> estimate = subsampled_gaussian_step(counts, sample_rate=0.5, steps=1, delta=1e-5, confidence=0.95)
    >>> round(estimate.diagnostics["inverse_noise"], 4), round(estimate.lower, 1)
    (1.7421, 7.5)
    """
    check_gaussian_delta(delta)
    _check_game(sample_rate, steps, neighbouring)
    tail = (1.0 - check_probability("confidence", confidence)) / 2
    inverse = least_inverse_noise(counts, sample_rate, tail)
    best = least_inverse_noise(flawless(counts), sample_rate, tail)
    return EpsilonEstimate(
        method="subsampled_gaussian_step",
        kind=EstimateKind.LOWER_BOUND,
        lower=epsilon_below(inverse, sample_rate, int(steps), delta),
        delta=delta,
        confidence=confidence,
        neighbouring=Neighbouring.ADD_REMOVE,
        n_in=counts.n_in,
        n_out=counts.n_out,
        ceiling=epsilon_below(best, sample_rate, int(steps), delta),
        validity=Validity.IN_FAMILY,
        assumptions=(*ASSUMPTIONS, REFUTED) if math.isinf(inverse) else ASSUMPTIONS,
        diagnostics={
            **count_diagnostics(counts),
            "inverse_noise": inverse,
            "noise_multiplier": 1.0 / inverse if inverse > 0.0 else math.inf,
            "sample_rate": sample_rate,
            "steps": int(steps),
        },
    )


def check_steps(sample_rate: float, steps: int) -> None:
    """Refuse a sample rate or a number of steps that there cannot be.

    Raises:
        ConfigError: names it.
    """
    _check_sample_rate(sample_rate)
    if not (1 <= steps < math.inf and steps == int(steps)):
        raise ConfigError(f"steps must be a whole number of at least 1; got {steps}.", key="steps")


def _check_game(sample_rate: float, steps: int, neighbouring: Neighbouring | None) -> None:
    check_steps(sample_rate, steps)
    if neighbouring not in (None, Neighbouring.ADD_REMOVE):
        raise UnsupportedError(
            f"subsampled_gaussian_step audits a canary that batches may hold or not (add_remove); got {neighbouring!s}. "
            "Use clopper_pearson for other relations."
        )


def least_inverse_noise(counts: ConfusionCounts, sample_rate: float, tail: float) -> float:
    """Return the inverse noise at the upper ends of both error rates: more errors of either kind mean more noise.

    The ends are rounded up first, because a small sample rate magnifies the last digits of FNR.
    """
    ends = upper_rate(counts.fp, counts.n_out, tail), upper_rate(counts.fn, counts.n_in, tail)
    fpr, fnr = (min(1.0, end * (1.0 + ROUNDING)) for end in ends)
    return inverse_noise(fpr, fnr, sample_rate)


def epsilon_below(inverse: float, sample_rate: float, steps: int, delta: float) -> float:
    """Return the epsilon of so many steps at this noise, by a distribution of losses that leaks no more than they do."""
    if inverse == 0.0 or math.isinf(inverse):
        return inverse
    if sample_rate == 1.0:  # Gaussian steps compose to a Gaussian mechanism
        return rounded_down(gaussian_epsilon(inverse * math.sqrt(steps), delta))
    params = DpSgdParams(noise_multiplier=1.0 / inverse, sample_rate=sample_rate, steps=steps)
    epsilon = optimistic_privacy_loss(params, Neighbouring.ADD_REMOVE).get_epsilon_for_delta(delta)
    return rounded_down(epsilon)
