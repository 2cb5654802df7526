"""What two normal distributions of different mean and deviation give away: the exact epsilon of one pair of data sets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import log_ndtr

from privaudit.errors import ConfigError
from privaudit.estimators import gaussian_epsilon


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal distribution.

    Attributes:
        mean: its mean.
        deviation: its standard deviation, above 0.
    """

    mean: float
    deviation: float

    def log_density(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithm of the density, less that of ``sqrt(2 pi)``.

        Args:
            values: ``(n,)`` where.
        """
        scaled = (np.asarray(values, dtype=np.float64) - self.mean) / self.deviation
        return np.asarray(-0.5 * scaled**2 - np.log(self.deviation))


def pair_epsilon(first: Normal, second: Normal, *, delta: float) -> float:
    """Return the least epsilon for which a pair of normal outcomes is (epsilon, delta)-indistinguishable, both ways.

    Args:
        first: the outcome on one data set.
        second: the outcome on its neighbour.
        delta: in (0, 1).

    Raises:
        ConfigError: if delta is not inside (0, 1).

    Source: the hockey-stick divergence; for equal deviations Balle and Wang, ICML 2018.

    >>> round(pair_epsilon(Normal(0.0, 1.0), Normal(1.0, 1.0), delta=1e-5), 4)
    4.3772
    """
    if not 0.0 < delta < 1.0:
        raise ConfigError(f"delta must lie inside (0, 1); got {delta}.", key="delta")
    if first.deviation == second.deviation:
        return gaussian_epsilon(abs(first.mean - second.mean) / first.deviation, delta)
    return max(_one_way_epsilon(first, second, delta), _one_way_epsilon(second, first, delta))


def _one_way_epsilon(first: Normal, second: Normal, delta: float) -> float:
    """Solve ``first(S) - e^epsilon second(S) = delta`` for S where the ratio of densities exceeds ``e^epsilon``."""

    def excess(epsilon: float) -> float:
        return _hockey_stick(first, second, epsilon) - delta

    if excess(0.0) <= 0:
        return 0.0
    high = 1.0
    while excess(high) > 0:
        high *= 2.0
    return float(brentq(excess, 0.0, high, xtol=1e-12))


def _hockey_stick(first: Normal, second: Normal, epsilon: float) -> float:
    low, high = _where_ratio_is(first, second, epsilon)
    is_tails = first.deviation > second.deviation
    if low == high:  # the narrower one's ratio nowhere reaches e^epsilon; the wider one's does so everywhere
        return 1.0 - float(np.exp(epsilon)) if is_tails else 0.0
    log_mass = _log_tails if is_tails else _log_between
    ends = [((low - law.mean) / law.deviation, (high - law.mean) / law.deviation) for law in (first, second)]
    return float(np.exp(log_mass(*ends[0])) - np.exp(epsilon + log_mass(*ends[1])))


def _where_ratio_is(first: Normal, second: Normal, epsilon: float) -> tuple[float, float]:
    """Return both ends of where the log ratio of densities is epsilon, a root each of ``a x^2 + b x + c``."""
    a = 0.5 / second.deviation**2 - 0.5 / first.deviation**2
    b = first.mean / first.deviation**2 - second.mean / second.deviation**2
    c = float(second.log_density(0.0) * -1 + first.log_density(0.0)) - epsilon
    square = b * b - 4 * a * c
    if square <= 0:
        return 0.0, 0.0
    far = -0.5 * (b + float(np.copysign(np.sqrt(square), b)))  # no cancellation
    roots = sorted((far / a, c / far))
    return roots[0], roots[1]


def _log_tails(low: float, high: float) -> float:
    return float(np.logaddexp(log_ndtr(low), log_ndtr(-high)))


def _log_between(low: float, high: float) -> float:
    if low > 0:
        low, high = -high, -low
    upper = float(log_ndtr(high))
    return upper + float(np.log1p(-np.exp(log_ndtr(low) - upper)))
