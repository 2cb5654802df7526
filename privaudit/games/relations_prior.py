"""Membership where members are rare or common: R5, both ways, and the posterior of one output. Derived here.

The trade-off function has an orientation: false alarms are counted among non-members. For (epsilon, delta) and for
Gaussian differential privacy it is the same both ways; for other curves see `success_of_curve`.
"""

import math

from scipy.special import ndtr

from privaudit.games.relations_guarantee import check_level, check_share
from privaudit.validate import check_delta

DUST = 1e-12  # the smallest epsilon jumps where the share exceeds what the prior allows; rounding must not


def success_at_prior(epsilon: float, prior: float, delta: float = 0.0) -> float:
    """Return the largest share of right guesses where world 1 has a prior (R5).

    The share is p TPR + (1 - p)(1 - FPR). It is linear in a rate pair, so the largest one is at a corner of the region that
    (epsilon, delta) allows: (0, delta), ((1 - delta) / (1 + e^epsilon), 1 - the same), (1 - delta, 1).

    Args:
        epsilon: at least 0.
        prior: of world 1, in [0, 1].
        delta: in [0, 1).

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(success_at_prior(3.0, 0.1), 6), success_at_prior(1.0, 0.1)
    (0.952574, 0.9)
    """
    check_share("prior", prior)
    small = math.exp(-check_level("epsilon", epsilon))
    middle = (1.0 + check_delta(delta) * small) / (1.0 + small)
    return max(1.0 - prior + prior * delta, middle, prior + (1.0 - prior) * delta)


def epsilon_of_success(success: float, prior: float, delta: float = 0.0) -> float:
    """Return the smallest epsilon that allows a share of right guesses at a prior (R5 the other way).

    Args:
        success: share that was shown, in [0, 1].
        prior: of world 1, in [0, 1].
        delta: in [0, 1).

    Returns:
        0 where the prior and delta alone allow it, infinity where no epsilon does.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here: R5 solved for epsilon.

    >>> round(epsilon_of_success(0.9525741268224334, 0.1), 6), epsilon_of_success(0.9, 0.1)
    (3.0, 0.0)
    """
    check_share("success", success)
    if success <= success_at_prior(0.0, prior, delta) + DUST:
        return 0.0
    return math.inf if success == 1.0 else max(0.0, math.log((success - delta) / (1.0 - success)))


def success_at_prior_of_mu(mu: float, prior: float) -> float:
    """Return the largest share of right guesses at a prior under mu-Gaussian differential privacy (R5).

    Of N(0, 1) against N(mu, 1) the best guess cuts where the likelihood ratio is (1 - p) / p: at
    mu / 2 + ln((1 - p) / p) / mu.

    Args:
        mu: at least 0.
        prior: of world 1, in [0, 1].

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(success_at_prior_of_mu(1.0, 0.5), 6), success_at_prior_of_mu(0.0, 0.1)
    (0.691462, 0.9)
    """
    check_level("mu", mu)
    if mu == 0.0 or check_share("prior", prior) in (0.0, 1.0):
        return max(prior, 1.0 - prior)
    if mu == math.inf:
        return 1.0
    cut = mu / 2.0 + (math.log1p(-prior) - math.log(prior)) / mu
    return float(prior * ndtr(mu - cut) + (1.0 - prior) * ndtr(cut))


def posterior_of_epsilon(epsilon: float, prior: float) -> float:
    """Return the largest posterior of world 1 after any output, for pure differential privacy (R5).

    The posterior odds are the prior odds times a likelihood ratio of at most e^epsilon. With a delta above 0, and under
    Gaussian differential privacy, no such bound holds: rare outputs may say everything.

    Args:
        epsilon: at least 0, at delta 0.
        prior: of world 1, in [0, 1].

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(posterior_of_epsilon(1.0, 0.1), 6)
    0.231969
    """
    check_share("prior", prior)
    return prior / (prior + (1.0 - prior) * math.exp(-check_level("epsilon", epsilon))) if prior else 0.0
