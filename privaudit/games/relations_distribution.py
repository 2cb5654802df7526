"""Distribution inference: R12 from a guarantee by coupling, and R15 against draws of the property.

Two draws of equal size are coupled so that they share as many records as possible; the rest are replaced, one at a time.
So the guarantee must be the one for replacing a record, and the training must not depend on the order of the records.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlog1py, xlogy

from privaudit.errors import ConfigError, ShapeError
from privaudit.games.relations_group import check_steps, group_advantage, group_advantage_of_mu, least_epsilon
from privaudit.games.relations_guarantee import check_share


def replaced_records(counts_0: ArrayLike, counts_1: ArrayLike) -> int:
    """Return how many records two draws differ in at least, from exact counts of each kind of record.

    Draws with exact counts whose records are alike within each kind share the smaller count of each; the rest is replaced.
    With two kinds, with and without the property, it is the difference of the counts with it. This holds for draws with
    and without replacement.

    Args:
        counts_0: ``(n_kinds,)`` records of each kind in world 0.
        counts_1: ``(n_kinds,)`` likewise in world 1, with the same sum.

    Raises:
        ShapeError: if the kinds differ.
        ConfigError: if the draws differ in size: then records are added or removed as well.

    Source: derived here.

    >>> replaced_records([50, 50], [60, 40])
    10
    """
    first, second = np.asarray(counts_0, dtype=np.int64).ravel(), np.asarray(counts_1, dtype=np.int64).ravel()
    if first.shape != second.shape:
        raise ShapeError(f"both draws need counts of the same kinds; got {len(first)} and {len(second)}.")
    if first.sum() != second.sum() or min(first.min(initial=0), second.min(initial=0)) < 0:
        raise ConfigError(f"both draws need one size, and counts of at least 0; got {first.sum()} and {second.sum()}.")
    return int(np.abs(first - second).sum()) // 2


def distribution_advantage(epsilon: float, *, n_records: int, distance: float, delta: float = 0.0) -> float:
    """Return the largest advantage of distribution inference where records are independent draws (R12).

    Under the best coupling each record differs with chance ``distance``, independently; so d ~ Bin(n, distance) are
    replaced, and the advantage is at most the mean of `group_advantage` over d. (With exact counts d is no random number: use
    `group_advantage` at `replaced_records`. Since that is concave in d, exact counts allow at least as much.)

    Args:
        epsilon: for replacing one record, at least 0.
        n_records: records of each draw, at least 1.
        distance: total variation between the laws of one record; for ratios of a property |a0 - a1|.
        delta: in [0, 1).

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(distribution_advantage(0.5, n_records=20, distance=0.1), 6)
    0.424447
    """
    weights, differing = _coupled(n_records, distance)
    return min(1.0, float(weights @ group_advantage(differing, epsilon, delta)))


def distribution_advantage_of_mu(mu: float, *, n_records: int, distance: float) -> float:
    """Return the largest advantage of distribution inference under Gaussian differential privacy (R12).

    Args:
        mu: for replacing one record, at least 0.
        n_records: records of each draw, at least 1.
        distance: as in `distribution_advantage`.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(distribution_advantage_of_mu(0.5, n_records=1, distance=1.0), 6)
    0.197413
    """
    weights, differing = _coupled(n_records, distance)
    return min(1.0, float(weights @ group_advantage_of_mu(differing, mu)))


def epsilon_of_distribution_advantage(
    advantage: float, *, n_records: int, distance: float, delta: float = 0.0
) -> float:
    """Return the epsilon for replacing a record that distribution inference implies (R12 the other way).

    Args:
        advantage: that was shown, in [0, 1].
        n_records: records of each draw, at least 1.
        distance: as in `distribution_advantage`.
        delta: in [0, 1).

    Returns:
        infinity where no epsilon allows so much, as beyond the chance that the draws differ at all.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(epsilon_of_distribution_advantage(0.424446591807909, n_records=20, distance=0.1), 6)
    0.5
    """
    weights, differing = _coupled(n_records, distance)
    return least_epsilon(
        lambda epsilon: min(1.0, float(weights @ group_advantage(differing, epsilon, delta))), advantage
    )


def advantage_of_draws(n_draws: float, ratio_0: float, ratio_1: float) -> float:
    """Return a bound on the advantage of whoever sees so many draws of the property itself (R15).

    The total variation between n draws of both laws is at most sqrt(1 - exp(-n KL)), and KL between two coins at most
    -ln(rho) with rho the larger of lo / hi and (1 - hi) / (1 - lo).

    Args:
        n_draws: draws, at least 0.
        ratio_0: chance of the property in world 0, in [0, 1].
        ratio_1: in world 1.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here; the bound as in Suri and Evans, PETS 2022.

    >>> round(advantage_of_draws(5.603568033847863, 0.5, 0.4), 6)
    0.8
    """
    if not n_draws >= 0.0:
        raise ConfigError(f"n_draws must be at least 0; got {n_draws}.", key="n_draws")
    rate = _log_overlap(ratio_0, ratio_1)
    return math.sqrt(-math.expm1(n_draws * rate)) if n_draws and rate else 0.0


def draws_of_advantage(advantage: float, ratio_0: float, ratio_1: float) -> float:
    """Return how many draws of the property the advantage is worth at least: n_leaked (R15 the other way).

    Args:
        advantage: in [0, 1].
        ratio_0: chance of the property in world 0, in [0, 1].
        ratio_1: in world 1.

    Returns:
        0 for equal ratios or no advantage, infinity for certainty.

    Raises:
        ConfigError: if one is out of range.

    Source: Suri and Evans, PETS 2022, ``n_leaked``.

    >>> round(draws_of_advantage(0.8, 0.5, 0.4), 6)
    5.603568
    """
    rate = _log_overlap(ratio_0, ratio_1)
    if check_share("advantage", advantage) == 0.0 or rate == 0.0:
        return 0.0
    return math.inf if advantage == 1.0 else math.log1p(-(advantage**2)) / rate


def _coupled(n_records: int, distance: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    check_steps(n_records)
    check_share("distance", distance)
    differing = np.arange(n_records + 1)
    same = n_records - differing
    choices = gammaln(n_records + 1) - gammaln(differing + 1) - gammaln(same + 1)
    return np.exp(choices + xlogy(differing, distance) + xlog1py(same, -distance)), differing


def _log_overlap(ratio_0: float, ratio_1: float) -> float:
    """ln(rho), 0 for equal ratios, -infinity where one draw can tell for certain in either world."""
    low, high = sorted((check_share("ratio_0", ratio_0), check_share("ratio_1", ratio_1)))
    if low == high:
        return 0.0
    overlap = max(low / high, (1.0 - high) / (1.0 - low))
    return math.log(overlap) if overlap else -math.inf
