"""The guarantee of the private heads, and the largest AUC that it allows."""

from functools import cache

import numpy as np

from privaudit.estimators import noise_for_epsilon, tradeoff_bound
from privaudit.types import DpSgdParams

EPSILON, DELTA, CLIP, STEPS = 1.0, 1e-5, 1.0, 60
N_POINTS = 4001


@cache
def noise_of(sample_rate: float) -> float:
    """Return the noise multiplier that spends the claim.

    Args:
        sample_rate: of the Poisson batches.
    """
    return noise_for_epsilon(EPSILON, delta=DELTA, sample_rate=sample_rate, steps=STEPS)


@cache
def highest_auc(sample_rate: float) -> float:
    """Return the AUC under the trade-off curve of a run that spends the claim.

    Every record's own curve lies below it, and it is concave, so curves averaged over records lie below it as well.

    Args:
        sample_rate: of the Poisson batches.
    """
    fpr = np.linspace(0.0, 1.0, N_POINTS)
    params = DpSgdParams(noise_multiplier=noise_of(sample_rate), sample_rate=sample_rate, steps=STEPS)
    return float(np.trapezoid(tradeoff_bound(fpr, params=params, null="out"), fpr))
