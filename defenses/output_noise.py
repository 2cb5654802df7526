"""Add noise to the probabilities that a model gives away.

The noise of a query is drawn once from the model's own stream: the same model asked the same question answers the same.
Were it drawn anew each time, asking again and averaging would take it away. An attacker who averages over different
queries still does so: this defense costs a distribution attack queries, and does not stop it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.numerics import log_sum_exp

LARGEST_SCALE = 1e6


def noisy_probabilities(probabilities: ArrayLike, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Add Gaussian noise to log-odds.

    Args:
        probabilities: ``(n_queries, n_classes)``; each row sums to 1. A probability of 0 stays 0.
        scale: standard deviation of the noise on the log-odds of any two classes, at least 0.
        rng: of one model; one call draws the noise of all its queries.

    Returns:
        ``(n_queries, n_classes)`` float64; each row sums to 1.

    Raises:
        ConfigError: if the scale is negative or above 1e6.
        ShapeError: if there are not two classes at least.
        DataError: if a row is no distribution.

    Source: privaudit's own.

    >>> noisy_probabilities([[0.9, 0.1]], 0.0, np.random.default_rng(0)).round(6).tolist()
    [[0.9, 0.1]]
    """
    _check_scale(scale)
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        raise ShapeError(
            f"probabilities must have shape (n_queries, n_classes), two classes at least; got {values.shape}."
        )
    if not ((values >= 0.0).all() and (np.abs(values.sum(axis=1) - 1.0) <= 1e-5).all()):
        raise DataError("probabilities must be at least 0 and sum to 1 in each row; some do not, or are NaN.")
    with np.errstate(divide="ignore"):
        # the difference of two independent terms has twice the variance of one
        logits = np.log(values) + rng.normal(0.0, scale / np.sqrt(2.0), size=values.shape)
    return np.asarray(np.exp(logits - log_sum_exp(logits, axis=1)[:, None]))


def _check_scale(scale: float) -> None:
    if not 0.0 <= scale <= LARGEST_SCALE:  # beyond, nothing but noise is left, and sums of it overflow
        raise ConfigError(f"scale must lie in 0..{LARGEST_SCALE:g}; got {scale}.", key="scale")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputNoise:
    """Add Gaussian noise to the log-odds that a model gives away, drawn once per model and query.

    Attributes:
        scale: standard deviation of the noise on the log-odds of any two classes.

    Raises:
        ConfigError: if the scale is negative or above 1e6.

    Source: see `noisy_probabilities`.
    """

    name: ClassVar[str] = "output_noise"
    scale: float

    def __post_init__(self) -> None:
        """Check the scale."""
        _check_scale(self.scale)

    def release(self, probabilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Change one model's answers.

        Args:
            probabilities: ``(n_queries, n_classes)``.
            rng: of this model alone; the same generator gives the same noise.
        """
        return noisy_probabilities(probabilities, self.scale, rng)
