"""An interval for the true positive rate at a false positive rate, which knows that the threshold is estimated too."""

import numpy as np

from privaudit.errors import ConfigError
from privaudit.estimators.rates import lower_rate, upper_rate
from privaudit.types import RocCurve
from privaudit.validate import check_probability


def tpr_interval(roc: RocCurve, fpr: float, *, confidence: float) -> tuple[float, float]:
    """Return an interval of the true positive rate at the threshold whose true false positive rate is ``fpr``.

    The threshold is an order statistic of the non-members. With a quarter of the error for each of four tails: the
    lower end counts the members above a threshold whose false positive rate is at most ``fpr``, the upper end those at
    or above one whose rate is at least ``fpr``, each with its Clopper-Pearson end. Ties make it wider, never wrong; a
    curve with points left out makes it wider, too.

    Args:
        roc: a measured curve, with ``n_in`` and ``n_out``.
        fpr: the false positive rate, in (0, 1].
        confidence: coverage for independent scores in each world.

    Returns:
        lower and upper end; 0 and 1 where the sample says nothing.

    Raises:
        ConfigError: if the curve does not say how many records it was made of.

    Source: order-statistic tolerance bounds (Wilks 1941) joined with Clopper and Pearson 1934 by the union bound.

    >>> roc = RocCurve(fpr=[0.0, 0.0, 1.0], tpr=[0.0, 1.0, 1.0], n_in=100, n_out=100)
    >>> [round(end, 3) for end in tpr_interval(roc, 0.1, confidence=0.95)]
    [0.957, 1.0]
    """
    check_probability("confidence", confidence)
    if roc.n_in is None or roc.n_out is None:
        raise ConfigError("an interval needs a measured curve; this one does not say how many records it was made of.")
    n_in, n_out, tail = roc.n_in, roc.n_out, (1.0 - confidence) / 4
    false = np.rint(roc.fpr * n_out).astype(int)
    true = np.rint(roc.tpr * n_in).astype(int)
    lower, upper = 0.0, 1.0
    safe = _last_below(n_out, fpr, tail)
    if safe is not None:
        lower = lower_rate(int(true[false <= safe].max()), n_in, tail)
    beyond = _first_above(n_out, fpr, tail)
    if beyond is not None:
        upper = upper_rate(int(true[false >= beyond].min()), n_in, tail)
    return lower, upper


def _last_below(n: int, rate: float, tail: float) -> int | None:
    """The largest k for which k of n rule out, at ``tail``, a rate above ``rate``."""
    low, high = -1, n - 1
    while low < high:  # the upper end grows with k
        middle = (low + high + 1) // 2
        low, high = (middle, high) if upper_rate(middle, n, tail) <= rate else (low, middle - 1)
    return None if low < 0 else low


def _first_above(n: int, rate: float, tail: float) -> int | None:
    """The smallest k for which k of n rule out, at ``tail``, a rate below ``rate``."""
    low, high = 1, n + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if lower_rate(middle, n, tail) >= rate else (middle + 1, high)
    return None if low > n else low
