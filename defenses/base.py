"""The two kinds of defense: one changes what a model is trained on, the other what it says."""

from collections.abc import Callable
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Release = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]  # what is let out of probabilities


@runtime_checkable
class DataDefense(Protocol):
    """Changes the records or classes that a model is trained on."""

    name: ClassVar[str]

    def treat(
        self,
        positions: NDArray[np.int64],
        has_property: NDArray[np.bool_],
        labels: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Change one training set.

        Args:
            positions: ``(n,)`` the training set's records.
            has_property: ``(n_records,)`` of all records of the data set.
            labels: ``(n_records,)`` classes of all records of the data set.
            rng: of this training set alone.

        Returns:
            Positions, each one of the given (repeats are allowed), and the class that the model sees with each.
        """
        ...


@runtime_checkable
class OutputDefense(Protocol):
    """Changes the probabilities that a model gives away."""

    name: ClassVar[str]

    def release(self, probabilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Change one model's answers.

        Args:
            probabilities: ``(n_queries, n_classes)``.
            rng: of this model alone.
        """
        ...
