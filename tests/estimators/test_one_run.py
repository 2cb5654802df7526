"""The one-run bound: reference values, enumeration, worst-case mechanisms, guesses, refusals."""

import itertools
import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.errors import ConfigError, DegenerateScoresError, UnsupportedError
from privaudit.estimators import OneRun, default_share, one_run, one_run_p_value, two_sided_guesses
from privaudit.types import AttackResult, AuditDesign, EstimateKind, Neighbouring, Validity

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())
PROFILE = settings(max_examples=60, deadline=None, derandomize=True)
one_run_cached = cache(one_run)


def _close(case):
    return pytest.approx(case["expected"], abs=case["tolerance"])


@pytest.mark.parametrize("case", CASES["one_run_p_value"])
def test_p_value_matches_reference(case):
    i = case["inputs"]
    assert one_run_p_value(i["m"], i["r"], i["v"], i["eps"], i["delta"]) == _close(case)


@pytest.mark.parametrize("case", CASES["one_run_eps_lower"])
def test_bound_matches_reference(case):
    i = case["inputs"]
    assert one_run(i["m"], i["r"], i["v"], delta=i["delta"], confidence=1 - i["alpha"]).lower == _close(case)


@pytest.mark.parametrize("r", [1, 2, 5, 10])
@pytest.mark.parametrize("epsilon", [0.0, 0.7, 3.0])
def test_p_value_equals_enumeration_of_randomised_response(r, epsilon):
    q = 1 / (1 + math.exp(-epsilon))
    n_correct = np.array([sum(pattern) for pattern in itertools.product([0, 1], repeat=r)])
    chance = q**n_correct * (1 - q) ** (r - n_correct)
    for v in range(r + 1):
        assert one_run_p_value(r, r, v, epsilon, 0.0) == pytest.approx(chance[n_correct >= v].sum(), abs=1e-12)


@pytest.mark.parametrize("delta", [1e-4, 1e-2])
@pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0])
def test_p_value_bounds_mechanisms_that_spend_delta(epsilon, delta):
    m = 50
    q = 1 / (1 + math.exp(-epsilon))
    v = np.arange(m + 1)
    each = binom.sf(v - 1, m, delta + (1 - delta) * q)  # every coin told apart with probability delta
    at_once = delta + (1 - delta) * binom.sf(v - 1, m, q)  # all coins told at once with probability delta
    p_values = [one_run_p_value(m, m, int(k), epsilon, delta) for k in v]
    assert (np.maximum(each, at_once) <= np.array(p_values) + 1e-12).all()


@PROFILE
@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 100), st.sampled_from([0.0, 1e-5, 1e-3]))
def test_bound_moves_the_right_way(r, v, spare, delta):
    v, m = min(v, r), r + spare
    bound = one_run(m, r, v, delta=delta, confidence=0.9)
    assert 0.0 <= bound.lower <= bound.ceiling + 1e-8
    assert bound.lower <= one_run(m, r, min(v + 1, r), delta=delta, confidence=0.9).lower + 1e-8
    assert one_run(m, r, v, delta=delta + 1e-3, confidence=0.9).lower <= bound.lower + 1e-8
    assert one_run(m, r, v, delta=delta, confidence=0.99).lower <= bound.lower + 1e-8
    assert one_run(m + 10, r, v, delta=delta, confidence=0.9).lower <= bound.lower + 1e-8


@PROFILE
@given(st.integers(1, 60), st.integers(0, 10), st.floats(0.0, 0.5), st.floats(0.02, 0.98))
def test_every_smaller_epsilon_is_rejected(r, wrong, delta, confidence):
    v = max(0, r - wrong)
    bound = one_run(r + 5, r, v, delta=delta, confidence=confidence)
    for epsilon in np.linspace(0.0, bound.lower, 60) if bound.lower else ():
        assert one_run_p_value(r + 5, r, v, float(epsilon), delta) <= 1.0 - confidence + 1e-12


def test_large_epsilon_and_large_runs_are_exact():
    assert one_run_p_value(10, 10, 10, 800.0, 0.0) == pytest.approx(1.0)
    n = 1_000_000
    sure = one_run(n, n, n, delta=0.0, confidence=0.95).lower
    assert sure == pytest.approx(-math.log(math.expm1(-math.log(0.05) / n)), abs=1e-6)
    weak = one_run(n, n, 600_000, delta=1e-8, confidence=0.95)
    assert 0.39 < weak.lower < math.log(0.6 / 0.4)
    p_values = [one_run_p_value(1, 1, 1, e, 0.0) for e in (36.0, 37.0, 38.0, 100.0)]
    assert p_values == sorted(p_values)


def test_ceiling_holds_the_delta_term():
    with_delta = one_run(10_000, 1000, 900, delta=1e-5, confidence=0.95)
    assert with_delta.ceiling < one_run(10_000, 1000, 900, delta=0.0, confidence=0.95).ceiling
    assert with_delta.ceiling == one_run(10_000, 1000, 1000, delta=1e-5, confidence=0.95).lower


def test_estimate_says_what_it_is():
    estimate = one_run(1000, 100, 95, delta=1e-5, confidence=0.95)
    assert (estimate.method, estimate.kind, estimate.validity, estimate.upper, estimate.neighbouring) == (
        "one_run",
        EstimateKind.LOWER_BOUND,
        Validity.VALID,
        None,
        None,
    )
    assert dict(estimate.diagnostics) == {"n_canaries": 1000, "n_guesses": 100, "n_correct": 95, "n_abstained": 900}


@pytest.mark.parametrize(
    "counts",
    [
        (10, 5, 4.5),
        (10, 5.5, 5),
        (math.nan, 5, 5),
        ("10", 5, 5),
        (10, 5, 6),
        (10, 11, 5),
        (10, 0, 0),
        (10, 5, -1),
        (-1, -1, -1),
    ],
)
def test_counts_that_do_not_nest_are_refused(counts):
    with pytest.raises(ConfigError, match="n_guesses"):
        one_run(*counts, delta=0.0, confidence=0.95)
    with pytest.raises(ConfigError, match="n_guesses"):
        one_run_p_value(*counts, 1.0, 0.0)


def test_a_confidence_too_small_to_be_told_from_none_shows_nothing():
    assert one_run(1000, 100, 95, delta=0.0, confidence=1e-17).lower == 0.0


def test_numbers_out_of_range_are_refused():
    for epsilon in (-0.1, math.nan):
        with pytest.raises(ConfigError, match="epsilon"):
            one_run_p_value(10, 5, 5, epsilon, 0.0)
    for delta, confidence in [(1.0, 0.95), (-1e-9, 0.95), (0.0, 1.0), (0.0, math.nan)]:
        with pytest.raises(ConfigError):
            one_run(10, 5, 5, delta=delta, confidence=confidence)
    for share in (0.0, 1.01, math.nan):
        with pytest.raises(ConfigError, match="share"):
            OneRun(share=share)
        with pytest.raises(ConfigError, match="share"):
            two_sided_guesses([0.0, 1.0], share)
    with pytest.raises(DegenerateScoresError):
        two_sided_guesses([0.0, math.nan], 0.5)


@PROFILE
@given(st.lists(st.sampled_from([-math.inf, 0.0, 1.0, 2.0, math.inf]), min_size=2, max_size=40), st.floats(0.01, 1.0))
def test_guesses_take_both_ends(scores, share):
    guess = two_sided_guesses(scores, share)
    values = np.array(scores)
    n_each = int((guess == 1).sum())
    assert n_each == (guess == -1).sum() >= 1
    assert abs(n_each - max(1, math.floor(share * len(scores) / 2))) <= (share * len(scores) / 2 % 1 > 1 - 1e-6)
    assert values[guess == 1].min() >= values[guess != 1].max(initial=-math.inf)
    assert values[guess == -1].max() <= values[guess != -1].min(initial=math.inf)


def test_default_share_is_fixed_by_the_number_of_canaries():
    assert [default_share(n) for n in (2, 2000, 2001)] == [0.2, 0.2, 0.1]


def _result(scores, label, unit="record"):
    return AttackResult(attack="toy", target=0, scores=scores, label=label, unit_ids=np.arange(len(scores)), unit=unit)


def test_estimator_counts_right_guesses_on_both_sides():
    estimate = OneRun(share=0.5).estimate(_result(np.arange(8.0), [0, 1, 0, 1, 0, 1, 1, 0]), delta=0.0, confidence=0.5)
    assert estimate.diagnostics["n_guesses"] == 4 and estimate.diagnostics["n_correct"] == 2
    assert (estimate.n_in, estimate.n_out, estimate.neighbouring) == (4, 4, Neighbouring.ADD_REMOVE)
    assert any("share" in line and "0.5" in line for line in estimate.assumptions)


def test_estimator_refuses_balanced_designs_and_models():
    is_in = np.array([[1, 0], [0, 1]], dtype=np.uint8)
    shape = {"role": ["target", "shadow"], "variant": [0, 0], "is_population": [False, False], "record_codes": [0, 1]}
    OneRun().check(AuditDesign(kind="paired", is_in=is_in, pair=[1, 0], seed=0, **shape))
    with pytest.raises(UnsupportedError, match="paired"):
        OneRun().check(AuditDesign(kind="balanced", is_in=is_in, pair=[-1, -1], seed=0, **shape))
    with pytest.raises(UnsupportedError, match="clopper_pearson"):
        OneRun().estimate(_result([0.0, 1.0], [0, 1], unit="model"), delta=0.0, confidence=0.95)


def test_all_ties_still_give_a_statement():
    label = np.tile([0, 1], 50)
    assert OneRun().estimate(_result(np.zeros(100), label), delta=1e-5, confidence=0.95).lower == 0.0


def _n_correct(scores, coins, share):
    guess = two_sided_guesses(scores, share)
    return int((guess != 0).sum()), int((guess == 2 * coins - 1).sum())


def _gaussian_epsilon(mu, delta):
    """Solve Phi(mu/2 - e/mu) - exp(e) Phi(-mu/2 - e/mu) = delta by bisection."""
    from scipy.stats import norm

    low, high = 0.0, 100.0
    for _ in range(100):
        e = (low + high) / 2
        excess = norm.cdf(mu / 2 - e / mu) - math.exp(e + norm.logcdf(-mu / 2 - e / mu)) > delta
        low, high = (e, high) if excess else (low, e)
    return high


def _misses(draw, truth, *, delta, share, m, runs=2000, seed=23):
    """Count audits whose bound exceeds the truth; ``draw(rng, coins)`` gives the scores."""
    rng, misses = np.random.default_rng(seed), 0
    for run in range(runs):
        coins = rng.integers(0, 2, m)
        scores = draw(rng, coins)
        bound = one_run_cached(m, *_n_correct(scores, coins, share), delta=delta, confidence=0.95)
        misses += bound.lower > truth
        if run < 5:
            audited = OneRun(share=share).estimate(_result(scores, coins), delta=delta, confidence=0.95)
            assert audited.lower == bound.lower
    return misses


def _random_scores(rng, coins):
    return rng.normal(size=len(coins))


def _randomised_response(rng, coins):
    honest = rng.random(len(coins)) < 1 / (1 + math.exp(-1.0))
    return np.where(honest, coins, 1 - coins).astype(float)


def _gaussian(rng, coins):
    return coins + rng.normal(size=len(coins))


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("draw", "truth", "delta", "share", "m"),
    [
        (_random_scores, 0.0, 0.0, 0.2, 500),
        (_random_scores, 0.0, 1e-5, 1.0, 500),
        (_randomised_response, 1.0, 0.0, 0.2, 500),
        (_randomised_response, 1.0, 0.0, 1.0, 500),
        (_gaussian, _gaussian_epsilon(1.0, 1e-5), 1e-5, 0.2, 1000),
    ],
)
def test_coverage(draw, truth, delta, share, m):
    """A bound with 5 % misses fails with probability 1e-6 per setting."""
    assert _misses(draw, truth, delta=delta, share=share, m=m) <= binom.ppf(1 - 1e-6, 2000, 0.05)


@pytest.mark.statistical
@pytest.mark.parametrize(("m", "least"), [(1000, 3.3), (10_000, 4.3)])
def test_power_on_the_gaussian_mechanism(m, least):
    """Seeded, mu = 2 (epsilon 10.0 at delta 1e-5): the mean of 50 audits; fixed draws, so it cannot fail by chance."""
    rng, bounds = np.random.default_rng(29), []
    for _ in range(50):
        coins = rng.integers(0, 2, m)
        counts = _n_correct(2.0 * coins + rng.normal(size=m), coins, default_share(m))
        bounds.append(one_run_cached(m, *counts, delta=1e-5, confidence=0.95).lower)
    assert np.mean(bounds) >= least
