"""What an audit of the final model alone can be expected to reach: a prediction, never a bound.

If every loss is linear, the released model is the sum of all noisy steps, and one record adds its clipped gradient once
per batch it is in: a binomial number of times. That gives one pair of distributions on the line, where the whole run's
accountant has one per step. Real losses are not linear; the source shows runs that leak more than this.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import erfcx, gammaln, log_ndtr, xlog1py, xlogy

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.privacy_loss import check_poisson
from privaudit.types import DpSgdParams, EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_delta

ASSUMPTIONS = (
    "every loss is linear, so that only the sum of the noisy steps is seen",
    "batches are drawn by Poisson sampling at the stated rate",
    "a prediction of what audits of the final model reach; real losses can leak more or less",
)

MAX_STEPS = 10_000_000
FAR = 40.0  # standard deviations; the tail beyond is smaller than any delta a float can hold
NEGLIGIBLE = 800.0  # in log space, for the same reason
LEAST_SPREAD = 1e-6  # of the summed noise; below it epsilon exceeds 1e11 and counts as infinite


def last_iterate_epsilon(
    params: DpSgdParams, *, delta: float, neighbouring: Neighbouring | None = None
) -> EpsilonEstimate:
    """Predict the epsilon that an audit of the final model alone can reach.

    Args:
        params: noise multiplier, sample rate, steps (at most 1e7).
        delta: the delta of the prediction, in (0, 1).
        neighbouring: ``ADD_REMOVE``, which ``None`` stands for as well.

    Returns:
        A point without any guarantee, the larger one of both directions; ``math.inf`` without noise where the record
        is drawn with a chance above delta. Diagnostics: ``epsilon_remove``, ``epsilon_add`` and ``advantage``, the
        largest TPR - FPR of the same pair.

    Raises:
        ConfigError: if delta is outside (0, 1).
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations, or more steps.

    Source: Nasr, Steinke et al., "The Last Iterate Advantage", arXiv 2410.06186: N(Bin(T, q), T sigma^2) against
    N(0, T sigma^2).

    >>> params = DpSgdParams(noise_multiplier=1.0, sample_rate=0.01, steps=1000)
    >>> round(last_iterate_epsilon(params, delta=1e-5).lower, 3)
    1.278
    """
    if not check_delta(delta) > 0.0:
        raise ConfigError("Gaussian noise gives no epsilon at delta 0; state a delta such as 1e-5.", key="delta")
    _check(params, neighbouring)
    remove, add, advantage = _both_directions(params, delta)
    epsilon = max(remove, add)
    return EpsilonEstimate(
        method="last_iterate",
        kind=EstimateKind.POINT,
        lower=epsilon,
        upper=epsilon,
        delta=delta,
        confidence=1.0,
        neighbouring=Neighbouring.ADD_REMOVE,
        validity=Validity.HEURISTIC,
        assumptions=ASSUMPTIONS,
        diagnostics={"epsilon_remove": remove, "epsilon_add": add, "advantage": advantage},
    )


def _check(params: DpSgdParams, neighbouring: Neighbouring | None) -> None:
    if neighbouring not in (None, Neighbouring.ADD_REMOVE):
        raise UnsupportedError(f"the last-iterate prediction is about add_remove; got {neighbouring!s}.")
    check_poisson(params)
    if params.steps > MAX_STEPS:
        raise UnsupportedError(f"the last-iterate prediction takes at most {MAX_STEPS} steps; got {params.steps}.")


def _both_directions(params: DpSgdParams, delta: float) -> tuple[float, float, float]:
    """Return epsilon with the record against without, the reverse, and the advantage."""
    spread = params.noise_multiplier * math.sqrt(params.steps)
    if spread < LEAST_SPREAD:
        return _without_noise(params, delta)
    pair = _mixture(params, spread)
    even = pair.balance()
    advantage = min(1.0, math.exp(pair.log_delta_remove(even)))
    if delta >= advantage:
        return 0.0, 0.0, advantage
    target = math.log(delta)
    remove = _root(lambda u: pair.log_delta_remove(u) - target, even, float(pair.shift[-1]) + FAR)
    add = _root(lambda u: pair.log_delta_add(u) - target, -FAR, even)
    return max(0.0, pair.log_ratio(remove)), max(0.0, -pair.log_ratio(add)), advantage


def _without_noise(params: DpSgdParams, delta: float) -> tuple[float, float, float]:
    """The record shows itself whenever it was drawn at all."""
    log_never = params.steps * math.log1p(-params.sample_rate) if params.sample_rate < 1.0 else -math.inf
    ever = -math.expm1(log_never)
    if delta >= ever:
        return 0.0, 0.0, ever
    return math.inf, math.log1p(-delta) - log_never, ever


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    at_low, at_high = excess(low), excess(high)
    if at_low * at_high >= 0.0:  # the ends differ by rounding only
        return low if abs(at_low) <= abs(at_high) else high
    return float(brentq(excess, low, high, xtol=1e-13, rtol=1e-14, maxiter=1000))


@dataclass(frozen=True, slots=True)
class _Mixture:
    """Standard normals shifted by a binomial number of gradients, against the standard normal; u is where they split.

    The likelihood ratio grows with u, so each direction's best test is a threshold.
    """

    log_weight: NDArray[np.float64]
    shift: NDArray[np.float64]

    def log_ratio(self, u: float) -> float:
        """Return the log of the likelihood ratio at u."""
        return _log_sum(self.log_weight + self.shift * (u - self.shift / 2.0))

    def balance(self) -> float:
        """Return where both densities are equal; between 0 and half of the largest shift."""
        return _root(self.log_ratio, 0.0, float(self.shift[-1]) / 2.0)

    def log_delta_remove(self, u: float) -> float:
        """Return log of P(X > u) - ratio(u) Q(X > u), for u at least 0."""
        above = _log_sum(self.log_weight + log_ndtr(self.shift - u))
        scaled = _log_sum(self.log_weight - (u - self.shift) ** 2 / 2.0) + float(_log_mills(u))
        return above + _log_of_rest(scaled - above)

    def log_delta_add(self, u: float) -> float:
        """Return log of Q(X < u) - P(X < u) / ratio(u)."""
        gap = u - self.shift
        density = self.log_weight - gap**2 / 2.0
        top = float(density.max())
        # Below a component its tail is its density times Mills' ratio: huge squares cancel before they are formed.
        tail = np.where(gap < 0.0, density - top + _log_mills(np.maximum(-gap, 0.0)), 0.0)
        tail = np.where(gap < 0.0, tail, self.log_weight - top + log_ndtr(np.maximum(gap, 0.0)))
        scaled = _log_sum(tail) - _log_sum(density - top) - u * u / 2.0
        below = float(log_ndtr(u))
        return below + _log_of_rest(scaled - below)


def _mixture(params: DpSgdParams, spread: float) -> _Mixture:
    """Keep the numbers of draws that matter for any threshold: those not negligible before or after the far tilt."""
    n, q = params.steps, params.sample_rate
    draws = np.arange(n + 1, dtype=np.float64)
    log_weight = gammaln(n + 1.0) - gammaln(draws + 1.0) - gammaln(n - draws + 1.0)
    log_weight += xlogy(draws, q) + xlog1py(n - draws, -q)
    log_weight -= _log_sum(log_weight)
    shift = draws / spread
    tilted = log_weight - shift * (FAR + shift / 2.0)
    kept = np.flatnonzero((log_weight > log_weight.max() - NEGLIGIBLE) | (tilted > tilted.max() - NEGLIGIBLE))
    inside = slice(int(kept[0]), int(kept[-1]) + 1)
    return _Mixture(log_weight[inside], shift[inside])


def _log_sum(values: NDArray[np.float64]) -> float:
    top = float(values.max())
    return top + math.log(float(np.exp(values - top).sum()))


def _log_mills(z: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return log of P(X > z) exp(z^2 / 2) for z at least 0."""
    return np.asarray(np.log(erfcx(np.asarray(z) / math.sqrt(2.0)) / 2.0), dtype=np.float64)


def _log_of_rest(log_share: float) -> float:
    """Return log(1 - exp(log_share)), finite where rounding pushed the share to 1."""
    return math.log(-math.expm1(min(float(log_share), -1e-300)))
