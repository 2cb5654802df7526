"""How often the counts of errors in two worlds give a bound that exceeds a claim."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betainccinv, ndtr, ndtri

from privaudit.estimators.gaussian_tradeoff import gaussian_mu
from privaudit.estimators.power_plan import PowerPlan

Rates = tuple[float, float]  # false positive, false negative


def chance_to_exceed(plan: PowerPlan, n: int, rates: Rates) -> float:
    """Return the probability that the bound exceeds the claim, over the outcomes of both worlds.

    The bound falls with either number of errors, so beside each number of false positives the false negatives that are
    few enough are those up to some number.

    Args:
        plan: with estimator, claim, delta and confidence.
        n: outcomes per world.
        rates: how often an answer is wrong in either world.

    Source: derived here.
    """
    tail = (1.0 - plan.confidence) / 2.0
    (fp, below_fp), (fn, below_fn) = (count_law(n, rate) for rate in rates)
    fpr, fnr = _upper_ends(fp, len(below_fp), n, tail), _upper_ends(fn, len(below_fn), n, tail)
    n_few = np.searchsorted(fnr, _largest_rate(plan, fpr))
    reached = np.where(n_few > 0, below_fn[np.maximum(n_few, 1) - 1], 0.0)
    return min(1.0, float(np.diff(below_fp, prepend=0.0) @ reached))


def count_law(n: int, rate: float) -> tuple[int, NDArray[np.float64]]:
    """Return the probabilities of at most low, low + 1, ... errors: all but 1e-13 of the binomial law.

    >>> low, below = count_law(2, 0.5)
    >>> low, below.tolist()
    (0, [0.25, 0.75, 1.0])
    """
    spread = 8.0 * math.sqrt(n * rate * (1.0 - rate)) + 30.0
    low, high = max(0, math.floor(n * rate - spread)), min(n, math.ceil(n * rate + spread))
    return low, np.asarray(bdtr(np.arange(low, high + 1), n, rate), dtype=np.float64)


def _largest_rate(plan: PowerPlan, other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the end of one rate below which, with this end of the other, the bound exceeds the claim."""
    if plan.estimator == "gaussian_dp":
        return np.asarray(ndtr(-ndtri(other) - gaussian_mu(plan.claim, plan.delta)))
    most = 1.0 - plan.delta
    steep = most - other * math.exp(min(plan.claim, 700.0))
    return np.asarray(np.maximum((most - other) * math.exp(-plan.claim), steep))


@lru_cache(maxsize=16)  # one rate stays while the other is searched
def _upper_ends(low: int, n_counts: int, n: int, tail: float) -> NDArray[np.float64]:
    return upper_rates(np.arange(low, low + n_counts, dtype=np.float64), n, tail)


def upper_rates(wrong: NDArray[np.float64], n_trials: int, tail: float) -> NDArray[np.float64]:
    """Return the upper ends of rates, also for counts between whole numbers.

    Args:
        wrong: ``(k,)`` errors, from 0 to ``n_trials``.
        n_trials: trials.
        tail: the chance that a rate is above.

    Source: Clopper and Pearson, Biometrika 1934.

    >>> upper_rates(np.array([0.0, 3.0]), 3, 0.05).round(4).tolist()
    [0.6316, 1.0]
    """
    spare = n_trials - wrong
    ends = betainccinv(wrong + 1.0, np.where(spare > 0.0, spare, 1.0), tail)
    return np.where(spare > 0.0, ends, 1.0)
