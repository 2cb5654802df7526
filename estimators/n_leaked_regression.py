"""How many draws of a property would let one estimate its ratio as precisely as an attack does."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from privaudit.errors import ConfigError
from privaudit.estimators.n_leaked_guesser import smallest
from privaudit.validate import check_probability

MOST_DRAWS = 10**6  # each step costs this many terms per ratio


def n_leaked_cramer_rao(ratio: float, mean_squared_error: float) -> float | None:
    """Return the draws from which an unbiased estimator of one ratio can be as precise, at best.

    A biased estimator can beat this number without having learned anything: one that always says 0.5 has no error at
    0.5. See `n_leaked_bayes` for a number that cannot be beaten so.

    Args:
        ratio: the true ratio.
        mean_squared_error: of the estimates for models of this ratio; 0 gives infinity.

    Returns:
        ratio (1 - ratio) / error, ``None`` at ratios 0 and 1, where draws do not vary.

    Raises:
        ConfigError: if the ratio is none, or the error is negative or not finite.

    Source: Suri and Evans, PETS 2022; the Cramer-Rao bound for Bernoulli draws.

    >>> round(n_leaked_cramer_rao(0.3, 0.0042), 6)
    50.0
    """
    check_probability("ratio", ratio, open_ends=False)
    _check_error(mean_squared_error)
    if ratio in (0.0, 1.0):
        return None
    return ratio * (1.0 - ratio) / mean_squared_error if mean_squared_error else math.inf


def n_leaked_bayes(mean_squared_error: float, ratios: Sequence[float] | None = None) -> float:
    """Return the draws that the best estimator needs to have as small an error on average over all ratios.

    No estimator from fewer draws has so small a mean squared error, biased or not.

    Args:
        mean_squared_error: mean over all ratios, each with the same weight; 0 gives infinity.
        ratios: the ratios, ``None`` = all of [0, 1]. Between two whole numbers of draws the error of the best estimator
            is taken as a straight line.

    Returns:
        Number of draws, 0 where the mean of the ratios does as well; for ratios on a grid infinite beyond 10**6.

    Raises:
        ConfigError: if the error is negative or not finite, or there are not two different ratios.

    Source: privaudit's own. For all of [0, 1] the error of the posterior mean (k + 1) / (n + 2) is 1 / (6 (n + 2)); for a
    grid it is the mean posterior variance.

    >>> round(n_leaked_bayes(1 / 60), 6), n_leaked_bayes(1 / 12)
    (8.0, 0.0)
    >>> n_leaked_bayes(0.0625, [0.25, 0.75])
    0.0
    """
    _check_error(mean_squared_error)
    if mean_squared_error == 0.0:
        return math.inf
    if ratios is None:
        return max(0.0, 1.0 / (6.0 * mean_squared_error) - 2.0)
    grid = _check_grid(ratios)
    if mean_squared_error >= float(grid.var()):
        return 0.0
    above = smallest(lambda n: n > MOST_DRAWS or bayes_squared_error(n, grid) <= mean_squared_error, start=1)
    if above > MOST_DRAWS:
        return math.inf
    worse, better = bayes_squared_error(above - 1, grid), bayes_squared_error(above, grid)
    return above - (mean_squared_error - better) / (worse - better)


def bayes_squared_error(n: int, ratios: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the mean squared error of the best estimator of a ratio from n draws, each ratio being equally likely.

    Args:
        n: number of draws, at least 0.
        ratios: ``(n_ratios,)`` in [0, 1].

    Source: the posterior mean is best; its error is averaged over ratios and counts exactly.

    >>> bayes_squared_error(1, [0.0, 1.0]), bayes_squared_error(0, [0.25, 0.75])
    (0.0, 0.0625)
    """
    grid = np.asarray(ratios, dtype=np.float64)[:, None]
    counts = np.arange(n + 1, dtype=np.float64)
    choose = gammaln(n + 1.0) - gammaln(counts + 1.0) - gammaln(n - counts + 1.0)
    chance = np.exp(choose + xlogy(counts, grid) + xlog1py(n - counts, -grid)) / len(grid)
    total = np.maximum(chance.sum(axis=0), np.finfo(np.float64).tiny)
    estimate = (grid * chance).sum(axis=0) / total
    return float((chance * (grid - estimate) ** 2).sum())


def _check_error(error: float) -> None:
    if not 0.0 <= error < math.inf:
        raise ConfigError(f"mean_squared_error must be finite and at least 0; got {error}.", key="mean_squared_error")


def _check_grid(ratios: Sequence[float]) -> NDArray[np.float64]:
    grid = np.array([check_probability("ratio", ratio, open_ends=False) for ratio in ratios])
    if len(np.unique(grid)) < 2:
        raise ConfigError(f"an estimate needs two different ratios at least; got {len(np.unique(grid))}.", key="ratios")
    return grid
