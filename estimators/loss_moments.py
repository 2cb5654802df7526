"""Exponential moments of the exact privacy loss: they bound delta where the Fourier transform's rounding hides it.

The transform leaves an absolute error of about 2e-16 per step. A moment has a relative one, so that Chernoff's bound
holds down to the smallest delta that there is.
"""

import math

import numpy as np
from numpy.typing import NDArray

from privaudit.estimators.loss_cells import Direction
from privaudit.types import DpSgdParams

USUAL = (*(tenth / 10.0 for tenth in range(1, 100)), *(float(order) for order in range(11, 63)))  # Renyi orders less 1
LEAST_NOISE = 1.0 / 64.0  # less would need too many points; then the full-batch Gaussian is what bounds small delta
REACH = 12.0  # standard deviations around the peaks of the integrand
FARTHEST = 38.0  # a tilt by more concerns delta below 1e-308 alone
PER_DECADE = 20
ROUNDING = 8.0 * float(np.finfo(np.float64).eps)


def log_delta_lines(params: DpSgdParams, direction: Direction) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lines that bound ln delta of a run: ln delta(epsilon) <= intercept - order epsilon.

    Args:
        params: noise multiplier above 0, sample rate, steps.
        direction: which world the loss is drawn in.

    Returns:
        ``(k,)`` orders, ascending, and ``(k,)`` intercepts; none for noise below `LEAST_NOISE`.

    Source: Chernoff's bound with (1 - e^-x)_+ <= e^(c x) c^c / (1 + c)^(1 + c), the maximum at x = ln(1 + 1 / c), for the
    sum of the steps' losses L: intercept = T ln E[e^(c L)] + ln(c^c / (1 + c)^(1 + c)). At order c + 1 this is Renyi DP
    with the conversion of Canonne, Kamath, Steinke, NeurIPS 2020, proposition 12.

    >>> orders, intercepts = log_delta_lines(DpSgdParams(noise_multiplier=1.0, sample_rate=1.0, steps=1), Direction.ADD)
    >>> bool(np.exp((intercepts - 3.0 * orders).min()) < 0.06)  # exactly 0.00154 at epsilon 3
    True
    """
    if params.noise_multiplier < LEAST_NOISE:
        return np.zeros(0), np.zeros(0)
    orders = _orders(params)
    intercepts = params.steps * log_moments(params, direction, orders)
    return orders, intercepts - np.log1p(orders) - orders * np.log1p(1.0 / orders)


def _orders(params: DpSgdParams) -> NDArray[np.float64]:
    """Return the usual Renyi orders less 1, as far as the best may lie there, and a geometric range of others.

    A run is a function of the one with full batches, whose best orders are sigma / sqrt(T) and more. A tilt by c has a
    relative entropy of about (c / sigma)^2 / 2 once the record shows, which takes c of 2 sigma^2 ln(1 / q).
    """
    noise = params.noise_multiplier
    shows = 1.0 - 2.0 * noise * noise * math.log(params.sample_rate)
    usual = np.array(USUAL)
    largest = max(FARTHEST * noise, min(float(usual[-1]), shows))
    least = min(0.5 * noise / math.sqrt(params.steps), largest / 10.0)
    others = np.geomspace(least, largest, math.ceil(PER_DECADE * math.log10(largest / least)) + 1)
    orders = np.union1d(usual[usual < largest], others)
    return np.asarray(orders[np.append(True, np.diff(orders) > 1e-6 * orders[1:])], dtype=np.float64)


def log_moments(params: DpSgdParams, direction: Direction, orders: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ln E[e^(c L)] of one step, rounded up; by the trapezoid rule, which converges exponentially.

    Args:
        params: noise multiplier above 0, sample rate.
        direction: which world the loss is drawn in.
        orders: ``(k,)`` orders c above 0, ascending.

    Source: Mironov, Talwar, Zhang, arXiv 1908.10530, equation 2, and the same for the other directions.

    >>> params = DpSgdParams(noise_multiplier=2.0, sample_rate=1.0, steps=1)
    >>> log_moments(params, Direction.REMOVE, np.array([1.0, 2.0])).tolist()
    [0.25, 0.75]
    """
    shift, rate = 1.0 / params.noise_multiplier, params.sample_rate
    if rate == 1.0:
        reach = 2.0 * shift if direction is Direction.REPLACE else shift
        return orders * (orders + 1.0) * (reach * reach / 2.0)
    step = 0.4 / max(shift, 5.0)  # the integrand's poles are pi / shift off the real line
    far = REACH + (2.0 + float(orders[-1])) * shift
    bottom, top = {
        Direction.REMOVE: (-REACH, far),
        Direction.ADD: (-far, REACH + 2.0 * shift),
        Direction.REPLACE: (-far, far + float(orders[-1]) * shift),
    }[direction]
    x = np.arange(bottom, top + step, step)
    log_weight = -x * x / 2.0 + math.log(step / math.sqrt(2.0 * math.pi))
    with_record, gain = _ratio(shift, rate, x)
    nothing = np.zeros_like(x)
    other, loss = {
        Direction.REMOVE: ((nothing, nothing), (with_record, gain)),
        Direction.ADD: ((with_record, gain), (nothing, nothing)),
        Direction.REPLACE: (_ratio(shift, rate, -x), (with_record, gain)),
    }[direction]
    return np.array([_log_moment(float(order), log_weight, loss, other) for order in orders])


def _ratio(shift: float, rate: float, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ln u and u - 1 (capped) for u = 1 - q + q e^(a x - a^2 / 2), the density with the record over that without."""
    drawn = shift * x - shift * shift / 2.0
    gain = rate * np.expm1(np.minimum(drawn, 700.0))
    precise = np.log1p(np.maximum(gain, -0.5))
    return np.where(
        (gain > -0.5) & (drawn < 700.0), precise, np.logaddexp(math.log1p(-rate), math.log(rate) + drawn)
    ), gain


def _log_moment(
    order: float,
    log_weight: NDArray[np.float64],
    drawn: tuple[NDArray[np.float64], NDArray[np.float64]],
    other: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> float:
    """Return ln E[u^(1 + c) v^-c] over the normal weights, where E[u] = E[v] = 1.

    For a small result that is ln(1 + E[u^(1 + c) v^-c - (1 + c) u + c v]), in which no term is negative.
    """
    (log_u, gain_u), (log_v, gain_v) = drawn, other
    power = (1.0 + order) * log_u - order * log_v
    exponent = log_weight + power
    top = float(exponent.max())
    total = top + math.log(float(np.exp(exponent - top).sum()))
    if total > 0.5:
        return total * (1.0 + 1e-12)
    small = (np.abs(power) < 1.0) & (np.abs(log_u) < 0.5) & (np.abs(log_v) < 0.5)
    up, down = (1.0 + order) * np.where(small, gain_u, 0.0), order * np.where(small, gain_v, 0.0)
    power = np.where(small, power, 0.0)
    weight = np.exp(log_weight)
    beyond = float((weight * (np.expm1(power) - up + down)).sum())
    size = float((weight * (np.abs(power) + np.abs(up) + np.abs(down))).sum())
    large = ~small
    log_u, log_v, log_weight = log_u[large], log_v[large], log_weight[large]
    moment, up = np.exp(exponent[large]), (1.0 + order) * np.exp(log_weight + log_u)
    down = order * np.exp(log_weight + log_v)
    beyond += float((moment - up + down).sum())
    # Logarithms of the ratios carry their rounding times the order, the terms theirs.
    spread = 1.0 + (1.0 + order) * np.abs(log_u) + order * np.abs(log_v)
    size += float((moment * spread + up + down).sum())
    return math.log1p(max(beyond, 0.0) + ROUNDING * size)
