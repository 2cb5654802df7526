"""Many equal steps on a grid of privacy losses, by Fourier transform."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft

TAIL = 1e-15  # mass outside the window, which the transform folds back into it
N_ORDERS = 10
FEW_POINTS = 100_000


def compose_steps(masses: NDArray[np.float64], steps: int, first: int, last: int) -> NDArray[np.float64]:
    """Return the distribution of the sum of independent losses on a grid.

    Args:
        masses: ``(g,)`` of one step, at grid points 0, 1, ..., g - 1.
        steps: number of summands, at least 1.
        first: grid point to begin at, from `window`.
        last: grid point to end at.

    Returns:
        ``(last - first + 1,)`` masses. At most `TAIL` plus `rounding` of the mass is misplaced.

    Source: Koskela, Jalko, Honkela, AISTATS 2020, section 4.

    >>> compose_steps(np.array([0.5, 0.5]), 2, 0, 2).round(12).tolist()
    [0.25, 0.5, 0.25]
    """
    if steps == 1:
        return masses
    size = _transform_size(max(last - first + 1, len(masses)))
    spectrum = fft.rfft(masses, size)
    np.power(spectrum, steps, out=spectrum)
    composed = fft.irfft(spectrum, size, overwrite_x=True)
    del spectrum  # as large as the masses
    return np.asarray(np.roll(composed, -(first % size))[: last - first + 1], dtype=np.float64)


def _transform_size(least: int) -> int:
    """Return 2^k or 3 x 2^k for large sizes: scipy keeps the tables of the last 16 sizes, each as large as the masses."""
    if least <= FEW_POINTS:
        return int(fft.next_fast_len(least, real=True))
    power = 1 << (least - 1).bit_length()
    return power * 3 // 4 if least <= power * 3 // 4 else power


def rounding(steps: int) -> float:
    """Return the mass that rounding may misplace: the power multiplies the transform's relative error by ``steps``."""
    return steps * float(np.finfo(np.float64).eps)


def window(masses: NDArray[np.float64], steps: int) -> tuple[int, int]:
    """Return the first and last grid point between which all but `TAIL` of the sum lies.

    Args:
        masses: ``(g,)`` of one step, at grid points 0, 1, ..., g - 1.
        steps: number of summands, at least 1.

    Source: Chernoff's bound at several orders around the one that is best for a normal sum.

    >>> window(np.array([0.5, 0.5]), 1000)
    (366, 634)
    """
    if steps == 1:
        return 0, len(masses) - 1
    place = np.arange(len(masses), dtype=np.float64)
    mean = float((masses * place).sum())
    spread = max(math.sqrt(float((masses * (place - mean) ** 2).sum())), 1e-3)
    masses, place = _thinned(masses, max(1, int(spread / 8.0), len(masses) // 100_000))
    log_tail = math.log(2.0 / TAIL)
    best = math.sqrt(2.0 * log_tail / steps) / spread
    low, high = 0, math.ceil(place[-1]) * steps
    for order in np.geomspace(min(0.5 / place[-1], best / 4.0), best * 4.0, N_ORDERS):
        up = (steps * _log_moment(masses, place - mean, float(order)) + log_tail) / order
        down = (steps * _log_moment(masses, place - mean, -float(order)) + log_tail) / order
        high = min(high, math.ceil(steps * mean + up))
        low = max(low, math.floor(steps * mean - down))
    return low, max(high, low)


def _thinned(masses: NDArray[np.float64], width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move masses to every ``width``-th point and keep the mean: moments of an exponential, convex, only grow."""
    padded = np.append(masses, np.zeros(-len(masses) % width)).reshape(-1, width)
    to_next = padded @ (np.arange(width) / width)
    thin = np.append(padded.sum(axis=1) - to_next, 0.0)
    thin[1:] += to_next
    return thin, np.arange(len(thin), dtype=np.float64) * width


def _log_moment(masses: NDArray[np.float64], centred: NDArray[np.float64], order: float) -> float:
    exponent = order * centred
    top = float(exponent.max())
    return top + math.log(max(float((masses * np.exp(exponent - top)).sum()), 1e-300))
