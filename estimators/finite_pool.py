"""Separations measured with training sets drawn from one pool, and what they would be with fresh data.

Shadow models are trained on parts of one finite pool. Parts of one pool overlap, so their sums scatter less than those of
fresh samples: by the factor 1 - p in variance where each record is in with chance p. A separation in units of that scatter
comes out larger by 1 / sqrt(1 - p), by the square root of 2 for halves.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from privaudit.errors import DataError, UnsupportedError
from privaudit.estimators.played_models import Floats, check_played
from privaudit.validate import check_probability

POOL_ASSUMPTION = (
    "assumes that all scatter of a record's signal comes from which other records were drawn, that it adds up over them, "
    "and that the pool is a sample of the population; scatter from initial weights and batches is not reduced by a pool, "
    "so the correction is then too large"
)


class FreshSeparation(NamedTuple):
    """Separations corrected for the pool.

    Attributes:
        value: ``(n_records,)`` separations in standard deviations.
        factor: what the measured ones were multiplied by.
        assumption: what must hold for it.
    """

    value: Floats
    factor: float
    assumption: str


def record_separation(values: ArrayLike, is_in: ArrayLike) -> Floats:
    """Return how far each record's IN mean lies above its OUT mean, in standard deviations within the sides.

    Args:
        values: ``(n_models, n_records)`` a signal or score, finite.
        is_in: ``(n_models, n_records)`` the coins.

    Returns:
        ``(n_records,)`` d'; ``math.inf`` (with the sign of the difference) where both sides have no spread, 0 where
        they do not differ either.

    Raises:
        UnsupportedError: if a record has no model on a side, or fewer than three in all.
        DataError: if a value is infinite.

    Source: the sensitivity index d' of Green and Swets, "Signal Detection Theory and Psychophysics", 1966.

    >>> record_separation([[2.0], [4.0], [0.0], [2.0]], [[1], [1], [0], [0]]).round(4).tolist()
    [1.4142]
    """
    signal, coins = check_played(values, is_in)
    if np.isinf(signal).any():
        raise DataError("a separation needs finite values; some are infinite. Take a signal that does not saturate.")
    n_in, n_out = coins.sum(axis=0), (~coins).sum(axis=0)
    lacking = int(((n_in < 1) | (n_out < 1) | (n_in + n_out < 3)).sum())
    if lacking:
        raise UnsupportedError(
            f"a separation needs a model with, one without and a third; {lacking} records lack one. Train more models."
        )
    means = [np.where(side, signal, 0.0).sum(axis=0) / side.sum(axis=0) for side in (coins, ~coins)]
    deviation = signal - np.where(coins, means[0], means[1])
    spread = np.sqrt((deviation**2).sum(axis=0) / (n_in + n_out - 2))
    spread[spread <= 4 * np.finfo(np.float64).eps * np.abs(signal).max(axis=0)] = 0.0
    difference = means[0] - means[1]
    difference[np.ptp(signal, axis=0) == 0] = 0.0  # the means of one constant may differ in their last digits
    certain = np.where(difference == 0, 0.0, np.copysign(math.inf, difference))
    certain[spread > 0] = difference[spread > 0] / spread[spread > 0]
    return certain


def fresh_separation(separation: ArrayLike, *, keep_fraction: float) -> FreshSeparation:
    """Return what separations would be if every training set were drawn afresh from the population.

    Args:
        separation: ``(n_records,)`` d' as measured with training sets from one pool.
        keep_fraction: chance that a record of the pool is in a training set (0.5 in a paired design).

    Returns:
        The separations times sqrt(1 - keep_fraction), with the assumption that this makes.

    Raises:
        ConfigError: if the fraction is no probability.

    Source: variance of a mean without replacement (Cochran, "Sampling Techniques", 1977, theorem 2.2); its effect on
    shadow models: Jälkö et al., arXiv 2605.25819.

    >>> fresh_separation([2.0], keep_fraction=0.75).value.tolist()
    [1.0]
    """
    factor = math.sqrt(1.0 - check_probability("keep_fraction", keep_fraction))
    return FreshSeparation(factor * np.asarray(separation, dtype=np.float64), factor, POOL_ASSUMPTION)
