"""One step of DP-SGD on a grid of privacy losses, once rounded against the mechanism and once in its favour.

The outputs of one step are cut into cells at the outputs whose loss lies on the grid. Masses of cells are differences of
normal distribution functions, and every split of a cell is done within its mass: rounding errors never add up to mass
that was not there, which lets the grid be as fine as long runs at small sampling rates need.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from privaudit.types import DpSgdParams

REACH = 10.0  # standard deviations; the mass beyond, 1e-23, is rounded away to the safe side


class Direction(StrEnum):
    """Which output distribution is set against which."""

    REMOVE = "remove"  # with the record against without
    ADD = "add"  # without the record against with
    REPLACE = "replace"  # with one record against with its opposite; the other way round is the same


@dataclass(frozen=True, slots=True)
class LossCells:
    """Masses of one step between neighbouring grid losses.

    Attributes:
        lowest: the first grid loss, in units of ``grid``.
        grid: distance of grid losses.
        upper: ``(g - 1,)`` mass of each cell where the loss is drawn.
        lower: ``(g - 1,)`` mass of each cell in the other world.
        below: mass of ``upper`` at losses below the grid.
        above: mass of ``upper`` at losses above the grid.
    """

    lowest: int
    grid: float
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    below: float
    above: float

    def height(self) -> NDArray[np.float64]:
        """Return how far the mean loss of each cell, log(upper / lower), lies above the cell's lower end."""
        losses = (self.lowest + np.arange(len(self.upper))) * self.grid
        with np.errstate(divide="ignore", invalid="ignore"):
            height = np.log(self.upper) - np.log(self.lower) - losses
        # A lower mass that underflows has a huge loss; rounding in tiny cells may leave them by a hair.
        height = np.nan_to_num(height, nan=0.0, posinf=self.grid, neginf=0.0)
        return np.asarray(np.clip(height, 0.0, self.grid), dtype=np.float64)


def step_range(params: DpSgdParams, direction: Direction) -> tuple[float, float]:
    """Return the smallest and largest loss of one step that matter."""
    shift = 1.0 / params.noise_multiplier
    top, bottom = _loss(params, REACH + shift), _loss(params, -REACH)
    if direction is Direction.REMOVE:
        return bottom, top
    if direction is Direction.ADD:
        return -top, -bottom
    span = top - _loss(params, -REACH - shift)
    return -span, span


def step_cells(params: DpSgdParams, direction: Direction, grid: float) -> LossCells:
    """Cut one step of DP-SGD at a grid of losses.

    In units of the noise, the record shifts a standard normal by 1 / noise_multiplier in a share ``sample_rate`` of the
    draws; the replaced record shifts it by the opposite.

    Args:
        params: noise multiplier above 0, sample rate.
        direction: which world the loss is drawn in.
        grid: distance of neighbouring grid losses.

    Source: Koskela, Jalko, Honkela, AISTATS 2020, section 5, for the pairs of distributions.

    >>> params = DpSgdParams(noise_multiplier=1.0, sample_rate=0.5, steps=1)
    >>> cells = step_cells(params, Direction.REMOVE, 0.5)
    >>> round(float(cells.upper.sum()) + cells.below + cells.above, 12)
    1.0
    """
    if direction is Direction.ADD:
        return _reversed(step_cells(params, Direction.REMOVE, grid), params)
    shift, rate = 1.0 / params.noise_multiplier, params.sample_rate
    bottom, top = step_range(params, direction)
    lowest, highest = math.floor(bottom / grid), math.ceil(top / grid)
    losses = np.arange(lowest, highest + 1, dtype=np.float64) * grid
    if direction is Direction.REPLACE:
        half = _output_of_replace(params, losses[-lowest:])
        cut = np.append(-half[:0:-1], half)
    else:
        cut = _output_of_remove(params, losses)
    without = _between(cut)
    upper = (1.0 - rate) * without + rate * _between(cut - shift)
    lower = (1.0 - rate) * without + rate * _between(cut + shift) if direction is Direction.REPLACE else without
    first, last = float(cut[0]), float(cut[-1])
    below = (1.0 - rate) * float(ndtr(first)) + rate * float(ndtr(first - shift))
    above = (1.0 - rate) * float(ndtr(-last)) + rate * float(ndtr(shift - last))
    return LossCells(lowest, grid, upper, lower, below, above)


def rounded_up(cells: LossCells) -> tuple[NDArray[np.float64], float]:
    """Return masses on the grid losses that are never more private than the step, and the mass at infinite loss.

    Each cell is split between its two ends so that both worlds keep their mass of it; every test of the step is then one
    of the rounded step.

    Source: Doroshenko et al., "Connect the Dots", PoPETs 2022, algorithm 1.
    """
    at_top = cells.upper * (np.expm1(-cells.height()) / math.expm1(-cells.grid))
    masses = np.zeros(len(cells.upper) + 1)
    masses[:-1] += cells.upper - at_top
    masses[1:] += at_top
    masses[0] += cells.below
    return masses, cells.above


def rounded_down(cells: LossCells) -> NDArray[np.float64]:
    """Return masses on the grid losses that are never less private than the step; what is missing has loss -infinity.

    Parts of the two cells beside a grid loss are merged so that the merged output has exactly that loss: a function of
    the output, so nothing is gained. Up to half of a cell goes to either side, and the rest is rounded down.

    Source: data processing; derived here.
    """
    height = cells.height()
    # What the cell lacks to reach its top, in the lower world; a factor of e^700 leaves nothing to merge as well.
    short = cells.upper * np.expm1(np.minimum(cells.grid - height, 700.0))
    excess = -cells.upper * np.expm1(-height)
    even = np.minimum(short[:-1], excess[1:]) / 2.0
    share_up = np.divide(even, short[:-1], out=np.zeros_like(even), where=short[:-1] > 0.0)
    share_down = np.divide(even, excess[1:], out=np.zeros_like(even), where=excess[1:] > 0.0)
    up, down = np.minimum(share_up, 0.5) * cells.upper[:-1], np.minimum(share_down, 0.5) * cells.upper[1:]
    rest = cells.upper.copy()
    rest[:-1] -= up
    rest[1:] -= down
    masses = np.append(rest, cells.above)
    masses[1:-1] += up + down
    return masses


def _loss(params: DpSgdParams, output: float) -> float:
    """Return log of the density with the record over that without."""
    shift, rate = 1.0 / params.noise_multiplier, params.sample_rate
    drawn = shift * output - shift * shift / 2.0
    if rate == 1.0:
        return drawn
    if drawn < 1.0:
        return math.log1p(rate * math.expm1(drawn))
    return float(np.logaddexp(math.log1p(-rate), math.log(rate) + drawn))


def _output_of_remove(params: DpSgdParams, losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert `_loss`; minus infinity for losses that no output has."""
    shift, rate = 1.0 / params.noise_multiplier, params.sample_rate
    if rate == 1.0:
        return losses / shift + shift / 2.0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        small = np.log(np.maximum(np.expm1(np.minimum(losses, 1.0)) + rate, 0.0))
        large = losses + np.log1p(-(1.0 - rate) * np.exp(-losses))
    return np.asarray((np.where(losses < 1.0, small, large) - math.log(rate)) / shift + shift / 2.0, dtype=np.float64)


def _output_of_replace(params: DpSgdParams, losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert x -> loss(x) - loss(-x) for losses of at least 0.

    There shift x = loss / 2 + asinh(sinh(loss / 2) e^(shift^2 / 2) (1 - rate) / rate).
    """
    shift, rate = 1.0 / params.noise_multiplier, params.sample_rate
    if rate == 1.0:
        return losses / (2.0 * shift)
    with np.errstate(divide="ignore"):
        log_sinh = losses / 2.0 + np.log1p(-np.exp(-losses)) - math.log(2.0)
    argument = log_sinh + math.log1p(-rate) - math.log(rate) + shift * shift / 2.0
    asinh = np.logaddexp(argument, np.logaddexp(0.0, 2.0 * argument) / 2.0)
    return np.asarray((losses / 2.0 + asinh) / shift, dtype=np.float64)


def _between(cut: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return standard normal masses between neighbouring points, from the tail that is small."""
    tail = ndtr(-np.abs(cut))
    masses = np.where(cut[:-1] > 0.0, tail[:-1] - tail[1:], tail[1:] - tail[:-1])
    across = (cut[:-1] <= 0.0) & (cut[1:] > 0.0)
    masses[across] = 1.0 - tail[1:][across] - tail[:-1][across]
    return np.asarray(masses, dtype=np.float64)


def _reversed(cells: LossCells, params: DpSgdParams) -> LossCells:
    """Swap the worlds: the losses change their sign."""
    n = len(cells.upper)
    bottom = float(_output_of_remove(params, np.array([cells.lowest * cells.grid]))[0])
    top = float(_output_of_remove(params, np.array([(cells.lowest + n) * cells.grid]))[0])
    return LossCells(
        lowest=-(cells.lowest + n),
        grid=cells.grid,
        upper=cells.lower[::-1],
        lower=cells.upper[::-1],
        below=float(ndtr(-top)),
        above=float(ndtr(bottom)),
    )
