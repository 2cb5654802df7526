"""One direction of a DP-SGD run: its steps on a grid as fine as the run needs, composed.

Grids are as fine as that because rounding adds up over the steps, and where the loss of one step is tiny the common grid
of 1e-4 overstates the risk by far (sample rate 1e-4, noise 2, 5e5 steps: by 8 percent).
"""

import math

import numpy as np

from privaudit.estimators.composed_loss import LossTail, loss_tail, thinned
from privaudit.estimators.loss_cells import Direction, rounded_down, rounded_up, step_cells, step_range
from privaudit.estimators.loss_composition import TAIL, compose_steps, rounding, window
from privaudit.estimators.loss_moments import log_delta_lines
from privaudit.estimators.tail_sums import SUM_ERROR
from privaudit.types import DpSgdParams

MAX_POINTS = 4_000_000  # of the loss grid
FINEST, COARSEST = 1e-13, 1e-4
USEFUL = 60.0
ERROR = 5e-7  # aimed at, of delta at epsilon 0


def composed_run(params: DpSgdParams, direction: Direction, *, pessimistic: bool, coarser: float = 1.0) -> LossTail:
    """Return the privacy loss of a run in one direction, never more private than the run, or never less.

    Args:
        params: noise multiplier above 0, sample rate, steps.
        direction: which world the loss is drawn in.
        pessimistic: round the loss up; else down.
        coarser: multiplies the grid, at least 1: as many times faster, and as valid.

    Source: Koskela, Jalko, Honkela, AISTATS 2020; Doroshenko et al., "Connect the Dots", PoPETs 2022.

    >>> params = DpSgdParams(noise_multiplier=2.0, sample_rate=0.5, steps=4)
    >>> round(composed_run(params, Direction.REMOVE, pessimistic=True).epsilon(1e-5), 3)
    2.524
    """
    grid = _grid(params, direction) * coarser
    most = MAX_POINTS / coarser
    while True:
        cells = step_cells(params, direction, grid)
        masses, infinite = rounded_up(cells) if pessimistic else (rounded_down(cells), 0.0)
        first, last = window(masses, params.steps)
        if last - first <= most:
            break
        # A coarser grid only loosens the bound, and only where epsilon is far above any useful one.
        grid *= 1.1 * (last - first) / most
    lowest = params.steps * cells.lowest + first
    del cells  # as large as all that follows
    composed = compose_steps(masses, params.steps, first, last)
    del masses
    lost = TAIL + rounding(params.steps)
    if not pessimistic:
        return loss_tail(composed, lowest, grid, -lost, widened=-SUM_ERROR)
    beyond = -math.expm1(params.steps * math.log1p(-infinite))
    tail = thinned(loss_tail(np.maximum(composed, 0.0, out=composed), lowest, grid, beyond + lost, widened=SUM_ERROR))
    orders, intercepts = log_delta_lines(params, direction)
    return LossTail(tail.grid, tail.first, tail.deltas, tail.lower, tail.infinite, orders, intercepts)


def _grid(params: DpSgdParams, direction: Direction) -> float:
    """Return the grid of the loss.

    Rounding adds a variance of at most grid^2 / 6 per step; beside a loss that spreads by s per step, that changes delta
    at epsilon 0 by about sqrt(steps) grid^2 / (30 s).
    """
    spread = params.sample_rate * min(1.0 / params.noise_multiplier, 1.0)
    fine = math.sqrt(30.0 * ERROR * spread / math.sqrt(params.steps))
    bottom, top = step_range(params, direction)
    # Losses beyond USEFUL come with an epsilon that nobody can use; a coarser grid only loosens the bound.
    points = MAX_POINTS if top - bottom <= USEFUL else MAX_POINTS / 4
    return max(min(fine, spread / 4.0, COARSEST), FINEST, (top - bottom) / points)
