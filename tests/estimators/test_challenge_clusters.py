"""Several challenges per model: correlation, its test, effective counts, bootstrap; miss rates on clustered outcomes."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom, chi2_contingency

from privaudit.errors import ConfigError, DataError, DegenerateScoresError, ShapeError, UnsupportedError
from privaudit.estimators.challenge_bootstrap import cluster_bootstrap, studentised_end
from privaudit.estimators.challenge_clusters import (
    ChallengeOutcomes,
    correlation_of,
    effective_counts,
    intraclass_correlation,
    require_models,
    right_by_model,
)
from privaudit.estimators.challenge_dispersion import over_dispersion_test
from privaudit.estimators.clopper_pearson_bound import clopper_pearson
from privaudit.estimators.rates import upper_rate
from privaudit.types import ConfusionCounts, EstimateKind, Neighbouring, Validity

PROFILE = settings(max_examples=60, deadline=None, derandomize=True)
RUNS = 2000
LIMIT = binom.ppf(1 - 1e-6, RUNS, 0.05)
bound_of = cache(clopper_pearson)


def from_wrong(wrong_in, wrong_out, size):
    """Outcomes of models with ``size`` challenges in each world and so many errors among them."""
    worlds = [np.arange(size) >= np.asarray(wrong)[:, None] for wrong in (wrong_in, wrong_out)]  # right guesses
    right, world = np.stack(worlds).ravel(), np.repeat([1, 0], len(wrong_in) * size)
    model = np.tile(np.repeat(np.arange(len(wrong_in)), size), 2)
    return ChallengeOutcomes(model, world, np.where(right, world, 1 - world))


def clustered(rng, n_models, size, rate, correlation):
    """``(RUNS, n_models)`` errors of models whose own error rate is beta-distributed."""
    if correlation == 0.0:
        return rng.binomial(size, rate, (RUNS, n_models))
    scale = 1 / correlation - 1
    return rng.binomial(size, rng.beta(rate * scale, (1 - rate) * scale, (RUNS, n_models)))


clusters = st.lists(st.lists(st.booleans(), min_size=1, max_size=7), min_size=2, max_size=12)


def test_outcomes_count_and_are_read_only():
    model, guess = np.array([4, 4, 9, 9, 9]), np.array([1, 0, 1, 1, 0])
    outcomes = ChallengeOutcomes(model, [1, 1, 0, 0, 0], guess)
    assert outcomes.counts == ConfusionCounts(tp=1, fn=1, fp=2, tn=1)
    assert outcomes.n_models == 2
    for array in (outcomes.model, outcomes.world, outcomes.guess):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    model[0] = 7
    assert outcomes.model[0] == 4


@pytest.mark.parametrize(
    ("model", "world", "guess", "error", "match"),
    [
        ([0, 1], [0, 1], [0], ShapeError, "guess: 1"),
        ([[0, 1]], [[0, 1]], [[0, 1]], ShapeError, "model"),
        ([0.5, 1.0], [0, 1], [0, 1], DataError, "whole"),
        (["a", "b"], [0, 1], [0, 1], DataError, "whole"),
        ([0, 1], [0, 1], [0.3, 0.9], DataError, "threshold"),
        ([0, 1], [0, 1], [math.nan, 1], DataError, "threshold"),
        ([0, 1], [0, 2], [0, 1], DataError, "membership"),
        ([0, 1], [1, 1], [0, 1], DegenerateScoresError, "2 members"),
        (np.array([], dtype=int), [], np.array([], dtype=int), DegenerateScoresError, "0 members"),
    ],
)
def test_what_is_no_outcome_is_refused(model, world, guess, error, match):
    with pytest.raises(error, match=match):
        ChallengeOutcomes(model, world, guess)


@PROFILE
@given(clusters)
def test_correlation_equals_the_analysis_of_variance(groups):
    values, model = np.concatenate(groups).astype(float), np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    if len(values) == len(groups) or len(set(values)) == 1:
        with pytest.raises(DegenerateScoresError, match="two models"):
            intraclass_correlation(values, model)
        return
    k, n = len(groups), len(values)
    between = sum(len(g) * (np.mean(g) - values.mean()) ** 2 for g in groups) / (k - 1)
    within = sum(((np.array(g) - np.mean(g)) ** 2).sum() for g in groups) / (n - k)
    size = (n - sum(len(g) ** 2 for g in groups) / n) / (k - 1)
    expected = (between - within) / (between + (size - 1) * within)
    assert intraclass_correlation(values, model) == pytest.approx(expected, abs=1e-10)
    assert intraclass_correlation(1 - values, model) == pytest.approx(expected, abs=1e-10)
    assert expected <= 1 + 1e-12


@pytest.mark.statistical
@pytest.mark.parametrize("correlation", [0.0, 0.02, 0.3])
def test_correlation_finds_that_of_beta_binomial_models(correlation):
    """The mean of 2,000 estimates, within five of its standard errors and a small bias of order 1 / models."""
    wrong, sizes = clustered(np.random.default_rng(3), 100, 20, 0.3, correlation), np.full(100, 20)
    estimates = np.array([correlation_of(sizes, sizes - row) for row in wrong])
    assert abs(estimates.mean() - correlation) <= 5 * estimates.std() / math.sqrt(RUNS) + correlation / 100


def test_correlation_refuses_one_model_and_unequal_lengths():
    with pytest.raises(DegenerateScoresError, match="got 1 models"):
        intraclass_correlation([0, 1, 1], [5, 5, 5])
    with pytest.raises(ShapeError):
        intraclass_correlation([0, 1, 1], [5, 5])


def test_dispersion_by_chi_square_equals_the_contingency_table():
    wrong = np.random.default_rng(5).integers(8, 30, (2, 25))
    test = over_dispersion_test(from_wrong(*wrong, 40))
    for world, counts in zip((test.world_in, test.world_out), wrong, strict=True):
        expected = chi2_contingency(np.stack([counts, 40 - counts]), correction=False)
        assert world.test == "chi_square"
        assert world.p_value == pytest.approx(expected.pvalue, rel=1e-9)
        assert world.correlation > 0.0


@pytest.mark.parametrize(("wrong", "size"), [((2, 0, 0, 1), 3), ((1, 1, 1, 0), 2), ((4, 0, 0, 0), 4)])
def test_dispersion_by_permutation_equals_enumeration(wrong, size):
    """1,999 permutations: the share differs from the exact one by five standard deviations with chance below 1e-6."""
    outcomes = np.repeat([1, 0], [sum(wrong), size * len(wrong) - sum(wrong)])
    observed, above, n_all = sum(w * w for w in wrong), 0, 0
    for where in itertools.combinations(range(len(outcomes)), sum(wrong)):
        squares = int((np.bincount(np.array(where) // size, minlength=len(wrong)) ** 2).sum())
        above, n_all = above + (squares >= observed), n_all + 1
    exact = above / n_all
    world = over_dispersion_test(from_wrong(wrong, wrong, size)).world_in
    assert world.test == "permutation"
    assert world.p_value == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 1999) + 1 / 2000)


def test_dispersion_chooses_by_the_smallest_expected_cell():
    half, rare = np.full(10, 5), np.array([4] * 9 + [13])
    assert over_dispersion_test(from_wrong(half, half - 1, 10)).world_in.test == "chi_square"
    assert over_dispersion_test(from_wrong(half, half - 1, 10)).world_out.test == "permutation"
    assert over_dispersion_test(from_wrong(rare, rare, 50)).world_in.test == "permutation"  # 4.9 expected


@pytest.mark.statistical
def test_dispersion_has_its_level_and_power():
    """At 5 %: independent outcomes fail with probability 1e-6; correlation .1 is found nearly always (seeded)."""
    rng, rejected, found = np.random.default_rng(7), 0, 0
    independent, dependent = clustered(rng, 30, 40, 0.3, 0.0), clustered(rng, 30, 40, 0.3, 0.1)
    for row in independent:
        rejected += over_dispersion_test(from_wrong(row, row, 40)).world_in.p_value <= 0.05
    for row in dependent[:100]:
        found += over_dispersion_test(from_wrong(row, row, 40)).world_in.p_value <= 0.05
    assert 0 < rejected <= LIMIT
    assert found >= 98


def test_dispersion_says_when_it_cannot_tell():
    constant = over_dispersion_test(from_wrong([0] * 20, [1] * 20, 3))
    assert (constant.world_in.test, constant.world_in.p_value, constant.world_in.correlation) == ("none", 1.0, None)
    assert constant.world_out.correlation == pytest.approx(-0.5)  # each model wrong exactly once: less than by chance
    single = ChallengeOutcomes(np.arange(6), [0, 1] * 3, [0, 1, 1, 1, 0, 0])
    assert over_dispersion_test(single).world_in.test == "none"


def test_dispersion_repeats_with_its_seed():
    outcomes = from_wrong([2, 0, 0, 1, 3, 0] * 4, [0, 1, 0, 0, 2, 1] * 4, 5)
    assert over_dispersion_test(outcomes, seed=3) == over_dispersion_test(outcomes, seed=3)
    assert over_dispersion_test(outcomes, seed=3) != over_dispersion_test(outcomes, seed=4)


def test_effective_counts_follow_the_design_effect():
    rng = np.random.default_rng(11)
    wrong_in, wrong_out = rng.integers(0, 9, 40), rng.integers(0, 5, 40)
    counts, told = effective_counts(from_wrong(wrong_in, wrong_out, 10))
    for name, wrong, n_wrong, n in (
        ("in", wrong_in, counts.fn, counts.n_in),
        ("out", wrong_out, counts.fp, counts.n_out),
    ):
        rho = correlation_of(np.full(40, 10), 10 - wrong)
        assert told[f"correlation_{name}"] == rho > 0.0
        assert n == told[f"n_effective_{name}"] == math.floor(400 / (1 + 9 * rho))
        assert n_wrong == math.ceil(wrong.sum() * n / 400)


def test_effective_counts_of_one_challenge_per_model_are_the_counts():
    rng = np.random.default_rng(13)
    for n in (2, 50):
        outcomes = ChallengeOutcomes(np.arange(n), np.arange(n) % 2, rng.integers(0, 2, n))
        assert effective_counts(outcomes)[0] == outcomes.counts


@pytest.mark.parametrize("wrong", [[0] * 25, [8] * 25, [8] * 5 + [0] * 20])
def test_models_are_counted_where_outcomes_agree_or_could(wrong):
    """Models all right, all wrong, or each of one mind: 25 independent outcomes in each world."""
    counts = effective_counts(from_wrong(wrong, wrong, 8))[0]
    assert (counts.n_in, counts.n_out) == (25, 25)
    assert counts.fn == counts.fp == sum(wrong) // 8


@PROFILE
@given(
    st.integers(1, 12).flatmap(
        lambda m: st.tuples(st.just(m), *(st.lists(st.integers(0, m), min_size=20, max_size=30) for _ in range(2)))
    )
)
def test_effective_counts_never_favour_a_higher_epsilon(case):
    size, wrong_in, wrong_out = case
    k = min(len(wrong_in), len(wrong_out))
    outcomes = from_wrong(wrong_in[:k], wrong_out[:k], size)
    given, scaled = outcomes.counts, effective_counts(outcomes)[0]
    assert scaled.n_in <= given.n_in and scaled.n_out <= given.n_out
    sign = 1 if given.fn + given.fp <= size * k else -1  # an attack worse than chance is one with its answer negated
    assert sign * (scaled.fn * given.n_in - given.fn * scaled.n_in) >= 0
    assert sign * (scaled.fp * given.n_out - given.fp * scaled.n_out) >= 0
    bounds = [clopper_pearson(counts, delta=1e-5, confidence=0.95).lower for counts in (given, scaled)]
    assert bounds[1] <= bounds[0] + 1e-12


def test_few_models_with_several_challenges_are_refused():
    few = from_wrong([3] * 8, [5] * 8, 64)  # 1,024 challenges of 8 models
    for call in (
        require_models,
        effective_counts,
        lambda outcomes: cluster_bootstrap(outcomes, delta=0.0, confidence=0.95),
    ):
        with pytest.raises(UnsupportedError, match=r"8 models.*one_run.*single model"):
            call(few)
    with pytest.raises(UnsupportedError, match="19 models"):
        require_models(from_wrong([1] * 19, [1] * 19, 2))
    require_models(from_wrong([1] * 20, [1] * 20, 2))
    require_models(ChallengeOutcomes([0, 1], [0, 1], [0, 1]))  # one challenge per model needs no more


@pytest.mark.statistical
@pytest.mark.parametrize(("rate", "size"), [(0.3, 64), (0.02, 64), (0.1, 16)])
def test_effective_counts_bring_misses_of_a_rate_back_to_nominal(rate, size):
    """Correlation .02 (32 models x 64) or .1 (32 x 16), one-sided Clopper-Pearson at 5 %.

    The counts as they are miss 13 % and more, beyond what a correct method does with probability 1e-6; the effective
    counts stay within it.
    """
    wrong = clustered(np.random.default_rng(17), 32, size, rate, 0.02 if size == 64 else 0.1)
    naive = effective = 0
    for row in wrong:
        outcomes = from_wrong(row, row, size)
        given, scaled = outcomes.counts, effective_counts(outcomes)[0]
        naive += upper_rate(given.fp, given.n_out, 0.05) < rate
        effective += upper_rate(scaled.fp, scaled.n_out, 0.05) < rate
    assert effective <= LIMIT < 0.1 * RUNS < naive


@pytest.mark.statistical
@pytest.mark.parametrize("rate", [0.1, 0.02])
def test_effective_counts_bring_misses_of_epsilon_back_to_nominal(rate):
    rng, truth = np.random.default_rng(19), math.log((1 - rate) / rate)
    naive = effective = 0
    for row, other in zip(*(clustered(rng, 32, 64, rate, 0.02) for _ in range(2)), strict=True):
        outcomes = from_wrong(row, other, 64)
        naive += bound_of(outcomes.counts, delta=0.0, confidence=0.95).lower > truth
        effective += bound_of(effective_counts(outcomes)[0], delta=0.0, confidence=0.95).lower > truth
    assert effective <= LIMIT < 0.1 * RUNS < naive


def bootstrap_misses(rate, correlation, n_models, size):
    """Return misses and audits of the 95 % end; the first five audits also through the public function."""
    rng, truth = np.random.default_rng(23), max(0.0, math.log((1 - rate) / rate))
    misses, audits = 0, 0
    for pair in zip(*(clustered(rng, n_models, size, rate, correlation) for _ in range(2)), strict=True):
        if min((wrong > 0).sum() for wrong in pair) < 5:
            continue
        sizes, audits = np.full(n_models, size), audits + 1
        table = np.stack([sizes, pair[0], sizes, pair[1]], axis=1)
        end = studentised_end(table, delta=0.0, tail=0.025, n_resamples=200, seed=audits)
        misses += end > truth
        if audits <= 5:
            arguments = {"delta": 0.0, "confidence": 0.95, "n_resamples": 200, "seed": audits}
            assert cluster_bootstrap(from_wrong(*pair, size), **arguments).lower == pytest.approx(end, abs=1e-12)
    return misses, audits


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("rate", "correlation", "n_models", "size"),
    [(0.5, 0.02, 32, 64), (0.1, 0.1, 32, 64), (0.1, 0.2, 20, 10)],
)
def test_bootstrap_misses(rate, correlation, n_models, size):
    misses, audits = bootstrap_misses(rate, correlation, n_models, size)
    assert audits > 0.9 * RUNS
    assert misses <= LIMIT


@pytest.mark.statistical
def test_bootstrap_misses_more_where_errors_are_rare_and_alike():
    """It is asymptotic: error rate .02 and correlation .1 in 32 models miss more than 5 %, and no more than 10 %."""
    misses, audits = bootstrap_misses(0.02, 0.1, 32, 64)
    assert binom.ppf(1 - 1e-3, audits, 0.05) < misses <= binom.ppf(1 - 1e-6, audits, 0.1)


def test_bootstrap_of_single_challenges_agrees_with_katz():
    """With one challenge per model the standard error is that of the log ratio of two rates."""
    n, tp, fp = 5000, 3000, 1000
    guess = np.concatenate([np.arange(n) < tp, np.arange(n) < fp])
    outcomes = ChallengeOutcomes(np.arange(2 * n), np.repeat([1, 0], n), guess)
    end = cluster_bootstrap(outcomes, delta=0.0, confidence=0.95, n_resamples=400).lower
    error = math.sqrt((1 - tp / n) / tp + (1 - fp / n) / fp)
    assert math.log(tp / fp) - 2.6 * error < end < math.log(tp / fp) - 1.9 * error  # z of .975 is 1.96


def test_bootstrap_says_what_it_is():
    outcomes = from_wrong([1, 2, 0, 1] * 8, [0, 1, 1, 2] * 8, 10)
    arguments = {"delta": 1e-5, "confidence": 0.9, "neighbouring": Neighbouring.ADD_REMOVE}
    estimate = cluster_bootstrap(outcomes, **arguments)
    assert estimate == cluster_bootstrap(outcomes, **arguments)
    alike = from_wrong(*clustered(np.random.default_rng(41), 32, 64, 0.05, 0.1)[:2], 64)
    assert cluster_bootstrap(alike, **arguments).lower != cluster_bootstrap(alike, **arguments, seed=1).lower
    assert (estimate.method, estimate.kind, estimate.validity) == (
        "cluster_bootstrap",
        EstimateKind.LOWER_BOUND,
        Validity.ASYMPTOTIC,
    )
    assert (estimate.n_in, estimate.n_out, estimate.neighbouring) == (320, 320, Neighbouring.ADD_REMOVE)
    assert 0.0 < estimate.lower < estimate.ceiling < math.inf
    assert estimate.diagnostics["n_models_wrong_in"] == 24


def test_bootstrap_depends_on_models_not_on_rows():
    outcomes = from_wrong([1, 2, 0, 1] * 8, [0, 1, 1, 2] * 8, 10)
    order = np.random.default_rng(29).permutation(len(outcomes.model))
    shuffled = ChallengeOutcomes(outcomes.model[order] * 5 + 2, outcomes.world[order], outcomes.guess[order])
    assert cluster_bootstrap(shuffled, delta=0.0, confidence=0.95) == cluster_bootstrap(
        outcomes, delta=0.0, confidence=0.95
    )
    repeated = from_wrong([10] * 3 + [0] * 29 + [5] * 8, [10] * 3 + [0] * 29 + [5] * 8, 10)
    spread = from_wrong([2, 2, 2, 1] * 10, [2, 2, 2, 1] * 10, 10)
    assert repeated.counts == spread.counts
    ends = [cluster_bootstrap(one, delta=0.0, confidence=0.95).lower for one in (repeated, spread)]
    assert ends[0] < ends[1] < math.log(0.825 / 0.175)


def test_bootstrap_refuses_what_it_cannot_see():
    with pytest.raises(DegenerateScoresError, match=r"got 4 models with errors in world 1 and 0 in world 0.*effective"):
        cluster_bootstrap(from_wrong([3] * 4 + [0] * 30, [0] * 34, 10), delta=0.0, confidence=0.95)
    fine = from_wrong([1] * 30, [1] * 30, 10)
    for change in ({"delta": 1.0}, {"confidence": 0.0}, {"n_resamples": 0}):
        with pytest.raises(ConfigError, match=next(iter(change))):
            cluster_bootstrap(fine, **{"delta": 0.0, "confidence": 0.95} | change)


@pytest.mark.parametrize("delta", [0.0, 0.5, 0.999])
def test_bootstrap_of_a_bad_attack_is_zero(delta):
    for wrong in ([10] * 25, [5, 6, 4, 5, 5] * 5):
        assert cluster_bootstrap(from_wrong(wrong, wrong, 10), delta=delta, confidence=0.95).lower == 0.0


def test_bootstrap_keeps_models_of_one_world_apart():
    """38 models answer for world 1 only and 8 for world 0 only: both numbers stay as they are in every resample."""
    model = np.concatenate([np.repeat(np.arange(38), 5), np.repeat(np.arange(38, 46), 5)])
    world = np.repeat([1, 0], [190, 40])
    guess = np.where(np.arange(230) % 5 == 0, 1 - world, world)
    estimate = cluster_bootstrap(ChallengeOutcomes(model, world, guess), delta=0.0, confidence=0.95)
    assert 0.5 < estimate.lower < math.log(4)


def test_large_audits_are_fast_enough_to_use():
    rng, n = np.random.default_rng(31), 1_000_000
    world = rng.integers(0, 2, n)
    outcomes = ChallengeOutcomes(
        np.repeat(np.arange(1000), 1000), world, np.where(rng.random(n) < 0.9, world, 1 - world)
    )
    counts, _ = effective_counts(outcomes)
    assert counts.n_in <= outcomes.counts.n_in and counts.n_in > 0.5 * outcomes.counts.n_in
    assert over_dispersion_test(outcomes).world_in.test == "chi_square"
    assert right_by_model(outcomes, inside=True)[0].sum() == outcomes.counts.n_in


def test_simulated_errors_are_beta_binomial():
    """The clustered draws above have the correlation they are said to have: moments of the law they name."""
    wrong = clustered(np.random.default_rng(37), 100, 64, 0.3, 0.02)
    law = betabinom(64, 0.3 * 49, 0.7 * 49)
    assert wrong.mean() == pytest.approx(law.mean(), abs=5 * law.std() / math.sqrt(wrong.size))
    assert law.var() == pytest.approx(64 * 0.3 * 0.7 * (1 + 63 * 0.02))
    assert wrong.var() == pytest.approx(law.var(), rel=0.03)
