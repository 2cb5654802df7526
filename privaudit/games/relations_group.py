"""What a guarantee for one record says of k records, as many as a user has or as two draws differ in: R11, both ways.

Derived here: k steps, each to a neighbour, lead from one data set to the other.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, ndtri

from privaudit.errors import ConfigError
from privaudit.games.relations_guarantee import check_level, check_share
from privaudit.validate import check_delta

STEPS = 200  # halvings of an interval; 64-bit numbers have no more between two of one magnitude


def group_guarantee(epsilon: float, delta: float, k: int) -> tuple[float, float]:
    """Return the (epsilon, delta) that holds for k records (R11).

    Step i multiplies what was lost before by e^epsilon and adds delta: k epsilon, and delta times the sum of e^(i epsilon) over
    i < k, which is (e^(k epsilon) - 1) / (e^epsilon - 1).

    Args:
        epsilon: for one record, at least 0.
        delta: in [0, 1).
        k: records, at least 1.

    Returns:
        epsilon and delta; a delta of 1 or more promises nothing.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> group_guarantee(0.5, 1e-6, 2)[0], f"{group_guarantee(0.5, 1e-6, 2)[1]:.6e}"
    (1.0, '2.648721e-06')
    >>> group_guarantee(0.0, 1e-6, 3)
    (0.0, 3e-06)
    """
    check_steps(k)
    total = k * check_level("epsilon", epsilon)
    if check_delta(delta) == 0.0 or epsilon < 1e-300:  # where quotients would underflow
        return total, delta * k
    return total, delta * math.expm1(total) / math.expm1(epsilon) if total < 700.0 else math.inf


def group_advantage(k: ArrayLike, epsilon: float, delta: float = 0.0) -> NDArray[np.float64]:
    """Return the largest advantage between data sets that are k steps apart (R11 followed by R1).

    With t = tanh(k epsilon / 2) the advantage at `group_guarantee` is t (1 + 2 delta / (e^epsilon - 1)), at epsilon 0 it is
    k delta; never more than 1.

    Args:
        k: ``(n,)`` numbers of steps, at least 0.
        epsilon: for one step, at least 0.
        delta: in [0, 1).

    Returns:
        ``(n,)`` float64 advantages.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> group_advantage([0, 1, 2], 1.0).round(6).tolist()
    [0.0, 0.462117, 0.761594]
    """
    steps = _steps(k)
    check_level("epsilon", epsilon)
    if epsilon == 0.0:
        return np.asarray(np.minimum(check_delta(delta) * steps, 1.0))
    epsilon = max(epsilon, 1e-300)  # a little more, so that nothing below underflows; the advantage never falls
    known = np.where(steps > 0, np.tanh(steps * min(epsilon, 1e300) / 2.0), 0.0)
    extra = 2.0 * check_delta(delta) / math.expm1(epsilon) if epsilon < 700.0 else 0.0
    return np.asarray(np.minimum(known * (1.0 + extra), 1.0))


def group_advantage_of_mu(k: ArrayLike, mu: float) -> NDArray[np.float64]:
    """Return the largest advantage between data sets that are k steps apart under Gaussian differential privacy (R11).

    Tests compose: k steps of mu are one of k mu, so the advantage is 2 Phi(k mu / 2) - 1.

    Args:
        k: ``(n,)`` numbers of steps, at least 0.
        mu: for one step, at least 0.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here; k steps as Dong, Roth and Su, "Gaussian Differential Privacy", JRSS B 2022.

    >>> group_advantage_of_mu([1, 2], 1.0).round(6).tolist()
    [0.382925, 0.682689]
    """
    return np.asarray(erf(_steps(k) * min(check_level("mu", mu), 1e300) / math.sqrt(8.0)))


def epsilon_of_group_advantage(advantage: float, k: int, delta: float = 0.0) -> float:
    """Return the epsilon of one step that an advantage between data sets k steps apart implies (R11 the other way).

    Args:
        advantage: that was shown, in [0, 1].
        k: steps, at least 1.
        delta: in [0, 1).

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(epsilon_of_group_advantage(0.7615941559557649, 2), 6)
    1.0
    """
    check_steps(k)
    return least_epsilon(lambda epsilon: float(group_advantage([k], epsilon, delta)[0]), advantage)


def mu_of_group_advantage(advantage: float, k: int) -> float:
    """Return the mu of one step that an advantage between data sets k steps apart implies (R11 the other way).

    Args:
        advantage: that was shown, in [0, 1].
        k: steps, at least 1.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(mu_of_group_advantage(0.6826894921370859, 2), 6)
    1.0
    """
    check_steps(k)
    return 2.0 * float(ndtri((1.0 + check_share("advantage", advantage)) / 2.0)) / k


def least_epsilon(allowed: Callable[[float], float], advantage: float) -> float:
    """Return the epsilon below which less than ``advantage`` is allowed, rounded down.

    Args:
        allowed: from an epsilon to the largest advantage, never falling.
        advantage: in [0, 1].

    Returns:
        infinity where no epsilon that can be computed with allows it.

    Raises:
        ConfigError: if the advantage is out of range.

    >>> round(least_epsilon(lambda epsilon: epsilon / (1 + epsilon), 0.5), 9)
    1.0
    """
    if allowed(0.0) >= check_share("advantage", advantage):
        return 0.0
    low, high = 0.0, 1.0
    while allowed(high) < advantage:
        low, high = high, 2.0 * high
        if high > 1e300:
            return math.inf
    # tanh rounds to 1: there is no telling how large epsilon is, only that it is at least this
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if allowed(middle) < advantage else (low, middle)
    return low


def check_steps(k: int) -> None:
    """Refuse what is no number of records.

    Raises:
        ConfigError: if it is no whole number of at least 1.
    """
    if isinstance(k, bool) or k != k // 1 or k < 1:
        raise ConfigError(f"k must be a whole number of at least 1; got {k!r}.", key="k")


def _steps(k: ArrayLike) -> NDArray[np.float64]:
    steps = np.asarray(k, dtype=np.float64)
    if not (steps >= 0.0).all() or (steps != np.floor(steps)).any():
        raise ConfigError("k must be whole numbers of at least 0; got others, or NaN.", key="k")
    return steps
