"""From scores to guesses about coins: the highest are called members, the lowest non-members, the rest abstain."""

import math
import numbers

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError
from privaudit.validate import check_probability, check_scores

GUESS_ASSUMPTIONS = (
    "every canary (a record with a coin) was in the training set by its own fair coin, and nothing else depends on the coins",
    "the guesses are a function of the released model only",
    "how many guesses are made was fixed beforehand",
)


def check_guess_counts(method: str, n_canaries: int, n_guesses: int, n_correct: int) -> None:
    """Refuse counts of guesses that are no counts, or do not nest.

    Raises:
        ConfigError: names the method and what came.
    """
    counts = (n_canaries, n_guesses, n_correct)
    is_whole = all(isinstance(n, numbers.Real) and math.isfinite(n) and float(n).is_integer() for n in counts)
    if not is_whole or not 0 <= n_correct <= n_guesses <= n_canaries or n_guesses < 1:
        raise ConfigError(
            f"{method} needs whole numbers 0 <= n_correct <= n_guesses <= n_canaries and at least one guess; got "
            f"n_correct {n_correct}, n_guesses {n_guesses}, n_canaries {n_canaries}."
        )


def default_share(n_canaries: int) -> float:
    """Return the share of canaries to guess on where the user states none: fixed before any score is seen.

    Args:
        n_canaries: number of coins.

    Raises:
        ConfigError: if there is no canary.

    >>> default_share(1000), default_share(10_000)
    (0.2, 0.1)
    """
    if n_canaries < 1:
        raise ConfigError(f"n_canaries must be at least 1; got {n_canaries}.", key="n_canaries")
    return 0.2 if n_canaries <= 2000 else 0.1


def guesses_each_side(n_scores: int, share: float) -> int:
    """Return how many guesses are made on each side.

    Args:
        n_scores: number of canaries, at least 2.
        share: share of them to guess about, in (0, 1].

    Raises:
        ConfigError: if the share is outside (0, 1] or there are fewer than two scores.

    >>> guesses_each_side(1000, 0.2)
    100
    """
    if share != 1.0:
        check_probability("share", share)
    if n_scores < 2:
        raise ConfigError(f"guesses on two sides need at least 2 scores; got {n_scores}. Use more canaries.")
    return max(1, int(share * n_scores / 2))


def two_sided_guesses(scores: ArrayLike, share: float) -> NDArray[np.int8]:
    """Guess +1 on the highest scores, -1 on the lowest, and abstain between.

    A tie at a cut is broken by the order of the records. That order was fixed before the coins were tossed and never
    looks at them, so the guesses stay a function of the mechanism's output alone, which is all the theorem asks for.

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like; infinities are legal.
        share: share of the records to guess on, in (0, 1], half on each side (at least one each).

    Returns:
        ``(n,)`` int8 in {-1, 0, 1}.

    Raises:
        DegenerateScoresError: if a score is NaN.
        ConfigError: if the share is outside (0, 1] or there are fewer than two scores.

    Source: Steinke, Nasr, Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023, algorithm 1.

    >>> two_sided_guesses([0.3, 0.9, 0.1, 0.5], 0.5).tolist()
    [0, 1, -1, 0]
    """
    values = check_scores(scores)
    each_side = guesses_each_side(len(values), share)
    order = np.argsort(values, kind="stable")
    guesses = np.zeros(len(values), dtype=np.int8)
    guesses[order[:each_side]] = -1
    guesses[order[-each_side:]] = 1
    return guesses
