"""What is known of a run of Poisson-sampled DP-SGD without composing its privacy loss, and which runs can be composed."""

import math

from privaudit.errors import ClaimError, ConfigError, UnsupportedError
from privaudit.types import DpSgdParams, Neighbouring

LEAST_NOISE = 1e-6  # below it one draw costs an epsilon above 1e11: as good as no noise, and squares stay in range
MOST_STEPS = 10**9  # the transform's rounding, 2e-16 per step, stays far below 1


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


def add_remove_unless(neighbouring: Neighbouring | None) -> Neighbouring:
    """Return the relation, add/remove where none is stated: what DP-SGD is usually accounted for."""
    return Neighbouring.ADD_REMOVE if neighbouring is None else neighbouring


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


def check_steps(params: DpSgdParams) -> None:
    """Refuse more steps than a privacy loss distribution composes.

    Raises:
        ConfigError: if there are more than `MOST_STEPS`.
    """
    if params.steps > MOST_STEPS:
        raise ConfigError(
            f"privacy loss distributions compose up to {MOST_STEPS:.0e} steps; got {params.steps:.6g}. "
            "Bound longer runs with sample_rate=1, or account for parts of them.",
            key="steps",
        )


def gaussian_mu_of_run(params: DpSgdParams, neighbouring: Neighbouring) -> float | None:
    """Return mu of a run that is exactly a Gaussian mechanism: without sampling, or without noise; else ``None``.

    Without noise mu is infinite at any sample rate, which allows every attack.

    Args:
        params: noise multiplier, sample rate, steps.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``, which moves the sum of gradients twice as far.

    Raises:
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations.

    Source: Dong, Roth, Su, JRSS B 2022, corollary 3.3.

    >>> params = DpSgdParams(noise_multiplier=5.0, sample_rate=1.0, steps=25)
    >>> gaussian_mu_of_run(params, Neighbouring.ADD_REMOVE), gaussian_mu_of_run(params, Neighbouring.REPLACE_ONE)
    (1.0, 2.0)
    """
    check_poisson(params)
    check_relation(neighbouring)
    if params.noise_multiplier == 0.0:
        return math.inf
    return mu_of_full_batches(params, neighbouring) if params.sample_rate == 1.0 else None


def mu_of_full_batches(params: DpSgdParams, neighbouring: Neighbouring) -> float:
    """Return mu of a run with noise as if every record were in every batch, which bounds it at any sample rate.

    Source: a step with sampled batches is a function of the one with full batches, whose output is kept with probability
    q and else replaced by one that shows no record.

    >>> mu_of_full_batches(DpSgdParams(noise_multiplier=5.0, sample_rate=0.1, steps=25), Neighbouring.ADD_REMOVE)
    1.0
    """
    reach = 2.0 if neighbouring == Neighbouring.REPLACE_ONE else 1.0
    return reach * math.sqrt(params.steps) / params.noise_multiplier


def chance_of_any_draw(params: DpSgdParams) -> float:
    """Return 1 - (1 - q)^T: a run is (0, this)-DP whatever its noise, because a record never drawn cannot show.

    Source: the two runs are the same unless the record, or the one in its place, is drawn.

    >>> chance_of_any_draw(DpSgdParams(noise_multiplier=0.0, sample_rate=0.5, steps=2))
    0.75
    """
    return 1.0 if params.sample_rate == 1.0 else -math.expm1(params.steps * math.log1p(-params.sample_rate))
