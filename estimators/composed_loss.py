"""The privacy loss of a whole run: delta at every epsilon, epsilon at every delta, and the attacks they allow."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter


@dataclass(frozen=True, slots=True)
class LossTail:
    """The losses above 0 of one direction; epsilon at least 0 needs no others.

    Attributes:
        grid: distance of grid losses.
        first: the first grid loss kept, in units of ``grid``, at least 1.
        upper: ``(g,)`` mass at or above each loss where the loss is drawn, infinity included.
        lower: ``(g,)`` mass at or above each loss in the other world, times e^loss.
        infinite: mass at infinite loss; below 0 where the whole profile is lowered by rounding.
    """

    grid: float
    first: int
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    infinite: float

    @property
    def losses(self) -> NDArray[np.float64]:
        """The ``(g,)`` losses."""
        return (self.first + np.arange(len(self.upper), dtype=np.float64)) * self.grid

    def delta(self, epsilon: ArrayLike) -> NDArray[np.float64]:
        """Return the smallest delta at each epsilon of at least 0.

        Between grid losses it is what remains above: sum of mass (1 - e^(epsilon - loss)).
        """
        wanted = np.asarray(epsilon, dtype=np.float64)
        size = len(self.upper)
        if not size:
            return np.full(wanted.shape, max(self.infinite, 0.0))
        place = np.clip(np.floor(wanted / self.grid) + 1.0 - self.first, 0.0, size)
        row = np.minimum(place, size - 1).astype(np.int64)
        gap = np.minimum(wanted - (self.first + row) * self.grid, 0.0)
        inside = self.upper[row] - np.exp(gap) * self.lower[row]
        return np.clip(np.where(place < size, inside, self.infinite), 0.0, 1.0)

    def epsilon(self, delta: float) -> float:
        """Return the smallest epsilon of at least 0 whose delta is at most this; infinity where there is none."""
        if float(self.delta(0.0)) <= delta:
            return 0.0
        if self.infinite > delta:
            return math.inf
        row = int(np.argmax(self.upper - self.lower <= delta))
        loss = (self.first + row) * self.grid
        if not self.upper[row] > delta:
            return loss
        within = math.log((self.upper[row] - delta) / self.lower[row])
        return max(0.0, loss + min(max(within, -loss), 0.0))

    def highest_rate(self, rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the most mass where the loss is drawn of any event that has this mass in the other world."""
        if not len(self.upper):
            return np.minimum(rate + max(self.infinite, 0.0), 1.0)
        other, drawn = self._corners()
        steep = np.interp(rate, other, drawn)
        return np.minimum(np.where(rate <= other[-1], steep, rate + float(self.delta(0.0))), 1.0)

    def lowest_rate(self, rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the least mass in the other world of any event that has this mass where the loss is drawn."""
        if not len(self.upper):
            return np.maximum(rate - max(self.infinite, 0.0), 0.0)
        other, drawn = self._corners()
        steep = np.interp(rate, drawn, other, left=0.0)
        return np.maximum(np.where(rate <= drawn[-1], steep, rate - float(self.delta(0.0))), 0.0)

    def _corners(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Masses of {loss >= each grid loss} in both worlds, the smallest event first: by Neyman and Pearson the best."""
        other = np.append(0.0, (self.lower * np.exp(-self.losses))[::-1])
        return other, np.append(max(self.infinite, 0.0), self.upper[::-1])


def loss_tail(masses: NDArray[np.float64], lowest: int, grid: float, infinite: float) -> LossTail:
    """Sum up masses on grid losses ``lowest``, ``lowest + 1``, ... from the top.

    >>> tail = loss_tail(np.array([0.25, 0.0, 0.75]), -1, math.log(3.0), 0.0)  # randomized response
    >>> round(float(tail.delta(0.0)), 12), round(tail.epsilon(0.0), 12) == round(math.log(3.0), 12)
    (0.5, True)
    """
    first = max(1, lowest)
    kept = masses[first - lowest :]
    upper = infinite + np.cumsum(kept[::-1])[::-1]
    # lower[j] = kept[j] + e^-grid lower[j + 1], so that no e^-loss is formed
    lower = lfilter([1.0], [1.0, -math.exp(-grid)], kept[::-1])[::-1] if len(kept) else kept
    return LossTail(grid, first, upper, lower, infinite)


@dataclass(frozen=True, slots=True)
class ComposedLoss:
    """The privacy loss of a whole run, in both directions of a relation.

    Attributes:
        remove: drawn with the record, against without.
        add: drawn without the record, against with.
    """

    remove: LossTail
    add: LossTail

    def get_delta_for_epsilon(self, epsilon: ArrayLike) -> NDArray[np.float64]:
        """Return the delta that holds in both directions, at each epsilon of at least 0."""
        return np.maximum(self.remove.delta(epsilon), self.add.delta(epsilon))

    def get_epsilon_for_delta(self, delta: float) -> float:
        """Return the epsilon that holds in both directions, infinity where none does."""
        return max(self.remove.epsilon(delta), self.add.epsilon(delta))
