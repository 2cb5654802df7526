"""A bound on the epsilon of a Gaussian mechanism from one training run, by guesses about independent fair coins."""

import math
from functools import lru_cache
from statistics import NormalDist

from privaudit.estimators.gaussian_dp_bound import rounded_down
from privaudit.estimators.gaussian_tradeoff import check_gaussian_delta, gaussian_epsilon
from privaudit.estimators.guesses import GUESS_ASSUMPTIONS, check_guess_counts
from privaudit.types import EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_probability

ASSUMPTIONS = (*GUESS_ASSUMPTIONS, "the whole run is mu-Gaussian for some mu")
TOLERANCE = 1e-10


def fdp_one_run(
    n_canaries: int,
    n_guesses: int,
    n_correct: int,
    *,
    delta: float,
    confidence: float,
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Bound the epsilon of a Gaussian mechanism by the guesses that came true in one training run.

    What the guesses refute is that the run is mu-Gaussian for a smaller mu; only for a mechanism that is Gaussian does
    this bound epsilon.

    Args:
        n_canaries: canaries whose membership was drawn by independent fair coins, guessed about or not.
        n_guesses: canaries about which a guess was made; the number is fixed beforehand.
        n_correct: guesses that were right.
        delta: the delta at which epsilon is stated, in (0, 1).
        confidence: probability with which the bound holds, in (0, 1).
        neighbouring: the relation that the coins realise, ``None`` = not stated.

    Returns:
        the estimate, of validity ``in_family``; the lower end of mu is ``diagnostics["mu"]``, the ceiling is the bound
        had every guess been right.

    Raises:
        ConfigError: if the counts do not nest, or delta or the confidence is not legal; a Gaussian mechanism has no
            epsilon at delta 0.

    Source: Mahloujifar, Melis, Chaudhuri, "Auditing f-Differential Privacy in One Run", 2024: its recursion,
        for the Gaussian trade-off function.

    >>> estimate = fdp_one_run(1000, 100, 95, delta=1e-5, confidence=0.95)
    >>> round(estimate.diagnostics["mu"], 5), round(estimate.lower, 4)
    (0.78681, 3.3233)
    """
    check_guess_counts("fdp_one_run", n_canaries, n_guesses, n_correct)
    check_gaussian_delta(delta)
    alpha = 1.0 - check_probability("confidence", confidence)
    mu = _largest_rejected(n_canaries, n_guesses, n_correct, alpha)
    best = _largest_rejected(n_canaries, n_guesses, n_guesses, alpha)
    return EpsilonEstimate(
        method="fdp_one_run",
        kind=EstimateKind.LOWER_BOUND,
        lower=rounded_down(gaussian_epsilon(mu, delta)),
        delta=delta,
        confidence=confidence,
        neighbouring=neighbouring,
        ceiling=rounded_down(gaussian_epsilon(best, delta)),
        validity=Validity.IN_FAMILY,
        assumptions=ASSUMPTIONS,
        diagnostics={
            "mu": mu,
            "n_canaries": n_canaries,
            "n_guesses": n_guesses,
            "n_correct": n_correct,
            "n_abstained": n_canaries - n_guesses,
        },
    )


@lru_cache(maxsize=4096)  # the ceiling of many audits of one size is one number
def _largest_rejected(n_canaries: int, n_guesses: int, n_correct: int, alpha: float) -> float:
    """Return the mu up to which every mu is rejected, rounded down.

    By bisection: next to the root the recursion either dies or blows up, which leaves interpolation nothing to go by,
    and both happen within few steps.
    """
    game = n_canaries, n_guesses, n_correct, alpha
    if not is_rejected(*game, mu=0.0):
        return 0.0
    low, high = 0.0, 1.0
    while is_rejected(*game, mu=high):
        low, high = high, 2.0 * high
    while high - low > TOLERANCE:
        middle = (low + high) / 2.0
        low, high = (middle, high) if is_rejected(*game, mu=middle) else (low, middle)
    return max(0.0, low - TOLERANCE)


def is_rejected(m: int, r: int, v: int, alpha: float, *, mu: float) -> bool:
    """Return whether v of r right guesses about m canaries have chance below ``alpha`` under mu-Gaussian privacy.

    ``right`` and ``wrong`` are the least probabilities, per canary, of a right and of a wrong guess beside at least i
    right ones in all, if at least v had chance alpha; beyond r/m they are impossible. Every ``share`` falls as mu
    grows, and ``right`` is a sum of them with weights i/(r-i) - (i-1)/(r-i+1) > 0, so the rejected mu are an interval
    from 0.
    """
    inverse, erfc, root_half = NormalDist().inv_cdf, math.erfc, math.sqrt(0.5)
    right, wrong, limit = alpha * v / m, alpha * (r - v) / m, r / m
    for i in range(v - 1, -1, -1):
        share = 0.5 * erfc((mu - inverse(right)) * root_half)
        if share <= wrong:
            return False
        right += i / (r - i) * (share - wrong)
        wrong = share
        if right + wrong > limit or right >= 1.0:
            return True
    return False
