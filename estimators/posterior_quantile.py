"""Quantiles of the posterior epsilon, of many attacks at once: guarded Newton steps on the normal score of the tail."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from privaudit.errors import ConfigError, ShapeError
from privaudit.estimators.posterior_integral import NODES, STRIPS, Floats, tail_and_density
from privaudit.validate import check_delta, check_probability

COARSE_NODES, COARSE_STEPS = 8, 4
SETTLED = 1e-6  # a difference of normal scores; the Newton step from there leaves about its square
FLAT = 1e-13  # a bracket this narrow, relative to 1 + epsilon, holds the root
ROUNDING = 5e-9  # more than the error of a quantile, relative to 1 + epsilon
RESOLUTION = 1e-8  # well above the error of a probability
CHUNK = 512  # attacks solved together: their nodes fit in the cache


def tail_quantile(counts: Floats, delta: float, tail: Floats, *, start: Floats | None = None) -> Floats:
    """Return the epsilon that is exceeded with a wanted posterior probability.

    Args:
        counts: ``(m, 4)`` fn, tp, fp, tn; all 0 is the prior alone.
        delta: the delta of the definition, in [0, 1).
        tail: ``(m,)`` probabilities in [0, 1].
        start: ``(m,)`` guesses, which save time if they are good.

    Returns:
        ``(m,)`` quantiles: 0 where the atom at 0 holds the rest, ``math.inf`` for probability 0.

    Source: the model is that of Zanella-Béguelin et al., "Bayesian Estimation of Differential Privacy", ICML 2023.

    >>> counts = np.array([[0.0, 1000.0, 0.0, 1000.0]])
    >>> round(float(tail_quantile(counts, 1e-5, np.array([0.95]))[0]), 5)
    7.20721
    """
    quantile = np.where(tail > 0.0, 0.0, math.inf)
    at_zero, _ = tail_and_density(counts, delta, np.zeros(len(counts)))
    todo = np.flatnonzero((tail > 0.0) & (tail < at_zero))
    if todo.size:
        counts, tail = counts[todo], tail[todo]
        if start is None:
            guess = _start(counts, delta, tail)
            guess = _newton(counts, delta, tail, guess, nodes=COARSE_NODES, steps=COARSE_STEPS)
        else:
            guess = start[todo]
        quantile[todo] = _newton(counts, delta, tail, guess, nodes=NODES)
    return quantile


def posterior_lower(counts: ArrayLike, *, delta: float, confidence: float) -> Floats:
    """Return the one-sided lower end of the posterior epsilon of many attacks at once.

    Args:
        counts: ``(n_sets, 4)`` whole numbers tp, fn, fp, tn, with an outcome in both worlds.
        delta: the delta of the claim, in [0, 1).
        confidence: posterior probability above the end, in (0, 1).

    Returns:
        ``(n_sets,)`` lower ends, rounded down.

    Raises:
        ConfigError: if a count is negative or not whole, a world is empty, or delta or the confidence is not legal.
        ShapeError: if there are not four columns.

    Source: see `tail_quantile`.

    >>> posterior_lower([[1000, 0, 0, 1000], [50, 450, 20, 480]], delta=1e-5, confidence=0.95).round(4).tolist()
    [7.2072, 0.5028]
    """
    check_delta(delta)
    check_mass(confidence)
    columns = _checked(counts)[:, [1, 0, 2, 3]]
    parts = [columns[start : start + CHUNK] for start in range(0, len(columns), CHUNK)]
    ends = [round_down(tail_quantile(part, delta, np.full(len(part), confidence))) for part in parts]
    return np.concatenate([np.zeros(0), *ends])


def check_mass(confidence: float) -> float:
    """Return a credible mass that the quadrature can tell from 0 and from 1.

    Raises:
        ConfigError: if it cannot.
    """
    check_probability("confidence", confidence)
    if not RESOLUTION <= confidence <= 1.0 - RESOLUTION:
        raise ConfigError(
            f"the posterior needs a confidence at least {RESOLUTION:g} from 0 and from 1; got {confidence!r}. "
            "Its probabilities are computed, with an error of about 1e-10.",
            key="confidence",
        )
    return float(confidence)


def round_down(quantile: Floats) -> Floats:
    """Return a quantile less the error of its computation, not below 0."""
    return np.maximum(quantile - ROUNDING * (1.0 + quantile), 0.0)


def _checked(counts: ArrayLike) -> Floats:
    array = np.asarray(counts)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ShapeError(f"counts must have shape (n_sets, 4), columns tp, fn, fp, tn; got {array.shape}.")
    if array.dtype.kind not in "iuf" or not (np.isfinite(array) & (array >= 0) & (array == np.floor(array))).all():
        raise ConfigError("counts must be whole numbers of at least 0; got others.", key="counts")
    whole = array.astype(np.float64)
    empty = np.flatnonzero((whole[:, :2].sum(axis=1) == 0.0) | (whole[:, 2:].sum(axis=1) == 0.0))
    if empty.size:
        raise ConfigError(f"both worlds need at least one outcome; set {empty[0]} is {array[empty[0]].tolist()}.")
    return whole


def _newton(
    counts: Floats, delta: float, tail: Floats, start: Floats, *, nodes: int, steps: int | None = None
) -> Floats:
    """Solve for ``tail`` from ``start``, with bisection where a Newton step fails; stop early after ``steps``.

    The normal score of the tail is almost linear in epsilon where the posterior is almost normal, and bends gently where
    its tail is exponential.
    """
    epsilon, goal = start.copy(), ndtri(tail)
    low, high, last_gap = np.zeros_like(start), np.full_like(start, math.inf), np.full_like(start, math.inf)
    live, step = np.arange(len(start)), 0
    while live.size and step != steps:
        here = epsilon[live]
        at, density = tail_and_density(counts[live], delta, here, nodes=nodes)
        low[live], high[live] = np.where(at > tail[live], (here, high[live]), (low[live], here))
        gap, epsilon[live] = _step(here, at, density, goal[live], (low[live], high[live]), last_gap[live])
        is_flat = high[live] - low[live] <= FLAT * (1.0 + here)
        last_gap[live] = gap
        live, step = live[(gap >= SETTLED) & ~is_flat], step + 1
    return epsilon


def _step(
    here: Floats, at: Floats, density: Floats, goal: Floats, bracket: tuple[Floats, Floats], last_gap: Floats
) -> tuple[Floats, Floats]:
    """Return the distance from the goal, in normal scores, and the next point.

    Where Newton leaves the bracket, or the distance was not halved, it is the bracket's middle.
    """
    low, high = bracket
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        score = ndtri(at)
        gap = score - goal
        newton = here + gap * np.exp(-0.5 * score**2) / (math.sqrt(2.0 * math.pi) * density)
        middle = np.where(np.isinf(high), 2.0 * here + 1.0, 0.5 * (low + high))
    gap = np.abs(gap)
    is_good = (newton >= low) & (newton <= np.minimum(high, 4.0 * here + 4.0)) & (gap <= 0.5 * last_gap)
    return gap, np.where(is_good, newton, middle)


def _start(counts: Floats, delta: float, tail: Floats) -> Floats:
    """Return a first guess: normal errors of ln((1 - delta - x) / y), of the strip where it is largest."""
    strips = np.stack([counts[:, order] for order in STRIPS]) + 0.5
    zeros, ones, across_zeros, across_ones = np.moveaxis(strips, -1, 0)
    n, across_n = zeros + ones, across_zeros + across_ones
    room = np.maximum(1.0 - delta - zeros / n, 1e-12)
    centre = np.log(room) - np.log(across_zeros / across_n)
    spread = np.sqrt(zeros * ones / (n**3 * room**2) + across_ones / (across_zeros * across_n))
    largest = centre.argmax(axis=0), np.arange(len(counts))
    floor = -0.5 * ndtri(0.5 * tail) * spread[largest]
    return np.asarray(np.maximum(centre[largest] - ndtri(tail) * spread[largest], np.maximum(floor, 1e-12)))
