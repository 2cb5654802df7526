"""How many non-members a split-conformal threshold may flag."""

import math

from scipy.stats import betabinom

from privaudit.errors import ConfigError
from privaudit.validate import check_probability


def conformal_region(n_calibration: int, n_test: int, level: float, *, confidence: float) -> tuple[int, int]:
    """Return the region of the number of flagged non-members that holds for any scores without ties.

    The threshold is the k-th smallest of the calibration scores, k = ceil((1 - level) (n_calibration + 1)). Given it, a
    further exchangeable score exceeds it with a probability that is Beta(n_calibration + 1 - k, k) distributed over
    calibrations, so the number of flags is beta-binomial. With ties it is stochastically smaller.

    Args:
        n_calibration: calibration scores.
        n_test: further non-members, exchangeable with these.
        level: nominal false positive rate in (0, 1).
        confidence: of the region, at least; two equal tails at most.

    Returns:
        smallest and largest number of flags in the region.

    Raises:
        ConfigError: if a number is below 1, or the level cannot be reached with so few calibration scores.

    Source: Vovk, "Conditional Validity of Inductive Conformal Predictors", ACML 2012.

    >>> conformal_region(500, 2000, 0.1, confidence=0.95)
    (144, 262)
    """
    if n_calibration < 1 or n_test < 1:
        raise ConfigError(f"both numbers must be at least 1; got {n_calibration} and {n_test}.")
    check_probability("level", level)
    tail = (1.0 - check_probability("confidence", confidence)) / 2
    rank = math.ceil((1.0 - level) * (n_calibration + 1) - 1e-9)
    if rank > n_calibration:
        raise ConfigError(
            f"level {level:g} needs at least {math.ceil(1 / level) - 1} calibration scores; got {n_calibration}.",
            key="level",
        )
    law = betabinom(n_test, n_calibration + 1 - rank, rank)
    return int(law.ppf(tail)), int(law.isf(tail))
