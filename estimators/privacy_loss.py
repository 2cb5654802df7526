"""What DP-SGD promises, by privacy loss distributions.

The grid only ever rounds the loss up, so that every number is at least the truth; the optimistic distribution rounds it
down, to show how near the truth is. Where a closed form is exact, it is used instead: the Gaussian mechanism for full
batches, and for noise that hides nothing the chance that the record is never drawn.
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from privaudit.errors import ClaimError
from privaudit.estimators.composed_loss import ComposedLoss, LossTail
from privaudit.estimators.composed_run import composed_run
from privaudit.estimators.gaussian_tradeoff import gaussian_epsilon
from privaudit.estimators.loss_cells import Direction
from privaudit.estimators.poisson_run import (
    LEAST_NOISE,
    chance_of_any_draw,
    check_poisson,
    check_relation,
    check_steps,
    mu_of_full_batches,
)
from privaudit.types import DpSgdParams, Neighbouring, PrivacyClaim
from privaudit.validate import check_delta

__all__ = [
    "PLD_ASSUMPTIONS",
    "check_poisson",
    "composed_privacy_loss",
    "epsilon_by_direction",
    "loss_of_run",
    "optimistic_privacy_loss",
    "pld_claim",
]

PLD_ASSUMPTIONS = (
    "batches are drawn by Poisson sampling at the stated rate",
    "every gradient is clipped to the stated norm and noised once per step; nothing else depends on the records",
)

MOST_NOISE = 1e12  # more is as good, even if infinite


@lru_cache(maxsize=4)  # an audit asks for the same distribution as claim, as estimate and as curve
def composed_privacy_loss(params: DpSgdParams, neighbouring: Neighbouring) -> ComposedLoss:
    """Return the pessimistic privacy loss distribution of a whole DP-SGD run.

    Args:
        params: noise multiplier (above 0), sample rate, steps; the sampling must be ``poisson``.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Returns:
        The distribution, with both directions of the relation.

    Raises:
        ClaimError: if the sampling is not ``poisson`` or there is no noise.
        UnsupportedError: for other relations.

    Source: Koskela, Jalko, Honkela, AISTATS 2020; Doroshenko et al., "Connect the Dots", PoPETs 2022.

    >>> params = DpSgdParams(noise_multiplier=2.0, sample_rate=1.0, steps=1)
    >>> round(composed_privacy_loss(params, Neighbouring.ADD_REMOVE).get_epsilon_for_delta(1e-5), 3)
    1.993
    """
    return _both_directions(params, neighbouring, pessimistic=True)


def loss_of_run(params: DpSgdParams, neighbouring: Neighbouring, *, coarser: float = 1.0) -> ComposedLoss:
    """Return `composed_privacy_loss`, on a grid that is ``coarser`` times as coarse: as valid, looser, and faster."""
    if coarser == 1.0:
        return composed_privacy_loss(params, neighbouring)
    return _both_directions(params, neighbouring, pessimistic=True, coarser=coarser)


def optimistic_privacy_loss(params: DpSgdParams, neighbouring: Neighbouring) -> ComposedLoss:
    """Return a distribution that leaks at most as much as the run: the truth lies between this and the pessimistic one.

    Args:
        params: noise multiplier (above 0), sample rate, steps; the sampling must be ``poisson``.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Raises:
        ClaimError: if the sampling is not ``poisson`` or there is no noise.
        UnsupportedError: for other relations.

    Source: `privaudit.estimators.loss_cells.rounded_down`.

    >>> params = DpSgdParams(noise_multiplier=2.0, sample_rate=1.0, steps=1)
    >>> round(optimistic_privacy_loss(params, Neighbouring.ADD_REMOVE).get_epsilon_for_delta(1e-5), 3)
    1.993
    """
    return _both_directions(params, neighbouring, pessimistic=False)


def pld_claim(params: DpSgdParams, *, delta: float, neighbouring: Neighbouring) -> PrivacyClaim:
    """Return the guarantee of a DP-SGD run.

    Args:
        params: noise multiplier, sample rate, steps.
        delta: the delta to state it at.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Returns:
        The claim. Epsilon is that of the Gaussian mechanism at sample rate 1. Without noise (below 1e-6) it is 0 where
        delta covers the chance that the record is ever drawn, 1 - (1 - q)^T, and ``math.inf`` elsewhere.

    Raises:
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations.

    Source: see `composed_privacy_loss`, `gaussian_mu_of_run` and `chance_of_any_draw`.

    >>> params = DpSgdParams(noise_multiplier=0.0, sample_rate=0.1, steps=10)
    >>> pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon
    inf
    """
    epsilon = max(epsilon_by_direction(params, delta=delta, neighbouring=neighbouring))
    return PrivacyClaim(epsilon=epsilon, delta=delta, neighbouring=neighbouring, accountant="pld", mechanism=params)


def epsilon_by_direction(
    params: DpSgdParams, *, delta: float, neighbouring: Neighbouring, coarser: float = 1.0
) -> tuple[float, float]:
    """Return the epsilon of a run with the record against without, and without against with.

    Args:
        params: noise multiplier, sample rate, steps.
        delta: in [0, 1).
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``, whose two directions are the same.
        coarser: see `loss_of_run`.

    Raises:
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations.
        ConfigError: if delta is not in [0, 1), or there are more than 1e9 steps of sampled batches.

    Source: see `pld_claim`. Epsilon is never above that of full batches, see `mu_of_full_batches`.

    >>> params = DpSgdParams(noise_multiplier=1.0, sample_rate=1.0, steps=1)
    >>> [round(epsilon, 3) for epsilon in epsilon_by_direction(params, delta=1e-16, neighbouring=Neighbouring.ADD_REMOVE)]
    [8.452, 8.452]
    """
    check_delta(delta)
    check_poisson(params)
    check_relation(neighbouring)
    if chance_of_any_draw(params) <= delta:
        return 0.0, 0.0
    if params.noise_multiplier < LEAST_NOISE:
        return math.inf, math.inf
    full = gaussian_epsilon(mu_of_full_batches(params, neighbouring), delta) if delta > 0.0 else math.inf
    if params.sample_rate == 1.0:
        return full, full
    loss = loss_of_run(params, neighbouring, coarser=coarser)
    return min(loss.remove.epsilon(delta), full), min(loss.add.epsilon(delta), full)


def _both_directions(
    params: DpSgdParams, neighbouring: Neighbouring, *, pessimistic: bool, coarser: float = 1.0
) -> ComposedLoss:
    check_poisson(params)
    check_relation(neighbouring)
    check_steps(params)
    noise = params.noise_multiplier
    if noise == 0.0:
        raise ClaimError("without noise there is no privacy loss distribution; got noise_multiplier=0. Add noise.")
    if noise < LEAST_NOISE and pessimistic:
        limit = LossTail(1.0, 1, np.zeros(0), np.zeros(0), chance_of_any_draw(params))
        return ComposedLoss(limit, limit)
    params = replace(params, noise_multiplier=min(max(noise, LEAST_NOISE), MOST_NOISE))
    if neighbouring == Neighbouring.REPLACE_ONE:
        both = composed_run(params, Direction.REPLACE, pessimistic=pessimistic, coarser=coarser)
        return ComposedLoss(both, both)
    remove = composed_run(params, Direction.REMOVE, pessimistic=pessimistic, coarser=coarser)
    if params.sample_rate == 1.0:
        return ComposedLoss(remove, remove)  # the same pair of normal distributions in both directions
    return ComposedLoss(remove, composed_run(params, Direction.ADD, pessimistic=pessimistic, coarser=coarser))
