"""The largest true positive rate and advantage that a guarantee allows."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from privaudit.errors import ClaimError, ConfigError, UnsupportedError
from privaudit.estimators.privacy_loss import composed_privacy_loss
from privaudit.estimators.tradeoff import advantage_bound, tradeoff_bound
from privaudit.types import DpSgdParams, Neighbouring

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())
SAMPLED = DpSgdParams(noise_multiplier=1.0, sample_rate=0.05, steps=50)
RELATIONS = [Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE]


def _params(inputs):
    return DpSgdParams(**{name: inputs[name] for name in ("noise_multiplier", "sample_rate", "steps")})


@pytest.mark.parametrize("case", CASES["tradeoff_dpsgd"])
def test_runs_match_reference_in_both_worlds(case):
    params, expected = _params(case["inputs"]), case["expected"]
    bounds = {}
    for null, name in (("out", "tpr_bound"), ("in", "tpr_bound_swapped")):
        bounds[null] = tradeoff_bound(expected["fpr"], params=params, null=null)
        # not below the truth: the reference takes epsilon from a grid of 1e-3, which raises it by up to 1e-6
        assert (bounds[null] >= np.array(expected[name]) * (1 - 1e-6)).all()
        np.testing.assert_allclose(bounds[null], expected[name], rtol=1e-5)
    either = tradeoff_bound(expected["fpr"], params=params)
    np.testing.assert_array_equal(either, np.maximum(bounds["out"], bounds["in"]))
    assert advantage_bound(params=params) == pytest.approx(expected["advantage"], abs=case["tolerance"]["advantage"])


@pytest.mark.parametrize("case", CASES["tradeoff_gaussian"])
def test_gaussian_matches_reference(case):
    inputs, expected = case["inputs"], case["expected"]
    tolerance = case["tolerance"]
    np.testing.assert_allclose(tradeoff_bound(inputs["fpr"], mu=inputs["mu"]), expected["tpr"], rtol=0, atol=tolerance)
    assert advantage_bound(mu=inputs["mu"]) == pytest.approx(expected["advantage"], abs=tolerance)


@pytest.mark.parametrize("case", CASES["tradeoff_eps_delta"])
def test_epsilon_and_delta_match_reference(case):
    inputs, expected = case["inputs"], case["expected"]
    guarantee = {"epsilon": inputs["eps"], "delta": inputs["delta"]}
    bound = tradeoff_bound(inputs["fpr"], **guarantee)
    np.testing.assert_allclose(bound, expected["tpr"], rtol=0, atol=case["tolerance"])
    assert advantage_bound(**guarantee) == pytest.approx(expected["advantage"], abs=case["tolerance"])


@pytest.mark.parametrize(("neighbouring", "reach"), [(Neighbouring.ADD_REMOVE, 1.0), (Neighbouring.REPLACE_ONE, 2.0)])
def test_full_batches_are_exactly_gaussian_and_the_grid_agrees(neighbouring, reach):
    fpr = np.array([0.0, 1e-6, 1e-3, 0.1, 0.5, 0.9, 1.0])
    full = DpSgdParams(noise_multiplier=5.0, sample_rate=1.0, steps=30)
    exact = norm.cdf(norm.ppf(fpr) + reach * math.sqrt(30) / 5.0)
    np.testing.assert_allclose(tradeoff_bound(fpr, params=full, neighbouring=neighbouring), exact, rtol=1e-13)
    assert advantage_bound(params=full, neighbouring=neighbouring) == pytest.approx(
        2 * norm.cdf(reach * math.sqrt(30) / 10) - 1, rel=1e-13
    )
    nearly = DpSgdParams(noise_multiplier=5.0, sample_rate=1.0 - 1e-12, steps=30)
    gridded = tradeoff_bound(fpr, params=nearly, neighbouring=neighbouring)
    assert (gridded >= exact * (1 - 1e-9)).all()
    np.testing.assert_allclose(gridded, exact, rtol=2e-5, atol=1e-12)


@pytest.mark.parametrize("null", ["out", "in"])
def test_one_step_is_the_likelihood_ratio_test(null):
    params = DpSgdParams(noise_multiplier=0.8, sample_rate=0.3, steps=1)
    cut = np.linspace(-6.0, 7.0, 200)
    with_record = 0.7 * norm.sf(cut) + 0.3 * norm.sf(cut - 1 / 0.8)
    if null == "out":
        fpr, tpr = norm.sf(cut), with_record
    else:
        fpr, tpr = 1 - with_record, norm.cdf(cut)
    bound = tradeoff_bound(fpr, params=params, null=null)
    assert (bound >= tpr * (1 - 1e-12) - 1e-15).all()
    np.testing.assert_allclose(bound, tpr, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("neighbouring", RELATIONS)
def test_envelope_is_the_minimum_over_every_epsilon(neighbouring):
    fpr = np.array([0.0, 1e-5, 1e-3, 0.05, 0.3, 0.5, 0.8, 0.99, 1.0])
    loss = composed_privacy_loss(SAMPLED, neighbouring)
    for null, towards, back in (("out", loss.remove, loss.add), ("in", loss.add, loss.remove)):
        epsilon = np.append(0.0, np.union1d(towards.losses, back.losses))
        steep = np.exp(epsilon)[:, None] * fpr + towards.delta(epsilon)[:, None]
        flat = 1.0 - np.exp(-epsilon)[:, None] * (1.0 - back.delta(epsilon)[:, None] - fpr)
        plain = np.minimum(np.minimum(steep, flat).min(axis=0), 1.0)
        bound = tradeoff_bound(fpr, params=SAMPLED, neighbouring=neighbouring, null=null)
        np.testing.assert_allclose(bound, plain, rtol=1e-9, atol=1e-13)


@settings(max_examples=20, derandomize=True, deadline=None)
@given(
    noise=st.floats(0.5, 20.0),
    rate=st.floats(1e-4, 1.0),
    steps=st.integers(1, 300),
    neighbouring=st.sampled_from(RELATIONS),
    null=st.sampled_from(["out", "in", "either"]),
)
def test_curves_rise_lie_above_blind_guessing_and_reach_the_advantage(noise, rate, steps, neighbouring, null):
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps)
    fpr = np.linspace(0.0, 1.0, 201)
    bound = tradeoff_bound(fpr, params=params, neighbouring=neighbouring, null=null)
    assert (np.diff(bound) >= -1e-12).all() and (bound >= fpr - 1e-12).all() and (bound <= 1.0).all()
    advantage = advantage_bound(params=params, neighbouring=neighbouring)
    assert (bound - fpr).max() <= advantage + 1e-12
    assert (bound - fpr).max() >= advantage - 0.01
    if null != "either":
        assert (np.diff(bound, 2) <= 1e-12).all()
    epsilon = float(composed_privacy_loss(params, neighbouring).get_epsilon_for_delta(1e-5))
    assert (bound <= tradeoff_bound(fpr, epsilon=epsilon, delta=1e-5) + 1e-12).all()


def test_extremes():
    assert tradeoff_bound([0.0, 0.3], mu=math.inf).tolist() == [1.0, 1.0]
    assert tradeoff_bound([0.0, 0.3, 1.0], mu=0.0).tolist() == pytest.approx([0.0, 0.3, 1.0])
    assert tradeoff_bound([0.0, 0.3], epsilon=math.inf, delta=0.0).tolist() == [1.0, 1.0]
    assert tradeoff_bound([0.0, 1e-300, 0.3], epsilon=1e4, delta=1e-3).tolist() == [1e-3, 1.0, 1.0]
    assert tradeoff_bound([0.0, 0.3, 1.0], epsilon=0.0, delta=0.0).tolist() == pytest.approx([0.0, 0.3, 1.0])
    assert tradeoff_bound(0.1, mu=1.0).shape == (1,) and tradeoff_bound([], mu=1.0).shape == (0,)
    assert advantage_bound(mu=math.inf) == advantage_bound(epsilon=math.inf, delta=0.0) == 1.0
    assert advantage_bound(epsilon=1e4, delta=0.0) == 1.0
    silent = DpSgdParams(noise_multiplier=0.0, sample_rate=0.1, steps=10)
    for neighbouring in RELATIONS:
        for null in ("out", "in", "either"):
            bound = tradeoff_bound([0.0, 0.2, 0.5], params=silent, neighbouring=neighbouring, null=null)
            assert bound.tolist() == pytest.approx([1 - 0.9**10, 1.2 - 0.9**10, 1.0], rel=1e-12)
        assert advantage_bound(params=silent, neighbouring=neighbouring) == pytest.approx(1 - 0.9**10, rel=1e-12)
        always = DpSgdParams(noise_multiplier=0.0, sample_rate=1.0, steps=10)
        assert tradeoff_bound([0.0, 0.5], params=always, neighbouring=neighbouring).tolist() == [1.0, 1.0]
        assert advantage_bound(params=always, neighbouring=neighbouring) == 1.0
    loud = DpSgdParams(noise_multiplier=1e5, sample_rate=1e-6, steps=1)
    assert tradeoff_bound([0.0, 0.5, 1.0], params=loud) == pytest.approx([0.0, 0.5, 1.0], abs=1e-10)


@pytest.mark.parametrize("neighbouring", RELATIONS)
def test_less_noise_tends_to_none(neighbouring):
    runs = [DpSgdParams(noise_multiplier=noise, sample_rate=0.01, steps=7) for noise in (0.0, 1e-300, 1e-9, 0.01)]
    advantages = [advantage_bound(params=run, neighbouring=neighbouring) for run in runs]
    assert advantages == pytest.approx([1 - 0.99**7] * 4, rel=1e-9)
    curves = [tradeoff_bound([0.0, 0.1, 0.9], params=run, neighbouring=neighbouring).tolist() for run in runs]
    assert curves[0] == curves[1] == curves[2]
    for curve in curves:
        assert (np.array(curve) <= np.array(curves[0])).all()


def test_no_guarantee_is_printed_with_dust_or_below_blind_guessing():
    assert tradeoff_bound([0.001, 0.01, 0.1], epsilon=0.0, delta=0.0).tolist() == [0.001, 0.01, 0.1]
    assert tradeoff_bound([0.001, 0.01, 0.1], epsilon=math.log(2.0), delta=0.0).tolist() == [0.002, 0.02, 0.2]
    rates = np.linspace(0.0, 1.0, 1001)
    for epsilon in (0.0, 1e-17, 1e-9, 0.3, 2.0, 699.0, 701.0, 1e4):
        for delta in (0.0, 1e-17, 1e-5, 0.3):
            bound = tradeoff_bound(rates, epsilon=epsilon, delta=delta)
            assert (bound >= rates).all() and (np.diff(bound) >= 0).all() and (bound <= 1.0).all()


@pytest.mark.parametrize(
    "guarantee",
    [
        {},
        {"mu": 1.0, "params": SAMPLED},
        {"mu": 1.0, "epsilon": 1.0, "delta": 0.0},
        {"epsilon": 1.0},
        {"delta": 0.1},
        {"params": SAMPLED, "delta": 0.1},
        {"mu": -1.0},
        {"mu": math.nan},
        {"epsilon": -0.1, "delta": 0.0},
        {"epsilon": math.nan, "delta": 0.0},
        {"epsilon": 1.0, "delta": 1.0},
    ],
)
def test_anything_but_one_proper_guarantee_is_refused(guarantee):
    with pytest.raises(ConfigError):
        tradeoff_bound([0.1], **guarantee)
    with pytest.raises(ConfigError):
        advantage_bound(**guarantee)


def test_other_wrong_requests_are_refused():
    for fpr in ([-0.1], [1.1], [math.nan], [[0.1, 0.2]]):
        with pytest.raises(ConfigError, match="fpr"):
            tradeoff_bound(fpr, mu=1.0)
    with pytest.raises(ConfigError, match="null"):
        tradeoff_bound([0.1], mu=1.0, null="both")
    shuffled = DpSgdParams(noise_multiplier=1.0, sample_rate=1.0, steps=10, sampling="shuffle")
    with pytest.raises(ClaimError, match="Poisson"):
        tradeoff_bound([0.1], params=shuffled)
    with pytest.raises(UnsupportedError, match="zero_out"):
        advantage_bound(params=SAMPLED, neighbouring=Neighbouring.ZERO_OUT)
