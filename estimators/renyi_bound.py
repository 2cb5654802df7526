"""Epsilon of a DP-SGD run by Renyi DP, from the exact divergence of one step.

The divergence is one integral, so it needs no series: those fail to converge for some fractional orders.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from privaudit.errors import ClaimError, ConfigError
from privaudit.estimators.privacy_loss import check_poisson
from privaudit.types import DpSgdParams
from privaudit.validate import check_delta

ORDERS = (*(1.0 + tenth / 10.0 for tenth in range(1, 100)), *(float(order) for order in range(12, 64)))
REACH = 12.0  # standard deviations around either peak of the integrand


def renyi_epsilon(params: DpSgdParams, delta: float) -> tuple[float, float]:
    """Return epsilon under add/remove by the best of the usual orders, and that order.

    Args:
        params: noise multiplier (above 0), sample rate, steps; the sampling must be ``poisson``.
        delta: in (0, 1).

    Raises:
        ConfigError: if delta is not in (0, 1).
        ClaimError: if the sampling is not ``poisson`` or there is no noise.

    Source: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020, proposition 12.

    >>> epsilon, order = renyi_epsilon(DpSgdParams(noise_multiplier=1.0, sample_rate=0.01, steps=1000), 1e-5)
    >>> round(epsilon, 4), order
    (2.1014, 7.8)
    """
    if not check_delta(delta) > 0.0:
        raise ConfigError("Renyi DP gives no epsilon at delta 0; state a delta such as 1e-5.", key="delta")
    best = min(
        (
            params.steps * renyi_divergence(params, order)
            + math.log1p(-1.0 / order)
            - (math.log(delta) + math.log(order)) / (order - 1.0),
            order,
        )
        for order in ORDERS
    )
    return max(0.0, best[0]), best[1]


def renyi_divergence(params: DpSgdParams, order: float) -> float:
    """Return the Renyi divergence of one step, with the record against without, which is the larger direction.

    Args:
        params: noise multiplier (above 0), sample rate; the sampling must be ``poisson``.
        order: above 1.

    Raises:
        ClaimError: if the sampling is not ``poisson`` or there is no noise.

    Source: Mironov, Talwar, Zhang, arXiv 1908.10530, theorem 4 and equation 2: log E[(1 - q + q e^(a x - a^2 / 2))^order]
    / (order - 1) for a standard normal x and a = 1 / sigma; here by the trapezoid rule, which converges exponentially.

    >>> round(renyi_divergence(DpSgdParams(noise_multiplier=2.0, sample_rate=1.0, steps=1), 3.0), 6)
    0.375
    """
    check_poisson(params)
    if params.noise_multiplier == 0.0:
        raise ClaimError("without noise the Renyi divergence is infinite; got noise_multiplier=0. Add noise.")
    shift, rate = 1.0 / params.noise_multiplier, params.sample_rate
    if rate == 1.0:
        return order * shift * shift / 2.0
    x, step = _nodes(shift, order)
    log_weight = -x * x / 2.0 + math.log(step / math.sqrt(2.0 * math.pi))
    drawn = shift * x - shift * shift / 2.0
    log_power = order * np.logaddexp(math.log1p(-rate), math.log(rate) + drawn)
    log_moment = float(logsumexp(log_weight + log_power))
    if log_moment < 0.5:
        log_moment = math.log1p(_moment_beyond_1(log_weight, log_power, rate, drawn, order))
    return log_moment / (order - 1.0)


def _nodes(shift: float, order: float) -> tuple[NDArray[np.float64], float]:
    """Return equidistant points around both peaks; the integrand's poles are pi / shift off the real line."""
    step = 0.5 / max(shift, 5.0)
    near, far = REACH, order * shift
    if far - REACH <= near:
        return np.arange(-REACH, far + REACH, step), step
    around = np.arange(-REACH, REACH, step)
    return np.concatenate([around, far + around]), step


def _moment_beyond_1(
    log_weight: NDArray[np.float64],
    log_power: NDArray[np.float64],
    rate: float,
    drawn: NDArray[np.float64],
    order: float,
) -> float:
    """Return E[r^order - 1 - order (r - 1)], which is the moment less 1 since E[r] = 1; no term is negative."""
    gain = rate * np.expm1(np.minimum(drawn, 700.0))
    weight = np.exp(log_weight)
    small = np.abs(order * gain) < 1.0
    series = np.expm1(order * np.log1p(np.where(small, gain, 0.0))) - order * gain
    terms = np.where(small, weight * series, np.exp(log_weight + log_power) - weight * (1.0 + order * gain))
    return max(0.0, float(terms.sum()))
