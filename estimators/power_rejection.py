"""How many guesses must be right for the one-run bound to exceed a claim."""

from functools import lru_cache

import numpy as np
from scipy.special import betaincc, expit

from privaudit.estimators.one_run_bound import ROOT_TOLERANCE, one_run, one_run_p_value

N_WINDOWS = 64
DUST = 1e-9  # how far a bound on a p-value may be off by rounding


@lru_cache(maxsize=256)  # the plans of all leaks ask the same
def least_correct(n_canaries: int, n_guesses: int, claim: float, delta: float, confidence: float) -> int | None:
    """Return the fewest right guesses at which the bound exceeds the claim, ``None`` if even all do not.

    Args:
        n_canaries: canaries with coins.
        n_guesses: guesses made.
        claim: the epsilon to exceed.
        delta: the delta of the bound.
        confidence: of the bound.

    Source: see `one_run`.

    >>> least_correct(1000, 100, 2.165, 1e-5, 0.95), least_correct(10, 2, 0.0, 1e-5, 0.95)
    (95, None)
    """
    if not exceeds(n_canaries, n_guesses, n_guesses, claim, delta, confidence):
        return None
    low, high = 0, n_guesses
    while high - low > 1:
        middle = (low + high) // 2
        may = _p_value_at_least(n_canaries, n_guesses, middle, claim, delta) <= 1.0 - confidence
        low, high = (low, middle) if may else (middle, high)
    while not exceeds(n_canaries, n_guesses, high, claim, delta, confidence):
        low, high = high, min(n_guesses, high + 2 * (high - low))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if exceeds(n_canaries, n_guesses, middle, claim, delta, confidence) else (middle, high)
        )
    return high


def exceeds(n_canaries: int, n_guesses: int, n_correct: int, claim: float, delta: float, confidence: float) -> bool:
    """Return whether the bound exceeds the claim: one p-value settles most cases, the bound itself the rest.

    The bound is the end of the interval from 0 that is rejected, so the claim must be rejected. For 2 m delta <= 1 the
    p-value is monotone in epsilon and that is enough; beyond, the bound may stop before.

    >>> exceeds(1000, 100, 95, 2.165, 1e-5, 0.95), exceeds(1000, 100, 94, 2.165, 1e-5, 0.95)
    (True, False)
    """
    alpha = 1.0 - confidence
    if alpha == 1.0 or _p_value_at_least(n_canaries, n_guesses, n_correct, claim, delta) > alpha:
        return False
    just_above = claim + 4.0 * ROOT_TOLERANCE
    if one_run_p_value(n_canaries, n_guesses, n_correct, just_above, delta) > alpha:
        return False
    if 2.0 * n_canaries * delta <= 1.0:
        return True
    return one_run(n_canaries, n_guesses, n_correct, delta=delta, confidence=confidence).lower > claim


def _p_value_at_least(n_canaries: int, n_guesses: int, n_correct: int, epsilon: float, delta: float) -> float:
    """Return a bound on the p-value from below: the largest share of a few windows, where it takes that of all."""
    if n_correct == 0:
        return 1.0
    wrong = expit(-epsilon)
    lengths = np.unique(np.geomspace(1, n_correct, N_WINDOWS).astype(np.int64))
    starts = n_correct - lengths
    above = float(betaincc(n_guesses - n_correct + 1, n_correct, wrong))
    from_start = np.where(starts > 0, betaincc(n_guesses - starts + 1, np.maximum(starts, 1), wrong), 1.0)
    return (1.0 - DUST) * (above + 2.0 * n_canaries * delta * float(((from_start - above) / lengths).max()))
