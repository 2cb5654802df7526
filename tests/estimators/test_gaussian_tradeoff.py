"""The Gaussian mechanism: reference values, high precision, inverses, extremes."""

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.errors import ConfigError
from privaudit.estimators.gaussian_tradeoff import (
    gaussian_advantage,
    gaussian_auc,
    gaussian_epsilon,
    gaussian_log_delta,
    gaussian_mu,
    gaussian_tpr,
)

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())
PROFILE = settings(max_examples=200, deadline=None, derandomize=True)
LOG_MU = st.floats(-6.0, 3.0)
LOG_DELTA = st.floats(-300.0, -0.01)


@pytest.mark.parametrize("case", CASES["gdp_log_delta"])
def test_log_delta_matches_reference(case):
    i = case["inputs"]
    assert gaussian_log_delta(i["mu"], i["eps"]) == pytest.approx(case["expected"], abs=case["tolerance"])


@pytest.mark.parametrize("case", CASES["gdp_eps_from_mu"])
def test_epsilon_matches_reference(case):
    i = case["inputs"]
    assert gaussian_epsilon(i["mu"], i["delta"]) == pytest.approx(case["expected"], abs=case["tolerance"])


@pytest.mark.parametrize("case", CASES["tradeoff_gaussian"])
def test_tradeoff_matches_reference(case):
    i, expected = case["inputs"], case["expected"]
    assert gaussian_tpr(i["fpr"], i["mu"]) == pytest.approx(np.array(expected["tpr"]), abs=case["tolerance"])
    assert gaussian_advantage(i["mu"]) == pytest.approx(expected["advantage"], abs=case["tolerance"])
    assert gaussian_auc(i["mu"]) == pytest.approx(expected["auc"], abs=case["tolerance"])


def _log_delta_by_definition(mu, epsilon):
    """ln(Phi(mu/2 - e/mu) - exp(e) Phi(-mu/2 - e/mu)) with 60 digits more than the tails cancel."""
    with mpmath.workdps(60):
        mu, epsilon = mpmath.mpf(mu), mpmath.mpf(epsilon)
        tail = [mpmath.erfc((epsilon / mu + sign * mu / 2) / mpmath.sqrt(2)) / 2 for sign in (-1, 1)]
        return float(mpmath.log(tail[0] - mpmath.exp(epsilon) * tail[1]))


@PROFILE
@given(LOG_MU, st.floats(0.0, 60.0), st.booleans())
def test_log_delta_is_exact(log_mu, deviations, beyond_mean):
    mu = 10.0**log_mu
    epsilon = deviations * mu + (mu * mu / 2 if beyond_mean else 0.0)
    assert gaussian_log_delta(mu, epsilon) == pytest.approx(_log_delta_by_definition(mu, epsilon), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("mu", [1e-5, 0.00999, 0.0101, 2.01, 600.0])
@pytest.mark.parametrize("a", [-1.001, -0.999, 0.0, 0.99, 1.01, 49.99, 50.01, 2000.0])
def test_log_delta_is_exact_where_its_forms_meet(mu, a):
    epsilon = a * mu + mu * mu / 2
    if epsilon >= 0.0:
        expected = _log_delta_by_definition(mu, epsilon)
        assert gaussian_log_delta(mu, epsilon) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@PROFILE
@given(LOG_MU, LOG_DELTA)
def test_epsilon_and_mu_are_inverse(log_mu, log_delta):
    mu, delta = 10.0**log_mu, 10.0**log_delta
    epsilon = gaussian_epsilon(mu, delta)
    if epsilon == 0.0:
        assert delta >= gaussian_advantage(mu) * (1 - 1e-12)
        return
    assert gaussian_mu(epsilon, delta) == pytest.approx(mu, rel=1e-11)
    slack = 1e-12 * max(1.0, epsilon)
    assert (
        gaussian_log_delta(mu, epsilon + slack) <= math.log(delta) <= gaussian_log_delta(mu, max(0.0, epsilon - slack))
    )


@PROFILE
@given(LOG_MU, LOG_DELTA)
def test_epsilon_moves_the_right_way(log_mu, log_delta):
    mu, delta = 10.0**log_mu, 10.0**log_delta
    epsilon = gaussian_epsilon(mu, delta)
    assert gaussian_epsilon(1.01 * mu, delta) >= epsilon
    assert gaussian_epsilon(mu, min(0.99, 1.1 * delta)) <= epsilon


def test_extremes():
    assert gaussian_epsilon(0.0, 1e-5) == 0.0
    assert gaussian_log_delta(0.0, 0.0) == gaussian_log_delta(0.0, 1.0) == -math.inf
    assert gaussian_log_delta(1e-200, 1.0) == -math.inf
    assert gaussian_log_delta(1e90, 1.0) == 0.0
    assert gaussian_epsilon(1e3, 1e-5) == pytest.approx(504263.89292065403, abs=1e-8)
    for epsilon in (1e-12, 1e4, 1e6):
        mu = gaussian_mu(epsilon, 1e-5)
        assert gaussian_epsilon(mu, 1e-5) == pytest.approx(epsilon, rel=1e-10)
    for mu in (1e6, 1e50, 1e100):
        assert gaussian_epsilon(mu, 1e-5) / mu == pytest.approx(mu / 2, rel=1e-5)
    assert gaussian_mu(0.0, 1e-5) == pytest.approx(2.5066282746966e-05, rel=1e-12)
    assert gaussian_advantage(gaussian_mu(0.0, 0.3)) == pytest.approx(0.3, rel=1e-12)
    assert (gaussian_advantage(0.0), gaussian_auc(0.0)) == (0.0, 0.5)
    assert (gaussian_advantage(1e3), gaussian_auc(1e3)) == (1.0, 1.0)
    assert gaussian_tpr([0.0, 0.3, 1.0], 0.0) == pytest.approx([0.0, 0.3, 1.0], abs=1e-15)
    assert gaussian_tpr([0.0, 1.0], 5.0).tolist() == [0.0, 1.0]


def test_epsilon_is_0_from_the_advantage_on():
    advantage = gaussian_advantage(1.0)
    assert gaussian_epsilon(1.0, advantage) == pytest.approx(0.0, abs=1e-12)
    assert gaussian_epsilon(1.0, advantage + 1e-9) == 0.0
    assert gaussian_epsilon(1.0, advantage - 1e-9) > 0.0


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_numbers_out_of_range_are_refused(bad):
    for call in (
        lambda: gaussian_epsilon(bad, 1e-5),
        lambda: gaussian_log_delta(bad, 1.0),
        lambda: gaussian_tpr([0.1], bad),
        lambda: gaussian_advantage(bad),
        lambda: gaussian_auc(bad),
    ):
        with pytest.raises(ConfigError, match="mu"):
            call()
    for call in (lambda: gaussian_mu(bad, 1e-5), lambda: gaussian_log_delta(1.0, bad)):
        with pytest.raises(ConfigError, match="epsilon"):
            call()
    with pytest.raises(ConfigError, match="fpr"):
        gaussian_tpr([0.1, bad], 1.0)


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1, math.nan])
def test_delta_must_be_inside(delta):
    for call in (gaussian_epsilon, gaussian_mu):
        with pytest.raises(ConfigError, match="delta"):
            call(1.0, delta)
