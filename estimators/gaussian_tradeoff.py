"""The Gaussian mechanism N(mu, 1) against N(0, 1): epsilon, delta, error rates, advantage, AUC.

With a = epsilon / mu - mu / 2, b = a + mu, the normal density phi and Mills' ratio M(x) = Phi(-x) / phi(x),
delta = Phi(-a) - e^epsilon Phi(-b) = phi(a) (M(a) - M(b)), because e^epsilon phi(b) = phi(a). The last form neither
overflows nor subtracts nearly equal tails.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import erfcx, erfinv, ndtr, ndtri

from privaudit.errors import ConfigError

LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
SERIES_FROM = 50.0  # there the first six terms of Mills' ratio are exact to rounding
LARGEST = 1e100  # of mu and epsilon: their squares are still numbers
RELATIVE_TOLERANCE = 4.0 * np.finfo(np.float64).eps


def check_gaussian_delta(delta: float) -> float:
    """Return ``delta`` if a Gaussian mechanism has an epsilon at it.

    Raises:
        ConfigError: if it does not lie in (0, 1).
    """
    if not 0.0 < delta < 1.0:
        raise ConfigError(
            f"delta must lie in (0, 1) for a Gaussian mechanism; got {delta}. Its privacy loss is unbounded, so at "
            "delta 0 no finite epsilon holds; state a delta such as 1e-5.",
            key="delta",
        )
    return float(delta)


def _check_size(name: str, value: float) -> float:
    if not 0.0 <= value <= LARGEST:
        raise ConfigError(f"{name} must lie in [0, {LARGEST:g}]; got {value}.", key=name)
    return float(value)


def gaussian_log_delta(mu: float, epsilon: float) -> float:
    """Return ln delta of N(mu, 1) against N(0, 1) at an epsilon.

    Args:
        mu: distance in standard deviations, at least 0.
        epsilon: at least 0.

    Returns:
        the natural logarithm of delta; minus infinity for mu = 0.

    Raises:
        ConfigError: if mu or epsilon is negative or above 1e100.

    Source: Balle and Wang, "Improving the Gaussian Mechanism for Differential Privacy", ICML 2018, theorem 8; Dong,
        Roth, Su, "Gaussian Differential Privacy", JRSS B 2022, corollary 2.13 of the preprint.

    >>> round(gaussian_log_delta(10.0, 60.0), 6)
    -1.988977
    """
    return _log_delta(_check_size("mu", mu), _check_size("epsilon", epsilon))


def _log_delta(mu: float, epsilon: float) -> float:
    a = epsilon / mu - mu / 2.0 if mu > 0.0 else math.inf
    if math.isinf(a * a):
        return -math.inf if a > 0.0 else 0.0
    log_density = -a * a / 2.0 - LOG_ROOT_TWO_PI
    if a < -1.0:  # then delta is above 3/5 and its complement is what stays exact
        return math.log1p(-(float(ndtr(a)) + math.exp(log_density) * _mills(a + mu)))
    return log_density + math.log(_mills_drop(a, mu))


def _mills(x: float) -> float:
    return math.sqrt(math.pi / 2.0) * float(erfcx(x / math.sqrt(2.0)))


def _mills_drop(a: float, mu: float) -> float:
    """Return M(a) - M(a + mu); over a short step by Gauss-Legendre quadrature of -M', since the difference cancels."""
    if mu > 0.01 * max(1.0, a):
        return _mills(a) - _mills(a + mu)
    spread = math.sqrt(0.6) * mu / 2.0
    ends = _mills_slope(a + mu / 2.0 - spread) + _mills_slope(a + mu / 2.0 + spread)
    return mu * (5.0 * ends + 8.0 * _mills_slope(a + mu / 2.0)) / 18.0


def _mills_slope(x: float) -> float:
    """Return -M'(x) = 1 - x M(x)."""
    if x < SERIES_FROM:
        return 1.0 - x * _mills(x)
    y = 1.0 / (x * x)
    return y * (1.0 - 3.0 * y * (1.0 - 5.0 * y * (1.0 - 7.0 * y * (1.0 - 9.0 * y * (1.0 - 11.0 * y)))))


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Return the epsilon of a mu-Gaussian mechanism at a delta.

    Args:
        mu: distance in standard deviations, at least 0.
        delta: in (0, 1).

    Returns:
        the smallest epsilon >= 0, to 1e-14 of itself or of mu; 0 where delta covers the total variation.

    Raises:
        ConfigError: if mu is negative or above 1e100, or delta is not in (0, 1).

    Source: see `gaussian_log_delta`; its root, with a bracket found by doubling.

    >>> round(gaussian_epsilon(100.0, 1e-5), 6)
    5425.509846
    """
    _check_size("mu", mu)
    log_delta = math.log(check_gaussian_delta(delta))
    if _log_delta(mu, 0.0) <= log_delta:
        return 0.0
    low, high = 0.0, mu * (1.0 + mu / 2.0)
    while _log_delta(mu, high) > log_delta:
        low, high = high, 2.0 * high
    return _root(lambda epsilon: _log_delta(mu, epsilon) - log_delta, low, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root between two ends to the last digits, or to 1e-14 of the upper end."""
    return float(brentq(function, low, high, xtol=1e-14 * high, rtol=RELATIVE_TOLERANCE, maxiter=500))


def gaussian_mu(epsilon: float, delta: float) -> float:
    """Return the mu whose Gaussian mechanism has this epsilon at this delta.

    Args:
        epsilon: at least 0.
        delta: in (0, 1).

    Returns:
        the largest mu that is (epsilon, delta)-DP, to 1e-13 of itself.

    Raises:
        ConfigError: if epsilon is negative or above 1e100, or delta is not in (0, 1).

    Source: see `gaussian_log_delta`; delta grows with mu.

    >>> round(gaussian_mu(10.997151214, 1e-6), 6)
    2.0
    """
    _check_size("epsilon", epsilon)
    log_delta = math.log(check_gaussian_delta(delta))
    if epsilon == 0.0:
        return 2.0 * math.sqrt(2.0) * float(erfinv(delta))
    high = 1.0
    while _log_delta(high, epsilon) < log_delta:
        high *= 2.0
    while _log_delta(high / 2.0, epsilon) >= log_delta:
        high /= 2.0
    return _root(lambda mu: _log_delta(mu, epsilon) - log_delta, high / 2.0, high)


def gaussian_tpr(fpr: ArrayLike, mu: float) -> NDArray[np.float64]:
    """Return the largest true positive rates that a mu-Gaussian mechanism allows.

    Args:
        fpr: ``(...)`` false positive rates in [0, 1].
        mu: distance in standard deviations, at least 0.

    Returns:
        ``(...)`` true positive rates, Phi(Phi^-1(fpr) + mu).

    Raises:
        ConfigError: if a rate lies outside [0, 1], or mu is negative or above 1e100.

    Source: Dong, Roth, Su, "Gaussian Differential Privacy", JRSS B 2022, section 2.

    >>> gaussian_tpr([0.01, 0.5], 1.0).round(4).tolist()
    [0.0924, 0.8413]
    """
    rates = np.asarray(fpr, dtype=np.float64)
    _check_size("mu", mu)
    if not ((rates >= 0.0) & (rates <= 1.0)).all():
        raise ConfigError(f"fpr must lie in [0, 1]; got {rates.min()} to {rates.max()}.", key="fpr")
    return np.asarray(ndtr(ndtri(rates) + mu), dtype=np.float64)


def gaussian_advantage(mu: float) -> float:
    """Return the largest TPR - FPR against a mu-Gaussian mechanism, 2 Phi(mu / 2) - 1.

    Args:
        mu: distance in standard deviations, at least 0.

    Raises:
        ConfigError: if mu is negative or above 1e100.

    Source: Dong, Roth, Su, "Gaussian Differential Privacy", JRSS B 2022, section 2.

    >>> round(gaussian_advantage(1.0), 4)
    0.3829
    """
    return math.erf(_check_size("mu", mu) / math.sqrt(8.0))


def gaussian_auc(mu: float) -> float:
    """Return the largest AUC against a mu-Gaussian mechanism, Phi(mu / sqrt 2).

    Args:
        mu: distance in standard deviations, at least 0.

    Raises:
        ConfigError: if mu is negative or above 1e100.

    Source: Green and Swets, "Signal Detection Theory and Psychophysics", 1966.

    >>> round(gaussian_auc(1.0), 4)
    0.7602
    """
    return float(ndtr(_check_size("mu", mu) / math.sqrt(2.0)))
