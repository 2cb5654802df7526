"""The best guesser of which of two laws a number of draws came from, and what bounds it."""

import math
from collections.abc import Callable

from scipy.special import betainc, betaincc


def bayes_error(n: int, ratio_0: float, ratio_1: float) -> float:
    """Return the error rate of the best guesser who sees n draws; small ones to full relative precision.

    Args:
        n: whole number of draws, 1 at least.
        ratio_0: share of the records with the property in world 0.
        ratio_1: another one, in world 1.

    >>> bayes_error(3, 0.5, 1.0)
    0.0625
    """
    low, high = sorted((ratio_0, ratio_1))
    if high == 1.0:
        low, high = 0.0, 1.0 - low  # count the records without the property instead
    if low == 0.0:
        return 0.5 * (1.0 - high) ** n
    # up to this count the lower ratio is the likelier one
    fewer = math.log1p((high - low) / (1.0 - high))
    last = math.floor(n * (fewer / (math.log1p((high - low) / low) + fewer)))
    too_many = float(betainc(last + 1, n - last, low)) if last < n else 0.0
    too_few = float(betaincc(last + 1, n - last, high)) if last < n else 1.0
    return 0.5 * (too_many + too_few)


def bernoulli_divergence(p: float, q: float) -> float:
    """Return the Kullback-Leibler divergence KL(Bernoulli(p) || Bernoulli(q)), exact also where they nearly agree.

    >>> round(bernoulli_divergence(0.2, 0.5), 6)
    0.192745
    """
    return _divergence_part(p, q) + _divergence_part(1.0 - p, 1.0 - q)


def _divergence_part(p: float, q: float) -> float:
    """Return p ln(p/q) - p + q, which is never negative; the last two terms cancel in a divergence."""
    if p == 0.0 or q == 0.0:
        return q if p == 0.0 else math.inf
    relative = (q - p) / p
    if abs(relative) > 0.01:
        return p * (math.log(p) - math.log(q)) + (q - p)
    # x - ln(1 + x) by its series, where the two nearly cancel
    return p * sum((-relative) ** power / power for power in range(2, 12))


def log_gap(accuracy: float) -> float:
    """Return ln(4w(1-w)), which is ln(1-(2w-1)^2): each form where it loses nothing.

    >>> round(log_gap(0.9), 4)
    -1.0217
    """
    if accuracy > 0.75:
        return math.log(4.0 * accuracy * (1.0 - accuracy))
    return math.log1p(-((2.0 * accuracy - 1.0) ** 2))


def draws_at_divergence(accuracy: float, divergence: float) -> float:
    """Return how many draws a guesser needs at least who is right as often, from a bound on the divergence of one draw.

    Args:
        accuracy: share of right answers on two worlds of equal weight, in [0, 1].
        divergence: Kullback-Leibler divergence of the two laws, or a bound from above.

    Returns:
        0 up to an accuracy of 0.5, and where the divergence is 0: such laws differ in nothing that could have leaked.
        Infinity at an accuracy of 1.

    Source: Bretagnolle and Huber 1979, solved for the number of draws.

    >>> round(draws_at_divergence(0.9, 0.0201359), 1), draws_at_divergence(0.9, 0.0), draws_at_divergence(1.0, 0.1)
    (50.7, 0.0, inf)
    """
    if accuracy <= 0.5 or divergence == 0.0:
        return 0.0
    return math.inf if accuracy == 1.0 else -log_gap(accuracy) / divergence


def smallest(is_enough: Callable[[int], bool], *, start: int) -> int:
    """Find the smallest whole number from a start on that is enough, where all larger ones are too.

    >>> smallest(lambda n: n * n >= 50, start=1)
    8
    """
    if is_enough(start):
        return start
    below, above = start, 2 * start
    while not is_enough(above):
        below, above = above, 2 * above
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if is_enough(middle) else (middle, above)
    return above
