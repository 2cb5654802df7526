"""Reconstruction of a record: R8 from a guarantee, R9 back from what was reconstructed, and a list of k candidates.

The record z is drawn by a prior; the attacker knows all other records and wins where its guess is within a tolerance. The
baseline is the largest prior mass within the tolerance of any one guess: the best share without the model.
"""

import math

from scipy.special import ndtr, ndtri

from privaudit.games.relations_group import check_steps
from privaudit.games.relations_guarantee import check_level, check_share
from privaudit.validate import check_delta


def reconstruction_of_epsilon(epsilon: float, baseline: float, delta: float = 0.0, *, replaces: bool = False) -> float:
    """Return the largest share of records that are reconstructed (R8).

    At most 1 - f(baseline), see `reconstruction_of_curve`: the smaller of e^epsilon baseline + delta and
    1 - e^-epsilon (1 - delta - baseline). For replacing a record at delta 0 more is known: given the output, the odds of the
    records within the tolerance are at most e^epsilon times their prior odds, so the share is at most
    b / (b + (1 - b) e^-epsilon).

    Args:
        epsilon: at least 0.
        baseline: in [0, 1].
        delta: in [0, 1).
        replaces: whether the guarantee is about replacing a record by any other one of the prior.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(reconstruction_of_epsilon(1.0, 0.1), 6), round(reconstruction_of_epsilon(1.0, 0.1, replaces=True), 6)
    (0.271828, 0.231969)
    """
    check_share("baseline", baseline)
    small = math.exp(-check_level("epsilon", epsilon))
    if replaces and check_delta(delta) == 0.0:
        return baseline / (baseline + (1.0 - baseline) * small) if baseline else 0.0
    flat = 1.0 - small * (1.0 - check_delta(delta) - baseline)
    return min(1.0, flat, baseline / small + delta if small else (1.0 if baseline else delta))


def reconstruction_of_mu(mu: float, baseline: float) -> float:
    """Return the largest share under mu-Gaussian differential privacy: Phi(Phi^-1(baseline) + mu) (R8).

    Args:
        mu: at least 0.
        baseline: in [0, 1].

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(reconstruction_of_mu(1.0, 0.1), 6)
    0.389144
    """
    check_level("mu", mu)
    return float(ndtr(ndtri(check_share("baseline", baseline)) + mu)) if 0.0 < baseline < 1.0 else baseline


def candidates_of_epsilon(epsilon: float, n_candidates: int, delta: float = 0.0) -> float:
    """Return the largest share right where the record is one of k equally likely ones, for replacing a record (R8).

    Let E_z be the outputs on which z is named. For every w, 1 >= P_w(E_w) + sum over z other than w of P_w(E_z), and P_w(E_z) is
    at least e^-epsilon (P_z(E_z) - delta). Adding over all w: the share is at most (e^epsilon + (k - 1) delta) / (e^epsilon + k - 1).
    At delta 0 k-ary randomised response reaches it.

    Args:
        epsilon: for replacing a record, at least 0.
        n_candidates: k, at least 1.
        delta: in [0, 1).

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(candidates_of_epsilon(1.0, 10), 6)
    0.231969
    """
    check_steps(n_candidates)
    others = (n_candidates - 1) * math.exp(-check_level("epsilon", epsilon))
    return min(1.0, (1.0 + others * check_delta(delta)) / (1.0 + others))


def advantage_of_reconstruction(success: float, baseline: float) -> float:
    """Return the membership advantage of "a member if and only if the reconstruction is close to it" (R9).

    TPR is the share that was reconstructed. Without the candidate the model does not depend on it, so FPR is at most the
    baseline.

    Args:
        success: share that was reconstructed.
        baseline: in [0, 1].

    Returns:
        at least this, not less than 0.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(advantage_of_reconstruction(0.4, 0.1), 6)
    0.3
    """
    return max(0.0, check_share("success", success) - check_share("baseline", baseline))


def epsilon_of_reconstruction(success: float, baseline: float, delta: float = 0.0, *, replaces: bool = False) -> float:
    """Return the epsilon that a share of reconstructions implies (R9).

    Both branches of the trade-off function, solved for epsilon: ln((success - delta) / baseline), which is the larger one
    of small shares, and ln((1 - delta - baseline) / (1 - success)), the larger one of shares near 1. For replacing a
    record at delta 0 the difference of the log odds, which is never smaller than either.

    Args:
        success: share that was reconstructed.
        baseline: in (0, 1).
        delta: in [0, 1).
        replaces: as in `reconstruction_of_epsilon`.

    Returns:
        0 where the baseline and delta allow it, infinity where no epsilon does.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(epsilon_of_reconstruction(0.3, 0.1), 6), round(epsilon_of_reconstruction(0.99, 0.5), 6)
    (1.098612, 3.912023)
    """
    check_share("success", success), check_share("baseline", baseline), check_delta(delta)
    if success <= min(1.0, baseline + delta):
        return 0.0
    if success == 1.0 or baseline == 0.0:
        return math.inf
    if replaces and delta == 0.0:
        return _logit(success) - _logit(baseline)
    return max(0.0, math.log((success - delta) / baseline), math.log((1.0 - delta - baseline) / (1.0 - success)))


def mu_of_reconstruction(success: float, baseline: float) -> float:
    """Return the mu that a share of reconstructions implies: Phi^-1(success) - Phi^-1(baseline) (R9).

    Args:
        success: share that was reconstructed.
        baseline: in [0, 1].

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> round(mu_of_reconstruction(0.389143691645361, 0.1), 9)
    1.0
    """
    if check_share("success", success) <= check_share("baseline", baseline):
        return 0.0
    return float(ndtri(success) - ndtri(baseline))


def epsilon_of_candidates(success: float, n_candidates: int, delta: float = 0.0) -> float:
    """Return the epsilon for replacing a record that naming one of k candidates implies (R9).

    Args:
        success: share right.
        n_candidates: k, at least 2.
        delta: in [0, 1).

    Raises:
        ConfigError: if one is out of range.

    Source: derived here: `candidates_of_epsilon` solved for epsilon.

    >>> round(epsilon_of_candidates(0.23196931668407395, 10), 6)
    1.0
    """
    if check_share("success", success) <= candidates_of_epsilon(0.0, n_candidates, delta):
        return 0.0
    if success == 1.0:
        return math.inf
    return max(0.0, math.log((n_candidates - 1) * (success - delta) / (1.0 - success)))


def _logit(share: float) -> float:
    return math.log(share) - math.log1p(-share)
