"""The noise that a wanted risk needs, by privacy loss distributions only."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import erfinv, ndtri

from privaudit.errors import ConfigError
from privaudit.estimators.gaussian_tradeoff import gaussian_mu
from privaudit.estimators.poisson_run import add_remove_unless
from privaudit.estimators.privacy_loss import epsilon_by_direction
from privaudit.estimators.tradeoff import advantage_of_run, tpr_of_run
from privaudit.types import DpSgdParams, Neighbouring
from privaudit.validate import check_delta, check_probability

PRECISION = 1e-3
WIDTH = 0.9 * PRECISION
SMALLEST, LARGEST = 1 / 32, 1e5
BOTTOM, TOP = math.log(SMALLEST), math.log(LARGEST)
COARSER = 20.0  # grid of the search; only what is returned needs the full one
MOST_EPSILON = 1e6  # to start from


def noise_for_epsilon(
    epsilon: float,
    *,
    delta: float,
    sample_rate: float,
    steps: int,
    neighbouring: Neighbouring | None = None,
) -> float:
    """Return the smallest noise multiplier whose claim is at most ``epsilon``, rounded up to 1e-3 of itself.

    Args:
        epsilon: the epsilon wanted, above 0.
        delta: the delta wanted, above 0.
        sample_rate: probability with which each record is in a batch.
        steps: number of noisy steps.
        neighbouring: ``ADD_REMOVE``, which ``None`` stands for, or ``REPLACE_ONE``.

    Returns:
        The noise multiplier, at least `SMALLEST` = 1/32, the smallest searched.

    Raises:
        ConfigError: if no noise multiplier gives that epsilon.
        UnsupportedError: for other relations.

    Source: root of `privaudit.estimators.privacy_loss.pld_claim`, which falls with the noise.

    >>> round(noise_for_epsilon(2.0, delta=1e-5, sample_rate=1.0, steps=1), 2)
    1.99
    """
    if not 0.0 < epsilon < math.inf:
        raise ConfigError(f"epsilon must be above 0 and finite; got {epsilon}. Noise 0 needs no search.", key="epsilon")
    if not check_delta(delta) > 0.0:
        raise ConfigError("Gaussian noise gives no epsilon at delta 0; state a delta such as 1e-5.", key="delta")

    relation = add_remove_unless(neighbouring)

    def spent(noise: float, coarser: float) -> float:
        params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
        return max(epsilon_by_direction(params, delta=delta, neighbouring=relation, coarser=coarser))

    mu = gaussian_mu(min(epsilon, MOST_EPSILON), delta)
    return _smallest_noise(spent, epsilon, "epsilon", _start(mu, sample_rate, steps, relation))


def noise_for_advantage(
    advantage: float, *, sample_rate: float, steps: int, neighbouring: Neighbouring | None = None
) -> float:
    """Return the smallest noise multiplier that keeps TPR - FPR of every attack at most ``advantage``.

    Args:
        advantage: the advantage wanted, in (0, 1).
        sample_rate: probability with which each record is in a batch.
        steps: number of noisy steps.
        neighbouring: ``ADD_REMOVE``, which ``None`` stands for, or ``REPLACE_ONE``.

    Returns:
        The noise multiplier, at least `SMALLEST` = 1/32, the smallest searched, rounded up to 1e-3 of itself.

    Raises:
        ConfigError: if the advantage is not in (0, 1), or no noise multiplier gives it.
        UnsupportedError: for other relations.

    Source: root of `privaudit.estimators.tradeoff.advantage_bound`, which is delta at epsilon 0.

    >>> round(noise_for_advantage(0.2, sample_rate=1.0, steps=1), 1)
    2.0
    """
    check_probability("advantage", advantage)

    relation = add_remove_unless(neighbouring)

    def spent(noise: float, coarser: float) -> float:
        params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
        return advantage_of_run(params, relation, coarser=coarser)

    mu = math.sqrt(8.0) * float(erfinv(advantage))
    return _smallest_noise(spent, advantage, "advantage", _start(mu, sample_rate, steps, relation))


def noise_for_tpr(
    tpr: float, *, fpr: float, sample_rate: float, steps: int, neighbouring: Neighbouring | None = None
) -> float:
    """Return the smallest noise multiplier that keeps the TPR of every attack at ``fpr`` at most ``tpr``.

    The false positive rate may be measured in either world.

    Args:
        tpr: the true positive rate wanted, above ``fpr`` and below 1.
        fpr: the false positive rate, in (0, 1).
        sample_rate: probability with which each record is in a batch.
        steps: number of noisy steps.
        neighbouring: ``ADD_REMOVE``, which ``None`` stands for, or ``REPLACE_ONE``.

    Returns:
        The noise multiplier, at least `SMALLEST` = 1/32, the smallest searched, rounded up to 1e-3 of itself.

    Raises:
        ConfigError: if not 0 < fpr < tpr < 1, or no noise multiplier gives that rate.
        UnsupportedError: for other relations.

    Source: root of `privaudit.estimators.tradeoff.tradeoff_bound`.

    >>> round(noise_for_tpr(0.1, fpr=0.01, sample_rate=1.0, steps=1), 2)
    0.96
    """
    if not 0.0 <= fpr < tpr < 1.0:
        raise ConfigError(
            f"a wanted tpr must lie above fpr and below 1; got tpr {tpr} at fpr {fpr}. "
            "Guessing blindly has a TPR equal to its FPR.",
            key="tpr",
        )
    if fpr == 0.0:
        raise ConfigError(
            f"fpr must be above 0 for a wanted tpr; got 0 at tpr {tpr}. Gaussian noise allows no true positive without "
            "a false one; state a rate such as 0.001.",
            key="fpr",
        )

    relation = add_remove_unless(neighbouring)

    def spent(noise: float, coarser: float) -> float:
        params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
        return float(tpr_of_run(np.array([fpr]), params, relation, coarser=coarser)[0])

    mu = float(ndtri(tpr) - ndtri(fpr))
    return _smallest_noise(spent, tpr, "tpr", _start(mu, sample_rate, steps, relation))


def _start(mu: float, sample_rate: float, steps: int, neighbouring: Neighbouring) -> float:
    """Return the noise whose run tends to the Gaussian mechanism of this mu, the inverse of `gdp_clt_mu`."""
    growth = mu * mu / (sample_rate * sample_rate * steps)
    inverse_square = math.asinh(growth / 4.0) if neighbouring == Neighbouring.REPLACE_ONE else math.log1p(growth)
    return min(max(1.0 / math.sqrt(max(inverse_square, 1e-300)), SMALLEST), LARGEST)


def _smallest_noise(spent: Callable[[float, float], float], wanted: float, name: str, start: float) -> float:
    """Return the noise from which on the risk, which falls with the noise, is at most the wanted one.

    Args:
        spent: the risk of a noise multiplier, on a grid that is so many times as coarse.
        wanted: the risk wanted.
        name: its name, for the message.
        start: a noise multiplier near the result.
    """
    if spent(0.0, 1.0) <= wanted:
        return SMALLEST

    @cache
    def excess(log_noise: float, coarser: float = 1.0) -> float:
        # Bounded logarithms, because the risk may be 0 or infinite far from the root.
        return math.log(min(max(spent(math.exp(log_noise), coarser) / wanted, 1e-9), 1e9))

    def on_coarse_grid(log_noise: float) -> float:
        return excess(log_noise, COARSER)

    near = _root(on_coarse_grid, math.log(start), 0.25, PRECISION / 8.0)
    if near is None:  # the coarse grid alone costs more than is wanted
        found = _root(excess, math.log(start), 0.25, PRECISION / 4.0)
    else:
        slope = (on_coarse_grid(near) - on_coarse_grid(near - 0.01)) / 0.01
        found = _refined(excess, near, min(slope, -0.1))
    if found is None:
        raise ConfigError(
            f"no noise multiplier up to {LARGEST:g} gives {name} {wanted}. "
            f"Ask for a larger {name}, or train for fewer steps.",
            key=name,
        )
    return math.exp(found)


def _refined(excess: Callable[[float], float], near: float, slope: float) -> float | None:
    """Return the root from one near it and the slope there: three evaluations as a rule."""
    root = near - excess(near) / slope
    high = near if excess(near) <= 0.0 and abs(root - near) < WIDTH / 2.0 else root + WIDTH / 2.0
    low, high = max(high - WIDTH, BOTTOM), max(high, BOTTOM)
    if excess(high) <= 0.0 < excess(low):
        return high
    return _root(excess, root, 2.0 * WIDTH, PRECISION / 4.0)


def _root(excess: Callable[[float], float], start: float, step: float, precision: float) -> float | None:
    """Return where the excess ends, to twice the precision and on the safe side; `BOTTOM` or None if not between."""
    low = high = min(max(start, BOTTOM), TOP)
    while excess(high) > 0.0:
        if high >= TOP:
            return None
        low, high, step = high, min(high + step, TOP), 2.0 * step
    if low == high:
        while excess(low) <= 0.0:
            if low <= BOTTOM:
                return BOTTOM
            low, high, step = max(low - step, BOTTOM), low, 2.0 * step
    root = float(brentq(excess, low, high, xtol=precision))
    while excess(root) > 0.0:
        root += precision
    return root
