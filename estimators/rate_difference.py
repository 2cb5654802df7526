"""How much a quantity differs between two samples, from the interval of each: square and add."""

import math

from privaudit.errors import ConfigError


def square_and_add(
    value: float, interval: tuple[float, float], other: float, other_interval: tuple[float, float]
) -> tuple[float, float]:
    """Return an interval of one quantity less another, from the distances of both to the ends of their own intervals.

    An interval's end lies as far from its value as its spread is wide on that side; of independent samples the squares of
    spreads add. The difference's lower end takes the first one's distance downwards and the other one's upwards.

    Args:
        value: the first estimate, within its interval.
        interval: its lower and upper end; they need not lie evenly around it.
        other: the second estimate, of an independent sample.
        other_interval: likewise, at the same confidence, which is the difference's, too.

    Returns:
        lower and upper end of ``value - other``. Approximate as the two intervals are, and conservative where they are.
        Where both samples rise and fall together (the same records, the same coins), it is wider than it need be.

    Raises:
        ConfigError: if an estimate lies outside its interval, or an end is not finite.

    Source: Newcombe, Statistics in Medicine 1998 (of two rates); Zou and Donner, Statistics in Medicine 2008, and Donner and
    Zou, Statistical Methods in Medical Research 2012 (MOVER, of any two estimates).

    >>> [round(end, 4) for end in square_and_add(0.05, (0.02, 0.09), 0.04, (0.0, 0.07))]
    [-0.0324, 0.0666]
    """
    for estimate, (low, high) in ((value, interval), (other, other_interval)):
        if not (math.isfinite(low) and math.isfinite(high) and low <= estimate <= high):
            raise ConfigError(f"an estimate must lie in its finite interval; got {estimate} and [{low}, {high}].")
    below = math.hypot(value - interval[0], other_interval[1] - other)
    above = math.hypot(interval[1] - value, other - other_interval[0])
    return value - other - below, value - other + above
