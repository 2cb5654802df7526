"""The power of an audit with many canaries in one training: from a leak to right guesses to the one-run bound."""

import math
from dataclasses import replace

import numpy as np

from privaudit.errors import ConfigError
from privaudit.estimators.gaussian_tradeoff import gaussian_mu
from privaudit.estimators.guesses import default_share
from privaudit.estimators.one_run_bound import one_run
from privaudit.estimators.power_guesses import Law, chance_of_errors, gaussian_error_rates, most_errors
from privaudit.estimators.power_plan import (
    LARGEST_EPSILON,
    LARGEST_NUMBER,
    LEAK_WORDS,
    Leak,
    PowerPlan,
    check_question,
    least_epsilon,
    response_error,
    round_numbers,
)
from privaudit.estimators.power_rejection import exceeds, least_correct
from privaudit.types import Validity

GUESSES = {
    "gaussian": "the highest scores are guessed members, as many of the lowest non-members; their share is fixed beforehand",
    # Forcing equal numbers of both guesses would make the surplus answers wrong ones.
    "randomised_response": "as many canaries as there are guesses are named beforehand, and guessed as each answer says",
}
COINS = "every canary is in the training set by its own fair coin, and the leak is the same for each"


def one_run_power(
    n_canaries: int,
    *,
    epsilon: float | None,
    delta: float,
    confidence: float,
    claim: float = 0.0,
    share: float | None = None,
    leak: Leak = "gaussian",
    wanted_power: float = 0.8,
) -> PowerPlan:
    """Return what guesses about canaries in one training would show.

    The power at a true epsilon is the probability that the bound exceeds the claim.

    Args:
        n_canaries: canaries with coins, from 2 to 1e6.
        epsilon: the assumed true epsilon at ``delta``, above the claim; ``None`` leaves out power and typical bound.
        delta: the delta of the true epsilon and of the bound; above 0 for the Gaussian leak.
        confidence: of the bound.
        claim: the epsilon that the bound is to exceed.
        share: share of the canaries to guess about, in (0, 1]; ``None`` = `default_share`.
        leak: the assumed shape of the leak.
        wanted_power: the power at which an epsilon counts as detectable.

    Raises:
        ConfigError: if an argument is out of range.

    Source: the bound is that of Steinke, Nasr, Jagielski, NeurIPS 2023, theorem 5.2; the law of the guesses is derived
        here from order statistics.

    >>> plan = one_run_power(1000, epsilon=10.0, delta=1e-5, confidence=0.95)
    >>> plan.n_guesses, round(plan.typical, 1)
    (200, 3.4)
    """
    blank = _blank(epsilon, delta, confidence, claim, share, leak, wanted_power)
    if not 2 <= n_canaries <= LARGEST_NUMBER:
        raise ConfigError(f"canaries must be from 2 to {LARGEST_NUMBER:,}; got {n_canaries}.", key="canaries")
    used = _share(blank, n_canaries)
    each_side = _each_side(n_canaries, used)
    guesses = 2 * each_side
    plan = replace(
        blank,
        n_trainings=1,
        n_canaries=n_canaries,
        share=used,
        n_guesses=guesses,
        ceiling=one_run(n_canaries, guesses, guesses, delta=delta, confidence=confidence).ceiling,
    )
    needed = least_correct(n_canaries, guesses, claim, delta, confidence)

    def power_at(value: float) -> float:
        return (
            0.0
            if needed is None
            else chance_of_errors(guesses - needed, guesses, _law(n_canaries, each_side, leak, value, delta))
        )

    detectable = None if needed is None else least_epsilon(lambda value: power_at(value) >= wanted_power)
    plan = replace(plan, detectable_epsilon=detectable)
    if detectable is None:
        plan = replace(plan, reason=_why_undetectable(plan, blank, is_reachable=needed is not None))
    if epsilon is None:
        return plan
    law = _law(n_canaries, each_side, leak, epsilon, delta)
    correct = guesses - most_errors(guesses, law, 0.5)
    typical = one_run(n_canaries, guesses, correct, delta=delta, confidence=confidence).lower
    return replace(plan, power=power_at(epsilon), typical=typical)


def canaries_needed(
    *,
    epsilon: float,
    delta: float,
    confidence: float,
    claim: float = 0.0,
    share: float | None = None,
    leak: Leak = "gaussian",
    wanted_power: float = 0.8,
) -> PowerPlan:
    """Return the plan with the fewest canaries at which one training shows that a leak exceeds a claim.

    Args:
        epsilon: the assumed true epsilon at ``delta``, above the claim.
        delta: the delta of the true epsilon and of the bound; above 0 for the Gaussian leak.
        confidence: of the bound.
        claim: the epsilon that the bound is to exceed.
        share: share of the canaries to guess about, in (0, 1]; ``None`` = `default_share`.
        leak: the assumed shape of the leak.
        wanted_power: the probability with which the bound must exceed the claim.

    Returns:
        the plan at the first number of two significant digits that suffices; without numbers, but with the reason, if
        none up to 1e6 does. More canaries are not always better: the delta term of the bound grows with them.

    Raises:
        ConfigError: if an argument is out of range.

    Source: see `one_run_power`.

    >>> canaries_needed(epsilon=2.0, delta=0.0, confidence=0.95, leak="randomised_response").n_canaries
    60
    """
    blank = _blank(epsilon, delta, confidence, claim, share, leak, wanted_power)
    n_canaries = _fewest(blank, epsilon)
    if n_canaries is None:
        return replace(blank, reason=_why_none(blank, epsilon))
    return one_run_power(
        n_canaries,
        epsilon=epsilon,
        delta=delta,
        confidence=confidence,
        claim=claim,
        share=share,
        leak=leak,
        wanted_power=wanted_power,
    )


def _fewest(plan: PowerPlan, epsilon: float) -> int | None:
    """Return the first number of canaries at which so large a leak exceeds the claim with the wanted power."""
    for n_canaries in round_numbers(2):
        each_side = _each_side(n_canaries, _share(plan, n_canaries))
        law = _law(n_canaries, each_side, plan.leak, epsilon, plan.delta)
        correct = 2 * each_side - most_errors(2 * each_side, law, plan.wanted_power)
        if exceeds(n_canaries, 2 * each_side, correct, plan.claim, plan.delta, plan.confidence):
            return n_canaries
    return None


def _blank(
    epsilon: float | None,
    delta: float,
    confidence: float,
    claim: float,
    share: float | None,
    leak: Leak,
    wanted_power: float,
) -> PowerPlan:
    check_question(
        epsilon=epsilon, delta=delta, confidence=confidence, claim=claim, wanted_power=wanted_power, leak=leak
    )
    if share is not None and not 0.0 < share <= 1.0:
        raise ConfigError(
            f"share must lie in (0, 1]; got {share}. The default is 0.2, above 2,000 canaries 0.1.", key="share"
        )
    return PowerPlan(
        game="one_run",
        estimator="one_run",
        leak=leak,
        delta=delta,
        confidence=confidence,
        claim=claim,
        wanted_power=wanted_power,
        epsilon=epsilon,
        share=share,
        validity=Validity.VALID,
        assumptions=(COINS, LEAK_WORDS[leak], GUESSES[leak]),
    )


def _share(plan: PowerPlan, n_canaries: int) -> float:
    return default_share(n_canaries) if plan.share is None else plan.share


def _each_side(n_canaries: int, share: float) -> int:
    """The rule of `two_sided_guesses`."""
    return max(1, int(share * n_canaries / 2))


def _law(m: int, each_side: int, leak: Leak, epsilon: float, delta: float) -> Law:
    if leak == "randomised_response":
        return np.ones(1), np.array([response_error(epsilon, delta)])
    return gaussian_error_rates(m, each_side, gaussian_mu(epsilon, delta))


def _why_undetectable(plan: PowerPlan, asked: PowerPlan, *, is_reachable: bool) -> str:
    if is_reachable:
        return "no leak makes enough guesses right: so large a share forces as many guesses either way; lower the share"
    other = _fewest(asked, LARGEST_EPSILON)
    return (
        f"the ceiling of {plan.ceiling:.3g} does not exceed the claim of {plan.claim:g}, even with every guess right; "
        + (
            f"{other:,} canaries are about the least that can do it"
            if other
            else f"no number up to {LARGEST_NUMBER:,} canaries can do it, however large the leak"
        )
    )


def _why_none(plan: PowerPlan, epsilon: float) -> str:
    each_side = _each_side(LARGEST_NUMBER, _share(plan, LARGEST_NUMBER))
    weights, rates = _law(LARGEST_NUMBER, each_side, plan.leak, epsilon, plan.delta)
    rate = float(weights @ rates)
    limit = math.log((1.0 - rate) / rate) if rate > 0.0 else math.inf
    if limit <= plan.claim:
        return (
            f"{100 * rate:.3g} % of the guesses are wrong, which shows {max(limit, 0.0):.3g} at most, however many there "
            "are; guess about a smaller share"
        )
    guesses = {n_canaries: 2 * _each_side(n_canaries, _share(plan, n_canaries)) for n_canaries in round_numbers(2)}
    if any(exceeds(n, right, right, plan.claim, plan.delta, plan.confidence) for n, right in guesses.items()):
        return (
            f"no number up to {LARGEST_NUMBER:,} canaries suffices: the true epsilon is too near the claim, and the "
            "delta term of the bound grows with the canaries"
        )
    return (
        f"no number up to {LARGEST_NUMBER:,} canaries was found whose ceiling exceeds the claim, even with every guess "
        "right: the delta term of the bound grows with the canaries; guess about a larger share or state a smaller delta"
    )
