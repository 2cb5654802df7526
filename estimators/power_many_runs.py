"""The power of an audit with one canary and many trainings: from a leak to error rates to a bound from their counts."""

from dataclasses import replace
from typing import Literal

import numpy as np

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.clopper_pearson_bound import clopper_pearson
from privaudit.estimators.gaussian_dp_bound import gaussian_dp
from privaudit.estimators.power_counts import Rates, chance_to_exceed, count_law
from privaudit.estimators.power_plan import (
    LARGEST_EPSILON,
    LARGEST_NUMBER,
    LEAK_WORDS,
    RESOLUTION,
    Leak,
    PowerPlan,
    check_question,
    least_epsilon,
    round_numbers,
)
from privaudit.estimators.power_threshold import RULES, error_rates, threshold_of, with_threshold
from privaudit.types import ConfusionCounts, EpsilonEstimate, Validity

CountEstimator = Literal["clopper_pearson", "gaussian_dp"]
COUNT_ESTIMATORS: tuple[CountEstimator, ...] = ("clopper_pearson", "gaussian_dp")
VALIDITY = {"clopper_pearson": Validity.VALID, "gaussian_dp": Validity.IN_FAMILY}
GAME = "one canary, half of the trainings with it, every training independent"
FAMILY = {"clopper_pearson": (), "gaussian_dp": ("gaussian_dp holds for Gaussian mechanisms only",)}


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

    With Gaussian scores every number holds at one threshold, fixed for the assumed true epsilon or, where none is
    stated, for the detectable one: `threshold_to_fix` for ``clopper_pearson``, half-way for ``gaussian_dp``. The power
    is the probability that the bound exceeds the claim; it is exact, by summing over all outcomes (but those with
    probability below 1e-12 in all).

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
    (2000, 5.6006, 3.14)
    """
    blank = _blank(epsilon, delta, confidence, claim, estimator, leak, wanted_power)
    if not 1 <= n_per_world <= LARGEST_NUMBER // 2:
        raise ConfigError(
            f"trainings must be an even number from 2 to {LARGEST_NUMBER:,}, half of them with the canary; got "
            f"{2 * n_per_world}.",
            key="trainings",
        )
    ceiling = _bound(blank, n_per_world, 0, 0).ceiling
    plan = replace(blank, n_trainings=2 * n_per_world, n_canaries=1, n_guesses=2 * n_per_world, ceiling=ceiling)
    threshold = None if epsilon is None else threshold_of(blank, n_per_world, epsilon)
    if ceiling <= claim:
        plan = replace(plan, reason=_why_out_of_reach(blank, ceiling))
    else:
        detectable, threshold = _detectable(blank, n_per_world, threshold)
        reason = (
            "no leak, however large, is found with the wanted power at this threshold" if detectable is None else None
        )
        plan = replace(plan, detectable_epsilon=detectable, reason=reason)
    plan = with_threshold(plan, threshold)
    if epsilon is None:
        return plan
    rates = error_rates(blank, epsilon, threshold)
    return replace(plan, power=chance_to_exceed(blank, n_per_world, rates), typical=_typical(blank, n_per_world, rates))


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
    half = _fewest(blank, epsilon)
    if half is None:
        return replace(blank, reason=_why_none(blank, epsilon))
    return many_runs_power(
        half,
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
        assumptions=(GAME, LEAK_WORDS[leak], RULES[leak], *FAMILY[estimator]),
    )


def _detectable(plan: PowerPlan, n: int, threshold: float | None) -> tuple[float | None, float | None]:
    """Return the least epsilon with the wanted power, and the threshold; without one, that to fix for this epsilon."""

    def passes(epsilon: float, at: float | None) -> bool:
        return chance_to_exceed(plan, n, error_rates(plan, epsilon, at)) >= plan.wanted_power

    if threshold is None:
        found = least_epsilon(lambda epsilon: passes(epsilon, threshold_of(plan, n, epsilon)))
        threshold = None if found is None else threshold_of(plan, n, found)
        if found is None or not passes(found * (1.0 - 2.0 * RESOLUTION), threshold):
            return found, threshold
    return least_epsilon(lambda epsilon: passes(epsilon, threshold)), threshold


def _fewest(plan: PowerPlan, epsilon: float) -> int | None:
    """Return a number per world at which so large a leak exceeds the claim with the wanted power."""

    def suffices(n: int) -> bool:
        rates = error_rates(plan, epsilon, threshold_of(plan, n, epsilon))
        return chance_to_exceed(plan, n, rates) >= plan.wanted_power

    numbers = [n for n in round_numbers(1) if n <= LARGEST_NUMBER // 2]
    low, high = -1, len(numbers) - 1
    if not suffices(numbers[high]):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(numbers[middle]) else (middle, high)
    return numbers[high]


def _bound(plan: PowerPlan, n: int, fp: int, fn: int) -> EpsilonEstimate:
    counts = ConfusionCounts(tp=n - fn, fn=fn, fp=fp, tn=n - fp)
    bound = gaussian_dp if plan.estimator == "gaussian_dp" else clopper_pearson
    return bound(counts, delta=plan.delta, confidence=plan.confidence)


def _typical(plan: PowerPlan, n: int, rates: Rates) -> float:
    fp, fn = (low + int(np.searchsorted(below, 0.5)) for low, below in (count_law(n, rate) for rate in rates))
    return _bound(plan, n, fp, fn).lower


def _why_out_of_reach(plan: PowerPlan, ceiling: float) -> str:
    half = _fewest(plan, LARGEST_EPSILON)
    return (
        f"the ceiling of {ceiling:.3g} does not exceed the claim of {plan.claim:g}, even with every answer right; "
        + (
            f"{2 * half:,} trainings are about the least that can do it"
            if half
            else f"no number up to {LARGEST_NUMBER:,} trainings can do it"
        )
    )


def _why_none(plan: PowerPlan, epsilon: float) -> str:
    half = LARGEST_NUMBER // 2
    rates = error_rates(plan, epsilon, threshold_of(plan, half, epsilon))
    return (
        f"no number up to {LARGEST_NUMBER:,} trainings suffices; with so many the typical bound is "
        f"{_typical(plan, half, rates):.3g} and the power {chance_to_exceed(plan, half, rates):.3f}"
    )
