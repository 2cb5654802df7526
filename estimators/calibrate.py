"""The noise that a wanted risk needs, by privacy loss distributions only."""

import math
from collections.abc import Callable
from functools import cache

from scipy.optimize import brentq

from privaudit.errors import ConfigError
from privaudit.estimators.privacy_loss import pld_claim
from privaudit.estimators.tradeoff import advantage_bound, tradeoff_bound
from privaudit.types import DpSgdParams, Neighbouring
from privaudit.validate import check_delta, check_probability

PRECISION = 1e-3
SMALLEST, LARGEST = 1 / 32, 1e5


def noise_for_epsilon(
    epsilon: float,
    *,
    delta: float,
    sample_rate: float,
    steps: int,
    neighbouring: Neighbouring = Neighbouring.ADD_REMOVE,
) -> float:
    """Return the smallest noise multiplier whose claim is at most ``epsilon``, rounded up to 1e-3 of itself.

    Args:
        epsilon: the epsilon wanted, above 0.
        delta: the delta wanted, above 0.
        sample_rate: probability with which each record is in a batch.
        steps: number of noisy steps.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Returns:
        The noise multiplier, at least 1/32.

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

    def spent(noise: float) -> float:
        params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
        return pld_claim(params, delta=delta, neighbouring=neighbouring).epsilon

    return _smallest_noise(spent, epsilon, "epsilon")


def noise_for_advantage(
    advantage: float, *, sample_rate: float, steps: int, neighbouring: Neighbouring = Neighbouring.ADD_REMOVE
) -> float:
    """Return the smallest noise multiplier that keeps TPR - FPR of every attack at most ``advantage``.

    Args:
        advantage: the advantage wanted, in (0, 1).
        sample_rate: probability with which each record is in a batch.
        steps: number of noisy steps.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Returns:
        The noise multiplier, at least 1/32, rounded up to 1e-3 of itself.

    Raises:
        ConfigError: if the advantage is not in (0, 1), or no noise multiplier gives it.
        UnsupportedError: for other relations.

    Source: root of `privaudit.estimators.tradeoff.advantage_bound`, which is delta at epsilon 0.

    >>> round(noise_for_advantage(0.2, sample_rate=1.0, steps=1), 1)
    2.0
    """
    check_probability("advantage", advantage)

    def spent(noise: float) -> float:
        params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
        return advantage_bound(params=params, neighbouring=neighbouring)

    return _smallest_noise(spent, advantage, "advantage")


def noise_for_tpr(
    tpr: float, *, fpr: float, sample_rate: float, steps: int, neighbouring: Neighbouring = Neighbouring.ADD_REMOVE
) -> float:
    """Return the smallest noise multiplier that keeps the TPR of every attack at ``fpr`` at most ``tpr``.

    The false positive rate may be measured in either world.

    Args:
        tpr: the true positive rate wanted, above ``fpr`` and below 1.
        fpr: the false positive rate, in [0, 1).
        sample_rate: probability with which each record is in a batch.
        steps: number of noisy steps.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Returns:
        The noise multiplier, at least 1/32, rounded up to 1e-3 of itself.

    Raises:
        ConfigError: if not 0 <= fpr < tpr < 1, or no noise multiplier gives that rate.
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

    def spent(noise: float) -> float:
        params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
        return float(tradeoff_bound([fpr], params=params, neighbouring=neighbouring)[0])

    return _smallest_noise(spent, tpr, "tpr")


def _smallest_noise(spent: Callable[[float], float], wanted: float, name: str) -> float:
    """Return the noise from which on the risk, which falls with the noise, is at most the wanted one."""

    @cache
    def excess(noise: float) -> float:
        # Bounded logarithms, because the risk may be 0 or infinite far from the root.
        return math.log(min(max(spent(noise) / wanted, 1e-9), 1e9))

    too_little, enough = _bracket(excess, f"{name} {wanted}", name)
    if excess(too_little) <= 0.0:
        return too_little
    noise = _root(excess, too_little, enough)
    while excess(noise) > 0.0:
        noise *= 1.0 + PRECISION / 4
    return noise


def _bracket(excess: Callable[[float], float], wish: str, key: str) -> tuple[float, float]:
    """Return neighbouring powers of two with the risk above the wish at the first, unless it is the smallest."""
    enough = 1.0
    while excess(enough) > 0.0:
        enough *= 2.0
        if enough > LARGEST:
            raise ConfigError(
                f"no noise multiplier up to {LARGEST:g} gives {wish}. "
                f"Ask for a larger {key}, or train for fewer steps.",
                key=key,
            )
    too_little = enough / 2.0
    while too_little > SMALLEST and excess(too_little) <= 0.0:
        enough, too_little = too_little, too_little / 2.0
    return too_little, enough


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Return the noise where the wish is met, to a quarter of the precision."""
    ends = math.log(low), math.log(high)
    return math.exp(brentq(lambda log_noise: excess(math.exp(log_noise)), *ends, xtol=PRECISION / 4))
