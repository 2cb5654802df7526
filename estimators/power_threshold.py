"""The threshold to fix beforehand for independent trainings whose scores are Gaussian."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from privaudit.estimators.gaussian_tradeoff import gaussian_mu
from privaudit.estimators.power_counts import Rates, upper_rates
from privaudit.estimators.power_plan import PowerPlan, response_error

FPRS = np.array(
    [float(f"{digit}e-{power}") for power in range(12, 1, -1) for digit in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]
    + [percent / 100 for percent in range(10, 51)]
)
LEAST_RATIO = 1e-300
RULES = {
    "gaussian": "the threshold is fixed beforehand",
    "randomised_response": "the rule that reads an answer is fixed beforehand",
}
WHERE = {
    "clopper_pearson": "where the bound is largest for the assumed leak, number and power",
    "gaussian_dp": "half-way between the worlds",
}


def threshold_to_fix(n_per_world: int, mu: float, *, delta: float, confidence: float, wanted_power: float) -> float:
    """Return the threshold, on a grid of round FPRs, whose Clopper-Pearson bound is largest where luck is poor.

    Poor luck is what happens with the complement of the wanted power: the bound at the expected counts, less its drops
    when either count is as much above its mean as such a normal variable would be, root of the summed squares. That
    depends on what is assumed and on no outcome. An FPR above 1/2 is left out: the worlds mirror each other.

    Args:
        n_per_world: trainings with the canary, and as many without.
        mu: scores are N(mu, 1) with the canary and N(0, 1) without.
        delta: the delta of the bound.
        confidence: of the bound.
        wanted_power: the probability with which the bound should be reached.

    Returns:
        the score from which on the answer is "with".

    Source: derived here from the bound of `clopper_pearson`.

    >>> threshold = threshold_to_fix(5000, 2.0, delta=1e-5, confidence=0.95, wanted_power=0.8)
    >>> round(float(ndtr(-threshold)), 6)
    0.0006
    """
    thresholds = -ndtri(FPRS)
    quantile = float(ndtri(wanted_power))
    tail = (1.0 - confidence) / 2.0
    fpr, high_fpr = _expected_and_high(FPRS, n_per_world, quantile, tail)
    fnr, high_fnr = _expected_and_high(ndtr(thresholds - mu), n_per_world, quantile, tail)
    expected = _log_ratio(fpr, fnr, delta)
    drop = np.hypot(expected - _log_ratio(high_fpr, fnr, delta), expected - _log_ratio(fpr, high_fnr, delta))
    return float(thresholds[np.argmax(expected - math.copysign(1.0, quantile) * drop)])


def _expected_and_high(
    rate: NDArray[np.float64], n: int, quantile: float, tail: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the upper ends of rates at the expected count, and where that is so many deviations higher."""
    high = np.clip(n * rate + quantile * np.sqrt(n * rate * (1.0 - rate)), 0.0, n)
    return upper_rates(n * rate, n, tail), upper_rates(high, n, tail)


def _log_ratio(fpr: NDArray[np.float64], fnr: NDArray[np.float64], delta: float) -> NDArray[np.float64]:
    """Return the bound from the upper ends of both rates, below 0 where there is none: that still ranks thresholds."""
    ratio = np.maximum((1.0 - fnr - delta) / fpr, (1.0 - fpr - delta) / fnr)
    return np.asarray(np.log(np.maximum(ratio, LEAST_RATIO)))


def threshold_of(plan: PowerPlan, n_per_world: int, epsilon: float) -> float | None:
    """Return the threshold to fix if this is assumed to be the true epsilon, ``None`` if answers are no scores.

    Args:
        plan: with estimator, leak, delta, confidence and wanted power.
        n_per_world: trainings with the canary, and as many without.
        epsilon: the assumed true epsilon.
    """
    if plan.leak != "gaussian":
        return None
    mu = gaussian_mu(epsilon, plan.delta)
    if plan.estimator == "gaussian_dp":
        return mu / 2.0
    return threshold_to_fix(
        n_per_world, mu, delta=plan.delta, confidence=plan.confidence, wanted_power=plan.wanted_power
    )


def with_threshold(plan: PowerPlan, threshold: float | None) -> PowerPlan:
    """Return the plan with the FPR of its threshold, if it has one, also in its assumptions.

    Args:
        plan: what is planned.
        threshold: the score from which on the answer is "with".
    """
    if threshold is None:
        return plan
    fpr = float(f"{ndtr(-threshold):.10g}")  # a round number of the grid stays round
    rule = RULES["gaussian"]
    words = f"{plan.estimator}: {rule}, at an FPR of {fpr:.2g}, {WHERE[plan.estimator]}"
    return replace(plan, fpr=fpr, assumptions=tuple(words if line == rule else line for line in plan.assumptions))


def error_rates(plan: PowerPlan, epsilon: float, threshold: float | None) -> Rates:
    """Return how often an answer is wrong without and with the canary.

    Args:
        plan: with leak and delta.
        epsilon: the true epsilon.
        threshold: from `threshold_of`.
    """
    if threshold is None:
        return (response_error(epsilon, plan.delta),) * 2
    return float(ndtr(-threshold)), float(ndtr(threshold - gaussian_mu(epsilon, plan.delta)))
