"""From scores to guesses about coins: the highest are called members, the lowest non-members, the rest abstain."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError
from privaudit.validate import check_probability, check_scores


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
