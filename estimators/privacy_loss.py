"""What DP-SGD promises, by privacy loss distributions: the claim, and the largest true positive rate it allows.

Every number here is pessimistic: the grid only ever rounds the loss up. dp-accounting takes a second to import, so it
is imported inside the functions that need it.
"""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ClaimError, ConfigError, UnsupportedError
from privaudit.types import DpSgdParams, EpsilonEstimate, EstimateKind, Neighbouring, PrivacyClaim, Validity
from privaudit.validate import check_delta

PLD_ASSUMPTIONS = (
    "batches are drawn by Poisson sampling at the stated rate",
    "every gradient is clipped to the stated norm and noised once per step; nothing else depends on the records",
)

MAX_POINTS = 2_000_000  # of the loss grid


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep dp-accounting's remarks on its grid out of the user's log."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _relation(neighbouring: Neighbouring) -> Any:
    from dp_accounting import NeighboringRelation

    if neighbouring == Neighbouring.ADD_REMOVE:
        return NeighboringRelation.ADD_OR_REMOVE_ONE
    if neighbouring == Neighbouring.REPLACE_ONE:
        return NeighboringRelation.REPLACE_ONE
    raise UnsupportedError(
        f"the accountant computes claims for add_remove and replace_one; got {neighbouring!s}. "
        "State the claim for one of these."
    )


def _check_sampling(params: DpSgdParams) -> None:
    if params.sampling != "poisson":
        raise ClaimError(
            f"only Poisson sampling carries the accountant's claim; got sampling={params.sampling!r}. "
            "Train with Poisson batches, or state the claim that fits your sampling."
        )


def _grid(params: DpSgdParams) -> float:
    """Return the grid of the loss: finer for long runs, where rounding adds up; coarser where losses are huge.

    A coarse grid only loosens the bound, and only where epsilon is far above any useful one; a fine grid over such a
    span would need more memory than there is (noise 2, full batches, 1e5 steps: over 12 GB).
    """
    inverse = 1.0 / params.noise_multiplier
    # Growth of the spread per step (central limit theorem); expm1 would overflow for tiny noise, where inverse is less.
    growth = inverse if inverse > 20.0 else min(inverse, params.sample_rate * math.sqrt(math.expm1(inverse**2)))
    mu = growth * math.sqrt(params.steps)
    span = max(inverse**2 / 2.0 + 10.0 * inverse, mu**2 + 20.0 * mu)
    return max(2e-5 if params.steps >= 100_000 else 1e-4, span / MAX_POINTS)


@lru_cache(maxsize=8)  # an audit asks for the same distribution as claim, as estimate and as curve
def composed_privacy_loss(params: DpSgdParams, neighbouring: Neighbouring) -> Any:
    """Return the pessimistic privacy loss distribution of a whole DP-SGD run.

    Args:
        params: noise multiplier (above 0), sample rate, steps; the sampling must be ``poisson``.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Returns:
        A ``dp_accounting.pld`` distribution, with both directions of the relation.

    Raises:
        ClaimError: if the sampling is not ``poisson`` or there is no noise.
        UnsupportedError: for other relations.

    Source: Koskela, Jalko, Honkela, AISTATS 2020; Doroshenko et al., "Connect the Dots", PoPETs 2022.

    >>> params = DpSgdParams(noise_multiplier=2.0, sample_rate=1.0, steps=1)
    >>> round(float(composed_privacy_loss(params, Neighbouring.ADD_REMOVE).get_epsilon_for_delta(1e-5)), 3)
    1.993
    """
    _check_sampling(params)
    if params.noise_multiplier == 0.0:
        raise ClaimError("without noise there is no privacy loss distribution; got noise_multiplier=0. Add noise.")
    relation = _relation(neighbouring)
    from dp_accounting.pld import privacy_loss_distribution

    with _quiet():
        one_step = privacy_loss_distribution.from_gaussian_mechanism(
            params.noise_multiplier,
            pessimistic_estimate=True,
            value_discretization_interval=_grid(params),
            sampling_prob=params.sample_rate,
            neighboring_relation=relation,
        )
        return one_step.self_compose(params.steps)


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
    _check_sampling(params)
    epsilon = math.inf
    if params.noise_multiplier > 0.0:
        epsilon = float(composed_privacy_loss(params, neighbouring).get_epsilon_for_delta(delta))
    else:
        _relation(neighbouring)
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


def envelope(epsilon: NDArray[np.float64], delta: NDArray[np.float64], fpr: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest true positive rate that a profile of (epsilon, delta) pairs allows.

    Args:
        epsilon: ``(g,)`` at least 0.
        delta: ``(g,)`` the mechanism is (epsilon, delta)-DP at each.
        fpr: ``(k,)`` false positive rates.

    Returns:
        ``(k,)`` true positive rates: valid on any grid, tight on a fine one.

    Source: Kairouz, Oh, Viswanath, ICML 2015, theorem 2.1; Dong, Roth, Su, JRSS B 2022, proposition 2.5.

    >>> envelope(np.array([0.0]), np.array([0.25]), np.array([0.5, 0.9])).tolist()
    [0.75, 1.0]
    """
    rate = fpr[:, None]
    with np.errstate(over="ignore"):
        steep = (np.exp(epsilon) * rate + delta).min(axis=1)
    flat = (1.0 - np.exp(-epsilon) * (1.0 - delta - rate)).min(axis=1)
    return np.asarray(np.clip(np.minimum(steep, flat), 0.0, 1.0), dtype=np.float64)


def _epsilon_grid() -> NDArray[np.float64]:
    """Fine where claims are made, coarse beyond; a coarser grid loosens the bound and never breaks it."""
    return np.concatenate([np.arange(0.0, 2.0, 5e-4), np.arange(2.0, 12.0, 5e-3), np.arange(12.0, 100.0, 0.25)])


def claim_tradeoff(params: DpSgdParams, neighbouring: Neighbouring, fpr: ArrayLike) -> NDArray[np.float64]:
    """Return the largest true positive rate that the claim allows at each false positive rate.

    The profile is the larger one of both directions, so the bound holds whichever world the FPR is measured in.

    Args:
        params: noise multiplier, sample rate, steps.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.
        fpr: ``(k,)`` false positive rates in [0, 1].

    Returns:
        ``(k,)`` true positive rates; all 1 without noise.

    Raises:
        ConfigError: if a rate is outside [0, 1].
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations.

    Source: Dong, Roth, Su, "Gaussian Differential Privacy", JRSS B 2022, proposition 2.5.

    >>> params = DpSgdParams(noise_multiplier=0.0, sample_rate=0.1, steps=10)
    >>> claim_tradeoff(params, Neighbouring.ADD_REMOVE, [0.01]).tolist()
    [1.0]
    """
    rates = np.atleast_1d(np.asarray(fpr, dtype=np.float64))
    if not ((rates >= 0.0) & (rates <= 1.0)).all():
        raise ConfigError(f"fpr must lie in [0, 1]; got {rates.min()} to {rates.max()}.", key="fpr")
    _check_sampling(params)
    if params.noise_multiplier == 0.0:
        _relation(neighbouring)
        return np.ones_like(rates)
    grid = _epsilon_grid()
    loss = composed_privacy_loss(params, neighbouring)
    return envelope(grid, np.asarray(loss.get_delta_for_epsilon(grid), dtype=np.float64), rates)
