"""How many draws of a property say as much about its ratio as a model does.

A guesser who sees n independent records, each with the property with chance ``ratio_0`` or ``ratio_1``, is right with a
chance that grows with n. ``n_leaked`` is the n at which it is right as often as an attack on a model: ``exact`` from the
best guesser there is, ``kl`` and ``paper`` from upper bounds on it, so that theirs are lower bounds on n.
"""

import math
from typing import Literal

from scipy.special import ndtri

from privaudit.errors import ConfigError
from privaudit.estimators.n_leaked_guesser import bayes_error, bernoulli_divergence, log_gap, smallest
from privaudit.types import Metric
from privaudit.validate import check_probability

LeakMethod = Literal["paper", "kl", "exact"]
METHODS: tuple[LeakMethod, ...] = ("paper", "kl", "exact")
ROUNDING = 1e-11  # relative; an error rate within this of the one asked for reaches it
MOST_DRAWS = 2**50  # beyond, whole numbers of draws mean nothing, and the normal approximation is used
RULES = {
    "paper": "the published closed form (Suri and Evans 2022), a lower bound on the draws that the best guesser needs",
    "kl": "by the exact Kullback-Leibler divergence, a lower bound on the draws that the best guesser needs",
    "exact": "fewest draws with which the best guesser is right as often",
}


def n_leaked(accuracy: float, ratio_0: float, ratio_1: float, method: str = "paper") -> float:
    """Return how many draws of the property let a guesser be right as often.

    Args:
        accuracy: share of right answers on two worlds of equal weight; 0.5 and below give 0, and 1 infinity.
        ratio_0: share of the records with the property in world 0.
        ratio_1: likewise in world 1. Equal ratios give 0 at every accuracy.
        method: ``paper``: ln(4w(1-w)) / ln max(lo/hi, (1-hi)/(1-lo)); ``kl``: -ln(4w(1-w)) over the smaller of the two
            divergences; ``exact``: the smallest whole number of draws with which the best guesser is right that often.
            Always paper <= kl <= exact, but where one ratio is 0 and the other 1.

    Returns:
        Number of draws. Where one ratio is 0 and the other 1, one draw tells all: ``exact`` is 1, ``kl`` is 0 (its bound
        is empty), and ``paper`` infinite, as published.

    Raises:
        ConfigError: if a ratio or the accuracy is not in [0, 1] (a degree is no ratio), or the method does not exist.

    Source: Suri and Evans, PETS 2022 (``paper``); Bretagnolle and Huber 1979 with the exact divergence (``kl``); the best
    guesser compares binomial likelihoods (``exact``).

    >>> [round(n_leaked(0.9, 0.5, 0.4, method), 2) for method in ("paper", "kl", "exact")]
    [5.6, 50.74, 162.0]
    """
    _check(ratio_0, ratio_1, method)
    check_probability("accuracy", accuracy, open_ends=False)
    if ratio_0 == ratio_1 or accuracy <= 0.5:
        return 0.0
    if abs(ratio_0 - ratio_1) == 1.0:
        return {"paper": math.inf, "kl": 0.0, "exact": 1.0}[method]
    if accuracy == 1.0:
        return math.inf
    if method == "exact":
        return float(_fewest_draws(accuracy, ratio_0, ratio_1))
    return -log_gap(accuracy) / _bound_rate(ratio_0, ratio_1, method)


def bayes_accuracy(n: float, ratio_0: float, ratio_1: float, method: str = "exact") -> float:
    """Return how often the best guesser is right who sees n draws of the property, or a bound on it.

    Args:
        n: number of draws, at least 0; whole for ``exact``.
        ratio_0: share of the records with the property in world 0.
        ratio_1: likewise in world 1; both worlds are equally likely.
        method: ``exact``, or the upper bounds ``kl`` and ``paper``.

    Raises:
        ConfigError: if an argument is out of range.

    Source: see `n_leaked`. The exact one needs no sum: the likelihood ratio grows with the count, so the best guesser has
    a threshold, and both its error rates are binomial tails.

    >>> [round(bayes_accuracy(5, 0.5, 0.2, method), 4) for method in ("exact", "kl", "paper")]
    [0.7749, 0.8932, 0.9756]
    """
    _check(ratio_0, ratio_1, method)
    if not 0.0 <= n < math.inf or (method == "exact" and n != math.floor(n)):
        raise ConfigError(f"n must be a number of draws of at least 0, whole for 'exact'; got {n}.", key="n")
    if ratio_0 == ratio_1 or n == 0:
        return 0.5
    if method == "exact":
        return 1.0 - bayes_error(int(n), ratio_0, ratio_1)
    return 0.5 + 0.5 * math.sqrt(-math.expm1(-n * _bound_rate(ratio_0, ratio_1, method)))


def n_leaked_interval(
    lower_accuracy: float, upper_accuracy: float, ratio_0: float, ratio_1: float, method: str = "paper"
) -> tuple[float, float]:
    """Return the numbers of draws at both ends of an accuracy's interval, which hold at the same confidence.

    Raises:
        ConfigError: if the ends are crossed, or an argument is out of range.

    >>> n_leaked_interval(0.97, 1.0, 0.5, 0.2, "exact")
    (34.0, inf)
    """
    if not lower_accuracy <= upper_accuracy:
        raise ConfigError(f"the accuracy's interval must not be crossed; got {lower_accuracy} to {upper_accuracy}.")
    low, high = (n_leaked(accuracy, ratio_0, ratio_1, method) for accuracy in (lower_accuracy, upper_accuracy))
    return low, high


def n_leaked_metrics(accuracy: Metric, ratio_0: float, ratio_1: float) -> list[Metric]:
    """Return n_leaked by all methods, each with the interval that the accuracy's gives.

    Args:
        accuracy: share of right answers, with or without an interval.
        ratio_0: share of the records with the property in world 0.
        ratio_1: likewise in world 1.

    Returns:
        ``n_leaked_paper``, ``n_leaked_kl`` and ``n_leaked_exact``; infinite values are meant.

    Raises:
        ConfigError: if an argument is out of range.

    >>> [metric.name for metric in n_leaked_metrics(Metric(name="accuracy", value=0.9), 0.5, 0.4)]
    ['n_leaked_paper', 'n_leaked_kl', 'n_leaked_exact']
    """
    return [
        Metric(
            name=f"n_leaked_{method}",
            confidence=accuracy.confidence,
            rule=f"draws of the property that would let one be right as often: {RULES[method]}; {accuracy.rule}",
            **{
                end: None if value is None else n_leaked(value, ratio_0, ratio_1, method)
                for end, value in (("value", accuracy.value), ("lower", accuracy.lower), ("upper", accuracy.upper))
            },
        )
        for method in METHODS
    ]


def _check(ratio_0: float, ratio_1: float, method: str) -> None:
    if method not in METHODS:
        raise ConfigError(f"method must be one of {', '.join(METHODS)}; got {method!r}.", key="method")
    for name, ratio in (("ratio_0", ratio_0), ("ratio_1", ratio_1)):
        check_probability(name, ratio, open_ends=False)


def _bound_rate(ratio_0: float, ratio_1: float, method: str) -> float:
    """Return what a bound takes for the divergence of one draw; infinite where one draw tells all."""
    low, high = sorted((ratio_0, ratio_1))
    if high - low == 1.0:
        return math.inf
    if method == "paper":
        return -math.log1p(-(high - low) / max(high, 1.0 - low))
    return min(bernoulli_divergence(low, high), bernoulli_divergence(high, low))


def _fewest_draws(accuracy: float, ratio_0: float, ratio_1: float) -> int:
    """Find the smallest number of draws whose best guesser errs no more often; its error never grows with n."""
    allowed = (1.0 - accuracy) * (1.0 + ROUNDING)
    least = -log_gap(accuracy) / _bound_rate(ratio_0, ratio_1, "kl")
    if least > MOST_DRAWS:
        spread = math.sqrt(ratio_0 * (1.0 - ratio_0)) + math.sqrt(ratio_1 * (1.0 - ratio_1))
        return math.ceil((float(ndtri(accuracy)) * spread / (ratio_1 - ratio_0)) ** 2)
    return smallest(lambda n: bayes_error(n, ratio_0, ratio_1) <= allowed, start=max(1, math.floor(least)))
