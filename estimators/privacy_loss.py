"""What DP-SGD promises, by privacy loss distributions.

The grid only ever rounds the loss up, so that every number is at least the truth; the optimistic distribution rounds it
down, to show how near the truth is. Grids are as fine as the run needs: rounding adds up over the steps, and where the
loss of one step is tiny the common grid of 1e-4 overstates the risk by far (sample rate 1e-4, noise 2, 5e5 steps: by 8
percent).
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ClaimError, UnsupportedError
from privaudit.estimators.composed_loss import ComposedLoss, LossTail, loss_tail
from privaudit.estimators.loss_cells import Direction, rounded_down, rounded_up, step_cells, step_range
from privaudit.estimators.loss_composition import TAIL, compose_steps, rounding, window
from privaudit.types import DpSgdParams, EpsilonEstimate, EstimateKind, Neighbouring, PrivacyClaim, Validity
from privaudit.validate import check_delta

PLD_ASSUMPTIONS = (
    "batches are drawn by Poisson sampling at the stated rate",
    "every gradient is clipped to the stated norm and noised once per step; nothing else depends on the records",
)

MAX_POINTS = 4_000_000  # of the loss grid
FINEST, COARSEST = 1e-13, 1e-4
USEFUL = 60.0
MOST_NOISE = 1e12  # more is as good, even if infinite
ERROR = 5e-7  # aimed at, of delta at epsilon 0


def check_poisson(params: DpSgdParams) -> None:
    """Refuse sampling that no privacy loss distribution describes.

    Raises:
        ClaimError: if the sampling is not ``poisson``.
    """
    if params.sampling != "poisson":
        raise ClaimError(
            f"only Poisson sampling carries the accountant's claim; got sampling={params.sampling!r}. "
            "Train with Poisson batches, or state the claim that fits your sampling."
        )


def check_relation(neighbouring: Neighbouring) -> None:
    """Refuse relations that no privacy loss distribution is known for.

    Raises:
        UnsupportedError: unless it is ``ADD_REMOVE`` or ``REPLACE_ONE``.
    """
    if neighbouring not in (Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE):
        raise UnsupportedError(
            f"the accountant computes claims for add_remove and replace_one; got {neighbouring!s}. "
            "State the claim for one of these."
        )


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


@lru_cache(maxsize=2)
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
        The claim; epsilon is ``math.inf`` without noise.

    Raises:
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations.

    Source: see `composed_privacy_loss`.

    >>> params = DpSgdParams(noise_multiplier=0.0, sample_rate=0.1, steps=10)
    >>> pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon
    inf
    """
    check_delta(delta)
    check_poisson(params)
    check_relation(neighbouring)
    epsilon = math.inf
    if params.noise_multiplier > 0.0:
        epsilon = composed_privacy_loss(params, neighbouring).get_epsilon_for_delta(delta)
    return PrivacyClaim(epsilon=epsilon, delta=delta, neighbouring=neighbouring, accountant="pld", mechanism=params)


def claim_estimate(claim: PrivacyClaim) -> EpsilonEstimate:
    """Return a claim as an upper bound, to stand beside what audits found.

    Args:
        claim: the promised guarantee.

    Source: none; a change of form.

    >>> claim = PrivacyClaim(epsilon=3.0, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE, accountant="pld")
    >>> claim_estimate(claim).upper
    3.0
    """
    assumptions = ("training kept the claimed mechanism exactly",)
    return EpsilonEstimate(
        method=claim.accountant,
        kind=EstimateKind.UPPER_BOUND,
        lower=0.0,
        upper=claim.epsilon,
        delta=claim.delta,
        confidence=1.0,
        neighbouring=claim.neighbouring,
        ceiling=math.inf,
        validity=Validity.VALID,
        assumptions=assumptions if claim.mechanism is None else (*assumptions, *PLD_ASSUMPTIONS),
    )


def claim_tradeoff(params: DpSgdParams, neighbouring: Neighbouring, fpr: ArrayLike) -> NDArray[np.float64]:
    """Return `privaudit.estimators.tradeoff.tradeoff_bound` for a run, whichever world the FPR is measured in.

    Args:
        params: noise multiplier, sample rate, steps.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.
        fpr: ``(k,)`` false positive rates in [0, 1].

    Source: see there.

    >>> params = DpSgdParams(noise_multiplier=0.0, sample_rate=0.1, steps=10)
    >>> claim_tradeoff(params, Neighbouring.ADD_REMOVE, [0.01]).tolist()
    [1.0]
    """
    from privaudit.estimators.tradeoff import tradeoff_bound  # which is built on this module

    return tradeoff_bound(fpr, params=params, neighbouring=neighbouring)


def _both_directions(params: DpSgdParams, neighbouring: Neighbouring, *, pessimistic: bool) -> ComposedLoss:
    check_poisson(params)
    check_relation(neighbouring)
    if params.noise_multiplier == 0.0:
        raise ClaimError("without noise there is no privacy loss distribution; got noise_multiplier=0. Add noise.")
    params = replace(params, noise_multiplier=min(params.noise_multiplier, MOST_NOISE))
    if neighbouring == Neighbouring.REPLACE_ONE:
        both = _composed(params, Direction.REPLACE, pessimistic=pessimistic)
        return ComposedLoss(both, both)
    remove = _composed(params, Direction.REMOVE, pessimistic=pessimistic)
    # Without sampling both directions are the same pair of normal distributions.
    add = remove if params.sample_rate == 1.0 else _composed(params, Direction.ADD, pessimistic=pessimistic)
    return ComposedLoss(remove, add)


def _composed(params: DpSgdParams, direction: Direction, *, pessimistic: bool) -> LossTail:
    grid = _grid(params, direction)
    while True:
        cells = step_cells(params, direction, grid)
        masses, infinite = rounded_up(cells) if pessimistic else (rounded_down(cells), 0.0)
        first, last = window(masses, params.steps)
        if last - first <= MAX_POINTS:
            break
        # A coarser grid only loosens the bound, and only where epsilon is far above any useful one.
        grid *= 1.1 * (last - first) / MAX_POINTS
    composed = compose_steps(masses, params.steps, first, last)
    lost = TAIL + rounding(params.steps)
    lowest = params.steps * cells.lowest + first
    if pessimistic:
        beyond = -math.expm1(params.steps * math.log1p(-infinite))
        return loss_tail(np.maximum(composed, 0.0), lowest, grid, beyond + lost)
    return loss_tail(composed, lowest, grid, -lost)


def _grid(params: DpSgdParams, direction: Direction) -> float:
    """Return the grid of the loss.

    Rounding adds a variance of at most grid^2 / 6 per step; beside a loss that spreads by s per step, that changes delta
    at epsilon 0 by about sqrt(steps) grid^2 / (30 s).
    """
    spread = params.sample_rate * min(1.0 / params.noise_multiplier, 1.0)
    fine = math.sqrt(30.0 * ERROR * spread / math.sqrt(params.steps))
    bottom, top = step_range(params, direction)
    # Losses beyond USEFUL come with an epsilon that nobody can use; a coarser grid only loosens the bound.
    points = MAX_POINTS if top - bottom <= USEFUL else MAX_POINTS / 4
    return max(min(fine, spread / 4.0, COARSEST), FINEST, (top - bottom) / points)
