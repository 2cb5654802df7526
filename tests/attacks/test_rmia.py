"""RMIA: sorted search against the pairwise definition, logs against the naive ratio, the population, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.attacks import Rmia
from privaudit.attacks.rmia import log_ratio, population_share
from privaudit.errors import ConfigError, DataError, DegenerateScoresError, UnsupportedError
from privaudit.estimators import auc

PROFILE = settings(max_examples=60, deadline=None, derandomize=True)


def pairwise_share(log_ratios, population, gamma):
    """The definition: all pairs, with the same comparison in float64."""
    return (population[None, :] < (log_ratios - math.log(gamma))[:, None]).mean(axis=1)


@pytest.mark.parametrize("gamma", [1.0, 2.0, 0.3])
def test_sorted_search_equals_all_pairs(gamma):
    rng = np.random.default_rng(5)
    population = np.round(rng.standard_normal(500), 1)  # ties within
    records = rng.standard_normal(2000)
    records[:400] = rng.choice(population, 400)  # ties across
    records[400:800] = rng.choice(population, 400) + math.log(gamma)
    np.testing.assert_array_equal(
        population_share(records, population, gamma=gamma), pairwise_share(records, population, gamma)
    )


@PROFILE
@given(
    st.lists(st.sampled_from([-math.inf, -2000.0, -1.0, 0.0, 0.5, math.inf]), min_size=1, max_size=12),
    st.lists(st.sampled_from([-math.inf, -2000.0, -1.0, 0.0, 0.5, math.inf]), min_size=1, max_size=12),
    st.sampled_from([0.5, 1.0, 2.0]),
)
def test_sorted_search_equals_all_pairs_on_ties_and_infinities(records, population, gamma):
    records, population = np.array(records), np.array(population)
    np.testing.assert_array_equal(
        population_share(records, population, gamma=gamma), pairwise_share(records, population, gamma)
    )


def test_fifty_thousand_records_against_ten_thousand():
    rng = np.random.default_rng(7)
    records, population = rng.standard_normal(50_000), rng.standard_normal(10_000)
    shares = population_share(records, population, gamma=2.0)
    some = rng.choice(50_000, 200, replace=False)
    np.testing.assert_array_equal(shares[some], pairwise_share(records[some], population, 2.0))


def test_arguments_stay_as_they_were():
    records, population = np.array([3.0, 1.0, 2.0]), np.array([2.0, 0.0])
    population_share(records, population)
    assert records.tolist() == [3.0, 1.0, 2.0] and population.tolist() == [2.0, 0.0]


@PROFILE
@given(st.integers(0, 10**6), st.integers(1, 9))
def test_log_ratio_equals_the_ratio(seed, n_references):
    p = np.random.default_rng(seed).uniform(0.01, 1.0, (n_references + 1, 20))
    naive = np.log(p[0] / p[1:].mean(axis=0))
    np.testing.assert_allclose(log_ratio(np.log(p[0]), np.log(p[1:])), naive, atol=1e-12)


def test_probabilities_that_underflow_or_round_to_one_keep_their_ratio():
    tiny = log_ratio(np.array([-2000.0, -1.0]), np.array([[-2000.0, -2000.0], [-3000.0, -2001.0]]))
    assert tiny[0] == pytest.approx(math.log(2.0))
    assert tiny[1] == pytest.approx(1999.0 + math.log(2.0) - math.log1p(math.exp(-1.0)))
    sure = log_ratio(np.array([-1e-20, -4e-20]), np.array([[-2e-20, -1e-20], [-4e-20, -1e-20]]))
    np.testing.assert_allclose(sure, [2e-20, -3e-20], rtol=1e-12)


def with_signal(draw_coins, make_design, make_inputs, *, n_population=250, n_models=8):
    rng = np.random.default_rng(3)
    coins = draw_coins("paired", n_models, 1000)
    is_in = np.hstack([coins, np.zeros((n_models, n_population))])
    margin = rng.standard_normal(is_in.shape) + is_in + rng.normal(1.0, 2.0, is_in.shape[1])
    return make_inputs(make_design(coins, n_population=n_population), margin)


def test_both_scores_rank_one_target_alike(draw_coins, make_design, make_inputs):
    """Up to the ties that 251 levels make: a step of the share never contradicts the ratio."""
    inputs = with_signal(draw_coins, make_design, make_inputs)
    for gamma in (1.0, 2.0):
        (ratio,) = Rmia().run(inputs, targets=[2])
        (share,) = Rmia(score="population_share", gamma=gamma).run(inputs, targets=[2])
        order = np.argsort(ratio.scores)
        assert (np.diff(share.scores[order]) >= 0).all()
    (share,) = Rmia(score="population_share").run(inputs, targets=[2])
    area = auc(ratio.scores, ratio.label)
    assert area > 0.6
    assert auc(share.scores, share.label) == pytest.approx(area, abs=0.01)
    assert set(np.round(share.scores * 250, 9) % 1) == {0.0}


def test_share_is_that_of_the_population_under_the_same_target(draw_coins, make_design, make_inputs):
    inputs = with_signal(draw_coins, make_design, make_inputs)
    p = np.exp(inputs.dense("negative_loss"))
    for result in Rmia(score="population_share", gamma=2.0).run(inputs, targets=[0, 5]):
        references = [model for model in range(8) if model // 2 != result.target // 2]
        ratio = p[result.target] / p[references].mean(axis=0)
        np.testing.assert_array_equal(result.scores, (ratio[:1000, None] / ratio[None, 1000:] > 2.0).mean(axis=1))


@PROFILE
@given(st.integers(0, 10**6))
def test_scores_do_not_depend_on_the_secret_coins_or_the_complement(draw_coins, make_design, make_inputs, seed):
    rng = np.random.default_rng(seed)
    coins, margin = draw_coins("paired", 6, 40, seed=seed), 3 * rng.standard_normal((6, 60))
    changed_coins, changed_margin = coins.copy(), margin.copy()
    changed_coins[[0, 1]] = changed_coins[[1, 0]]
    changed_margin[1] = 100 * rng.standard_normal(60)
    for options in ({}, {"score": "population_share"}, {"mode": "offline"}, {"mode": "offline", "n_references": 2}):
        before, after = (
            Rmia(**options).run(make_inputs(make_design(x, n_population=20), y), targets=[0])[0]
            for x, y in ((coins, margin), (changed_coins, changed_margin))
        )
        np.testing.assert_array_equal(before.scores, after.scores)
        assert before.params == after.params and before.notes == after.notes


@pytest.mark.parametrize("n_references", [None, 2, 4])
def test_offline_is_the_ratio_to_both_sides_guessed_from_one(draw_coins, make_design, make_inputs, n_references):
    inputs = with_signal(draw_coins, make_design, make_inputs)
    p, is_in = np.exp(inputs.dense("negative_loss")), inputs.design.is_in
    for result in Rmia(mode="offline", a=0.4, n_references=n_references).run(inputs, targets=[0, 5]):
        references = [model for model in range(8) if model // 2 != result.target // 2][:n_references]
        p_out = np.array([np.mean([p[k, x] for k in references if not is_in[k, x]]) for x in range(1000)])
        np.testing.assert_allclose(np.exp(result.scores), p[result.target, :1000] / (0.7 * p_out + 0.3), rtol=1e-10)
        assert result.params["a"] == 0.4 and not result.notes


def test_a_is_tuned_on_a_third_pair_and_says_so(draw_coins, make_design, make_inputs):
    """The tuning pair decides on a, and takes no other part."""
    inputs = with_signal(draw_coins, make_design, make_inputs)
    (result,) = Rmia(mode="offline").run(inputs, targets=[0])
    assert "tuned on model 6 and 7" in result.notes[0]
    margin = inputs.dense("logit_margin").copy()
    grid = []
    for shift in (0.0, 50.0):
        margin[6:, :1000] += shift * inputs.design.is_in[6:, :1000]
        (found,) = Rmia(mode="offline").run(make_inputs(inputs.design, margin), targets=[0])
        (fixed,) = Rmia(mode="offline", a=found.params["a"]).run(inputs.restricted_to(range(6)), targets=[0])
        np.testing.assert_array_equal(found.scores, fixed.scores)
        grid.append(found.params["a"])
    assert grid[0] != grid[1]
    (few,) = Rmia(mode="offline").run(inputs.restricted_to(range(4)), targets=[0])
    assert few.params["a"] == 0.3 and "not tuned" in few.notes[0]


@pytest.mark.statistical
def test_one_pair_of_references_and_a_tuned_a_beat_the_difference_of_margins(draw_coins, make_design, make_inputs):
    """Models that are sure of what they were trained on (P_in near 1): the ratio knows, a difference does not.

    4,000 records a target, six targets: the mean AUCs' standard deviation is below .004, their distance about .1.
    """
    rng = np.random.default_rng(4)
    coins = draw_coins("paired", 6, 4000)
    margin = rng.normal(1.0, 2.0, 4000) + rng.standard_normal(coins.shape)
    margin = np.where(coins == 1, 4.0 + rng.standard_normal(coins.shape), margin)
    results = Rmia(mode="offline", n_references=2).run(make_inputs(make_design(coins), margin), targets=range(6))
    areas = []
    for result in results:
        pair = [model for model in range(6) if model // 2 != result.target // 2][:2]
        out = np.where(coins[pair[0]] == 0, margin[pair[0]], margin[pair[1]])
        areas.append(auc(result.scores, result.label) - auc(margin[result.target] - out, result.label))
    assert np.mean(areas) >= 0.03


def test_one_reference_is_no_pair(draw_coins, make_design, make_inputs):
    inputs = with_signal(draw_coins, make_design, make_inputs)
    (online,) = Rmia(n_references=1).run(inputs, targets=[0])
    p = inputs.dense("negative_loss")
    np.testing.assert_allclose(online.scores, (p[0] - p[2])[:1000], atol=1e-14)
    with pytest.raises(UnsupportedError, match="not trained on it"):
        Rmia(mode="offline", n_references=1).run(inputs, targets=[0])
    with pytest.raises(UnsupportedError, match="6 are left"):
        Rmia(n_references=7).run(inputs, targets=[0])


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_a_constant_signal_ties_every_record(draw_coins, make_design, make_inputs, mode):
    inputs = make_inputs(make_design(draw_coins("paired", 8, 300)), np.full((8, 300), 0.7))
    (result,) = Rmia(mode=mode).run(inputs, targets=[1])
    assert len(set(result.scores.tolist())) == 1


def test_a_design_without_pairs_says_what_that_means(draw_coins, make_design, make_inputs):
    margin = np.random.default_rng(0).standard_normal((6, 30))
    for kind in ("balanced", "paired"):
        inputs = make_inputs(make_design(draw_coins(kind, 6, 30), kind=kind), margin)
        assert bool(Rmia().run(inputs, targets=[0])[0].notes) == (kind == "balanced")


def test_what_cannot_be_scored_is_refused(draw_coins, make_design, make_inputs):
    without_population = with_signal(draw_coins, make_design, make_inputs, n_population=0)
    assert len(Rmia().run(without_population, targets=[0])[0].scores) == 1000
    with pytest.raises(UnsupportedError, match="population"):
        Rmia(score="population_share").run(without_population, targets=[0])
    with pytest.raises(UnsupportedError, match="at least 4 models"):
        Rmia().run(without_population.restricted_to([0, 1]), targets=[0])
    with pytest.raises(UnsupportedError, match="population"):
        population_share(np.zeros(3), np.zeros(0))
    with pytest.raises(DegenerateScoresError, match="population log-ratios"):
        population_share(np.zeros(3), np.array([0.0, math.nan]))
    with pytest.raises(DegenerateScoresError, match="log-ratios must not be NaN"):
        population_share(np.array([math.nan]), np.zeros(2))
    margin = np.zeros((4, 20))
    margin[3, 5] = -math.inf
    inputs = make_inputs(make_design(draw_coins("paired", 4, 20)), margin)
    with pytest.raises(DataError, match="model 3, record 5"):
        Rmia().run(inputs, targets=[0])


@pytest.mark.parametrize(
    "params",
    [
        {"score": "share"},
        {"gamma": 0},
        {"gamma": math.inf},
        {"gamma": "2"},
        {"mode": "off"},
        {"a": 0.3},
        {"a": 1.1, "mode": "offline"},
        {"a": math.nan, "mode": "offline"},
        {"a": True, "mode": "offline"},
        {"n_references": 0},
        {"n_references": 2.0},
    ],
)
def test_bad_options_are_refused(params):
    with pytest.raises(ConfigError) as caught:
        Rmia(**params)
    assert caught.value.key == next(iter(params))
