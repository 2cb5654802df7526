"""How often a guess about a canary is wrong when its score is Gaussian and only the highest and lowest are guessed."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv, ndtr

Law = tuple[NDArray[np.float64], NDArray[np.float64]]  # the number of wrong guesses is a mixture: weights, error rates

N_NODES = 12


def gaussian_error_rates(n_canaries: int, each_side: int, mu: float) -> Law:
    """Return the error rates of guesses on both ends of Gaussian scores, as a mixture over where the ends begin.

    Given the highest score that is not guessed "member", the scores above are independent draws of the mixture of both
    worlds above it, so their errors are binomial; the share of the mixture above it is a Beta variable. Likewise below.

    Args:
        n_canaries: canaries with fair coins, score N(mu, 1) with and N(0, 1) without.
        each_side: guesses on each side.
        mu: distance of the worlds.

    Returns:
        ``(q,)`` weights that sum to 1 and ``(q,)`` error rates.

    Source: derived here; the Dirichlet law of uniform spacings is in David and Nagaraja, "Order Statistics", 2003.

    >>> weights, rates = gaussian_error_rates(2, 1, 100.0)  # both coins are equal half of the time: one guess is wrong
    >>> round(float(weights @ rates), 3)
    0.25
    """
    spare = n_canaries - 2 * each_side - 1
    points, areas = np.polynomial.legendre.leggauss(N_NODES if spare > 0 else 4 * N_NODES)
    levels, weights = (points + 1.0) / 2.0, areas / 2.0
    above = betaincinv(each_side + 1.0, n_canaries - each_side, levels)
    if spare <= 0:  # both ends meet, at one score: where one begins high, the other begins low
        return weights, (_error_rate(above, mu) + _error_rate(above[::-1], mu)) / 2.0
    below = (1.0 - above[:, None]) * betaincinv(each_side + 1.0, float(spare), levels)
    rates = (_error_rate(above, mu)[:, None] + _error_rate(below.ravel(), mu).reshape(below.shape)) / 2.0
    return np.outer(weights, weights).ravel(), rates.ravel()


def _error_rate(share: NDArray[np.float64], mu: float) -> NDArray[np.float64]:
    """Return the share of non-members among the highest ``share`` of the mixture of N(0, 1) and N(mu, 1)."""
    low, high = np.full_like(share, -40.0), np.full_like(share, mu + 40.0)
    for _ in range(60):
        cut = (low + high) / 2.0
        is_above = (ndtr(-cut) + ndtr(mu - cut)) / 2.0 > share
        low, high = np.where(is_above, cut, low), np.where(is_above, high, cut)
    return np.asarray(np.minimum(ndtr(-low) / 2.0 / share, 1.0))


def chance_of_errors(wrong: int, guesses: int, law: Law) -> float:
    """Return the probability of at most so many wrong guesses."""
    weights, rates = law
    return min(1.0, float(weights @ bdtr(wrong, guesses, rates)))


def most_errors(guesses: int, law: Law, probability: float) -> int:
    """Return the smallest number that the wrong guesses do not exceed with at least this probability."""
    low, high = -1, guesses
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance_of_errors(middle, guesses, law) >= probability else (middle, high)
    return high
