"""The power of an audit with one canary and many trainings: from a leak to error rates to a bound from their counts."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betainccinv, ndtr, ndtri

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.clopper_pearson_bound import clopper_pearson
from privaudit.estimators.gaussian_dp_bound import gaussian_dp
from privaudit.estimators.gaussian_tradeoff import gaussian_mu
from privaudit.estimators.power_plan import (
    LARGEST_NUMBER,
    LEAK_WORDS,
    Leak,
    PowerPlan,
    check_question,
    least_epsilon,
    response_error,
    round_numbers,
)
from privaudit.estimators.privacy_region import rates_to_epsilon
from privaudit.types import ConfusionCounts, EpsilonEstimate, Validity

CountEstimator = Literal["clopper_pearson", "gaussian_dp"]
COUNT_ESTIMATORS: tuple[CountEstimator, ...] = ("clopper_pearson", "gaussian_dp")
VALIDITY = {"clopper_pearson": Validity.VALID, "gaussian_dp": Validity.IN_FAMILY}
GAME = "one canary, half of the trainings with it, every training independent"
THRESHOLD_WORDS = {
    "gaussian": "the threshold is fixed beforehand, half-way between the worlds",
    "randomised_response": "the rule that reads an answer is fixed beforehand",
}


def many_runs_power(
    n_per_world: int,
    *,
    epsilon: float | None,
    delta: float,
    confidence: float,
    claim: float = 0.0,
    estimator: CountEstimator = "clopper_pearson",
    leak: Leak = "gaussian",
    wanted_power: float = 0.8,
) -> PowerPlan:
    """Return what as many trainings with a canary as without would show.

    The power at a true epsilon is the probability that the bound exceeds the claim; it is exact at every number, by
    summing over all outcomes (but those with probability below 1e-12 in all).

    Args:
        n_per_world: independent trainings with the canary, and as many without, up to 5e5.
        epsilon: the assumed true epsilon at ``delta``, above the claim; ``None`` leaves out power and typical bound.
        delta: the delta of the true epsilon and of the bound; above 0 for the Gaussian leak.
        confidence: of the bound.
        claim: the epsilon that the bound is to exceed.
        estimator: ``clopper_pearson``, or ``gaussian_dp`` for a mechanism that is Gaussian.
        leak: the assumed shape of the leak.
        wanted_power: the power at which an epsilon counts as detectable.

    Raises:
        ConfigError: if an argument is out of range.
        UnsupportedError: if `gaussian_dp` is asked about a leak that is not Gaussian.

    Source: the bounds are those of `clopper_pearson` and `gaussian_dp`; the sum over outcomes is derived here.

    >>> plan = many_runs_power(1000, epsilon=10.0, delta=1e-5, confidence=0.95)
    >>> plan.n_trainings, round(plan.ceiling, 4), round(plan.typical, 2)
    (2000, 5.6006, 1.5)
    """
    blank = _blank(epsilon, delta, confidence, claim, estimator, leak, wanted_power)
    if not 1 <= n_per_world <= LARGEST_NUMBER // 2:
        raise ConfigError(
            f"trainings must be an even number from 2 to {LARGEST_NUMBER:,}, half of them with the canary; got "
            f"{2 * n_per_world}.",
            key="trainings",
        )
    ceiling = _bound(blank, n_per_world, 0).ceiling
    plan = replace(blank, n_trainings=2 * n_per_world, n_canaries=1, n_guesses=2 * n_per_world, ceiling=ceiling)

    def power_at(value: float) -> float:
        return _power(blank, n_per_world, _error_rate(leak, value, delta))

    detectable = least_epsilon(lambda value: power_at(value) >= wanted_power) if ceiling > claim else None
    reason = None if ceiling > claim else f"the ceiling of {ceiling:.3g} does not exceed the claim of {claim:g}"
    plan = replace(plan, detectable_epsilon=detectable, reason=reason)
    if epsilon is None:
        return plan
    low, below = _counts(n_per_world, _error_rate(leak, epsilon, delta))
    median = low + int(np.searchsorted(below, 0.5))
    return replace(plan, power=power_at(epsilon), typical=_bound(blank, n_per_world, median).lower)


def trainings_needed(
    *,
    epsilon: float,
    delta: float,
    confidence: float,
    claim: float = 0.0,
    estimator: CountEstimator = "clopper_pearson",
    leak: Leak = "gaussian",
    wanted_power: float = 0.8,
) -> PowerPlan:
    """Return the plan with enough trainings to show that a leak exceeds a claim.

    Args:
        epsilon: the assumed true epsilon at ``delta``, above the claim.
        delta: the delta of the true epsilon and of the bound; above 0 for the Gaussian leak.
        confidence: of the bound.
        claim: the epsilon that the bound is to exceed.
        estimator: ``clopper_pearson``, or ``gaussian_dp`` for a mechanism that is Gaussian.
        leak: the assumed shape of the leak.
        wanted_power: the probability with which the bound must exceed the claim.

    Returns:
        the plan at a number per world of two significant digits that suffices while the next smaller one does not;
        without numbers, but with the reason, if none up to 5e5 does.

    Raises:
        ConfigError: if an argument is out of range.
        UnsupportedError: if `gaussian_dp` is asked about a leak that is not Gaussian.

    Source: see `many_runs_power`.

    >>> trainings_needed(epsilon=2.0, delta=0.0, confidence=0.95, leak="randomised_response").n_trainings
    24
    """
    blank = _blank(epsilon, delta, confidence, claim, estimator, leak, wanted_power)
    rate = _error_rate(leak, epsilon, delta)
    numbers = [n for n in round_numbers(1) if n <= LARGEST_NUMBER // 2]
    low, high = -1, len(numbers) - 1
    if _power(blank, numbers[high], rate) < wanted_power:
        return replace(blank, reason=_why_none(blank, rate))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(blank, numbers[middle], rate) >= wanted_power else (middle, high)
    return many_runs_power(
        numbers[high],
        epsilon=epsilon,
        delta=delta,
        confidence=confidence,
        claim=claim,
        estimator=estimator,
        leak=leak,
        wanted_power=wanted_power,
    )


def _blank(
    epsilon: float | None,
    delta: float,
    confidence: float,
    claim: float,
    estimator: CountEstimator,
    leak: Leak,
    wanted_power: float,
) -> PowerPlan:
    check_question(
        epsilon=epsilon, delta=delta, confidence=confidence, claim=claim, wanted_power=wanted_power, leak=leak
    )
    if estimator not in COUNT_ESTIMATORS:
        raise ConfigError(
            f"estimator must be one of {', '.join(COUNT_ESTIMATORS)}; got {estimator!r}.", key="estimator"
        )
    if estimator == "gaussian_dp" and leak != "gaussian":
        raise UnsupportedError(
            f"gaussian_dp says nothing about a mechanism that is not Gaussian; got the leak {leak}. Use clopper_pearson."
        )
    family = ("gaussian_dp holds for Gaussian mechanisms only",) if estimator == "gaussian_dp" else ()
    return PowerPlan(
        game="many_runs",
        estimator=estimator,
        leak=leak,
        delta=delta,
        confidence=confidence,
        claim=claim,
        wanted_power=wanted_power,
        epsilon=epsilon,
        validity=VALIDITY[estimator],
        assumptions=(GAME, LEAK_WORDS[leak], THRESHOLD_WORDS[leak], *family),
    )


def _error_rate(leak: Leak, epsilon: float, delta: float) -> float:
    """Return the chance of a wrong answer, the same in both worlds."""
    if leak == "randomised_response":
        return response_error(epsilon, delta)
    return float(ndtr(-gaussian_mu(epsilon, delta) / 2.0))


def _bound(plan: PowerPlan, n: int, wrong: int) -> EpsilonEstimate:
    """Return the bound where as many answers are wrong in either world."""
    counts = ConfusionCounts(tp=n - wrong, fn=wrong, fp=wrong, tn=n - wrong)
    bound = gaussian_dp if plan.estimator == "gaussian_dp" else clopper_pearson
    return bound(counts, delta=plan.delta, confidence=plan.confidence)


def _power(plan: PowerPlan, n: int, rate: float) -> float:
    """Return the probability that the bound exceeds the claim, over the outcomes of both worlds.

    The bound falls with either number of errors, so beside each number of false negatives the false positives that are
    few enough are those up to some number.
    """
    low, below = _counts(n, rate)
    wrong = low + np.arange(len(below))
    tail = (1.0 - plan.confidence) / 2.0
    upper = np.where(wrong == n, 1.0, betainccinv(wrong + 1.0, np.maximum(n - wrong, 1.0), tail))
    n_few = np.searchsorted(upper, _largest_rate(plan, upper))
    reached = np.where(n_few > 0, below[np.maximum(n_few, 1) - 1], 0.0)
    return min(1.0, float(np.diff(below, prepend=0.0) @ reached))


def _counts(n: int, rate: float) -> tuple[int, NDArray[np.float64]]:
    """Return the probabilities of at most low, low + 1, ... errors: all but 1e-13 of the binomial law."""
    spread = 8.0 * math.sqrt(n * rate * (1.0 - rate)) + 30.0
    low, high = max(0, math.floor(n * rate - spread)), min(n, math.ceil(n * rate + spread))
    return low, np.asarray(bdtr(np.arange(low, high + 1), n, rate), dtype=np.float64)


def _largest_rate(plan: PowerPlan, other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the end of one rate below which, with this end of the other, the bound exceeds the claim."""
    if plan.estimator == "gaussian_dp":
        return np.asarray(ndtr(-ndtri(other) - gaussian_mu(plan.claim, plan.delta)))
    most = 1.0 - plan.delta
    steep = most - other * math.exp(min(plan.claim, 700.0))
    return np.asarray(np.maximum((most - other) * math.exp(-plan.claim), steep))


def _why_none(plan: PowerPlan, rate: float) -> str:
    limit = rates_to_epsilon(rate, rate, plan.delta) if plan.estimator == "clopper_pearson" else math.inf
    if limit <= plan.claim:
        return (
            f"{100 * rate:.3g} % of the answers are wrong at this threshold, which shows {limit:.3g} at most, however many "
            "trainings there are"
        )
    return f"no number up to {LARGEST_NUMBER:,} trainings suffices: the true epsilon is too near the claim"
