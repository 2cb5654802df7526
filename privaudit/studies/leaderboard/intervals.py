"""Means over seeds with their t-intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t


class Mean(NamedTuple):
    """A mean over independent seeds.

    Attributes:
        value: the mean.
        half_width: of its two-sided t-interval; infinite with a single seed.
        n: number of seeds.
    """

    value: float
    half_width: float
    n: int

    @property
    def lower(self) -> float:
        """The lower end."""
        return self.value - self.half_width

    @property
    def upper(self) -> float:
        """The upper end."""
        return self.value + self.half_width

    def __str__(self) -> str:
        """Return mean and half width."""
        return f"{self.value:.3f} +- {self.half_width:.3f}"


def mean_of(values: Sequence[float], *, confidence: float = 0.95) -> Mean:
    """Return the mean over seeds with its t-interval.

    Args:
        values: one per seed; seeds are independent, targets of one seed are not.
        confidence: of the interval.

    >>> str(mean_of([1.0, 2.0, 3.0]))
    '2.000 +- 2.484'
    """
    n = len(values)
    if n < 2:
        return Mean(float(np.mean(values)), float("inf"), n)
    spread = float(np.std(values, ddof=1)) / np.sqrt(n)
    return Mean(float(np.mean(values)), float(t.ppf((1 + confidence) / 2, n - 1)) * spread, n)
