"""Difficulty calibration, attacks P and R, modified entropy: definitions, p-values, classes, what must not count."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from privaudit.attacks import DifficultyCalibration, ModifiedEntropy, PopulationAttack, ReferenceAttack
from privaudit.attacks.modified_entropy import SIGNAL, best_threshold, class_thresholds
from privaudit.attacks.population import FEWEST, log_p_values, log_p_values_by_class
from privaudit.attacks.reference import bandwidth, log_rank, log_smooth_p
from privaudit.errors import ConfigError, DataError, UnsupportedError
from privaudit.estimators import auc

PROFILE = settings(max_examples=60, deadline=None, derandomize=True)
WITH_SHADOWS = [DifficultyCalibration(), ReferenceAttack(), ReferenceAttack(distribution="rank"), ModifiedEntropy()]
EVERY = [
    *WITH_SHADOWS,
    PopulationAttack(),
    PopulationAttack(compared_with="class"),
    ModifiedEntropy(thresholds="global"),
]
N_POPULATION = 120


def some_inputs(draw_coins, make_design, make_inputs, *, n_models=8, n=400, strength=1.5):
    rng = np.random.default_rng(3)
    coins = draw_coins("paired", n_models, n)
    labels = rng.integers(0, 3, n + N_POPULATION)
    margin = 2.0 * labels + rng.normal(0.0, 2.0, n + N_POPULATION) + rng.standard_normal((n_models, n + N_POPULATION))
    margin[:, :n] += strength * coins
    return replace(make_inputs(make_design(coins, n_population=N_POPULATION), margin), labels=labels)


@pytest.fixture
def inputs(draw_coins, make_design, make_inputs):
    return some_inputs(draw_coins, make_design, make_inputs)


def others(target, n_models=8):
    return [model for model in range(n_models) if model // 2 != target // 2]


def test_difficulty_is_the_loss_less_its_mean_without_the_record(inputs):
    values, is_in = inputs.dense("negative_loss"), inputs.design.is_in
    for result in DifficultyCalibration().run(inputs, targets=[0, 5]):
        mean = [np.mean([values[k, x] for k in others(result.target) if not is_in[k, x]]) for x in range(400)]
        np.testing.assert_allclose(result.scores, values[result.target, :400] - mean, atol=1e-12)


def test_a_p_value_counts_population_records_with_as_much_signal(inputs):
    values = inputs.dense("negative_loss")
    (result,) = PopulationAttack().run(inputs, targets=[2])
    p = (1 + (values[2, 400:] >= values[2, :400, None]).sum(axis=1)) / (1 + N_POPULATION)
    np.testing.assert_allclose(np.exp(-result.scores), p, rtol=1e-12)
    (result,) = PopulationAttack(compared_with="class").run(inputs, targets=[2])
    for label in range(3):
        rows = inputs.labels[:400] == label
        alike = values[2, 400:][inputs.labels[400:] == label]
        p = (1 + (alike >= values[2, :400, None]).sum(axis=1)) / (1 + len(alike))
        np.testing.assert_allclose(np.exp(-result.scores)[rows], p[rows], rtol=1e-12)
    assert not result.notes


def test_a_class_with_a_small_population_is_compared_with_all_of_it():
    rng = np.random.default_rng(0)
    signal, is_population = rng.standard_normal(300), np.arange(300) >= 200
    labels = np.where(np.arange(300) % 100 < 100 - FEWEST + 1, 0, 7)
    log_p, small = log_p_values_by_class(signal, labels, is_population)
    assert small == [7]
    whole = log_p_values(signal, signal[is_population])
    np.testing.assert_array_equal(log_p[labels == 7], whole[labels == 7])
    assert (log_p[labels == 0] != whole[labels == 0]).any()


def test_small_classes_are_named(inputs):
    labels = inputs.labels.copy()
    labels[5] = 9
    (result,) = PopulationAttack(compared_with="class").run(replace(inputs, labels=labels), targets=[0])
    assert "class 9" in result.notes[0]


def test_a_rank_counts_references_without_the_record(inputs):
    values, is_in = inputs.dense("logit_margin"), inputs.design.is_in
    (result,) = ReferenceAttack(distribution="rank").run(inputs, targets=[7])
    above = [sum(values[k, x] >= values[7, x] for k in others(7) if not is_in[k, x]) for x in range(400)]
    np.testing.assert_allclose(np.exp(-result.scores), (1 + np.array(above)) / 4, rtol=1e-12)


def test_smooth_p_values_are_means_of_normal_tails(inputs):
    values, is_out = inputs.dense("logit_margin")[:, :400], inputs.design.is_in[:, :400] == 0
    (result,) = ReferenceAttack().run(inputs, targets=[0])
    rows = others(0)
    width = bandwidth(values[rows], is_out[rows])
    squares = sum(np.sum((v[o] - v[o].mean()) ** 2) for v, o in zip(values[rows].T, is_out[rows].T, strict=True))
    assert width == pytest.approx(1.06 * np.sqrt(squares / (400 * 2)) * 3**-0.2)
    p = [np.mean([norm.sf(values[0, x], values[k, x], width) for k in rows if is_out[k, x]]) for x in range(400)]
    np.testing.assert_allclose(result.scores, -np.log(p), rtol=1e-9, atol=1e-12)


def test_smooth_p_values_never_saturate():
    observed = np.linspace(-90.0, 90.0, 400)
    references = np.random.default_rng(0).standard_normal((3, 1)) * np.ones((3, 400))
    log_p = log_smooth_p(observed, references, np.ones((3, 400), dtype=bool), width=2.5)
    assert (np.diff(log_p) < 0).all()


@PROFILE
@given(st.integers(0, 10**6))
def test_both_distributions_fall_with_the_signal(seed):
    rng = np.random.default_rng(seed)
    references, is_out = (
        np.repeat(rng.standard_normal((5, 1)), 40, axis=1),
        np.repeat(rng.random((5, 1)) < 0.6, 40, axis=1),
    )
    is_out[0] = True
    observed = np.sort(rng.normal(0.0, 3.0, 40))
    assert (np.diff(log_rank(observed, references, is_out)) <= 0).all()
    assert (np.diff(log_smooth_p(observed, references, is_out, width=0.7)) < 0).all()


@pytest.mark.statistical
@pytest.mark.parametrize("attack", [ReferenceAttack(distribution="rank"), PopulationAttack()])
def test_p_values_are_valid_for_records_the_target_never_saw(draw_coins, make_design, make_inputs, attack):
    """300 designs, one record without the target each time (independent by design): at a level that the steps allow, no
    more small p-values than a correct method has with probability 1 - 1e-6.
    """
    runs, level = 300, 0.25
    small = 0
    for run in range(runs):
        rng = np.random.default_rng(run)
        coins = draw_coins("paired", 10, 20, seed=run)
        margin = 2.0 * rng.standard_normal((10, 43))
        if isinstance(attack, ReferenceAttack):
            margin += rng.normal(0.0, 3.0, 43)
        margin[:, :20] += 3.0 * coins
        (result,) = attack.run(make_inputs(make_design(coins, n_population=23), margin), targets=[0])
        small += np.exp(-result.scores[np.flatnonzero(result.label == 0)[0]]) <= level + 1e-12
    assert 0.5 * level * runs < small <= binom.ppf(1 - 1e-6, runs, level)


def test_one_reference_gives_the_order_of_the_differences(draw_coins, make_design, make_inputs):
    inputs = some_inputs(draw_coins, make_design, make_inputs, n_models=4)
    values, is_in = inputs.dense("logit_margin"), inputs.design.is_in
    (result,) = ReferenceAttack().run(inputs, targets=[1])
    assert "width 1" in result.notes[0]
    reference = np.where(is_in[2] == 0, values[2], values[3])[:400]
    assert (np.argsort(result.scores) == np.argsort(values[1, :400] - reference)).all()


@PROFILE
@given(st.lists(st.integers(0, 5), min_size=2, max_size=25), st.integers(0, 10**6))
def test_the_threshold_is_the_best_of_all(values, seed):
    signal = np.array(values, dtype=float)
    member = np.random.default_rng(seed).random(len(signal)) < 0.5
    member[:2] = True, False
    merits = {t: (signal[member] >= t).mean() - (signal[~member] >= t).mean() for t in signal}
    found = best_threshold(signal, member)
    assert merits[found] == pytest.approx(max(merits.values()), abs=1e-12)
    assert found == max(t for t, merit in merits.items() if merit > max(merits.values()) - 1e-12)


def test_class_thresholds_are_learned_from_the_shadows_alone(inputs):
    values, is_in = inputs.dense(SIGNAL)[:, :400], inputs.design.is_in[:, :400] == 1
    (result,) = ModifiedEntropy().run(inputs, targets=[3])
    for label in range(3):
        rows = inputs.labels[:400] == label
        cells = np.ix_(others(3), np.flatnonzero(rows))
        cut = best_threshold(values[cells].ravel(), is_in[cells].ravel())
        np.testing.assert_array_equal(result.scores[rows], values[3, :400][rows] - cut)
    (plain,) = ModifiedEntropy(thresholds="global").run(inputs.restricted_to([3]), targets=[3])
    np.testing.assert_array_equal(plain.scores, values[3])


def test_class_thresholds_help_where_classes_differ(draw_coins, make_design, make_inputs):
    """4,000 records: the AUCs' standard deviation is below .01, their distance .05 and more."""
    inputs = some_inputs(draw_coins, make_design, make_inputs, n=4000, strength=3.0)
    areas = []
    for thresholds in ("global", "class"):
        results = ModifiedEntropy(thresholds=thresholds).run(inputs, targets=range(8))
        areas.append(np.mean([auc(result.scores, result.label) for result in results]))
    assert areas[1] > areas[0] + 0.02


def test_a_class_whose_shadows_are_all_on_one_side_is_refused():
    is_in = np.array([[True, False], [True, True]])
    with pytest.raises(UnsupportedError, match="thresholds: global"):
        class_thresholds(np.zeros((2, 2)), is_in, np.array([0, 1]))


@pytest.mark.parametrize("attack", EVERY, ids=lambda attack: f"{attack.name}")
def test_scores_do_not_depend_on_the_secret_coins_or_the_complement(make_design, make_inputs, inputs, attack):
    coins, margin = inputs.design.is_in[:, :400].copy(), inputs.dense("logit_margin").copy()
    coins[[0, 1]] = coins[[1, 0]]
    margin[1] = 77.0
    changed = replace(make_inputs(make_design(coins, n_population=N_POPULATION), margin), labels=inputs.labels)
    (before,), (after,) = attack.run(inputs, targets=[0]), attack.run(changed, targets=[0])
    np.testing.assert_array_equal(before.scores, after.scores)
    assert not before.depends_on_coins


@pytest.mark.parametrize("attack", EVERY, ids=lambda attack: f"{attack.name}")
def test_a_constant_signal_ties_every_record(draw_coins, make_design, make_inputs, attack):
    design = make_design(draw_coins("paired", 8, 200), n_population=50)
    (result,) = attack.run(make_inputs(design, np.full((8, 250), 0.7)), targets=[1])
    assert len(set(result.scores.tolist())) == 1


@pytest.mark.parametrize("attack", EVERY, ids=lambda attack: f"{attack.name}")
def test_infinite_signals_are_refused(draw_coins, make_design, make_inputs, attack):
    margin = np.zeros((4, 60))
    margin[3, 5] = -np.inf
    inputs = make_inputs(make_design(draw_coins("paired", 4, 40), n_population=20), margin)
    with pytest.raises(DataError, match="model 3, record 5"):
        attack.run(inputs, targets=[0])


@pytest.mark.parametrize("attack", WITH_SHADOWS, ids=lambda attack: f"{attack.name}")
def test_too_few_models_and_unpaired_designs(draw_coins, make_design, make_inputs, inputs, attack):
    with pytest.raises(UnsupportedError):
        attack.run(inputs.restricted_to([0, 1]), targets=[0])
    unpaired = make_design(draw_coins("balanced", 8, 60), kind="balanced")
    (result,) = attack.run(make_inputs(unpaired, np.random.default_rng(0).standard_normal((8, 60))), targets=[0])
    assert result.depends_on_coins


def test_a_record_that_every_reference_holds_is_refused(draw_coins, make_design, make_inputs):
    coins = draw_coins("balanced", 6, 30)
    coins[:, 4] = 1
    inputs = make_inputs(make_design(coins, kind="balanced"), np.random.default_rng(0).standard_normal((6, 30)))
    for attack in (ReferenceAttack(), ReferenceAttack(distribution="rank"), DifficultyCalibration()):
        with pytest.raises(UnsupportedError, match="1 records"):
            attack.run(inputs, targets=[0])


def test_without_a_population_there_is_nothing_to_compare_with(draw_coins, make_design, make_inputs):
    inputs = make_inputs(make_design(draw_coins("paired", 4, 30)), np.zeros((4, 30)))
    with pytest.raises(UnsupportedError, match=r"design\.population"):
        PopulationAttack().run(inputs, targets=[0])


def test_bad_options_are_refused():
    for built, option in (
        (PopulationAttack, "compared_with"),
        (ReferenceAttack, "distribution"),
        (ModifiedEntropy, "thresholds"),
    ):
        with pytest.raises(ConfigError) as caught:
            built(**{option: "none"})
        assert caught.value.key == option
