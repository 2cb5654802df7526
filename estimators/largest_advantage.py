"""The largest difference between true and false positive rate over all thresholds, with an interval."""

import math

from privaudit.errors import ConfigError
from privaudit.types import RocCurve
from privaudit.validate import check_probability

WHOLE_BELOW = 100  # a stored curve with points left out keeps this many at its low end alone (`privaudit.report.thin`)


def observed_advantage(roc: RocCurve) -> float:
    """Return the largest TPR - FPR among the points of a curve.

    >>> observed_advantage(RocCurve(fpr=[0.0, 0.1, 1.0], tpr=[0.0, 0.6, 1.0]))
    0.5
    """
    return float((roc.tpr - roc.fpr).max())


def advantage_interval(roc: RocCurve, *, confidence: float) -> tuple[float, float]:
    """Return an interval of the largest TPR - FPR that any threshold on the same scores has.

    The threshold is chosen on the records that are counted, so the band must hold at all thresholds at once: the
    distribution functions of members' and non-members' scores each stay within sqrt(ln(4 / error) / 2n) of the measured
    ones, at half the error each, and the largest difference within the sum of both widths.

    Args:
        roc: a measured curve, with ``n_in`` and ``n_out``. Of a curve with points left out the upper end allows for what may
            lie between two points that are kept.
        confidence: coverage at every sample size, for independent scores in each world.

    Returns:
        lower and upper end within [0, 1]; 0 is what calling nobody a member has.

    Raises:
        ConfigError: if the curve does not say how many records it was made of, or the confidence is no probability.

    Source: Dvoretzky, Kiefer and Wolfowitz 1956 with the constant of Massart, Annals of Probability 1990, joined by the
    union bound. The quantity: Yeom et al., CSF 2018 (membership advantage); Youden 1950.

    >>> roc = RocCurve(fpr=[0.0, 0.1, 1.0], tpr=[0.0, 0.6, 1.0], n_in=1000, n_out=1000)
    >>> [round(end, 3) for end in advantage_interval(roc, confidence=0.95)]
    [0.406, 0.594]
    """
    check_probability("confidence", confidence)
    if roc.n_in is None or roc.n_out is None:
        raise ConfigError("an interval needs a measured curve; this one does not say how many records it was made of.")
    width = sum(math.sqrt(math.log(4.0 / (1.0 - confidence)) / (2.0 * n)) for n in (roc.n_in, roc.n_out))
    return max(observed_advantage(roc) - width, 0.0), min(_largest_between(roc) + width, 1.0)


def _largest_between(roc: RocCurve) -> float:
    """Return what no threshold of the whole curve exceeds: it rises from one kept point to the next."""
    largest = observed_advantage(roc)
    if len(roc.fpr) < WHOLE_BELOW:
        return largest
    return max(largest, float((roc.tpr[1:] - roc.fpr[:-1]).max(initial=0.0)))
