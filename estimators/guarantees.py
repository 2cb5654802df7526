"""What DP-SGD's parameters, or a bare (epsilon, delta), guarantee: everything that `privaudit bounds` prints."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from privaudit.errors import ConfigError
from privaudit.estimators.accounting import AccountTable, account
from privaudit.estimators.bayes_security_bound import BayesSecurity, SecurityMethod, bayes_security
from privaudit.estimators.calibrate import noise_for_advantage, noise_for_epsilon, noise_for_tpr
from privaudit.estimators.tradeoff import advantage_bound, tradeoff_bound
from privaudit.types import DpSgdParams, Neighbouring
from privaudit.validate import check_delta

DRAW_POISSON = (
    "To be able to promise these numbers draw each batch by Poisson sampling (Opacus: poisson_sampling=True). Bayes security "
    "is left out: it is defined here for Poisson sampling alone."
)
BOTH = (Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE)
BAYES_METHODS: tuple[SecurityMethod, ...] = ("pld", "sinh", "closed_form")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackLimit:
    """The most that any attack can reach under one relation.

    Attributes:
        neighbouring: the relation, ``None`` = not stated.
        fpr: false positive rates.
        tpr: the largest true positive rate at each, whichever world the false positive rate is measured in.
        advantage: the largest difference of both rates.
        is_guarantee: False where it only holds as if batches were Poisson samples.
    """

    neighbouring: Neighbouring | None
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    advantage: float
    is_guarantee: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantees:
    """What was promised, from every side.

    Attributes:
        params: of DP-SGD; ``None`` where only epsilon and delta are known.
        epsilon: the epsilon that was given instead, or ``None``.
        delta: where epsilon is read off.
        accounts: one table of accountants per relation.
        limits: what any attack can reach, per relation.
        bayes: Bayes security by each method, per relation.
        notes: what a reader must know.
        wanted: the risk that the noise was found for, in words, or "".
    """

    params: DpSgdParams | None
    epsilon: float | None
    delta: float
    accounts: tuple[AccountTable, ...] = ()
    limits: tuple[AttackLimit, ...] = ()
    bayes: tuple[BayesSecurity, ...] = ()
    notes: tuple[str, ...] = ()
    wanted: str = ""


def guarantees_of_params(
    params: DpSgdParams, *, delta: float, fpr: Sequence[float], neighbouring: Sequence[Neighbouring] = BOTH
) -> Guarantees:
    """Account for a DP-SGD run by every method, under each relation.

    Args:
        params: noise multiplier, sample rate, steps; ``sampling="shuffle"`` is computed as if it were Poisson and
            guarantees nothing.
        delta: where epsilon is read off, in (0, 1).
        fpr: false positive rates to bound the true positive rate at.
        neighbouring: ``ADD_REMOVE``, ``REPLACE_ONE`` or both.

    Raises:
        ConfigError: if delta or a rate is out of range.
        ClaimError: if the sampling is neither ``poisson`` nor ``shuffle``.
    """
    accounts = tuple(account(params, delta, relation) for relation in neighbouring)
    is_poisson = params.sampling == "poisson"
    as_poisson = replace(params, sampling="poisson")
    limits = tuple(
        AttackLimit(
            neighbouring=relation,
            fpr=tuple(fpr),
            tpr=tuple(tradeoff_bound(fpr, params=as_poisson, neighbouring=relation).tolist()),
            advantage=advantage_bound(params=as_poisson, neighbouring=relation),
            is_guarantee=is_poisson,
        )
        for relation in neighbouring
    )
    # Bayes security makes a statement about Poisson sampling only; where batches are shuffled it is left out.
    methods = BAYES_METHODS if is_poisson else ()
    bayes = tuple(
        bayes_security(params, neighbouring=relation, method=method) for relation in neighbouring for method in methods
    )
    notes = tuple(dict.fromkeys(note for table in accounts for note in table.notes))
    if not is_poisson:
        notes = (*notes, DRAW_POISSON)
    return Guarantees(
        params=params, epsilon=None, delta=delta, accounts=accounts, limits=limits, bayes=bayes, notes=notes
    )


def guarantees_of_epsilon(
    epsilon: float, *, delta: float, fpr: Sequence[float], neighbouring: Neighbouring | None = None
) -> Guarantees:
    """Bound attacks where nothing but (epsilon, delta) is known; no mechanism can make these looser.

    Args:
        epsilon: the guarantee, at least 0.
        delta: in [0, 1).
        fpr: false positive rates to bound the true positive rate at.
        neighbouring: the relation the guarantee is about, ``None`` = not stated; the limits are the same for each.

    Raises:
        ConfigError: if epsilon, delta or a rate is out of range.
    """
    if not epsilon >= 0.0:
        raise ConfigError(f"epsilon must be at least 0; got {epsilon}.", key="epsilon")
    check_delta(delta)
    limit = AttackLimit(
        neighbouring=neighbouring,
        fpr=tuple(fpr),
        tpr=tuple(tradeoff_bound(fpr, epsilon=epsilon, delta=delta).tolist()),
        advantage=advantage_bound(epsilon=epsilon, delta=delta),
        is_guarantee=True,
    )
    note = "Rates follow from epsilon and delta alone; the mechanism's own parameters would give smaller ones."
    return Guarantees(params=None, epsilon=epsilon, delta=delta, limits=(limit,), notes=(note,))


def noise_for(
    *,
    sample_rate: float,
    steps: int,
    delta: float,
    neighbouring: Neighbouring,
    epsilon: float | None = None,
    advantage: float | None = None,
    tpr: float | None = None,
    fpr: float | None = None,
) -> float:
    """Return the smallest noise multiplier that keeps one wanted risk, by privacy loss distributions.

    Args:
        sample_rate: probability with which each record is in a batch.
        steps: noisy steps.
        delta: where epsilon is read off.
        neighbouring: the relation.
        epsilon: keep epsilon at most this; or
        advantage: the difference of both rates; or
        tpr: the true positive rate at ``fpr``.
        fpr: see ``tpr``.

    Raises:
        ConfigError: if not exactly one risk is wanted, or no noise keeps it.
    """
    wanted = [
        name for name, value in (("epsilon", epsilon), ("advantage", advantage), ("tpr", tpr)) if value is not None
    ]
    if len(wanted) != 1:
        got = ", ".join(wanted) or "none"
        raise ConfigError(f"state exactly one of epsilon, advantage, and tpr at fpr; got {got}.", key="target")
    if epsilon is not None:
        noise = noise_for_epsilon(epsilon, delta=delta, sample_rate=sample_rate, steps=steps, neighbouring=neighbouring)
    elif advantage is not None:
        noise = noise_for_advantage(advantage, sample_rate=sample_rate, steps=steps, neighbouring=neighbouring)
    elif fpr is None or tpr is None:
        raise ConfigError("a wanted tpr needs the fpr it is wanted at; got none. A usual value is 0.01.", key="fpr")
    else:
        noise = noise_for_tpr(tpr, fpr=fpr, sample_rate=sample_rate, steps=steps, neighbouring=neighbouring)
    # Rounded up to six digits, as it is printed: what a user copies keeps the promise, too.
    unit = 10.0 ** (math.floor(math.log10(noise)) - 5)
    return math.ceil(noise / unit) * unit
