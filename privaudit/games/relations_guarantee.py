"""What a guarantee (epsilon, delta), or mu of Gaussian differential privacy, says of attacks: R1 and R3, both ways.

All bounds are derived here; the names of the games are after Salem et al., "SoK: Let the Privacy Games Begin!", IEEE
S&P 2023. TPR is the rate of the guess "world 1" in world 1, FPR its rate in world 0, the advantage TPR - FPR.
"""

import math

from scipy.special import ndtri

from privaudit.errors import ConfigError
from privaudit.validate import check_delta, check_probability


def check_level(name: str, value: float) -> float:
    """Return a number of at least 0, infinity included.

    Raises:
        ConfigError: if it is negative or NaN.
    """
    if not value >= 0.0:
        raise ConfigError(f"{name} must be at least 0; got {value}.", key=name)
    return float(value)


def check_share(name: str, value: float) -> float:
    """Return a number from 0 to 1.

    Raises:
        ConfigError: if it is none.
    """
    return check_probability(name, value, open_ends=False)


def advantage_of_epsilon(epsilon: float, delta: float = 0.0) -> float:
    """Return the largest advantage that (epsilon, delta) allows (R1).

    Every test has TPR <= e^epsilon FPR + delta and 1 - FPR <= e^epsilon (1 - TPR) + delta. Both are tight at
    FPR = 1 - TPR = (1 - delta) / (1 + e^epsilon), where the difference is largest: (e^epsilon - 1 + 2 delta) / (e^epsilon + 1),
    without delta tanh(epsilon / 2).

    Args:
        epsilon: at least 0.
        delta: in [0, 1).

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(advantage_of_epsilon(1.0), 6), round(advantage_of_epsilon(0.0, 0.01), 6)
    (0.462117, 0.01)
    """
    small = math.exp(-check_level("epsilon", epsilon))
    return min(1.0, (1.0 - small + 2.0 * check_delta(delta) * small) / (1.0 + small))


def epsilon_of_advantage(advantage: float, delta: float = 0.0) -> float:
    """Return the smallest epsilon that allows an advantage at this delta (R1 the other way).

    Args:
        advantage: that was shown, in [0, 1].
        delta: in [0, 1).

    Returns:
        0 where delta alone allows it, infinity where no epsilon does.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here: R1 solved for epsilon.

    >>> round(epsilon_of_advantage(0.4621171572600098), 6), epsilon_of_advantage(0.01, 0.02)
    (1.0, 0.0)
    """
    check_share("advantage", advantage)
    if advantage <= check_delta(delta):
        return 0.0
    return math.inf if advantage == 1.0 else max(0.0, math.log((1.0 + advantage - 2.0 * delta) / (1.0 - advantage)))


def advantage_of_mu(mu: float) -> float:
    """Return the largest advantage that mu-Gaussian differential privacy allows (R1): 2 Phi(mu / 2) - 1.

    The best test of N(0, 1) against N(mu, 1) cuts halfway.

    Args:
        mu: at least 0.

    Raises:
        ConfigError: if it is not.

    Source: derived here; Gaussian differential privacy after Dong, Roth and Su, JRSS B 2022.

    >>> round((1 + advantage_of_mu(1.0)) / 2, 6)
    0.691462
    """
    return math.erf(check_level("mu", mu) / math.sqrt(8.0))


def mu_of_advantage(advantage: float) -> float:
    """Return the smallest mu that allows an advantage (R1 the other way).

    Args:
        advantage: that was shown, in [0, 1].

    Raises:
        ConfigError: if it is out of range.

    Source: derived here.

    >>> round(mu_of_advantage(advantage_of_mu(1.5)), 9)
    1.5
    """
    return 2.0 * float(ndtri((1.0 + check_share("advantage", advantage)) / 2.0))


def replace_one_of_add_remove(epsilon: float, delta: float = 0.0) -> tuple[float, float]:
    """Return the (epsilon, delta) for replacing a record that follows from the one for adding or removing one (R3).

    Removing z and adding z' takes two steps: P(E) <= e^epsilon (e^epsilon R(E) + delta) + delta. For mu the factor is 2 (two
    steps of `group_advantage_of_mu`). Nothing follows in the other direction: a mechanism that publishes the number of
    records is private for replacing and for nothing else.

    Args:
        epsilon: for adding or removing one record, at least 0.
        delta: in [0, 1).

    Returns:
        ``(2 epsilon, delta (1 + e^epsilon))``; a delta of 1 or more promises nothing.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> epsilon, delta = replace_one_of_add_remove(0.5, 1e-6)
    >>> epsilon, round(delta, 10)
    (1.0, 2.6487e-06)
    """
    grown = check_delta(delta) * (1.0 + _exp(check_level("epsilon", epsilon))) if delta else 0.0
    return 2.0 * epsilon, grown


def add_remove_of_replace_one(epsilon: float, delta_replace: float = 0.0, delta: float = 0.0) -> float:
    """Return the epsilon that adding or removing one record has at least, from a lower bound for replacing one (R3).

    Were it (e, delta) with e < epsilon / 2 and delta (1 + e^e) <= delta_replace, then replacing would be (2 e, delta_replace)
    and the lower bound wrong. So e is at least the smaller of epsilon / 2 and ln(delta_replace / delta - 1).

    Args:
        epsilon: lower bound for replacing a record, at least 0.
        delta_replace: the delta it holds at.
        delta: the delta of the statement about adding or removing.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> add_remove_of_replace_one(1.0), add_remove_of_replace_one(1.0, 1e-5, 1e-5)
    (0.5, 0.0)
    """
    half = check_level("epsilon", epsilon) / 2.0
    if check_delta(delta) == 0.0:
        return half
    ratio = check_level("delta_replace", delta_replace) / delta
    return max(0.0, min(half, math.log(ratio - 1.0))) if ratio > 1.0 else 0.0


def _exp(value: float) -> float:
    return math.exp(value) if value < 700.0 else math.inf
