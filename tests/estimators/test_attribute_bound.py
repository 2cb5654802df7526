"""Attribute inference: reference values, diameters, the terms of the central limit theorem, extremes, refusals."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from privaudit.errors import ClaimError, ConfigError, DataError, ShapeError, UnsupportedError
from privaudit.estimators.attribute_bound import (
    attribute_bayes_security,
    attribute_clt_mu_squared,
    clt_mu_squared_of_pair,
    gradient_diameter,
)
from privaudit.estimators.bayes_security_bound import bayes_security, security_from_mu_squared
from privaudit.types import DpSgdParams, Neighbouring

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())
PROFILE = settings(max_examples=60, deadline=None, derandomize=True)


def _params(*, noise=1.0, rate=0.1, steps=1, clip=1.0):
    return DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps, max_grad_norm=clip)


def _clipped(seed, m, d, clip=1.0):
    rows = np.random.default_rng(seed).normal(size=(m, d))
    return clip * rows / np.maximum(1.0, np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize("case", CASES["s2_beta_ai"])
def test_matches_reference(case):
    i = case["inputs"]
    # only the root sum of squares counts, so where the distances are not given one of that size stands for all
    for distances in (i["R"], [i["R_norm"]], np.full(400, i["R_norm"] / 20.0)):
        if distances is not None:
            params = _params(noise=i["sigma"], rate=i["p"], clip=i["C"], steps=len(distances))
            assert attribute_bayes_security(distances, params=params).value == pytest.approx(
                case["expected"], rel=0.0, abs=case["tolerance"]
            )


@pytest.mark.parametrize("case", CASES["s2_ai_diameter"])
def test_diameter_matches_reference(case):
    i = case["inputs"]
    rows = _clipped(100 + i["k"], i["m"], i["d"])
    got = {"exact": gradient_diameter(rows, exact=True), "approx": gradient_diameter(rows, exact=False)}
    assert got == pytest.approx(case["expected"], rel=0.0, abs=case["tolerance"])


@PROFILE
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 6))
def test_the_cheap_diameter_is_between_one_and_two_diameters(seed, m, d):
    rows = _clipped(seed, m, d)
    exact, cheap = (gradient_diameter(rows, exact=choice) for choice in (True, False))
    assert exact == pytest.approx(max(np.linalg.norm(a - b) for a in rows for b in rows), abs=1e-12)
    assert exact - 1e-12 <= cheap <= 2 * exact + 1e-12


def test_worst_case_is_membership_under_replace_one():
    """Opposite gradients of the clipping norm at every step: one record or another."""
    params = _params(noise=1.3, rate=0.03, steps=250, clip=0.7)
    inner = 0.49 * np.array([[1.0, -1.0], [-1.0, 1.0]])
    terms = np.full(250, float(attribute_clt_mu_squared(inner, params=params)))
    got = attribute_bayes_security(np.full(250, 1.4), params=params, clt_mu_squared=terms)
    assert got.value == pytest.approx(bayes_security(params, method="closed_form").value, abs=1e-12)
    assert got.value_by_clt == pytest.approx(bayes_security(params, method="sinh").value, abs=1e-12)
    assert got.remainder == pytest.approx(bayes_security(params, method="closed_form").remainder, rel=1e-12)


def test_one_gradient_against_none_is_membership_under_add_remove():
    params = _params(noise=1.3, rate=0.03, steps=250)
    term = float(clt_mu_squared_of_pair(1.0, 0.0, 1.0, params=params))
    wanted = bayes_security(params, neighbouring=Neighbouring.ADD_REMOVE, method="sinh").value
    assert security_from_mu_squared(250 * term) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(("g", "h"), [(1.0, -0.4), (0.9, 0.3), (-1.0, 1.0), (0.5, 0.0)])
@pytest.mark.parametrize("noise", [0.7, 2.0])
def test_term_is_the_squared_difference_of_both_mixtures(g, h, noise):
    """mu^2 per step = integral of (p_g - p_h)^2 / N(0, sigma^2), for gradients on a line."""
    rate = 0.2

    def integrand(x):
        difference = rate * (norm.pdf(x, g, noise) - norm.pdf(x, h, noise))
        return difference**2 / norm.pdf(x, 0.0, noise)

    wanted = quad(integrand, -14 * noise, 14 * noise, epsabs=1e-14, points=[0.0])[0]
    got = attribute_clt_mu_squared(np.outer([g, h], [g, h]), params=_params(noise=noise, rate=rate))
    assert float(got) == pytest.approx(wanted, rel=1e-8)


@PROFILE
@given(st.integers(0, 10**6), st.integers(2, 8), st.floats(0.05, 50.0), st.floats(0.1, 5.0))
def test_terms_match_the_formula_and_lie_between_their_ends(seed, m, noise, clip):
    params = _params(noise=noise, clip=clip, rate=0.3)
    rows = _clipped(seed, m, 3, clip)
    gram = rows @ rows.T
    got = float(attribute_clt_mu_squared(gram, params=params))
    scaled = np.exp((gram / (noise * clip) ** 2).astype(np.longdouble))
    own = np.diagonal(scaled)
    wanted = 0.09 * float((own[:, None] + own[None, :] - 2 * scaled).max())
    assert got == pytest.approx(wanted, rel=1e-8)
    diameter = gradient_diameter(rows, exact=True)
    assert got <= 0.09 * 4 * math.sinh(1 / noise**2) * (1 + 1e-9)
    if noise >= 3:  # exp is nearly linear: the published form
        assert got == pytest.approx(0.09 * (diameter / noise / clip) ** 2, rel=0.3)


def test_near_gradients_do_not_cancel():
    params = _params(noise=30.0, rate=1.0)
    got = clt_mu_squared_of_pair(1.0, 1.0, 1e-20, params=params)  # exp(1/900) d^2 / 900 to first order
    assert float(got) == pytest.approx(1e-20 / 900 * math.exp(1 / 900), rel=1e-6)
    assert float(clt_mu_squared_of_pair(1.0, 1.0, 0.0, params=params)) == 0.0


def test_terms_overflow_to_infinity_only():
    for noise in (1e-3, 1e-200, 0.0):
        params = _params(noise=noise)
        assert float(attribute_clt_mu_squared(np.outer([1, -1], [1, -1]), params=params)) == math.inf
        assert float(attribute_clt_mu_squared(np.ones((2, 2)), params=params)) == 0.0
    assert float(attribute_clt_mu_squared(np.outer([1, -1], [1, -1]), params=_params(noise=math.inf))) == 0.0
    many = attribute_clt_mu_squared(np.ones((5, 7, 2, 2)) * np.eye(2), params=_params())
    assert many.shape == (5, 7) and (many == many[0, 0]).all() and many[0, 0] > 0


def test_the_worst_record_decides():
    params = _params(steps=3, noise=2.0)
    distances = np.array([[0.1, 1.0], [0.0, 2.0], [0.5, 0.0]])
    got = attribute_bayes_security(distances, params=params, clt_mu_squared=distances**2 / 40, records="tracked")
    alone = [attribute_bayes_security(column, params=params).value for column in distances.T]
    assert got.per_record.tolist() == alone and got.value == min(alone) == alone[1]
    assert got.value_by_clt == pytest.approx(security_from_mu_squared(5.0 / 40), rel=1e-12)
    assert got.accuracy() == pytest.approx(1 - got.value / 2) and got.tpr(0.1) == pytest.approx(1.1 - got.value)


def test_extremes():
    assert attribute_bayes_security([0.0, 0.0], params=_params(steps=2)).value == 1.0  # empty batches tell nothing
    assert attribute_bayes_security([0.0], params=_params(noise=0.0)).value == 1.0
    for noise in (0.0, 1e-200):
        assert attribute_bayes_security([1e-3], params=_params(noise=noise)).value == 0.0
    assert attribute_bayes_security([2.0], params=_params(noise=math.inf)).value == 1.0
    got = attribute_bayes_security([1.0], params=_params(), clt_mu_squared=[math.inf])
    assert got.value_by_clt == 0.0 and got.value > 0.0
    assert gradient_diameter([[1.0, 2.0]], exact=True) == gradient_diameter([[1.0, 2.0]], exact=False) == 0.0


def test_says_what_it_is():
    params = _params(steps=2)
    got = attribute_bayes_security([1.0, 2.0], params=params, records="batch")
    assert not got.is_guarantee and "no guarantee" in got.guarantee and "after training" in got.guarantee
    assert got.neighbouring == Neighbouring.REPLACE_ONE and got.value_by_clt is None and got.n_steps == 2
    assert "no bound for any one record" in got.notes[0] and any("training set" in note for note in got.notes)
    assert len(got.notes) == 2
    tracked = attribute_bayes_security([1.0], params=params, records="tracked")
    assert "every step" in tracked.notes[0] and any("1 steps, where training has 2" in note for note in tracked.notes)
    far = attribute_bayes_security([1.0, 2.1], params=params)
    assert "not stated" in far.notes[0] and any("twice the clipping norm" in note for note in far.notes)


def test_refusals():
    params = _params(steps=2)
    for relation in (Neighbouring.ADD_REMOVE, Neighbouring.ZERO_OUT):
        with pytest.raises(UnsupportedError, match="replace_one"):
            attribute_bayes_security([1.0], params=params, neighbouring=relation)
    with pytest.raises(ClaimError, match="Poisson"):
        attribute_bayes_security([1.0], params=replace(params, sampling="shuffle"))
    with pytest.raises(ConfigError, match="records"):
        attribute_bayes_security([1.0], params=params, records="some")
    for bad in ([-1e-9, 1.0], [math.nan], [math.inf]):
        with pytest.raises(DataError, match="distances"):
            attribute_bayes_security(bad, params=params)
    for bad in ([], np.zeros((2, 0)), 1.0, np.zeros((1, 1, 1))):
        with pytest.raises(ShapeError, match="distances"):
            attribute_bayes_security(bad, params=params)
    with pytest.raises(ShapeError, match="shaped like distances"):
        attribute_bayes_security([1.0, 1.0], params=params, clt_mu_squared=[1.0])
    with pytest.raises(DataError, match="clt_mu_squared"):
        attribute_bayes_security([1.0], params=params, clt_mu_squared=[math.nan])
    for bad in (np.zeros((0, 3)), np.zeros(3)):
        with pytest.raises(ShapeError, match="gradients"):
            gradient_diameter(bad, exact=True)
    with pytest.raises(DataError, match="finite"):
        gradient_diameter([[math.nan]], exact=False)
    for bad in (np.zeros((2, 3)), np.zeros(4), np.zeros((0, 0))):
        with pytest.raises(ShapeError, match="inner products"):
            attribute_clt_mu_squared(bad, params=params)
