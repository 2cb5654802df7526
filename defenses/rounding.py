"""Round the probabilities that a model gives away."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.defenses.probabilities import SLACK, check_whole_number, checked_probabilities

MOST = 12  # decimals; beyond, nothing is hidden


def rounded_probabilities(probabilities: ArrayLike, decimals: int) -> NDArray[np.float64]:
    """Round each probability to so many decimals, halves to the even digit.

    Rows then sum to 1 to the rounding alone, as users of such a service see them.

    Args:
        probabilities: ``(n_queries, n_classes)``; each row sums to 1, or does to the rounding.
        decimals: digits after the point, 0..12.

    Returns:
        ``(n_queries, n_classes)`` float64, each within half a step of what was given.

    Raises:
        ConfigError: if the decimals are none.
        ShapeError: if there are not two classes at least.
        DataError: if a row is no distribution.

    Source: Shokri, Stronati, Song and Shmatikov, "Membership Inference Attacks Against Machine Learning Models", S&P 2017,
    section VIII (an answer of coarser precision).

    >>> rounded_probabilities([[0.996, 0.004]], 2).tolist()
    [[1.0, 0.0]]
    """
    check_whole_number("decimals", decimals, least=0, most=MOST)
    values = np.asarray(probabilities, dtype=np.float64)
    slack = SLACK + 0.5 * _step(decimals) * (values.shape[-1] if values.ndim else 0)  # what was rounded is taken again
    return np.asarray(np.round(checked_probabilities(values, slack=slack), decimals))


def _step(decimals: int) -> float:
    return float(10.0**-decimals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """Round the probabilities that a model gives away.

    Attributes:
        decimals: digits after the point that are told.

    Raises:
        ConfigError: if the decimals are no whole number in 0..12.

    Source: see `rounded_probabilities`.
    """

    name: ClassVar[str] = "rounding"
    decimals: int

    def __post_init__(self) -> None:
        """Check the decimals."""
        check_whole_number("decimals", self.decimals, least=0, most=MOST)

    @property
    def least(self) -> float:
        """What a told 0 is read as: a quarter of a step, the middle of what it can mean."""
        return 0.25 * _step(self.decimals)

    def release(self, probabilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Change one model's answers.

        Args:
            probabilities: ``(n_queries, n_classes)``.
            rng: not used.
        """
        return rounded_probabilities(probabilities, self.decimals)
