"""Many canaries in one training: R13 at delta 0. With a delta the estimator ``one_run`` holds, whose theorem is longer."""

import math

from scipy.special import betaincinv, expit
from scipy.stats import binom

from privaudit.errors import ConfigError
from privaudit.games.relations_guarantee import check_level
from privaudit.validate import check_probability


def chance_of_guesses(n_guesses: int, n_correct: int, epsilon: float) -> float:
    """Return the largest chance that so many guesses about fair coins are right, under pure differential privacy (R13).

    Given the model and the coins already looked at, the odds of each coin are at most e^epsilon, so each guess is right with
    chance e^epsilon / (1 + e^epsilon) at most, whatever came before: the number of right ones is dominated by a binomial one.

    Args:
        n_guesses: number r, fixed beforehand.
        n_correct: number c.
        epsilon: at least 0.

    Raises:
        ConfigError: if the counts do not nest or epsilon is negative.

    Source: derived here; Steinke, Nasr and Jagielski, NeurIPS 2023, for delta above 0.

    >>> chance_of_guesses(2, 2, 0.0)
    0.25
    """
    _check_counts(n_guesses, n_correct)
    return float(binom.sf(n_correct - 1, n_guesses, expit(check_level("epsilon", epsilon))))


def epsilon_of_guesses(n_guesses: int, n_correct: int, *, confidence: float) -> float:
    """Return the epsilon that so many right guesses imply at delta 0 (R13 the other way).

    Args:
        n_guesses: number r, fixed beforehand.
        n_correct: number c.
        confidence: chance with which the bound holds.

    Raises:
        ConfigError: if the counts do not nest or the confidence is no probability.

    Source: derived here: where `chance_of_guesses` is 1 - confidence.

    >>> round(epsilon_of_guesses(100, 95, confidence=0.95), 4)
    2.1724
    """
    _check_counts(n_guesses, n_correct)
    tail = 1.0 - check_probability("confidence", confidence)
    if n_correct == 0:
        return 0.0
    rate = float(betaincinv(n_correct, n_guesses - n_correct + 1, tail))
    return max(0.0, math.log(rate) - math.log1p(-rate)) if rate < 1.0 else math.inf


def _check_counts(n_guesses: int, n_correct: int) -> None:
    whole = n_guesses == int(n_guesses) and n_correct == int(n_correct)
    if not whole or not 0 <= n_correct <= n_guesses or n_guesses < 1:
        raise ConfigError(f"n_correct must lie in 0..n_guesses, with a guess at least; got {n_correct} of {n_guesses}.")
