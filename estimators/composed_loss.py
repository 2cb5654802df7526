"""The privacy loss of a whole run: delta at every epsilon, epsilon at every delta, and the attacks they allow."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.estimators.tail_sums import tail_sums

SMALLEST_DELTA = math.ulp(0.0)  # no Gaussian noise has delta 0
FEW = 100_000  # losses are kept as they are
THINNING = 1e-8


def _none() -> NDArray[np.float64]:
    return np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class LossTail:
    """The losses above 0 of one direction; epsilon at least 0 needs no others.

    Attributes:
        grid: distance of grid losses.
        first: the first grid loss kept, in units of ``grid``, at least 1.
        deltas: ``(g,)`` delta at each loss, infinity included.
        lower: ``(g,)`` mass at or above each loss in the other world, times e^loss.
        infinite: mass at infinite loss; below 0 where the whole profile is lowered by rounding.
        orders: ``(k,)`` slopes of `privaudit.estimators.loss_moments.log_delta_lines`, ascending; none: no such bound.
        intercepts: ``(k,)`` what belongs to them.
    """

    grid: float
    first: int
    deltas: NDArray[np.float64]
    lower: NDArray[np.float64]
    infinite: float
    orders: NDArray[np.float64] = field(default_factory=_none)
    intercepts: NDArray[np.float64] = field(default_factory=_none)

    def __post_init__(self) -> None:
        """Let nobody change what is remembered and shared; the arrays are made for this object."""
        for array in (self.deltas, self.lower, self.orders, self.intercepts):
            array.flags.writeable = False

    @property
    def losses(self) -> NDArray[np.float64]:
        """The ``(g,)`` losses."""
        return (self.first + np.arange(len(self.deltas), dtype=np.float64)) * self.grid

    @property
    def upper(self) -> NDArray[np.float64]:
        """The ``(g,)`` mass at or above each loss where the loss is drawn, infinity included."""
        return self.deltas + self.lower

    def delta(self, epsilon: ArrayLike) -> NDArray[np.float64]:
        """Return the smallest delta at each epsilon of at least 0.

        Between grid losses it is what remains above: sum of mass (1 - e^(epsilon - loss)). Where a moment shows that it
        is smaller, as it does below the rounding of the masses, that is the result.
        """
        wanted = np.asarray(epsilon, dtype=np.float64)
        return np.minimum(self._delta_by_masses(wanted), self._delta_by_moments(wanted))

    def _delta_by_masses(self, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
        size = len(self.deltas)
        if not size:
            return np.full(wanted.shape, max(self.infinite, 0.0))
        place = np.clip(np.floor(wanted / self.grid) + 1.0 - self.first, 0.0, size)
        row = np.minimum(place, size - 1).astype(np.int64)
        gap = np.minimum(wanted - (self.first + row) * self.grid, 0.0)
        inside = self.deltas[row] - np.expm1(gap) * self.lower[row]
        return np.clip(np.where(place < size, inside, self.infinite), 0.0, 1.0)

    def _delta_by_moments(self, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
        if not len(self.orders):
            return np.ones(wanted.shape)
        # Where each line takes over from the one before it; any line is a bound.
        crossings = np.maximum.accumulate(np.diff(self.intercepts) / np.diff(self.orders))
        row = np.searchsorted(crossings, wanted)
        log_delta = np.minimum(self.intercepts[row] - self.orders[row] * wanted, 0.0)
        return np.maximum(np.exp(log_delta), SMALLEST_DELTA)

    def epsilon(self, delta: float) -> float:
        """Return the smallest epsilon of at least 0 whose delta is at most this; infinity where there is none."""
        by_masses = self._epsilon_by_masses(delta)
        if not len(self.orders) or not delta > 0.0:
            return by_masses
        return max(0.0, min(by_masses, float(((self.intercepts - math.log(delta)) / self.orders).min())))

    def _epsilon_by_masses(self, delta: float) -> float:
        if float(self._delta_by_masses(np.zeros(()))) <= delta:
            return 0.0
        if self.infinite > delta:
            return math.inf
        row = int(np.argmax(self.deltas <= delta))
        loss = (self.first + row) * self.grid
        remains = (delta - self.deltas[row]) / self.lower[row] if self.lower[row] > 0.0 else 0.0
        within = math.log1p(-remains) if remains < 1.0 else -math.inf
        return max(0.0, loss + min(max(within, -loss), 0.0))

    def highest_rate(self, rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the most mass where the loss is drawn of any event that has this mass in the other world."""
        if not len(self.deltas):
            return np.minimum(rate + max(self.infinite, 0.0), 1.0)
        other, drawn = self._corners()
        steep = np.where(rate <= other[-1], np.interp(rate, other, drawn), 1.0)
        return np.minimum(steep, rate + float(self.delta(0.0)))

    def lowest_rate(self, rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the least mass in the other world of any event that has this mass where the loss is drawn."""
        if not len(self.deltas):
            return np.maximum(rate - max(self.infinite, 0.0), 0.0)
        other, drawn = self._corners()
        steep = np.where(rate <= drawn[-1], np.interp(rate, drawn, other, left=0.0), 0.0)
        return np.maximum(steep, rate - float(self.delta(0.0)))

    def _corners(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Masses of {loss >= each grid loss} in both worlds, the smallest event first: by Neyman and Pearson the best."""
        other = np.append(0.0, (self.lower * np.exp(-self.losses))[::-1])
        return other, np.append(max(self.infinite, 0.0), self.upper[::-1])


def loss_tail(
    masses: NDArray[np.float64], lowest: int, grid: float, infinite: float, *, widened: float = 0.0
) -> LossTail:
    """Sum up masses on grid losses ``lowest``, ``lowest + 1``, ... from the top.

    Nothing is subtracted, so that the sums are exact but for a relative `SUM_ERROR`: delta at one loss exceeds the next
    by (1 - e^-grid) times what lies above in the other world.

    Args:
        masses: ``(g,)`` mass at each loss where it is drawn.
        lowest: the first grid loss, in units of ``grid``.
        grid: distance of grid losses.
        infinite: mass at infinite loss.
        widened: `SUM_ERROR` to round the sums up, minus that to round them down.

    >>> tail = loss_tail(np.array([0.25, 0.0, 0.75]), -1, math.log(3.0), 0.0)  # randomized response
    >>> round(float(tail.delta(0.0)), 12), round(tail.epsilon(0.0), 12) == round(math.log(3.0), 12)
    (0.5, True)
    """
    first = max(1, lowest)
    kept = masses[first - lowest :] * (1.0 + widened)
    lower = tail_sums(kept, grid)
    above = tail_sums(lower[1:], 0.0) * -math.expm1(-grid)
    return LossTail(grid, first, infinite + np.append(above, 0.0)[: len(kept)], lower, infinite)


def thinned(tail: LossTail) -> LossTail:
    """Keep as few losses as bound the same profile from above by almost as much, so that it can be kept at all.

    Dropped are the losses where delta is that at infinity, and all but every 2^k-th as long as that changes delta by less
    than `THINNING` and 1e-5 of itself: between losses it follows the chord over e^epsilon, above a convex profile.

    >>> tail = loss_tail(np.full(2**18, 2.0**-20), 1, 1e-6, 0.75)
    >>> [len(thinned(tail).deltas) < 2**17, bool(0.0 <= thinned(tail).delta(0.1) - tail.delta(0.1) < 1e-8)]
    [True, True]
    """
    size = min(int(np.count_nonzero(tail.deltas > tail.infinite * (1.0 + 1e-6))) + 1, len(tail.deltas))
    width, deltas = 1, tail.deltas[:size]
    while len(deltas) > FEW:
        between = deltas[1:-1:2]
        rise = (deltas[:-2:2][: len(between)] + deltas[2::2]) / 2.0 - between
        if (rise > np.minimum(THINNING, 1e-5 * between)).any():
            break
        width, deltas = 2 * width, deltas[::2]
    if width == 1:
        infinite = float(tail.deltas[size - 1]) if size else tail.infinite
        return replace(tail, deltas=tail.deltas[:size].copy(), lower=tail.lower[:size].copy(), infinite=infinite)
    # Below the first loss no chord may bend: it begins in the part where the profile is straight, or at 0.
    first, last, grid = max(1, tail.first // width), (tail.first + size - 1) // width, tail.grid * width
    at_ends = tail._delta_by_masses(np.arange(first - 1.0, last + 1.0) * grid)
    lower = np.maximum(np.diff(at_ends) / math.expm1(-grid), 0.0)
    return replace(tail, grid=grid, first=first, deltas=at_ends[1:], lower=lower, infinite=float(at_ends[-1]))


@dataclass(frozen=True, slots=True, eq=False)
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
