"""The epsilon of a DP-SGD run by every accountant, side by side, each with what it guarantees."""

import math
from dataclasses import dataclass, replace

from privaudit.errors import ClaimError, ConfigError, UnsupportedError
from privaudit.estimators.gaussian_tradeoff import LARGEST, gaussian_epsilon
from privaudit.estimators.last_iterate import last_iterate_epsilon
from privaudit.estimators.poisson_run import LEAST_NOISE, add_remove_unless, check_relation, gaussian_mu_of_run
from privaudit.estimators.privacy_loss import PLD_ASSUMPTIONS, epsilon_by_direction, optimistic_privacy_loss
from privaudit.estimators.renyi_bound import renyi_epsilon
from privaudit.types import DpSgdParams, EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_delta

PLD_GUARANTEE = "(epsilon, delta)-DP with epsilon the upper end; the exact epsilon lies between both ends"
RDP_GUARANTEE = "(epsilon, delta)-DP, by a bound that is looser than the privacy loss distribution's"
CLT_GUARANTEE = "approximation, below the truth in most cases, far above it for little noise: not a guarantee"
GAUSSIAN_GUARANTEE = "(epsilon, delta)-DP, exact: without sampling the run is a Gaussian mechanism"
LAST_ITERATE_GUARANTEE = "prediction of what an audit of the final model can reach: not a guarantee"
AS_IF_POISSON = "as if Poisson: not a guarantee for shuffled batches"
LEAST_RDP_NOISE = 1e-3  # the integrals of less take seconds, for an epsilon in the millions
NO_RDP = "The Rényi accountant is left out under replace one: its bound is known for add/remove only."
NO_LAST_ITERATE = "The last-iterate prediction is left out under replace one: it is about add/remove."


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """What one accountant says.

    Attributes:
        estimate: its epsilon; ``method`` names the accountant.
        guarantee: what it guarantees, in words.
        is_guarantee: whether it is a guarantee at all.
    """

    estimate: EpsilonEstimate
    guarantee: str
    is_guarantee: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTable:
    """What every accountant says about one run.

    Attributes:
        params: of the run.
        delta: where epsilon is read off.
        neighbouring: the relation all rows are about.
        rows: one per accountant: ``pld``, ``rdp``, ``gdp_clt``, ``last_iterate``, as far as they apply.
        notes: what a reader must know about the rows.
    """

    params: DpSgdParams
    delta: float
    neighbouring: Neighbouring
    rows: tuple[AccountRow, ...]
    notes: tuple[str, ...] = ()


def account(params: DpSgdParams, delta: float, neighbouring: Neighbouring | None = None) -> AccountTable:
    """Account for a DP-SGD run by privacy loss distribution, Renyi DP, central limit theorem and last iterate.

    Args:
        params: noise multiplier, sample rate, steps. Sampling ``shuffle`` is computed as if it were ``poisson``, and
            then no row is a guarantee.
        delta: where epsilon is read off, in (0, 1).
        neighbouring: ``ADD_REMOVE``, which ``None`` stands for as well, or ``REPLACE_ONE``; the table names it.

    Returns:
        The table. Without noise epsilon is ``math.inf``, but for ``pld`` where delta covers the chance that the record is
        ever drawn. Diagnostics of ``pld``: ``epsilon_remove`` and
        ``epsilon_add``, both directions' upper ends; of ``rdp``: ``order``; of ``gdp_clt``: ``mu``.

    Raises:
        ConfigError: if delta is outside (0, 1).
        ClaimError: if the sampling is neither ``poisson`` nor ``shuffle``.
        UnsupportedError: for other relations.

    Source: `privaudit.estimators.privacy_loss`, `privaudit.estimators.renyi_bound`, `gdp_clt_mu` and
    `privaudit.estimators.last_iterate`.

    >>> table = account(DpSgdParams(noise_multiplier=1.0, sample_rate=0.01, steps=1000), 1e-5)
    >>> {row.estimate.method: round(row.estimate.upper, 3) for row in table.rows}
    {'pld': 1.828, 'rdp': 2.101, 'gdp_clt': 1.618, 'last_iterate': 1.278}
    """
    if not check_delta(delta) > 0.0:
        raise ConfigError("Gaussian noise gives no epsilon at delta 0; state a delta such as 1e-5.", key="delta")
    if params.sampling not in ("poisson", "shuffle"):
        raise ClaimError(
            f"batches drawn by 'poisson' or 'shuffle' can be accounted for; got sampling={params.sampling!r}. "
            "State one of these."
        )
    relation = add_remove_unless(neighbouring)
    check_relation(relation)
    as_poisson = replace(params, sampling="poisson")
    rows = [_pld_row(as_poisson, delta, relation), _gdp_row(as_poisson, delta, relation)]
    notes = []
    if relation == Neighbouring.ADD_REMOVE:
        rows.insert(1, _rdp_row(as_poisson, delta))
        try:
            rows.append(_last_iterate_row(as_poisson, delta))
        except UnsupportedError as error:  # more steps than it takes
            notes.append(f"No last-iterate prediction: {error}")
    else:
        notes += [NO_RDP, NO_LAST_ITERATE]
    if params.sampling == "shuffle":
        rows = [_without_guarantee(row) for row in rows]
        notes.insert(0, AS_IF_POISSON)
    return AccountTable(params=params, delta=delta, neighbouring=relation, rows=tuple(rows), notes=tuple(notes))


def gdp_clt_mu(params: DpSgdParams, neighbouring: Neighbouring) -> float:
    """Return mu of the Gaussian mechanism that a run tends to, exactly its own without sampling.

    Args:
        params: noise multiplier, sample rate, steps.
        neighbouring: ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Source: q sqrt(T (e^(1/sigma^2) - 1)): Bu, Dong, Long, Su, HDSR 2020, corollary 5.4. The variance of the likelihood
    ratio of the replace-one pair gives 2 q sqrt(T sinh(1/sigma^2)) in the same way.

    >>> round(gdp_clt_mu(DpSgdParams(noise_multiplier=1.0, sample_rate=0.01, steps=1000), Neighbouring.ADD_REMOVE), 4)
    0.4145
    """
    exact = gaussian_mu_of_run(params, neighbouring)
    if exact is not None:
        return exact
    inverse = 1.0 / params.noise_multiplier
    inverse_square = inverse * inverse
    if inverse_square > 700.0:  # e^700 is as good as infinite here
        return math.inf
    both = neighbouring == Neighbouring.REPLACE_ONE
    growth = 4.0 * math.sinh(inverse_square) if both else math.expm1(inverse_square)
    return params.sample_rate * math.sqrt(params.steps * growth)


def _pld_row(params: DpSgdParams, delta: float, relation: Neighbouring) -> AccountRow:
    remove, add = epsilon_by_direction(params, delta=delta, neighbouring=relation)
    upper = max(remove, add)
    lower = upper
    if upper > 0.0 and params.noise_multiplier > 0.0 and params.sample_rate < 1.0:
        lower = min(optimistic_privacy_loss(params, relation).get_epsilon_for_delta(delta), upper)
    estimate = _upper_bound("pld", lower, upper, delta, relation)
    return AccountRow(
        estimate=replace(estimate, diagnostics={"epsilon_remove": remove, "epsilon_add": add}),
        guarantee=PLD_GUARANTEE,
        is_guarantee=True,
    )


def _rdp_row(params: DpSgdParams, delta: float) -> AccountRow:
    epsilon, diagnostics = math.inf, {}
    if params.noise_multiplier >= LEAST_NOISE:
        if params.noise_multiplier < LEAST_RDP_NOISE:
            params = replace(params, sample_rate=1.0)  # never more private, and its divergence needs no integral
        epsilon, order = renyi_epsilon(params, delta)
        diagnostics = {"order": order}
    estimate = _upper_bound("rdp", 0.0, epsilon, delta, Neighbouring.ADD_REMOVE)
    return AccountRow(estimate=replace(estimate, diagnostics=diagnostics), guarantee=RDP_GUARANTEE, is_guarantee=True)


def _gdp_row(params: DpSgdParams, delta: float, relation: Neighbouring) -> AccountRow:
    mu = gdp_clt_mu(params, relation)
    epsilon = gaussian_epsilon(mu, delta) if mu <= LARGEST else math.inf
    exact = params.sample_rate == 1.0
    estimate = _upper_bound("gdp_clt", epsilon if exact else 0.0, epsilon, delta, relation)
    estimate = replace(estimate, diagnostics={"mu": mu})
    row = AccountRow(estimate=estimate, guarantee=GAUSSIAN_GUARANTEE, is_guarantee=True)
    if exact:
        return row
    point = replace(_as_point(estimate), assumptions=("many steps, each with a tiny privacy loss",))
    return AccountRow(estimate=point, guarantee=CLT_GUARANTEE, is_guarantee=False)


def _last_iterate_row(params: DpSgdParams, delta: float) -> AccountRow:
    estimate = last_iterate_epsilon(params, delta=delta)
    return AccountRow(estimate=estimate, guarantee=LAST_ITERATE_GUARANTEE, is_guarantee=False)


def _upper_bound(method: str, lower: float, upper: float, delta: float, relation: Neighbouring) -> EpsilonEstimate:
    return EpsilonEstimate(
        method=method,
        kind=EstimateKind.UPPER_BOUND,
        lower=lower,
        upper=upper,
        delta=delta,
        confidence=1.0,
        neighbouring=relation,
        validity=Validity.VALID,
        assumptions=PLD_ASSUMPTIONS,
    )


def _as_point(estimate: EpsilonEstimate) -> EpsilonEstimate:
    """Take the guarantee away: what was the upper end is a mere value."""
    value = estimate.lower if estimate.upper is None else estimate.upper
    return replace(estimate, kind=EstimateKind.POINT, lower=value, upper=value, validity=Validity.HEURISTIC)


def _without_guarantee(row: AccountRow) -> AccountRow:
    estimate = _as_point(row.estimate)
    return AccountRow(
        estimate=replace(estimate, assumptions=(*estimate.assumptions, AS_IF_POISSON)),
        guarantee=AS_IF_POISSON,
        is_guarantee=False,
    )
