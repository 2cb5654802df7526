"""Change the class of some training records at random."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import DataError
from privaudit.validate import check_probability


def noisy_labels(
    labels: NDArray[np.int64], share: float, n_classes: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Give some records another class, each of the others with the same chance.

    Exactly ``round(share * n)`` labels change, so that their number tells nothing about a training set.

    Args:
        labels: ``(n,)`` classes 0..n_classes-1.
        share: of the labels that change, in [0, 1].
        n_classes: number of classes, 2 at least.
        rng: where the choice comes from.

    Returns:
        ``(n,)`` int64.

    Raises:
        ConfigError: if the share is none.
        DataError: if there is no other class.

    Source: Suri, Lu, Chen and Evans, SaTML 2023 (label noise as a defense against distribution inference).

    >>> int((noisy_labels(np.zeros(10, dtype=np.int64), 0.3, 2, np.random.default_rng(0)) == 1).sum())
    3
    """
    check_probability("share", share, open_ends=False)
    if n_classes < 2:
        raise DataError(f"label noise needs another class to change to; there are {n_classes} classes.")
    changed = np.array(labels, dtype=np.int64)
    rows = rng.choice(len(changed), size=round(share * len(changed)), replace=False)
    changed[rows] = (changed[rows] + rng.integers(1, n_classes, size=len(rows))) % n_classes
    return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNoise:
    """Change a share of the training labels at random.

    Attributes:
        share: of the labels that change; 0.05 to 0.4 are usual.

    Raises:
        ConfigError: if the share is not in [0, 1].

    Source: see `noisy_labels`.
    """

    name: ClassVar[str] = "label_noise"
    share: float

    def __post_init__(self) -> None:
        """Check the share."""
        check_probability("share", self.share, open_ends=False)

    def treat(
        self,
        positions: NDArray[np.int64],
        has_property: NDArray[np.bool_],
        labels: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Change labels of one training set; its records stay.

        Args:
            positions: ``(n,)`` the training set's records.
            has_property: not looked at.
            labels: ``(n_records,)`` classes of all records; the largest says how many classes there are.
            rng: of this training set alone.

        Returns:
            the positions, and the class that the model sees with each.

        Raises:
            DataError: if all records have class 0.
        """
        return positions, noisy_labels(labels[positions], self.share, int(labels.max()) + 1, rng)
