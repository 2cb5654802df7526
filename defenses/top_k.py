"""Give away the probabilities of the likeliest classes alone."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.defenses.probabilities import EXACT, check_whole_number, checked_probabilities

MOST = 10**6


def top_probabilities(probabilities: ArrayLike, k: int) -> NDArray[np.float64]:
    """Keep the ``k`` largest probabilities of each row, and spread what is left evenly over the other classes.

    What is left, 1 less what is told, is all that an attacker knows of the others, so spreading it adds nothing. Of equal
    probabilities the one with the smaller class number is told.

    Args:
        probabilities: ``(n_queries, n_classes)``; each row sums to 1.
        k: classes that are told, 1 at least; with all classes nothing changes.

    Returns:
        ``(n_queries, n_classes)`` float64; each row sums to 1, and the largest probability stays where it was.

    Raises:
        ConfigError: if ``k`` is no whole number of 1 at least.
        ShapeError: if there are not two classes at least.
        DataError: if a row is no distribution.

    Source: Shokri, Stronati, Song and Shmatikov, "Membership Inference Attacks Against Machine Learning Models", S&P 2017,
    section VIII (an answer restricted to its top classes).

    >>> top_probabilities([[0.5, 0.1, 0.1, 0.3]], 2).round(6).tolist()
    [[0.5, 0.1, 0.1, 0.3]]
    >>> top_probabilities([[0.5, 0.05, 0.15, 0.3]], 1).round(6).tolist()
    [[0.5, 0.166667, 0.166667, 0.166667]]
    """
    check_whole_number("k", k, least=1, most=MOST)
    values = checked_probabilities(probabilities)
    n_others = values.shape[1] - k
    if n_others <= 0:
        return values.copy()
    order = np.argsort(-values, axis=1, kind="stable")  # equal ones by class number
    others, last_told = order[:, k:], np.take_along_axis(values, order[:, k - 1 : k], axis=1)
    even = np.take_along_axis(values, others, axis=1).sum(axis=1, keepdims=True) / n_others
    told = values.copy()
    # by rounding a mean may exceed its largest term
    np.put_along_axis(told, others, np.minimum(even, last_told), axis=1)
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class TopK:
    """Tell the largest probabilities of each answer, and of the others only what they sum to.

    Attributes:
        k: classes that are told.

    Raises:
        ConfigError: if ``k`` is no whole number of 1 at least.

    Source: see `top_probabilities`.
    """

    name: ClassVar[str] = "top_k"
    k: int

    def __post_init__(self) -> None:
        """Check the number of classes."""
        check_whole_number("k", self.k, least=1, most=MOST)

    @property
    def least(self) -> float:
        """Smallest probability that an answer is read as: what is told is exact."""
        return EXACT

    def release(self, probabilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Change one model's answers.

        Args:
            probabilities: ``(n_queries, n_classes)``.
            rng: not used.
        """
        return top_probabilities(probabilities, self.k)
