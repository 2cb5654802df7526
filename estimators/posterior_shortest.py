"""The shortest interval that holds a wanted part of the posterior epsilon."""

from functools import cache

import numpy as np
from scipy.optimize import brentq

from privaudit.estimators.posterior_integral import Floats, tail_and_density
from privaudit.estimators.posterior_quantile import tail_quantile

GRID = 5  # points in each half of the search: a posterior can have two peaks
SHARE_TOLERANCE = 1e-6  # of the missed mass


def shortest_interval(counts: Floats, delta: float, confidence: float) -> tuple[float, float]:
    """Return the shortest interval of the posterior epsilon that holds the wanted mass, the atom at 0 included.

    It is [Q(p), Q(p + confidence)] with the same density at both ends, or it starts at 0: the density of a weak attack
    falls from there on.

    Args:
        counts: ``(4,)`` fn, tp, fp, tn.
        delta: the delta of the definition, in [0, 1).
        confidence: the mass, in (0, 1).

    Returns:
        the two ends.

    Source: Box and Tiao, "Bayesian Inference in Statistical Analysis", 1973, section 2.8 (highest density intervals).

    >>> low, high = shortest_interval(np.array([450.0, 50.0, 20.0, 480.0]), 1e-5, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.417, 1.4242)
    """
    missed = 1.0 - confidence
    at_zero, _ = tail_and_density(counts[None], delta, np.zeros(1))
    shares = np.concatenate([np.zeros(1), _shares(1.0 - float(at_zero[0]), missed)])
    low, high = _ends(counts, delta, missed, shares)
    best = int((high - low).argmin())
    ends = [(float(low[best]), float(high[best]))]
    if best > 0:
        around = float(shares[max(best - 1, 1)]), float(np.append(shares, missed)[best + 1])
        ends += _level(counts, delta, missed, around, (shares, low, high))
    return min(ends, key=lambda pair: pair[1] - pair[0])


def _shares(atom: float, missed: float) -> Floats:
    """Return masses below the interval to try, the equal-tailed one among them; none if the atom exceeds them all."""
    if atom >= missed:
        return np.zeros(0)
    middle = 0.5 * missed if atom < 0.5 * missed else 0.5 * (atom + missed)
    halves = np.linspace(atom, middle, GRID, endpoint=False), np.linspace(middle, missed, GRID, endpoint=False)
    return np.concatenate(halves)


def _ends(
    counts: Floats, delta: float, missed: float, below: Floats, start: tuple[Floats, Floats] | None = None
) -> tuple[Floats, Floats]:
    """Return both ends of the intervals that leave the mass ``below`` on their left."""
    tails = np.concatenate([1.0 - below, missed - below])
    rows = np.tile(counts, (len(tails), 1))
    quantiles = tail_quantile(rows, delta, tails, start=None if start is None else np.concatenate(start))
    return quantiles[: len(below)], quantiles[len(below) :]


def _level(
    counts: Floats, delta: float, missed: float, around: tuple[float, float], known: tuple[Floats, Floats, Floats]
) -> list[tuple[float, float]]:
    """Return the interval with the same density at both ends, if the mass below it lies ``around``.

    ``known`` are masses below with their lower and upper ends, to start from.
    """
    shares, *ends = known

    def at(share: float) -> tuple[Floats, Floats]:
        guess = [np.array([np.interp(share, shares, end)]) for end in ends]
        return _ends(counts, delta, missed, np.array([share]), (guess[0], guess[1]))

    @cache
    def imbalance(share: float) -> float:
        if share >= missed:
            return 1.0
        _, density = tail_and_density(np.tile(counts, (2, 1)), delta, np.concatenate(at(share)))
        return float((density[0] - density[1]) / density.sum())

    if not imbalance(around[0]) < 0.0 < imbalance(around[1]):
        return []
    low, high = at(brentq(imbalance, *around, xtol=SHARE_TOLERANCE * missed))
    return [(float(low[0]), float(high[0]))]
