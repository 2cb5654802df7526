"""The posterior law of the epsilon that one attack shows: its tail and its density by one-dimensional quadrature.

An (epsilon, delta) mechanism holds every attack's error rates (x, y) to x + e^epsilon y >= 1 - delta and
e^epsilon x + y >= 1 - delta, and (1 - x, 1 - y) as well. Given the counts, x and y are independent Beta variables with
parameters count + 1/2 (Jeffreys priors). With c = 1 - delta and k = c / (1 + e^epsilon), the rates below that region are
three disjoint parts: the square x, y < k and one strip along each axis, the first being x from k to c and
y < (c - x) e^-epsilon. It holds the integral of f_X(x) F_Y((c - x) e^-epsilon). The rates above the region are the rates
below it of the opposite guess. Nothing is taken from 1, so small tails keep their digits.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, expit, gammaln, xlogy

Floats = NDArray[np.float64]

NODES = 20  # Gauss-Legendre nodes per panel: errors below 1e-9
# Columns of (fn, tp, fp, tn): counts for and against the rate along a strip, then of the rate across it.
STRIPS = ((0, 1, 2, 3), (2, 3, 0, 1), (1, 0, 3, 2), (3, 2, 1, 0))
CUT = 40.0  # a law is followed down to e^-40 of its peak
THIRDS = np.array([-1.0, -1.0 / 3.0, 1.0 / 3.0, 1.0])
GRADES = 3.0 * 10.0 ** np.arange(7.0)
SMALLEST_GRADE = 1e-7  # an angle; what lies nearer to rate 1 weighs its square
NEGLIGIBLE = 1e-18
LARGEST_EPSILON = 1e4  # both results are below the smallest float from 1,600 on
TINY_LOG = -600.0  # below a rate of e^-600 its distribution function is a pure power
STIRLING_FROM = 40.0  # the series below are exact to 1e-14 from here on


def tail_and_density(counts: Floats, delta: float, epsilon: Floats, *, nodes: int = NODES) -> tuple[Floats, Floats]:
    """Return the posterior probability that an attack's epsilon exceeds a value, and the density there.

    Args:
        counts: ``(m, 4)`` fn, tp, fp, tn of m attacks; all 0 is the prior alone.
        delta: the delta of the definition, in [0, 1).
        epsilon: ``(m,)`` at least 0.
        nodes: quadrature nodes per panel.

    Returns:
        ``(m,)`` tail probabilities and ``(m,)`` densities.

    Source: the model is that of Zanella-Béguelin et al., "Bayesian Estimation of Differential Privacy", ICML 2023.

    >>> tail, _ = tail_and_density(np.zeros((1, 4)), 1e-5, np.ones(1))
    >>> round(1.0 - float(tail[0]), 6)
    0.272865
    """
    epsilon = np.minimum(epsilon, LARGEST_EPSILON)
    strips = np.concatenate([counts[:, order] for order in STRIPS])
    tail, density = _integrate(strips, delta, np.tile(epsilon, len(STRIPS)), nodes)
    corner = (1.0 - delta) * expit(-epsilon)
    fn, tp, fp, tn = (counts + 0.5).T
    squares = betainc(fn, tp, corner) * betainc(fp, tn, corner) + betainc(tp, fn, corner) * betainc(tn, fp, corner)
    shape = (len(STRIPS), len(counts))
    return np.minimum(tail.reshape(shape).sum(axis=0) + squares, 1.0), density.reshape(shape).sum(axis=0)


def _integrate(strips: Floats, delta: float, epsilon: Floats, nodes: int) -> tuple[Floats, Floats]:
    """Integrate f_X F_Y, and f_X f_Y u = -d/d epsilon of it, along ``(s, 4)`` strips with u = (c - x) e^-epsilon.

    The variable is an angle, x = c sin^2(angle): the singularities of both laws at x = 0 and x = c vanish.
    """
    edges = _edges(strips, delta, epsilon)
    row, panel = np.nonzero(edges[:, 1:] > edges[:, :-1])
    where, weight = _rule(nodes)
    left, step = edges[row, panel, None], (edges[row, panel + 1] - edges[row, panel])[:, None]
    angle = left + step * where
    zeros, ones, across_zeros, across_ones = (column[row, None] for column in strips.T)
    along_norm, across_norm = (_log_norm(*pair)[row, None] for pair in (strips[:, :2].T, strips[:, 2:].T))

    cosine, log_c = np.cos(angle), math.log1p(-delta)
    log_x, log_rest = log_c + 2.0 * np.log(np.sin(angle)), np.log(delta + (1.0 - delta) * cosine**2)
    log_u = log_c + 2.0 * np.log(cosine) - epsilon[row, None]
    u = np.exp(log_u)
    log_not_u = np.log1p(-u)
    # d theta / d angle = cos(angle) sqrt(c / (1 - x)), and u f(u) is the density of theta times sqrt(u / (1 - u)) / 2.
    mass = np.exp(along_norm + zeros * log_x + (ones - 0.5) * log_rest + 0.5 * log_c) * cosine * step * weight
    slope = 0.5 * np.exp(across_norm + (across_zeros + 0.5) * log_u + (across_ones - 0.5) * log_not_u)
    share = slope / (across_zeros + 0.5)
    betainc(across_zeros + 0.5, across_ones + 0.5, u, out=share, where=(log_u > TINY_LOG) & (mass > NEGLIGIBLE))
    tail, density = ((mass * part).sum(axis=1) for part in (share, slope))
    return _sum_by(row, tail, len(strips)), _sum_by(row, density, len(strips))


def _sum_by(row: NDArray[np.intp], parts: Floats, rows: int) -> Floats:
    return np.asarray(np.bincount(row, parts, rows), dtype=np.float64)


def _edges(strips: Floats, delta: float, epsilon: Floats) -> Floats:
    """Return ``(s, p)`` ascending panel edges: the bulk of both laws in thirds, and decades towards x = 1."""
    root_c = math.sqrt(1.0 - delta)
    along, across = _bulk(strips[:, 0], strips[:, 1]), _bulk(strips[:, 2], strips[:, 3])
    growth = np.exp(np.minimum(epsilon, 1400.0) / 2.0)[:, None]
    first = np.arcsin(np.minimum(np.sin(along) / root_c, 1.0))
    second = np.arccos(np.minimum(growth * np.sin(across) / root_c, 1.0))
    high = np.minimum(first[:, -1], second[:, 0])[:, None]
    low = np.minimum(np.maximum(first[:, 0], np.arcsin(np.sqrt(expit(-epsilon))))[:, None], high)
    # (1 - x)^(others - 1/2) is singular just beyond x = c: at an angle of sqrt(delta / c) from it.
    decades = np.pi / 2.0 - max(math.sqrt(delta) / root_c, SMALLEST_GRADE) * GRADES
    is_near = (along[:, -1:] >= np.pi / 2.0) & (delta > 0.0)
    inner = np.concatenate([first, second, np.where(is_near, decades, high)], axis=1)
    return np.sort(np.concatenate([low, np.clip(inner, low, high), high], axis=1), axis=1)


def _bulk(zeros: Floats, ones: Floats) -> Floats:
    """Return ``(s, 4)`` ascending angles theta that split the bulk of Beta(zeros + 1/2, ones + 1/2) in thirds.

    The density of theta, rate = sin^2 theta, is proportional to sin^(2 zeros) cos^(2 ones), log-concave with curvature
    at least 2 (sqrt(zeros) + sqrt(ones))^2; so beyond this half-width it is below e^-CUT of its peak.
    """
    root_zeros, root_ones = np.sqrt(zeros), np.sqrt(ones)
    half = math.sqrt(CUT) / np.maximum(root_zeros + root_ones, 1.0)
    angles = np.arctan2(root_zeros, root_ones)[:, None] + half[:, None] * THIRDS
    return np.asarray(np.clip(angles, 0.0, np.pi / 2.0))


def _log_norm(zeros: Floats, ones: Floats) -> Floats:
    """Return ln(2 / B(zeros + 1/2, ones + 1/2)); the usual difference of log-gammas loses digits of large counts."""
    n = zeros + ones
    cross = xlogy(zeros, zeros / np.maximum(n, 1.0)) + xlogy(ones, ones / np.maximum(n, 1.0))
    return np.asarray(math.log(2.0) + _stirling_whole(n) - _stirling_half(zeros) - _stirling_half(ones) - cross)


def _stirling_half(n: Floats) -> Floats:
    """Return ln Gamma(n + 1/2) - n ln n + n."""
    z = np.maximum(n, STIRLING_FROM)
    series = 0.5 * math.log(2.0 * math.pi) - (1.0 / 24.0 - (7.0 / 2880.0 - 31.0 / (40320.0 * z**2)) / z**2) / z
    return np.asarray(np.where(n < STIRLING_FROM, gammaln(n + 0.5) - xlogy(n, n) + n, series))


def _stirling_whole(n: Floats) -> Floats:
    """Return ln Gamma(n + 1) - n ln n + n."""
    z = np.maximum(n, STIRLING_FROM)
    series = 0.5 * np.log(2.0 * math.pi * z) + (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * z**2)) / z**2) / z
    return np.asarray(np.where(n < STIRLING_FROM, gammaln(n + 1.0) - xlogy(n, n) + n, series))


@lru_cache(maxsize=8)
def _rule(nodes: int) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre nodes and weights on [0, 1]."""
    where, weight = np.polynomial.legendre.leggauss(nodes)
    rule = (where + 1.0) / 2.0, weight / 2.0
    for array in rule:  # it is remembered, so nobody may change it
        array.flags.writeable = False
    return rule
