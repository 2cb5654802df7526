"""Flatten (or sharpen) the probabilities that a model gives away, by a temperature."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.defenses.probabilities import EXACT, checked_probabilities
from privaudit.errors import ConfigError
from privaudit.numerics import log_sum_exp

LEAST, MOST = 1e-3, 1e6  # beyond, all or nothing is left of an answer


def at_temperature(probabilities: ArrayLike, value: float) -> NDArray[np.float64]:
    """Return the softmax of log-probabilities divided by a temperature.

    Every class keeps its place, and the log-odds of two classes are divided by the temperature: whoever knows it (or
    trains shadow models behind it) turns it back.

    Args:
        probabilities: ``(n_queries, n_classes)``; each row sums to 1. A probability of 0 stays 0.
        value: the temperature, in 0.001..1e6; above 1 answers are flattened, below they are sharpened.

    Returns:
        ``(n_queries, n_classes)`` float64; each row sums to 1.

    Raises:
        ConfigError: if the temperature is none.
        ShapeError: if there are not two classes at least.
        DataError: if a row is no distribution.

    Source: Guo, Pleiss, Sun and Weinberger, ICML 2017 (temperature scaling); as a defense: Shokri, Stronati, Song and
    Shmatikov, S&P 2017, section VIII.

    >>> at_temperature([[0.8, 0.2]], 2.0).round(6).tolist()
    [[0.666667, 0.333333]]
    """
    _check_value(value)
    with np.errstate(divide="ignore"):
        logits = np.log(checked_probabilities(probabilities)) / value
    return np.asarray(np.exp(logits - log_sum_exp(logits, axis=1)[:, None]))


def _check_value(value: float) -> None:
    if not LEAST <= value <= MOST:
        raise ConfigError(f"value must lie in {LEAST:g}..{MOST:g}; got {value}. 1 changes nothing.", key="value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """Divide the log-odds that a model gives away by a temperature.

    Attributes:
        value: the temperature; 1 changes nothing.

    Raises:
        ConfigError: if the temperature does not lie in 0.001..1e6.

    Source: see `at_temperature`.
    """

    name: ClassVar[str] = "temperature"
    value: float

    def __post_init__(self) -> None:
        """Check the temperature."""
        _check_value(self.value)

    @property
    def least(self) -> float:
        """Smallest probability that an answer is read as: answers are exact."""
        return EXACT

    def release(self, probabilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Change one model's answers.

        Args:
            probabilities: ``(n_queries, n_classes)``.
            rng: not used.
        """
        return at_temperature(probabilities, self.value)
