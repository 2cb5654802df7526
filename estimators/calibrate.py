"""The noise that a wanted epsilon needs, by privacy loss distributions only."""

import math

from privaudit.errors import ConfigError
from privaudit.estimators.privacy_loss import pld_claim
from privaudit.types import DpSgdParams, Neighbouring
from privaudit.validate import check_delta

PRECISION = 1e-3
SMALLEST, LARGEST = 0.05, 1e5


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

    Source: bisection on `privaudit.estimators.privacy_loss.pld_claim`, which falls with the noise.

    >>> round(noise_for_epsilon(2.0, delta=1e-5, sample_rate=1.0, steps=1), 2)
    1.99
    """
    if not 0.0 < epsilon < math.inf:
        raise ConfigError(f"epsilon must be above 0 and finite; got {epsilon}. Noise 0 needs no search.", key="epsilon")
    if not check_delta(delta) > 0.0:
        raise ConfigError("Gaussian noise gives no epsilon at delta 0; state a delta such as 1e-5.", key="delta")

    def holds(noise: float) -> bool:
        params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
        return pld_claim(params, delta=delta, neighbouring=neighbouring).epsilon <= epsilon

    enough = 1.0
    while not holds(enough):
        enough *= 2.0
        if enough > LARGEST:
            raise ConfigError(
                f"no noise multiplier up to {LARGEST:g} gives epsilon {epsilon} at delta {delta}. "
                "Ask for a larger epsilon, or train for fewer steps.",
                key="epsilon",
            )
    too_little = enough / 2.0
    while too_little >= SMALLEST and holds(too_little):
        enough, too_little = too_little, too_little / 2.0
    while enough > too_little * (1.0 + PRECISION):
        middle = math.sqrt(enough * too_little)
        enough, too_little = (middle, too_little) if holds(middle) else (enough, middle)
    return enough
