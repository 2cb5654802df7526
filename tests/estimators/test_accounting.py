"""What DP-SGD promises: the privacy loss of a run, the claim, and the table of accountants."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp
from scipy.stats import norm

from privaudit.errors import ClaimError, ConfigError, UnsupportedError
from privaudit.estimators.accounting import account, gdp_clt_mu
from privaudit.estimators.gaussian_tradeoff import gaussian_epsilon
from privaudit.estimators.privacy_loss import (
    composed_privacy_loss,
    optimistic_privacy_loss,
    pld_claim,
)
from privaudit.estimators.renyi_bound import renyi_divergence, renyi_epsilon
from privaudit.estimators.tradeoff import tradeoff_bound
from privaudit.types import DpSgdParams, EstimateKind, Neighbouring, Validity

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())


def _params(inputs):
    return DpSgdParams(**{name: inputs[name] for name in ("noise_multiplier", "sample_rate", "steps")})


@pytest.mark.parametrize("case", CASES["accountants"])
@pytest.mark.parametrize(
    ("neighbouring", "field"),
    [
        (Neighbouring.ADD_REMOVE, "dp_accounting_pld_pessimistic"),
        (Neighbouring.REPLACE_ONE, "dp_accounting_pld_replace_one"),
    ],
)
def test_claim_matches_reference(case, neighbouring, field):
    claim = pld_claim(_params(case["inputs"]), delta=case["inputs"]["delta"], neighbouring=neighbouring)
    assert claim.epsilon == pytest.approx(case["expected"][field], abs=case["tolerance"]["dp_accounting"])
    if neighbouring == Neighbouring.ADD_REMOVE:
        assert claim.epsilon >= case["expected"]["eps_add_remove"] - 1e-5
    assert (claim.accountant, claim.neighbouring) == ("pld", neighbouring)


@pytest.mark.parametrize("case", CASES["s2_beta_mia_exact_substitution"])
def test_total_variation_matches_reference_from_the_pessimistic_side(case):
    inputs = case["inputs"]
    params = DpSgdParams(noise_multiplier=inputs["sigma"], sample_rate=inputs["p"], steps=inputs["T"])
    advantage = float(composed_privacy_loss(params, Neighbouring.REPLACE_ONE).get_delta_for_epsilon(0.0))
    assert 1 - advantage == pytest.approx(case["expected"], abs=case["tolerance"])
    assert 1 - advantage <= case["expected"] + 1e-12
    if inputs["sigma"] < 1 or inputs["T"] > 50_000:
        return  # seconds each
    optimistic = float(optimistic_privacy_loss(params, Neighbouring.REPLACE_ONE).get_delta_for_epsilon(0.0))
    assert case["expected"] <= 1 - optimistic <= case["expected"] + 1e-3


def _one_step_delta(noise, rate, epsilon, direction):
    """Hockey-stick divergence of one step: the best event is the half-line where the densities' ratio is large."""
    shift = 1.0 / noise

    def with_record(x, sign=1.0):
        return (1 - rate) * norm.pdf(x) + rate * norm.pdf(x - sign * shift)

    drawn, other = {
        "remove": (with_record, norm.pdf),
        "add": (lambda x: norm.pdf(-x), lambda x: with_record(-x)),
        "replace": (with_record, lambda x: with_record(x, -1.0)),
    }[direction]

    def excess(x):
        return math.log(drawn(x)) - math.log(other(x)) - epsilon

    end = 20.0
    if excess(end) <= 0:
        return 0.0  # the loss is bounded below epsilon
    cut = brentq(excess, -end, end, xtol=1e-13)

    def above(x, sign=1.0):
        return (1 - rate) * norm.sf(x) + rate * norm.sf(x - sign * shift)

    if direction == "remove":
        return above(cut) - math.exp(epsilon) * norm.sf(cut)
    if direction == "add":
        return norm.sf(cut) - math.exp(epsilon) * above(cut, -1.0)
    return above(cut) - math.exp(epsilon) * above(cut, -1.0)


@settings(max_examples=15, derandomize=True, deadline=None)
@given(
    noise=st.floats(0.4, 5.0),
    rate=st.one_of(st.just(1.0), st.floats(1e-3, 1.0)),
    epsilon=st.floats(0.0, 4.0),
)
def test_one_step_lies_between_both_ends(noise, rate, epsilon):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=1)
    for relation, names in ((Neighbouring.ADD_REMOVE, ("remove", "add")), (Neighbouring.REPLACE_ONE, ("replace",) * 2)):
        above, below = composed_privacy_loss(params, relation), optimistic_privacy_loss(params, relation)
        for direction, high, low in zip(names, (above.remove, above.add), (below.remove, below.add), strict=True):
            exact = _one_step_delta(noise, rate, epsilon, direction)
            assert exact - 1e-12 <= high.delta(epsilon) <= exact + 2e-6
            assert exact - 1e-3 <= low.delta(epsilon) <= exact + 1e-12


@pytest.mark.parametrize(("noise", "rate", "epsilon"), [(0.7, 0.2, 0.0), (0.7, 0.2, 1.5), (2.0, 0.5, 0.3)])
def test_two_steps_are_the_double_integral(noise, rate, epsilon):
    x = np.linspace(-9.0, 9.0 + 1 / noise, 3001)
    without = norm.pdf(x)
    with_record = (1 - rate) * without + rate * norm.pdf(x - 1 / noise)
    with_both, without_both = np.outer(with_record, with_record), np.outer(without, without)
    area = (x[1] - x[0]) ** 2
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=2)
    loss = composed_privacy_loss(params, Neighbouring.ADD_REMOVE)
    remove = np.maximum(with_both - math.exp(epsilon) * without_both, 0.0).sum() * area
    add = np.maximum(without_both - math.exp(epsilon) * with_both, 0.0).sum() * area
    assert float(loss.remove.delta(epsilon)) == pytest.approx(remove, abs=2e-6)
    assert float(loss.add.delta(epsilon)) == pytest.approx(add, abs=2e-6)


@pytest.mark.parametrize("steps", [1, 100, 10_000, 100_000, 1_000_000])
@pytest.mark.parametrize("delta", [1e-3, 1e-6, 1e-9])
def test_full_batch_epsilon_lies_just_above_the_gaussian_closed_form(steps, delta):
    params = DpSgdParams(noise_multiplier=math.sqrt(steps), sample_rate=1.0, steps=steps)
    exact = gaussian_epsilon(1.0, delta)
    epsilon = composed_privacy_loss(params, Neighbouring.ADD_REMOVE).get_epsilon_for_delta(delta)
    # The transform's rounding, 2e-16 per step, is added to delta.
    assert exact <= epsilon <= gaussian_epsilon(1.0, delta * (1 - 1e-4) - min(steps * 3e-16, delta / 2)) + 1e-6


TINY_DELTAS = (1e-9, 1e-11, 2e-12, 1e-13, 1e-16, 1e-20, 1e-30, 1e-100, 1e-300)


@pytest.mark.parametrize(("neighbouring", "reach"), [(Neighbouring.ADD_REMOVE, 1.0), (Neighbouring.REPLACE_ONE, 2.0)])
@pytest.mark.parametrize(("noise", "steps"), [(100.0, 10_000), (1.0, 1), (0.5, 4)])
def test_delta_below_the_rounding_is_bounded_by_moments(noise, steps, neighbouring, reach):
    full = DpSgdParams(noise_multiplier=noise, sample_rate=1.0, steps=steps)
    nearly = replace(full, sample_rate=1.0 - 1e-12)
    mu = reach * math.sqrt(steps) / noise
    loss = composed_privacy_loss(full, neighbouring)
    for delta in TINY_DELTAS:
        exact = gaussian_epsilon(mu, delta)
        assert pld_claim(full, delta=delta, neighbouring=neighbouring).epsilon == exact
        row = _rows(account(full, delta, neighbouring))["pld"].estimate
        assert row.lower == row.upper == exact
        assert exact <= loss.get_epsilon_for_delta(delta) <= exact + 0.3 * mu  # what Chernoff's bound costs
        close = pld_claim(nearly, delta=delta, neighbouring=neighbouring).epsilon
        assert close <= exact
        if neighbouring == Neighbouring.ADD_REMOVE or delta > 1e-50:  # the record's opposite is not drawn at 1e-12
            assert close == pytest.approx(exact, rel=1e-4)
    assert loss.get_epsilon_for_delta(0.0) == math.inf


@pytest.mark.parametrize(
    ("noise", "rate", "steps"),
    [(1.0, 0.01, 10_000), (20.0, 1e-3, 1_000_000), (0.8, 1e-3, 500), (5.0, 0.5, 100), (0.1, 0.2, 1), (1.0, 1e-6, 50)],
)
def test_claim_is_never_above_renyi_and_rises_as_delta_falls(noise, rate, steps):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps)
    deltas = sorted((1e-2, 1e-5, 1e-7, 1e-8, 1e-10, 3e-12, *TINY_DELTAS), reverse=True)
    claims = [pld_claim(params, delta=delta, neighbouring=Neighbouring.ADD_REMOVE).epsilon for delta in deltas]
    assert (np.diff(claims) >= 0).all() and claims[-1] < math.inf
    for delta, claim in zip(deltas, claims, strict=True):
        assert claim <= renyi_epsilon(params, delta)[0] * (1 + 1e-9)
    replaced = [pld_claim(params, delta=delta, neighbouring=Neighbouring.REPLACE_ONE).epsilon for delta in deltas]
    assert (np.diff(replaced) >= 0).all() and (np.array(replaced) >= np.array(claims) * (1 - 1e-4)).all()
    for neighbouring in (Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE):
        loss = composed_privacy_loss(params, neighbouring)
        for tail in (loss.remove, loss.add):
            epsilons = np.append(np.linspace(0.0, 1.2 * tail.epsilon(1e-100), 2000), math.inf)
            profile = tail.delta(epsilons)
            assert (np.diff(profile) <= 1e-12 * profile[:-1]).all() and (profile > 0).all()
            assert [float(tail.delta(e)) for e in epsilons[::500]] == profile[::500].tolist()
            for delta in deltas[2:]:
                epsilon = tail.epsilon(delta)
                if epsilon > 0:
                    assert float(tail.delta(epsilon)) == pytest.approx(delta, rel=1e-9)


def test_claims_at_tiny_delta_lie_where_the_truth_does():
    def spent(noise, rate, steps, delta):
        params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps)
        return pld_claim(params, delta=delta, neighbouring=Neighbouring.ADD_REMOVE).epsilon

    mu = 1e-3 * math.sqrt(1e6 * math.expm1(1 / 400))  # many steps of tiny loss: all but a Gaussian mechanism
    assert gaussian_epsilon(mu, 1e-10) < spent(20.0, 1e-3, 1_000_000, 1e-10) < 1.1 * gaussian_epsilon(mu, 1e-10)
    assert spent(1.0, 0.01, 10_000, 2e-12) == pytest.approx(10.6467, abs=1e-3)


def test_profiles_are_monotone_convex_and_invert():
    params = DpSgdParams(noise_multiplier=0.8, sample_rate=0.05, steps=200)
    loss = composed_privacy_loss(params, Neighbouring.ADD_REMOVE)
    epsilon = np.array([0.0, 1e-6, 0.1, 0.5, 1.0, 3.0, 8.0, 20.0, 1e4, math.inf])
    delta = loss.get_delta_for_epsilon(epsilon)
    assert (np.diff(delta) <= 0).all() and delta[0] < 1 and 0 < delta[-1] < 1e-12
    for e, d in zip(epsilon[1:7], delta[1:7], strict=True):
        assert loss.get_epsilon_for_delta(float(d)) == pytest.approx(e, abs=1e-8)
    assert loss.get_epsilon_for_delta(0.999) == 0.0


@pytest.mark.parametrize(("noise", "rate", "steps"), [(1.0, 0.01, 1000), (0.8, 0.2, 5), (4.0, 0.1, 100)])
def test_an_independent_accountant_agrees(noise, rate, steps):
    from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism

    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps)
    theirs = from_gaussian_mechanism(noise, value_discretization_interval=1e-4, sampling_prob=rate).self_compose(steps)
    ours = composed_privacy_loss(params, Neighbouring.ADD_REMOVE)
    for epsilon in (0.0, 0.5, 2.0):
        assert float(ours.get_delta_for_epsilon(epsilon)) == pytest.approx(
            theirs.get_delta_for_epsilon(epsilon), abs=2e-6
        )


@pytest.mark.parametrize(("noise", "steps"), [(5.0, 30), (1.0, 1), (20.0, 10)])
def test_claimed_curve_is_the_gaussian_closed_form_on_full_batches(noise, steps):
    fpr = np.array([1e-5, 1e-3, 0.1, 0.5, 0.9])
    exact = norm.cdf(norm.ppf(fpr) + math.sqrt(steps) / noise)
    params = DpSgdParams(noise_multiplier=noise, sample_rate=1.0, steps=steps)
    np.testing.assert_allclose(
        tradeoff_bound(fpr, params=params, neighbouring=Neighbouring.ADD_REMOVE), exact, rtol=1e-12
    )


def test_long_runs_are_as_exact_as_short_ones():
    def spent(steps):
        params = DpSgdParams(noise_multiplier=1.0, sample_rate=0.001, steps=steps)
        return pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon

    assert spent(49_999) < spent(50_000) < spent(49_999) + 1e-4


@pytest.mark.parametrize(("noise", "steps"), [(2.0, 100_000), (0.1, 100), (0.01, 1)])
def test_hopeless_noise_fits_in_memory_and_stays_above_the_truth(noise, steps):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=1.0, steps=steps)
    exact = gaussian_epsilon(math.sqrt(steps) / noise, 1e-5)
    epsilon = pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon
    assert exact <= epsilon <= exact * 1.001


@pytest.mark.parametrize("noise", [0.0, 5e-324, 1e-160, 1e-7])
@pytest.mark.parametrize("neighbouring", [Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE])
def test_no_noise_promises_only_that_records_may_not_be_drawn(noise, neighbouring):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=0.1, steps=10)
    drawn = 1 - 0.9**10

    def claim(delta, **changes):
        return pld_claim(replace(params, **changes), delta=delta, neighbouring=neighbouring)

    assert claim(1e-5).epsilon == claim(drawn * (1 - 1e-9)).epsilon == claim(0.5, sample_rate=1.0).epsilon == math.inf
    assert claim(drawn * (1 + 1e-9)).epsilon == 0.0
    curve = tradeoff_bound([0.0, 0.2, 0.5], params=params, neighbouring=neighbouring)
    assert curve.tolist() == pytest.approx([drawn, 0.2 + drawn, 1.0], rel=1e-12)
    assert _rows(account(params, 0.7, neighbouring))["pld"].estimate.upper == 0.0
    if noise != 1e-160:
        rows = _rows(account(params, 1e-5, neighbouring))
        assert {row.estimate.upper for name, row in rows.items() if name != "last_iterate"} == {math.inf}
    assert gdp_clt_mu(params, neighbouring) == math.inf
    if noise > 0.0:
        loss = composed_privacy_loss(params, neighbouring)
        assert loss.get_delta_for_epsilon([0.0, 1e9, math.inf]).tolist() == pytest.approx([drawn] * 3, rel=1e-12)
        return
    with pytest.raises(ClaimError, match="noise"):
        composed_privacy_loss(params, neighbouring)


@pytest.mark.parametrize(
    ("noise", "neighbouring"),
    [
        (1e-6, Neighbouring.ADD_REMOVE),
        (0.0378, Neighbouring.ADD_REMOVE),
        (0.0466, Neighbouring.REPLACE_ONE),
    ],
)
def test_little_noise_gets_a_whole_table(noise, neighbouring):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=0.01, steps=10)
    rows = _rows(account(params, 1e-5, neighbouring))
    pld = rows["pld"].estimate
    reach = 2.0 if neighbouring == Neighbouring.REPLACE_ONE else 1.0
    assert 0 < pld.lower <= pld.upper <= gaussian_epsilon(reach * math.sqrt(10) / noise, 1e-5)
    if noise > 0.03:
        assert pld.upper - pld.lower <= 1e-3 * pld.upper
    if "rdp" in rows:
        assert pld.upper <= rows["rdp"].estimate.upper
    assert tradeoff_bound([0.0], params=params, neighbouring=neighbouring) <= 1 - 0.99**10


def test_as_many_steps_as_can_be_composed():
    most = DpSgdParams(noise_multiplier=1e4, sample_rate=1e-6, steps=10**9)
    assert 0.0 <= pld_claim(most, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon < 1e-3
    more = replace(most, steps=10**12)
    with pytest.raises(ConfigError, match=r"up to 1e\+09 steps; got 1e\+12"):
        account(more, 1e-5)
    full = replace(more, sample_rate=1.0)
    exact = gaussian_epsilon(100.0, 1e-5)
    assert pld_claim(full, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon == exact


@pytest.mark.parametrize(
    ("noise", "rate"), [(0.06, 0.9), (0.08, 1.0), (0.08, 1 - 1e-12), (0.3, 0.9), (1.0, 0.1), (30.0, 1e-3)]
)
def test_both_ends_enclose_the_total_variation_to_the_last_digit(noise, rate):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=1)
    for neighbouring, root in ((Neighbouring.ADD_REMOVE, 8.0), (Neighbouring.REPLACE_ONE, 2.0)):
        exact = rate * math.erf(1.0 / (noise * math.sqrt(root)))
        high = composed_privacy_loss(params, neighbouring).get_delta_for_epsilon(0.0)
        low = optimistic_privacy_loss(params, neighbouring).get_delta_for_epsilon(0.0)
        assert low <= exact <= high <= exact + 2e-6


def test_a_long_run_is_kept_small():
    params = DpSgdParams(noise_multiplier=0.5, sample_rate=0.01, steps=1_000_000)
    loss = composed_privacy_loss(params, Neighbouring.ADD_REMOVE)
    arrays = [array for tail in (loss.remove, loss.add) for array in (tail.deltas, tail.lower)]
    assert sum((array if array.base is None else array.base).nbytes for array in arrays) < 8e6


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_other_relations_and_samplings_are_refused(noise):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=0.1, steps=10)
    shuffled = DpSgdParams(noise_multiplier=noise, sample_rate=0.1, steps=10, sampling="shuffle")
    with pytest.raises(UnsupportedError, match="zero_out"):
        pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ZERO_OUT)
    with pytest.raises(UnsupportedError, match="zero_out"):
        tradeoff_bound([0.1], params=params, neighbouring=Neighbouring.ZERO_OUT)
    with pytest.raises(ClaimError, match="Poisson"):
        pld_claim(shuffled, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE)
    with pytest.raises(ClaimError, match="Poisson"):
        tradeoff_bound([0.1], params=shuffled, neighbouring=Neighbouring.ADD_REMOVE)
    for fpr in ([-0.1], [1.1], [math.nan]):
        with pytest.raises(ConfigError, match="fpr"):
            tradeoff_bound(fpr, params=params, neighbouring=Neighbouring.ADD_REMOVE)


def _rows(table):
    return {row.estimate.method: row for row in table.rows}


@pytest.mark.parametrize("case", CASES["accountants"])
def test_table_matches_reference(case):
    expected, tolerance = case["expected"], case["tolerance"]
    rows = _rows(account(_params(case["inputs"]), case["inputs"]["delta"]))
    assert list(rows) == ["pld", "rdp", "gdp_clt", "last_iterate"]
    pld, rdp, clt = (rows[name].estimate for name in ("pld", "rdp", "gdp_clt"))
    assert pld.lower <= expected["eps_add_remove"] <= pld.upper <= pld.lower + 1e-2
    for direction in ("remove", "add"):
        reference = expected[f"eps_{direction}_direction"]
        assert pld.diagnostics[f"epsilon_{direction}"] == pytest.approx(reference, abs=tolerance["eps_add_remove"])
        assert reference - 1e-6 <= pld.diagnostics[f"epsilon_{direction}"] <= reference + 2e-5
    assert rdp.upper == pytest.approx(expected["opacus_rdp"], abs=tolerance["rdp"])
    assert rdp.diagnostics["order"] == pytest.approx(expected["opacus_rdp_order"])
    assert clt.lower == clt.upper == pytest.approx(expected["gdp_clt"], abs=tolerance["gdp_clt"])
    assert clt.diagnostics["mu"] == pytest.approx(expected["gdp_clt_mu"], abs=tolerance["gdp_clt"])
    assert [row.is_guarantee for row in rows.values()] == [True, True, False, False]
    assert (clt.kind, clt.validity) == (EstimateKind.POINT, Validity.HEURISTIC)
    assert (pld.kind, pld.validity, pld.confidence) == (EstimateKind.UPPER_BOUND, Validity.VALID, 1.0)


def test_none_is_add_remove_and_replace_one_says_what_it_leaves_out():
    params = DpSgdParams(noise_multiplier=1.0, sample_rate=0.01, steps=100)
    assert account(params, 1e-5, None) == account(params, 1e-5)
    assert account(params, 1e-5, None).neighbouring == Neighbouring.ADD_REMOVE
    table = account(params, 1e-5, Neighbouring.REPLACE_ONE)
    assert list(_rows(table)) == ["pld", "gdp_clt"] and len(table.notes) == 2
    assert {row.estimate.neighbouring for row in table.rows} == {Neighbouring.REPLACE_ONE}
    mu = 2 * 0.01 * math.sqrt(100 * math.sinh(1.0))
    assert _rows(table)["gdp_clt"].estimate.diagnostics["mu"] == pytest.approx(mu, rel=1e-12)


@pytest.mark.parametrize(("neighbouring", "mu"), [(Neighbouring.ADD_REMOVE, 0.5), (Neighbouring.REPLACE_ONE, 1.0)])
def test_without_sampling_the_limit_is_exact(neighbouring, mu):
    params = DpSgdParams(noise_multiplier=8.0, sample_rate=1.0, steps=16)
    rows = _rows(account(params, 1e-5, neighbouring))
    estimate = rows["gdp_clt"].estimate
    assert rows["gdp_clt"].is_guarantee and estimate.validity == Validity.VALID
    assert estimate.lower == estimate.upper == gaussian_epsilon(mu, 1e-5)
    assert rows["pld"].estimate.lower <= estimate.upper <= rows["pld"].estimate.upper


def test_shuffled_batches_get_numbers_and_no_guarantee():
    shuffled = DpSgdParams(noise_multiplier=1.0, sample_rate=0.1, steps=10, sampling="shuffle")
    table, poisson = account(shuffled, 1e-5), account(replace(shuffled, sampling="poisson"), 1e-5)
    assert table.params == shuffled and "as if Poisson" in table.notes[0]
    for row, other in zip(table.rows, poisson.rows, strict=True):
        assert not row.is_guarantee and "not a guarantee" in row.guarantee
        assert (row.estimate.kind, row.estimate.validity) == (EstimateKind.POINT, Validity.HEURISTIC)
        assert row.estimate.lower == row.estimate.upper == other.estimate.upper


@pytest.mark.parametrize(("noise", "rate", "steps"), [(0.0, 0.1, 10), (0.0, 1.0, 1)])
@pytest.mark.parametrize("neighbouring", [Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE])
def test_table_without_noise_is_infinite(noise, rate, steps, neighbouring):
    table = account(DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps), 1e-5, neighbouring)
    assert {row.estimate.upper for row in table.rows} == {math.inf}


@pytest.mark.parametrize(
    ("noise", "rate", "steps"),
    [
        (0.05, 1e-4, 10),
        (1e4, 1e-6, 10),
        (1.0, 1e-9, 1_000_000),
        (3.0, 1 - 1e-8, 50),
        (2.0, 1.0, 1000),
    ],
)
@pytest.mark.parametrize("neighbouring", [Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE])
def test_table_holds_at_extremes(noise, rate, steps, neighbouring):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps)
    rows = _rows(account(params, 1e-5, neighbouring))
    pld = rows["pld"].estimate
    assert 0 <= pld.lower <= pld.upper < math.inf
    # At sample rate 1 the run leaks at least as much, and there epsilon is known.
    reach = 2.0 if neighbouring == Neighbouring.REPLACE_ONE else 1.0
    assert pld.lower <= gaussian_epsilon(reach * math.sqrt(steps) / noise, 1e-5)
    if "rdp" in rows:
        assert pld.lower <= rows["rdp"].estimate.upper


@pytest.mark.parametrize("noise", [1e12, 1e300, math.inf])
@pytest.mark.parametrize("rate", [1.0, 0.01, 1e-12])
def test_boundless_noise_leaks_nothing(noise, rate):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=1000)
    for neighbouring in (Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE):
        loss = composed_privacy_loss(params, neighbouring)
        assert 0 < float(loss.get_delta_for_epsilon(0.0)) < 1e-9
        assert loss.get_epsilon_for_delta(1e-5) == 0.0
        assert optimistic_privacy_loss(params, neighbouring).get_delta_for_epsilon(0.0) < 1e-9


def test_wrong_requests_are_refused():
    params = DpSgdParams(noise_multiplier=1.0, sample_rate=0.1, steps=10)
    with pytest.raises(ConfigError, match="delta"):
        account(params, 0.0)
    with pytest.raises(ClaimError, match="sampling='cyclic'"):
        account(replace(params, sampling="cyclic"), 1e-5)
    with pytest.raises(UnsupportedError, match="zero_out"):
        account(params, 1e-5, Neighbouring.ZERO_OUT)
    with pytest.raises(ClaimError, match="noise"):
        renyi_divergence(replace(params, noise_multiplier=0.0), 2.0)
    with pytest.raises(ConfigError, match="delta"):
        renyi_epsilon(params, 0.0)


@pytest.mark.parametrize(("noise", "rate"), [(1.0, 0.01), (0.3, 0.001), (0.05, 0.2), (8.0, 0.5), (2.0, 1e-7)])
@pytest.mark.parametrize("order", [2, 3, 12, 63])
def test_renyi_of_whole_orders_is_the_binomial_sum(noise, rate, order):
    k = np.arange(order + 1)
    choose = gammaln(order + 1) - gammaln(k + 1) - gammaln(order - k + 1)
    terms = choose + k * math.log(rate) + (order - k) * math.log1p(-rate) + k * (k - 1) / (2 * noise**2)
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=1)
    expected = logsumexp(terms) / (order - 1)
    assert renyi_divergence(params, float(order)) == pytest.approx(expected, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize(
    ("noise", "rate", "order"), [(1.0, 0.01, 1.1), (0.3, 0.001, 1.5), (8.0, 0.5, 4.5), (0.1, 0.3, 2.7)]
)
def test_renyi_of_fractional_orders_is_the_integral(noise, rate, order):
    x, step = np.linspace(-14.0, 14.0 + order / noise, 400_001, retstep=True)
    ratio = np.logaddexp(math.log1p(-rate), math.log(rate) + x / noise - 0.5 / noise**2)
    log_moment = logsumexp(norm.logpdf(x) + order * ratio) + math.log(step)
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=1)
    assert renyi_divergence(params, order) * (order - 1) == pytest.approx(log_moment, rel=1e-10, abs=1e-13)


def test_importing_the_room_does_not_import_the_accountant():
    code = "import sys, privaudit.estimators; assert not {'dp_accounting', 'torch', 'opacus'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_remembered_cannot_be_changed():
    params = DpSgdParams(noise_multiplier=1.0, sample_rate=0.1, steps=10)
    loss = composed_privacy_loss(params, Neighbouring.ADD_REMOVE)
    assert composed_privacy_loss(params, Neighbouring.ADD_REMOVE) is loss
    for array in (loss.remove.deltas, loss.add.lower):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0.0
