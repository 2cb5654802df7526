"""Intervals for a rate and for an AUC."""

import math

from scipy.special import betainccinv, betaincinv, ndtri

from privaudit.errors import ConfigError
from privaudit.validate import check_probability


def check_count(count: int, n: int) -> None:
    """Refuse counts that are no counts: n below 1, count outside 0..n."""
    if n < 1:
        raise ConfigError(f"n must be at least 1; got {n}. A rate needs outcomes.", key="n")
    if not 0 <= count <= n:
        raise ConfigError(f"count must lie between 0 and n={n}; got {count}.", key="count")


def upper_rate(count: int, n: int, tail: float) -> float:
    """Return the one-sided Clopper-Pearson upper end: the rate at which ``count`` or fewer has chance ``tail``."""
    return 1.0 if count == n else float(betainccinv(count + 1, n - count, tail))


def lower_rate(count: int, n: int, tail: float) -> float:
    """Return the one-sided Clopper-Pearson lower end: the rate at which ``count`` or more has chance ``tail``."""
    return 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))


def rate_interval(count: int, n: int, *, confidence: float) -> tuple[float, float]:
    """Return the two-sided Clopper-Pearson interval of a rate.

    Args:
        count: outcomes of the kind that is counted.
        n: all outcomes, independent trials of one rate.
        confidence: coverage, at least this much at every n.

    Raises:
        ConfigError: if the counts are negative or crossed, or the confidence is no probability.

    Source: Clopper and Pearson, Biometrika 1934.

    >>> [round(end, 4) for end in rate_interval(0, 20, confidence=0.95)]
    [0.0, 0.1684]
    """
    check_count(count, n)
    tail = (1.0 - check_probability("confidence", confidence)) / 2
    return lower_rate(count, n, tail), upper_rate(count, n, tail)


def auc_interval(auc: float, n_in: int, n_out: int, *, confidence: float) -> tuple[float, float]:
    """Return an interval of an AUC that assumes nothing about the distributions of the scores.

    The variance of the AUC is at most A (1 - A) / min(n_in, n_out), that of a rate over the smaller world; the Wilson
    score interval of such a rate stays open at A = 1, where the plug-in intervals (DeLong, Hanley-McNeil) have width 0.

    Args:
        auc: the measured AUC.
        n_in: number of members.
        n_out: number of non-members.
        confidence: coverage, for large samples; conservative because the variance is an upper bound.

    Raises:
        ConfigError: if the AUC is outside [0, 1], a world is empty or the confidence is no probability.

    Source: Birnbaum and Klose, Annals of Mathematical Statistics 1957; van Dantzig, Indagationes Mathematicae 1951.

    >>> [round(end, 4) for end in auc_interval(1.0, 50, 80, confidence=0.95)]
    [0.9287, 1.0]
    """
    check_probability("auc", auc, open_ends=False)
    n = min(n_in, n_out)
    if n < 1:
        raise ConfigError(f"both worlds need a record; got n_in={n_in} and n_out={n_out}.")
    square = float(ndtri((1.0 + check_probability("confidence", confidence)) / 2)) ** 2
    return _lower_root(auc, square, n), 1.0 - _lower_root(1.0 - auc, square, n)


def _lower_root(area: float, square: float, n: int) -> float:
    """The smaller A with (area - A)^2 = square A (1 - A) / n, by the product of the roots: nothing cancels near 0."""
    half = math.sqrt(square * (area * (1.0 - area) / n + square / (4.0 * n * n)))
    return min(area * area / (area + square / (2 * n) + half), area)
