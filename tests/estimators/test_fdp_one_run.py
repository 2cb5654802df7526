"""The one-run bound for Gaussian mechanisms: reference values, closed forms, mechanisms it must not reject, extremes."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import binom, norm

from privaudit.errors import ConfigError
from privaudit.estimators.fdp_one_run_bound import fdp_one_run, is_rejected
from privaudit.estimators.gaussian_tradeoff import gaussian_epsilon
from privaudit.types import EstimateKind, Neighbouring, Validity

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())
PROFILE = settings(max_examples=60, deadline=None, derandomize=True)
AUDITS, CANARIES = 2000, 1000


@pytest.mark.parametrize("case", CASES["fdp_one_run"])
def test_matches_reference(case):
    i = case["inputs"]
    estimate = fdp_one_run(i["m"], i["r"], i["v"], delta=i["delta"], confidence=1 - i["alpha"])
    expected = case["expected"]["mu"], case["expected"]["eps"]
    assert (estimate.diagnostics["mu"], estimate.lower) == pytest.approx(expected, abs=case["tolerance"])


def _rejected_by_definition(m, r, v, alpha, mu):
    """The whole recursion, without an early end."""
    right, wrong = alpha * v / m, alpha * (r - v) / m
    for i in range(v - 1, -1, -1):
        share = max(wrong, float(ndtr(ndtri(right) - mu)))
        right = min(1.0, right + i / (r - i) * (share - wrong))
        wrong = share
    return right + wrong > r / m


@PROFILE
@given(st.integers(1, 80), st.integers(0, 80), st.integers(0, 50), st.floats(0.001, 0.9), st.floats(0.0, 4.0))
def test_early_ends_change_nothing_and_rejection_is_monotone(r, v, spare, alpha, mu):
    v = min(v, r)
    game = r + spare, r, v, alpha
    rejected = is_rejected(*game, mu=mu)
    assert rejected == _rejected_by_definition(*game, mu)
    grid = [is_rejected(*game, mu=mu * factor) for factor in (0.0, 0.3, 0.6, 0.9, 1.0, 1.1, 2.0)]
    assert grid == sorted(grid, reverse=True)


@PROFILE
@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 100), st.floats(0.1, 0.99))
def test_bound_is_the_largest_rejected_mu(r, v, spare, confidence):
    v = min(v, r)
    mu = fdp_one_run(r + spare, r, v, delta=1e-5, confidence=confidence).diagnostics["mu"]
    game = r + spare, r, v, 1.0 - confidence
    assert mu == 0.0 or _rejected_by_definition(*game, mu)
    assert not _rejected_by_definition(*game, mu + 1e-9)


@PROFILE
@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 100))
def test_bound_moves_the_right_way(r, v, spare):
    v, m = min(v, r), r + spare
    bound = fdp_one_run(m, r, v, delta=1e-5, confidence=0.9)
    assert 0.0 <= bound.lower <= bound.ceiling < math.inf
    assert bound.lower <= fdp_one_run(m, r, min(v + 1, r), delta=1e-5, confidence=0.9).lower + 1e-8
    assert fdp_one_run(m, r, v, delta=1e-3, confidence=0.9).lower <= bound.lower
    assert fdp_one_run(m, r, v, delta=1e-5, confidence=0.99).lower <= bound.lower + 1e-8
    assert bound.ceiling == fdp_one_run(m, r, r, delta=1e-5, confidence=0.9).lower


@pytest.mark.parametrize("alpha", [0.51, 0.7, 0.99])
def test_one_canary_has_a_closed_form(alpha):
    """One coin is guessed with probability Phi(mu / 2) at most, so mu is rejected below 2 Phi^-1(alpha)."""
    mu = fdp_one_run(1, 1, 1, delta=1e-5, confidence=1 - alpha).diagnostics["mu"]
    assert mu == pytest.approx(2 * norm.ppf(alpha), abs=1e-9)
    assert fdp_one_run(1, 1, 1, delta=1e-5, confidence=0.95).lower == 0.0


@pytest.mark.parametrize("m", [1, 2, 3, 5, 20, 200])
@pytest.mark.parametrize("mu", [0.0, 0.3, 1.0, 3.0])
def test_mechanisms_within_mu_are_never_rejected_at_their_own_chance(m, mu):
    v = np.arange(m + 1)
    each = binom.sf(v - 1, m, norm.cdf(mu / 2))  # noise on every coin of its own
    coins = binom.pmf(v, m, 0.5)
    above = norm.sf(mu * (m / 2 - v))  # noise on the number of coins: all guesses are one
    at_once = [(coins * np.where(v >= k, above, 0.0) + coins * np.where(m - v >= k, 1 - above, 0.0)).sum() for k in v]
    for k in v:
        for alpha in (each[k], at_once[k]):
            assert alpha >= 1.0 or not is_rejected(m, m, int(k), float(alpha) * (1 - 1e-9), mu=mu + 1e-9)


def _misses(p, truth, seed):
    """Count one-run audits that exceed the truth when every guess is right with probability p."""
    drawn = np.random.default_rng(seed).binomial(CANARIES, p, AUDITS)
    found = zip(*np.unique(drawn, return_counts=True), strict=True)
    return sum(
        int(times) * (fdp_one_run(CANARIES, CANARIES, int(v), delta=1e-5, confidence=0.95).lower > truth)
        for v, times in found
    )


@pytest.mark.statistical
@pytest.mark.parametrize("mu", [0.0, 0.05, 1.0])
def test_holds_in_its_family(mu):
    """A bound with 5 % misses fails with probability 1e-6 per setting; at mu 0 it has 4.1 %, exactly."""
    assert _misses(norm.cdf(mu / 2), gaussian_epsilon(mu, 1e-5), 37) <= binom.ppf(1 - 1e-6, AUDITS, 0.05)


def test_is_wrong_outside_its_family():
    """Why its validity is in_family: randomised response at epsilon 1 is exceeded all but always."""
    honest = 1 / (1 + math.exp(-1.0))
    assert _misses(honest, math.log((honest - 1e-5) / (1 - honest)), 41) > 0.99 * AUDITS


def test_large_runs_end():
    n = 1_000_000
    sure = fdp_one_run(n, n, n, delta=1e-5, confidence=0.95)
    assert sure.diagnostics["mu"] == pytest.approx(3.851977, abs=1e-6) and sure.lower == sure.ceiling
    assert fdp_one_run(n, n, n // 2, delta=1e-5, confidence=0.95).lower == 0.0
    assert 0.0 < fdp_one_run(n, n, n // 2 + 900, delta=1e-5, confidence=0.95).diagnostics["mu"] < 1e-3
    assert fdp_one_run(n, 1, 1, delta=1e-5, confidence=0.95).lower == 0.0
    assert fdp_one_run(100, 100, 100, delta=1e-5, confidence=1 - 1e-15).lower < sure.lower
    assert fdp_one_run(10, 10, 0, delta=1e-5, confidence=0.95).lower == 0.0


def test_estimate_says_what_it_is():
    estimate = fdp_one_run(1000, 100, 95, delta=1e-5, confidence=0.95, neighbouring=Neighbouring.ADD_REMOVE)
    assert (estimate.method, estimate.kind, estimate.validity, estimate.upper, estimate.neighbouring) == (
        "fdp_one_run",
        EstimateKind.LOWER_BOUND,
        Validity.IN_FAMILY,
        None,
        Neighbouring.ADD_REMOVE,
    )
    assert dict(estimate.diagnostics) == {
        "mu": pytest.approx(0.78681, abs=1e-5),
        "n_canaries": 1000,
        "n_guesses": 100,
        "n_correct": 95,
        "n_abstained": 900,
    }


@pytest.mark.parametrize("counts", [(10, 5, 6), (10, 11, 5), (10, 0, 0), (10, 5, -1), (10, 5, 2.5), (10, 5, math.nan)])
def test_counts_that_do_not_nest_are_refused(counts):
    with pytest.raises(ConfigError, match="n_guesses"):
        fdp_one_run(*counts, delta=1e-5, confidence=0.95)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="no finite epsilon"):
        fdp_one_run(10, 5, 5, delta=0.0, confidence=0.95)
    for delta, confidence in [(1.0, 0.95), (math.nan, 0.95), (1e-5, 1.0), (1e-5, 0.0)]:
        with pytest.raises(ConfigError):
            fdp_one_run(10, 5, 5, delta=delta, confidence=confidence)
