"""How many guesses come true where equal scores at a cut cannot be told apart.

Which of several equal scores are guessed about is settled by an order of the canaries. Every order that does not go with
the coins gives a bound that holds; but a list that names members first goes with them, and so does any shuffle of it.
Two rules need no order, one of which must be chosen beforehand:

- ``wrong``: all guesses among equal scores that could be wrong are counted as wrong: no order has fewer right ones.
- ``median``: the median over all orders, at half the error. If it rejects, at least half of the orders do; on the average
  over orders a share of at most alpha / 2 does, so that happens with probability at most alpha (Markov's inequality).

The choice must not look at the scores: half the error only where ties are met would not hold for delta above 0.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from privaudit.estimators.guesses import guesses_each_side
from privaudit.validate import check_scores

Ties = Literal["wrong", "median"]
STANDARD_DEVIATIONS = 9.0  # beyond which a hypergeometric count has less mass than rounding


class GuessCount(NamedTuple):
    """Outcome of two-sided guesses.

    Attributes:
        n_guesses: guesses made.
        n_correct: guesses that were right, by the rule for ties.
        n_tied: guesses that fell among equal scores at a cut.
    """

    n_guesses: int
    n_correct: int
    n_tied: int


class _Block(NamedTuple):
    """Equal scores at a cut: ``size`` of them, ``n_in`` members, of which ``n_guessed`` are guessed about."""

    size: int
    n_in: int
    n_guessed: int


def count_two_sided(
    scores: NDArray[np.float64], is_in: NDArray[np.bool_], share: float, *, ties: Ties = "wrong"
) -> GuessCount:
    """Guess "member" about the highest scores and "non-member" about the lowest, and count what is right.

    Args:
        scores: ``(n,)`` scores, higher = more member-like.
        is_in: ``(n,)`` the truth.
        share: share of the canaries to guess about, in (0, 1], fixed beforehand.
        ties: the rule for equal scores at a cut, fixed beforehand; a bound from ``median`` holds at half the error.

    Raises:
        DegenerateScoresError: if a score is NaN.
        ConfigError: if the share is outside (0, 1] or there are fewer than two scores.

    Source: Steinke, Nasr, Jagielski, NeurIPS 2023, algorithm 1; the median after Meinshausen, Meier, Buhlmann,
    "p-Values for High-Dimensional Regression", JASA 2009.

    >>> count_two_sided(np.array([3.0, 2.0, 1.0, 0.0]), np.array([True, True, False, False]), 0.5)
    GuessCount(n_guesses=2, n_correct=2, n_tied=0)
    >>> count_two_sided(np.ones(40), np.arange(40) < 20, 0.5, ties="median")
    GuessCount(n_guesses=20, n_correct=10, n_tied=20)
    """
    values = check_scores(scores)
    each = guesses_each_side(len(values), share)
    ordered = np.sort(values)
    low, high = float(ordered[each - 1]), float(ordered[-each])
    above, below = values > high, values < low
    fixed = int((is_in & above).sum()) + int((~is_in & below).sum())
    top = _Block(int((values == high).sum()), int((is_in & (values == high)).sum()), each - int(above.sum()))
    bottom = _Block(int((values == low).sum()), int((is_in & (values == low)).sum()), each - int(below.sum()))
    is_one = low == high
    n_tied = sum(block.n_guessed for block in (top, bottom) if is_one or block.n_guessed < block.size)
    right = _median(_law(top, bottom, is_one)) if ties == "median" and n_tied else _fewest(top, bottom, is_one)
    return GuessCount(2 * each, fixed + right, n_tied)


def _fewest(top: _Block, bottom: _Block, is_one: bool) -> int:
    """Return the fewest right guesses that an order can give: non-members on top, members at the bottom."""
    right_top = max(0, top.n_guessed - (top.size - top.n_in))
    left = bottom.n_in - right_top if is_one else bottom.n_in
    return right_top + max(0, bottom.n_guessed - left)


def _law(top: _Block, bottom: _Block, is_one: bool) -> tuple[int, NDArray[np.float64]]:
    """Return the law of right guesses over all orders: the first count and the chances from there on."""
    first, high = _drawn(top.size, top.n_in, top.n_guessed)
    if not is_one:
        start, low = _drawn(bottom.size, bottom.size - bottom.n_in, bottom.n_guessed)
        return first + start, np.convolve(high, low)
    # One block across both cuts: of a members on top, those at the bottom are drawn from what is left of the block.
    left, n_low = top.size - top.n_guessed, bottom.n_guessed
    law = np.zeros(first + len(high) + n_low)
    for a, chance in enumerate(high, start=first):
        start, low = _drawn(left, left - (top.n_in - a), n_low)
        law[a + start : a + start + len(low)] += chance * low
    return 0, law


def _drawn(size: int, n_right: int, n_drawn: int) -> tuple[int, NDArray[np.float64]]:
    """Return the law of how many of ``n_drawn`` out of a block are right: the first count and the chances from there.

    Counts that have no mass worth the name are left out.
    """
    first, last = max(0, n_drawn - (size - n_right)), min(n_drawn, n_right)
    share = n_right / size if size else 0.0
    spread = STANDARD_DEVIATIONS * math.sqrt(n_drawn * share * (1.0 - share)) + 2.0
    first, last = max(first, int(n_drawn * share - spread)), min(last, int(n_drawn * share + spread) + 1)
    k = np.arange(first, last + 1, dtype=np.float64)
    log_chance = _log_choose(n_right, k) + _log_choose(size - n_right, n_drawn - k)
    chance = np.exp(log_chance - log_chance.max())
    return first, chance / chance.sum()


def _log_choose(n: int, k: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-np.log1p(n) - betaln(n - k + 1.0, k + 1.0))


def _median(law: tuple[int, NDArray[np.float64]]) -> int:
    """Return the largest count that at least half of the orders reach; the lower one where rounding could decide."""
    first, chance = law
    at_least = np.cumsum(chance[::-1])[::-1]
    return first + int(np.flatnonzero(at_least >= 0.5 * (1.0 + 1e-7) * at_least[0])[-1])
