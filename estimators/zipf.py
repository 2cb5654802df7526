"""Zipf's law of node degrees, and how many degrees say as much about a graph as a model does, as it was published.

The law has p(k) proportional to k^-s on the degrees k = 1..N. It seldom fits: the laws fitted to graphs of mean degrees 9 to 17
in the published work have means of 3.9 to 4.9. `privaudit.estimators.n_leaked_histogram` needs no law.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

from privaudit.errors import ConfigError, DataError
from privaudit.estimators.n_leaked_guesser import draws_at_divergence
from privaudit.validate import check_probability

Zipf = tuple[int, float]  # N, s
STEEPEST = 2.0**40  # beyond, a law is all on one degree


def zipf_probabilities(zipf: Zipf) -> NDArray[np.float64]:
    """Return ``(N,)`` the chances of the degrees 1..N.

    Raises:
        ConfigError: if N is below 1, or s is not finite.

    >>> zipf_probabilities((3, 1.0)).round(4).tolist()
    [0.5455, 0.2727, 0.1818]
    """
    return np.exp(_log_probabilities(zipf))


def zipf_divergence(zipf_0: Zipf, zipf_1: Zipf) -> float:
    """Return the smaller of the two Kullback-Leibler divergences of truncated Zipf laws, exactly.

    Args:
        zipf_0: N and s of world 0.
        zipf_1: likewise of world 1. Where the Ns differ, the divergence from the longer to the shorter is infinite.

    Raises:
        ConfigError: if N is below 1, or s is not finite.

    >>> round(zipf_divergence((86, 1.843366), (253, 1.918591)), 6)
    0.009082
    """
    return min(_divergence(*ordered) for ordered in _orders(zipf_0, zipf_1))


def zipf_divergence_bound(zipf_0: Zipf, zipf_1: Zipf) -> float:
    """Return the published bound from above on the divergence of truncated Zipf laws.

    It takes ln k <= ln N for every degree, and so is 10 to 480 times the divergence on the published fits; it is not even
    larger where mean degrees are farther apart.

    Args:
        zipf_0: N and s of world 0.
        zipf_1: likewise of world 1; the order does not matter.

    Returns:
        With N0 <= N1: ln(H(N1, s1) / H(N0, s0)) + max(0, s1 - s0) ln N0, H(N, s) the sum of k^-s over k = 1..N; where the Ns
        agree the smaller one of both orders.

    Raises:
        ConfigError: if N is below 1, or s is not finite.

    Source: Suri and Evans, PETS 2022, n_leaked of mean node degrees.

    >>> round(zipf_divergence_bound((86, 1.843366), (253, 1.918591)), 6)
    0.294399
    """
    return min(_divergence_bound(*ordered) for ordered in _orders(zipf_0, zipf_1))


def n_leaked_zipf(accuracy: float, zipf_0: Zipf, zipf_1: Zipf) -> float:
    """Return how many degrees let a guesser be right as often, by the published bound.

    Args:
        accuracy: share of right answers on two worlds of equal weight; 0.5 and below give 0, and 1 infinity.
        zipf_0: N and s of world 0.
        zipf_1: likewise of world 1. Equal laws give 0 at every accuracy.

    Returns:
        Number of degrees, a lower bound on what the best guesser of these laws needs.

    Raises:
        ConfigError: if the accuracy is not in [0, 1], N is below 1, or s is not finite.

    Source: Suri and Evans, PETS 2022.

    >>> round(n_leaked_zipf(0.9, (86, 1.843366), (253, 1.918591)), 3)
    3.47
    """
    check_probability("accuracy", accuracy, open_ends=False)
    bound = 0.0 if zipf_0 == zipf_1 else max(0.0, zipf_divergence_bound(zipf_0, zipf_1))
    return draws_at_divergence(accuracy, bound)


def fit_zipf(degrees: ArrayLike) -> Zipf:
    """Fit a truncated Zipf law to node degrees by maximum likelihood.

    Args:
        degrees: ``(n,)`` whole numbers; nodes of degree 0 are left out, as the law has none.

    Returns:
        N, the largest degree, and s.

    Raises:
        DataError: if a degree is no whole number of at least 0, or all above 0 are equal: no s is then the likeliest.

    Source: maximum likelihood of a one-parameter family: the mean of ln k is that of the degrees.

    >>> fit_zipf([1, 1, 1, 1, 2, 2])[0], round(fit_zipf([1, 1, 1, 1, 2, 2])[1], 6)
    (2, 1.0)
    """
    values = check_degrees(degrees)
    values = values[values > 0]
    if not len(values) or values.min() == values.max():
        raise DataError(
            f"a Zipf law needs two different degrees above 0; got {len(np.unique(values))}. Leave zipf out."
        )
    largest, mean_log = int(values.max()), float(np.log(values).mean())

    def excess(exponent: float) -> float:
        return float(zipf_probabilities((largest, exponent)) @ np.log(np.arange(1, largest + 1))) - mean_log

    reach = 1.0
    while excess(reach) > 0.0 or excess(-reach) < 0.0:
        reach *= 2.0
        if reach > STEEPEST:
            raise DataError("no Zipf law fits degrees of which nearly all are equal. Leave zipf out.")
    return largest, float(brentq(excess, -reach, reach, xtol=1e-12))


def check_degrees(degrees: ArrayLike) -> NDArray[np.int64]:
    """Return degrees as int64.

    Raises:
        DataError: if they are not one-dimensional whole numbers of at least 0, one at least.
    """
    array = np.asarray(degrees)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iu" or array.min() < 0:
        raise DataError(f"degrees must be (n,) whole numbers of at least 0; got {array.dtype} of shape {array.shape}.")
    return array.astype(np.int64)


def _orders(zipf_0: Zipf, zipf_1: Zipf) -> list[tuple[Zipf, Zipf]]:
    """Return the shorter law first; both orders where they are equally long."""
    if zipf_0[0] == zipf_1[0]:
        return [(zipf_0, zipf_1), (zipf_1, zipf_0)]
    return [(zipf_0, zipf_1)] if zipf_0[0] < zipf_1[0] else [(zipf_1, zipf_0)]


def _log_weights(zipf: Zipf) -> NDArray[np.float64]:
    largest, exponent = zipf
    if largest < 1 or not math.isfinite(exponent):
        raise ConfigError(f"a Zipf law needs N of at least 1 and a finite s; got {largest} and {exponent}.", key="zipf")
    return -exponent * np.log(np.arange(1, largest + 1))


def _log_probabilities(zipf: Zipf) -> NDArray[np.float64]:
    weights = _log_weights(zipf)
    return weights - float(logsumexp(weights))


def _divergence(shorter: Zipf, longer: Zipf) -> float:
    log_0, log_1 = _log_probabilities(shorter), _log_probabilities(longer)
    return max(0.0, float(np.exp(log_0) @ (log_0 - log_1[: len(log_0)])))


def _divergence_bound(shorter: Zipf, longer: Zipf) -> float:
    of_sums = float(logsumexp(_log_weights(longer)) - logsumexp(_log_weights(shorter)))
    return of_sums + max(0.0, longer[1] - shorter[1]) * math.log(shorter[0])
