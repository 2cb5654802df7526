"""Add noise to the probabilities that a model gives away.

By default the noise of a query is drawn once: the same model asked the same question answers the same. Drawn anew each
time (``fresh``), asking again and averaging takes it away. An attacker who averages over slightly different queries does
so in both cases: this defense costs an attacker queries, and does not stop it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.defenses.probabilities import EXACT, checked_probabilities
from privaudit.errors import ConfigError
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
    values = checked_probabilities(probabilities)
    return moved_probabilities(values, scale, rng.standard_normal(values.shape))


def moved_probabilities(probabilities: ArrayLike, scale: float, draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move log-odds by given draws.

    Args:
        probabilities: ``(n_queries, n_classes)``; each row sums to 1.
        scale: standard deviation of the log-odds of any two classes, for standard normal draws.
        draws: ``(n_queries, n_classes)``.

    Raises:
        ConfigError, ShapeError, DataError: as `noisy_probabilities`.
    """
    _check_scale(scale)
    with np.errstate(divide="ignore"):
        # the difference of two independent terms has twice the variance of one
        logits = np.log(checked_probabilities(probabilities)) + scale / np.sqrt(2.0) * draws
    return np.asarray(np.exp(logits - log_sum_exp(logits, axis=1)[:, None]))


def _check_scale(scale: float) -> None:
    if not 0.0 <= scale <= LARGEST_SCALE:  # beyond, nothing but noise is left, and sums of it overflow
        raise ConfigError(f"scale must lie in 0..{LARGEST_SCALE:g}; got {scale}.", key="scale")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputNoise:
    """Add Gaussian noise to the log-odds that a model gives away.

    Attributes:
        scale: standard deviation of the noise on the log-odds of any two classes.
        fresh: draw it anew at every query; by default it is drawn once per model and query.

    Raises:
        ConfigError: if the scale is negative or above 1e6, or ``fresh`` is neither true nor false.

    Source: see `noisy_probabilities`.
    """

    name: ClassVar[str] = "output_noise"
    scale: float
    fresh: bool = False

    def __post_init__(self) -> None:
        """Check the scale."""
        _check_scale(self.scale)
        if not isinstance(self.fresh, bool):
            raise ConfigError(f"fresh must be true or false; got {self.fresh!r}.", key="fresh")

    @property
    def least(self) -> float:
        """Smallest probability that an answer is read as: but for the noise answers are exact."""
        return EXACT

    @property
    def is_keyed(self) -> bool:
        """Whether equal queries get equal noise."""
        return not self.fresh

    def release(self, probabilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Change one model's answers.

        Args:
            probabilities: ``(n_queries, n_classes)``.
            rng: of this model alone; the same generator gives the same noise.
        """
        return noisy_probabilities(probabilities, self.scale, rng)

    def release_with(self, probabilities: NDArray[np.float64], draws: NDArray[np.float64]) -> NDArray[np.float64]:
        """Change one model's answers by draws that belong to the queries.

        Args:
            probabilities: ``(n_queries, n_classes)``.
            draws: ``(n_queries, n_classes)`` standard normal numbers.
        """
        return moved_probabilities(probabilities, self.scale, draws)
