"""The last-iterate prediction: reference values, the Gaussian limit, quadrature, composition, extremes, refusals."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom, norm

from privaudit.errors import ClaimError, ConfigError, UnsupportedError
from privaudit.estimators.last_iterate import last_iterate_epsilon
from privaudit.estimators.privacy_loss import pld_claim
from privaudit.types import DpSgdParams, EstimateKind, Neighbouring, Validity

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())["last_iterate_heuristic"]
PROFILE = settings(max_examples=40, deadline=None, derandomize=True)


def _params(noise, rate, steps):
    return DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps)


@pytest.mark.parametrize("case", CASES)
def test_matches_reference(case):
    inputs = dict(case["inputs"])
    delta = inputs.pop("delta")
    got = last_iterate_epsilon(DpSgdParams(**inputs), delta=delta)
    wanted = case["expected"]
    found = {
        "eps": got.lower,
        "eps_remove": got.diagnostics["epsilon_remove"],
        "eps_add": got.diagnostics["epsilon_add"],
        "advantage": got.diagnostics["advantage"],
    }
    assert found == pytest.approx(wanted, abs=case["tolerance"])


def _delta_by_quadrature(epsilon, noise, rate, steps, *, remove):
    """Integrate (p - e^epsilon q)+ over the line."""
    sd, draws = noise * math.sqrt(steps), np.arange(steps + 1)
    weight = binom.pmf(draws, steps, rate)

    def excess(x):
        p, q = float(weight @ norm.pdf(x, draws, sd)), float(norm.pdf(x, 0.0, sd))
        return max(p - math.exp(epsilon) * q, 0.0) if remove else max(q - math.exp(epsilon) * p, 0.0)

    grid = np.linspace(-9 * sd, steps + 9 * sd, 60)
    return sum(quad(excess, a, b, epsabs=1e-14, limit=200)[0] for a, b in pairwise(grid))


@pytest.mark.parametrize("setting", [(1.0, 0.3, 3), (0.6, 0.05, 10), (3.0, 0.9, 6)])
def test_delta_at_both_epsilons_is_the_one_asked_for(setting):
    got = last_iterate_epsilon(_params(*setting), delta=1e-3).diagnostics
    assert _delta_by_quadrature(got["epsilon_remove"], *setting, remove=True) == pytest.approx(1e-3, rel=1e-6)
    assert _delta_by_quadrature(got["epsilon_add"], *setting, remove=False) == pytest.approx(1e-3, rel=1e-6)
    assert _delta_by_quadrature(0.0, *setting, remove=True) == pytest.approx(got["advantage"], rel=1e-6)


def _gaussian_delta(epsilon, mu):
    return norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon + norm.logcdf(-mu / 2 - epsilon / mu))


@PROFILE
@given(st.floats(0.3, 20.0), st.integers(1, 400), st.sampled_from([1e-9, 1e-5, 1e-2]))
def test_full_batches_are_the_gaussian_mechanism(noise, steps, delta):
    mu = math.sqrt(steps) / noise
    got = last_iterate_epsilon(_params(noise, 1.0, steps), delta=delta)
    assert got.diagnostics["epsilon_remove"] == pytest.approx(got.diagnostics["epsilon_add"], rel=1e-9, abs=1e-9)
    assert got.diagnostics["advantage"] == pytest.approx(1 - 2 * norm.sf(mu / 2), abs=1e-12)
    if got.lower == 0.0:
        assert delta >= got.diagnostics["advantage"]
    else:
        assert _gaussian_delta(got.lower, mu) == pytest.approx(delta, rel=1e-5)


@PROFILE
@given(st.floats(0.3, 10.0), st.floats(1e-3, 1.0), st.integers(1, 2000), st.floats(1e-9, 0.1))
def test_moves_the_right_way(noise, rate, steps, delta):
    here = last_iterate_epsilon(_params(noise, rate, steps), delta=delta).lower
    assert 0.0 <= here < math.inf
    assert last_iterate_epsilon(_params(noise * 1.2, rate, steps), delta=delta).lower <= here + 1e-9
    assert last_iterate_epsilon(_params(noise, rate, steps), delta=delta / 2).lower >= here - 1e-9
    assert last_iterate_epsilon(_params(noise, rate / 1.2, steps), delta=delta).lower <= here + 1e-9


@pytest.mark.parametrize("setting", [(1.0, 0.01, 1000), (2.0, 0.05, 200), (1.0, 1.0, 4)])
def test_seeing_less_cannot_show_more(setting):
    """The sum is a function of the single steps, so the accountant's epsilon bounds the prediction."""
    params = _params(*setting)
    claim = pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon
    assert last_iterate_epsilon(params, delta=1e-5).lower <= claim + 1e-6


@pytest.mark.parametrize("rate", [1e-6, 1e-3, 0.5, 1.0])
@pytest.mark.parametrize("noise", [0.5, 1.0, 100.0])
def test_a_million_steps_agree_with_one_gaussian(noise, rate):
    """By the central limit theorem the shifts are N(Tq, Tq(1-q)); the two-Gaussian pair needs no binomial."""
    steps = 1_000_000
    got = last_iterate_epsilon(_params(noise, rate, steps), delta=1e-5)
    mean, draws = steps * rate, steps * rate * (1 - rate)
    sd, wide = noise * math.sqrt(steps), math.sqrt(noise**2 * steps + draws)
    # the threshold at which P(X > x) - ratio(x) Q(X > x) = delta, found on a grid
    x = np.linspace(mean - 6 * wide, mean + 6 * wide, 2_000_001)
    log_ratio = norm.logpdf(x, mean, wide) - norm.logpdf(x, 0.0, sd)
    deltas = norm.sf(x, mean, wide) - np.exp(log_ratio + norm.logsf(x, 0.0, sd))
    last = np.flatnonzero((deltas > 1e-5) & (x > mean / 2))
    wanted = log_ratio[last[-1]] if last.size else 0.0
    assert got.diagnostics["epsilon_remove"] == pytest.approx(wanted, rel=2e-3, abs=1e-4)


def test_tiny_noise_is_dominated_by_the_largest_distance():
    got = last_iterate_epsilon(_params(1e-4, 1.0, 1), delta=1e-5)
    mu = 1e4  # epsilon = mu^2 / 2 - z mu up to the logarithm of Mills' ratio, z the delta quantile
    assert got.lower == pytest.approx(mu**2 / 2 - norm.ppf(1e-5) * mu, rel=1e-6)
    never = last_iterate_epsilon(_params(1e-3, 0.3, 100), delta=1e-5).diagnostics["epsilon_add"]
    assert never == pytest.approx(-100 * math.log(0.7), abs=1e-4)  # the record was never drawn


def test_without_noise_the_record_shows_whenever_it_was_drawn():
    got = last_iterate_epsilon(_params(0.0, 0.01, 10), delta=1e-5)
    assert got.lower == math.inf and got.diagnostics["advantage"] == pytest.approx(1 - 0.99**10)
    assert last_iterate_epsilon(_params(0.0, 1.0, 1), delta=0.999).lower == math.inf
    assert last_iterate_epsilon(_params(0.0, 0.01, 10), delta=0.5).lower == 0.0  # drawn with a chance below delta
    assert last_iterate_epsilon(_params(1e-4, 0.01, 10), delta=0.5).lower == 0.0
    assert last_iterate_epsilon(_params(math.inf, 0.5, 10), delta=1e-5).lower == 0.0
    assert last_iterate_epsilon(_params(1e-300, 0.5, 10), delta=1e-5).lower == math.inf


def test_smallest_and_largest_delta():
    assert math.isfinite(last_iterate_epsilon(_params(1.0, 0.5, 100), delta=5e-324).lower)
    assert last_iterate_epsilon(_params(1.0, 0.5, 100), delta=1.0 - 1e-16).lower == 0.0


def test_says_what_it_is():
    got = last_iterate_epsilon(_params(1.0, 0.01, 1000), delta=1e-5)
    assert (got.method, got.kind, got.validity) == ("last_iterate", EstimateKind.POINT, Validity.HEURISTIC)
    assert got.lower == got.upper and got.neighbouring == Neighbouring.ADD_REMOVE
    assert any("prediction" in line for line in got.assumptions)


def test_refusals():
    params = _params(1.0, 0.01, 10)
    for delta in (0.0, 1.0, -1e-5, math.nan):
        with pytest.raises(ConfigError, match="delta"):
            last_iterate_epsilon(params, delta=delta)
    for relation in (Neighbouring.REPLACE_ONE, Neighbouring.ZERO_OUT):
        with pytest.raises(UnsupportedError, match="add_remove"):
            last_iterate_epsilon(params, delta=1e-5, neighbouring=relation)
    with pytest.raises(ClaimError, match="Poisson"):
        last_iterate_epsilon(replace(params, sampling="shuffle"), delta=1e-5)
    with pytest.raises(UnsupportedError, match="steps"):
        last_iterate_epsilon(_params(1.0, 0.01, 10**9), delta=1e-5)
