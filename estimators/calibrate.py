"""The noise that a wanted epsilon needs, by privacy loss distributions only."""

import math
from collections.abc import Callable
from functools import cache

from scipy.optimize import brentq

from privaudit.errors import ConfigError
from privaudit.estimators.privacy_loss import pld_claim
from privaudit.types import DpSgdParams, Neighbouring
from privaudit.validate import check_delta

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

    @cache
    def excess(noise: float) -> float:
        params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
        got = pld_claim(params, delta=delta, neighbouring=neighbouring).epsilon
        # Bounded logarithms, because the claim may be 0 or infinite far from the root.
        return math.log(min(max(got / epsilon, 1e-9), 1e9))

    too_little, enough = _bracket(excess, epsilon)
    if excess(too_little) <= 0.0:
        return too_little
    noise = _root(excess, too_little, enough)
    while excess(noise) > 0.0:
        noise *= 1.0 + PRECISION / 4
    return noise


def _bracket(excess: Callable[[float], float], epsilon: float) -> tuple[float, float]:
    """Return neighbouring powers of two with the claim above ``epsilon`` at the first, unless it is the smallest."""
    enough = 1.0
    while excess(enough) > 0.0:
        enough *= 2.0
        if enough > LARGEST:
            raise ConfigError(
                f"no noise multiplier up to {LARGEST:g} gives epsilon {epsilon}. "
                "Ask for a larger epsilon, or train for fewer steps.",
                key="epsilon",
            )
    too_little = enough / 2.0
    while too_little > SMALLEST and excess(too_little) <= 0.0:
        enough, too_little = too_little, too_little / 2.0
    return too_little, enough


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Return the noise where the claim is met, to a quarter of the precision."""
    ends = math.log(low), math.log(high)
    return math.exp(brentq(lambda log_noise: excess(math.exp(log_noise)), *ends, xtol=PRECISION / 4))
