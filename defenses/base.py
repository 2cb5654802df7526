"""The three kinds of defense: one changes how a model is trained, one what it is trained on, one what it says."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Release = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]  # what is let out of probabilities


@runtime_checkable
class RecipeDefense(Protocol):
    """Changes the recipe that models are trained by."""

    name: ClassVar[str]

    def change(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Return another recipe; the one given stays as it is.

        Args:
            recipe: the block ``recipe`` of an audit config, as its author wrote it.

        Raises:
            ConfigError: if the recipe cannot be served.
        """
        ...


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

    @property
    def least(self) -> float:
        """Smallest probability that an answer can mean, above 0: readers take log(max(p, least))."""
        ...

    def release(self, probabilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Change one model's answers.

        Args:
            probabilities: ``(n_queries, n_classes)``.
            rng: of this model alone.

        Returns:
            ``(n_queries, n_classes)`` of at least 0.
        """
        ...


@runtime_checkable
class KeyedDefense(OutputDefense, Protocol):
    """An output defense that can draw its random numbers once per query instead of anew each time."""

    @property
    def is_keyed(self) -> bool:
        """Whether it does."""
        ...

    def release_with(self, probabilities: NDArray[np.float64], draws: NDArray[np.float64]) -> NDArray[np.float64]:
        """Change one model's answers by draws that belong to the queries.

        Args:
            probabilities: ``(n_queries, n_classes)``.
            draws: ``(n_queries, n_classes)`` standard normal numbers.
        """
        ...


def told(defense: OutputDefense, probabilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return what a reader makes of an answer: no probability is below the least, and rows sum to 1 to 1e-9.

    Args:
        defense: what stands between model and reader.
        probabilities: ``(n_queries, n_classes)`` of the model.
        rng: of this model alone.
    """
    answers = np.maximum(defense.release(probabilities, rng), defense.least)
    total = answers.sum(axis=1, keepdims=True)
    return np.asarray(np.where(np.abs(total - 1.0) <= 1e-9, answers, answers / total))
