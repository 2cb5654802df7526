"""The pairs of error rates that (epsilon, delta) allows: from rates to epsilon, and the area of the region.

An (epsilon, delta) mechanism holds every attack, and every attack with its answer negated, to
FNR + e^epsilon FPR >= 1 - delta and FPR + e^epsilon FNR >= 1 - delta.
"""

import math

from scipy.special import expit

from privaudit.errors import ConfigError
from privaudit.validate import check_delta, check_probability


def rates_to_epsilon(fnr: float, fpr: float, delta: float) -> float:
    """Return the smallest epsilon >= 0 that allows two error rates.

    Args:
        fnr: false negative rate.
        fpr: false positive rate.
        delta: the delta of the definition.

    Source: Kairouz, Oh, Viswanath, "The Composition Theorem for Differential Privacy", ICML 2015, theorem 2.1.

    >>> round(rates_to_epsilon(0.1, 0.1, 0.0), 4)
    2.1972
    """
    return max(0.0, _log_ratio(1.0 - fnr - delta, fpr), _log_ratio(1.0 - fpr - delta, fnr))


def _log_ratio(above: float, below: float) -> float:
    if above <= 0.0:
        return -math.inf
    return math.log(above) - math.log(below) if below > 0.0 else math.inf


def point_epsilon(fpr: float, fnr: float, delta: float) -> float:
    """Return the epsilon of an attack whose two error rates are known exactly.

    An attack worse than chance counts as the same attack with its answer negated. Measured rates carry their sampling
    error into the result: it is a point, not a bound.

    Args:
        fpr: false positive rate, in [0, 1].
        fnr: false negative rate, in [0, 1].
        delta: the delta of the definition, in [0, 1).

    Returns:
        the smallest epsilon whose privacy region holds the pair; ``math.inf`` where none does.

    Raises:
        ConfigError: if a rate or delta is out of range.

    Source: Kairouz, Oh, Viswanath, "The Composition Theorem for Differential Privacy", ICML 2015, theorem 2.1.

    >>> point_epsilon(0.0, 0.5, 1e-5)
    inf
    >>> round(point_epsilon(0.9, 0.8, 1e-5), 4)
    2.0794
    """
    check_probability("fpr", fpr, open_ends=False)
    check_probability("fnr", fnr, open_ends=False)
    check_delta(delta)
    if fpr + fnr > 1.0:
        fpr, fnr = 1.0 - fpr, 1.0 - fnr
    return rates_to_epsilon(fnr, fpr, delta)


def region_area(epsilon: float, delta: float) -> float:
    """Return the area of the pairs of error rates that (epsilon, delta) allows.

    Args:
        epsilon: at least 0; ``math.inf`` allows everything.
        delta: in [0, 1).

    Returns:
        the share of the unit square.

    Raises:
        ConfigError: if epsilon or delta is out of range.

    Source: Zanella-Béguelin et al., "Bayesian Estimation of Differential Privacy", ICML 2023 (the region). Each of the
        two corners cut off has area (1 - delta)^2 / (1 + e^epsilon); written so that nothing cancels near 0.

    >>> round(region_area(1.0, 0.0), 4)
    0.4621
    """
    if not epsilon >= 0.0:
        raise ConfigError(f"epsilon must be at least 0; got {epsilon}.", key="epsilon")
    check_delta(delta)
    return math.tanh(epsilon / 2.0) + 2.0 * float(expit(-epsilon)) * delta * (2.0 - delta)
