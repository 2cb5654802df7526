"""What a whole trade-off curve says of attacks: R1, R3, R5, R8 and R11 for a guarantee that is more than two numbers.

A trade-off function f gives the least share of missed cases, 1 - TPR, at every FPR (Dong, Roth and Su, JRSS B 2022). It
has an orientation: here FPR is measured in world 0 (the record is not in) and TPR in world 1. Where a relation between
neighbours is not symmetric, the function with both worlds exchanged is another one, and gives other numbers at a
prior other than one half.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from privaudit.errors import ConfigError
from privaudit.games.relations_group import check_steps
from privaudit.games.relations_guarantee import check_level, check_share
from privaudit.validate import check_delta

Rates = NDArray[np.float64]
TradeoffFunction = Callable[[Rates], Rates]
MOST_CELLS = 1 << 16
TOLERANCE = 1e-10


def epsilon_curve(epsilon: float, delta: float = 0.0) -> TradeoffFunction:
    """Return the trade-off function of (epsilon, delta): max(0, 1 - delta - e^epsilon a, e^-epsilon (1 - delta - a)).

    Args:
        epsilon: finite, at least 0.
        delta: in [0, 1).

    Source: Wasserman and Zhou, JASA 2010; Kairouz, Oh and Viswanath, ICML 2015.

    >>> epsilon_curve(math.log(3))(np.array([0.0, 0.25, 1.0])).round(6).tolist()
    [1.0, 0.25, 0.0]
    """
    check_level("epsilon", epsilon), check_delta(delta)
    steep, flat = math.exp(min(epsilon, 700.0)), math.exp(-epsilon)
    return lambda fpr: np.maximum(np.maximum(1.0 - delta - steep * fpr, flat * (1.0 - delta - fpr)), 0.0)


def gaussian_curve(mu: float) -> TradeoffFunction:
    """Return the trade-off function of N(0, 1) against N(mu, 1).

    Args:
        mu: at least 0.

    Source: Dong, Roth and Su, JRSS B 2022, equation 6.

    >>> gaussian_curve(1.0)(np.array([0.5])).round(6).tolist()
    [0.158655]
    """
    check_level("mu", mu)
    return lambda fpr: np.asarray(ndtr(-ndtri(fpr) - mu))


def success_of_curve(f: TradeoffFunction, prior: float) -> float:
    """Return the largest share of right guesses at a prior: the maximum of p (1 - f(a)) + (1 - p)(1 - a) over a (R5).

    Nothing but that f never rises is used: on a cell of rates [a, b] the share is at most p (1 - f(b)) + (1 - p)(1 - a).
    Cells that may hold the maximum are halved until that bound is within 1e-10 of a share that is reached, or, where the
    share is nearly constant, until there are 65,536 cells; then the result is too large by less than 1e-4.

    Args:
        f: from FPRs in world 0 to the least missed share of world 1; never rising.
        prior: of world 1, in [0, 1].

    Returns:
        an upper bound.

    Raises:
        ConfigError: if the prior or a value of f is out of range.

    Source: derived here.

    >>> round(success_of_curve(epsilon_curve(3.0), 0.1), 6)
    0.952574
    """
    check_share("prior", prior)
    ends = np.linspace(0.0, 1.0, 1025)
    low, high = ends[:-1], ends[1:]
    best = float((prior * (1.0 - _values(f, ends)) + (1.0 - prior) * (1.0 - ends)).max())
    while True:
        most = prior * (1.0 - _values(f, high)) + (1.0 - prior) * (1.0 - low)
        best = max(best, float((most - (1.0 - prior) * (high - low)).max()))
        open_cells = most > best + TOLERANCE
        if not open_cells.any() or 2 * open_cells.sum() > MOST_CELLS:
            return min(1.0, max(best + TOLERANCE, float(most.max())))  # cells were left out within the tolerance
        middle = (low[open_cells] + high[open_cells]) / 2.0
        low, high = np.concatenate([low[open_cells], middle]), np.concatenate([middle, high[open_cells]])


def advantage_of_curve(f: TradeoffFunction) -> float:
    """Return the largest TPR - FPR that a trade-off function allows (R1).

    Args:
        f: as in `success_of_curve`; for the advantage its orientation does not matter.

    Raises:
        ConfigError: if a value of f is out of range.

    Source: derived here: the prior is one half.

    >>> round(advantage_of_curve(gaussian_curve(1.0)), 6)
    0.382925
    """
    return max(0.0, 2.0 * success_of_curve(f, 0.5) - 1.0)


def reconstruction_of_curve(f: TradeoffFunction, baseline: float) -> float:
    """Return the largest share of reconstructions within the tolerance: 1 - f(baseline) (R8).

    For each record z the event "the guess is close to z" has some chance a_z without z, and at most 1 - f(a_z) with it. The
    mean of a_z over the prior is at most the baseline, and 1 - f is concave and never falls.

    Args:
        f: convex, as every trade-off function is; FPR is measured without the record.
        baseline: the largest prior mass within the tolerance of one guess, in [0, 1].

    Raises:
        ConfigError: if f is not convex around the baseline, as the smaller of two curves need not be.

    Source: derived here.

    >>> round(reconstruction_of_curve(gaussian_curve(1.0), 0.1), 6)
    0.389144
    """
    check_share("baseline", baseline)
    value = 1.0 - float(_values(f, np.array([baseline]))[0])
    below, above = np.linspace(0.0, baseline, 201), np.linspace(baseline, 1.0, 201)
    width = np.maximum(above[None, :] - below[:, None], 1e-300)
    share = (baseline - below)[:, None] / width
    chord = (1.0 - share) * (1.0 - _values(f, below))[:, None] + share * (1.0 - _values(f, above))[None, :]
    if float(np.where(above[None, :] > below[:, None], chord, 0.0).max()) > value + 1e-7:
        raise ConfigError("f must be convex, as a trade-off function is; take the convex hull of the two curves.")
    return min(1.0, value)


def group_of_curve(f: TradeoffFunction, k: int) -> TradeoffFunction:
    """Return the trade-off function for k steps (R11, and R3 with k = 2): 1 - (1 - f) applied k times.

    Args:
        f: of one step, in either direction: for adding and removing the smaller of both.
        k: steps, at least 1.

    Raises:
        ConfigError: if k is out of range.

    Source: derived here; Dong, Roth and Su, JRSS B 2022, theorem on groups.

    >>> group_of_curve(gaussian_curve(0.5), 2)(np.array([0.5])).round(6).tolist()
    [0.158655]
    """
    check_steps(k)

    def grouped(fpr: Rates) -> Rates:
        rate = fpr
        for _ in range(k):
            rate = 1.0 - _values(f, rate)
        return 1.0 - rate

    return grouped


def _values(f: TradeoffFunction, fpr: Rates) -> Rates:
    missed = np.asarray(f(fpr), dtype=np.float64)
    if missed.shape != fpr.shape or not ((missed >= -1e-12) & (missed <= 1.0 + 1e-12)).all():
        raise ConfigError("a trade-off function must give a number from 0 to 1 for each rate; got others, or NaN.")
    return np.clip(missed, 0.0, 1.0)
