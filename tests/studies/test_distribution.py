"""Tests of the study of distribution inference: its trainings and attacks, and the quick version as a whole."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from privaudit.defenses.output_noise import OutputNoise
from privaudit.errors import ConfigError
from privaudit.estimators.gaussian_tradeoff import gaussian_epsilon
from privaudit.studies.distribution.census import CATEGORICAL, LABEL, MONEY, NUMERIC, check_census, populations_of
from privaudit.studies.distribution.census_study import RATIOS as CENSUS_RATIOS
from privaudit.studies.distribution.contest import (
    ATTACKS,
    KL,
    contests,
    task_accuracy,
    world_inputs,
)
from privaudit.studies.distribution.population import Population, standardised
from privaudit.studies.distribution.settings import (
    PLAIN,
    QUICK_SETTINGS,
    SETTINGS,
    VARYING,
    Setting,
    Training,
    resampled_name,
)
from privaudit.studies.distribution.trained import Outputs, draw_worlds, groups, make_job, recipe_of, train
from privaudit.studies.study import STUDIES, StudyOptions, run_study
from privaudit.training.group_training import trained_networks
from privaudit.types.design import SHADOW, TARGET

SMALL = Setting(
    name="small",
    theme="ratios",
    ratios=(0.5, 0.2),
    n_records=60,
    n_shadows=5,
    n_victims=6,
    n_queries=40,
    has_control=True,
)


@pytest.fixture(scope="module")
def population() -> Population:
    """Records whose second feature is a noisy copy of the property."""
    rng = np.random.default_rng(0)
    n = 2000
    has_property, labels = rng.random(n) < 0.5, rng.integers(0, 2, n)
    features = rng.normal(size=(n, 4)) + np.outer(labels, [1.0, 0.0, 0.0, 0.0])
    features[:, 1] += np.where(has_property, 2.0, -2.0) * (2 * labels - 1)
    return Population("toy", "members", standardised(features), labels.astype(np.int64), has_property)


@pytest.fixture(scope="module")
def outputs(population: Population) -> Outputs:
    """The small setting, trained."""
    return train(population, SMALL, 0)


def the(name: str) -> Setting:
    """Return a setting of the full study by its name."""
    return next(one for one in SETTINGS if one.name == name)


def test_fixed_sizes_are_those_of_the_farthest_ratio() -> None:
    assert the(resampled_name("under")).n_trained == 400
    assert the(resampled_name("over")).n_trained == 1600
    assert the(VARYING).n_trained == the(PLAIN).n_trained == 1000


def test_settings_have_names_of_their_own_and_quick_ones_are_a_part() -> None:
    names = [one.name for one in SETTINGS]
    assert len(set(names)) == len(names)
    assert {one.name for one in QUICK_SETTINGS} <= set(names)
    assert {one.ratios for one in QUICK_SETTINGS} == {(0.5, 0.2, 0.8)}


@examples(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.01, 1.0, 40.0]))
def test_standardised_columns_are_centred_and_no_wider_than_one(seed: int, scale: float) -> None:
    columns = scale * np.random.default_rng(seed).normal(size=(50, 3)) + 7.0
    found = standardised(columns)
    assert np.abs(found.mean(axis=0)).max() < 1e-4
    assert np.allclose(found.std(axis=0), np.minimum(columns.std(axis=0) / 0.1, 1.0), rtol=1e-4)


def test_training_is_full_batch_descent_with_clipped_gradients() -> None:
    recipe = recipe_of(Training(steps=7), 300)
    assert (recipe.steps, recipe.sample_rate, recipe.expected_batch_size) == (7, 1.0, 300.0)
    assert recipe.dp is not None and (recipe.dp.noise_multiplier, recipe.dp.max_grad_norm) == (0.0, 1.0)


def test_private_training_has_the_noise_of_its_epsilon() -> None:
    """Without sampling the run is one Gaussian mechanism, of mu = sqrt(steps) / noise."""
    recipe = recipe_of(Training(steps=40, epsilon=4.0), 1000)
    assert recipe.dp is not None
    mu = np.sqrt(40) / recipe.dp.noise_multiplier
    assert gaussian_epsilon(mu, recipe.dp.delta) == pytest.approx(4.0, rel=0.01)


def test_each_model_is_trained_on_its_own_draw(population: Population) -> None:
    design = draw_worlds(population, SMALL, 3)
    for row in range(design.n_models):
        ratio = (0.5, 0.2, 0.5)[design.world[row]]
        assert population.has_property[design.members[row]].mean() == pytest.approx(ratio)
    victims = np.concatenate([design.members[row] for row in design.rows(TARGET)])
    shadows = np.concatenate([design.members[row] for row in design.rows(SHADOW)])
    assert not np.intersect1d(victims, shadows).size
    assert not np.intersect1d(np.concatenate([victims, shadows]), design.query_records).size


def test_an_unknown_defense_leaves_the_adversary_alone(population: Population) -> None:
    noisy = replace(SMALL, defense=the("label noise").defense, is_known=False)
    design = draw_worlds(population, noisy, 0)
    assert design.member_labels is not None
    wrong = [
        (population.labels[rows] != own).mean() for rows, own in zip(design.members, design.member_labels, strict=True)
    ]
    assert {round(float(wrong[row]), 6) for row in design.rows(SHADOW)} == {0.0}
    assert {round(float(wrong[row]), 6) for row in design.rows(TARGET)} == {0.2}


@pytest.mark.statistical
def test_output_noise_is_each_models_own_and_on_the_sides_that_have_it(
    population: Population, outputs: Outputs
) -> None:
    """The noise on the log-odds has deviation 1: 5 standard errors of a variance miss with probability below 1e-6."""
    loud = train(population, replace(SMALL, output=OutputNoise(scale=1.0)), 0).probability.astype(np.float64)
    plain = outputs.probability.astype(np.float64)
    noise = np.log(loud / (1 - loud)) - np.log(plain / (1 - plain))
    n = noise.size
    assert abs(noise.var() - 1.0) < 5 * np.sqrt(2 / n) + 0.01  # float32
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 5 / np.sqrt(noise.shape[1])
    hidden = train(population, replace(SMALL, output=OutputNoise(scale=1.0), is_known=False), 0).probability
    shadows, victims = (outputs.design.rows(role) for role in (SHADOW, TARGET))
    np.testing.assert_array_equal(hidden[shadows], outputs.probability[shadows])
    np.testing.assert_array_equal(hidden[victims], loud.astype(np.float32)[victims])


def test_groups_hold_one_role_and_every_model_once(population: Population) -> None:
    design = draw_worlds(population, SMALL, 0)
    found = groups(design)
    assert sorted(row for rows in found for row in rows) == list(range(design.n_models))
    assert all(len(set(design.role[rows])) == 1 for rows in found)


def test_outputs_are_the_models_own(population: Population, outputs: Outputs) -> None:
    """One model, trained in its group and asked by hand."""
    import torch

    rows = groups(outputs.design)[0]
    network = trained_networks(make_job(population, SMALL, outputs.design), rows)[2]
    with torch.no_grad():
        logits = network(torch.from_numpy(population.features[outputs.design.query_records])).double()
    said = torch.softmax(logits, dim=1)[:, 1].numpy()
    assert np.allclose(outputs.probability[rows[2]], said, atol=1e-6)


def test_the_same_seed_gives_the_same_bytes(population: Population, outputs: Outputs) -> None:
    assert train(population, SMALL, 0).probability.tobytes() == outputs.probability.tobytes()
    assert train(population, SMALL, 1).probability.tobytes() != outputs.probability.tobytes()


def test_inputs_hold_two_worlds_and_only_the_first_shadow_models(outputs: Outputs) -> None:
    inputs = world_inputs(outputs, 1, n_shadows=2)
    design = outputs.design
    assert inputs.shadow_world.tolist() == [0, 0, 1, 1] and inputs.n_victims == 2 * SMALL.n_victims
    assert inputs.ratios == (0.5, 0.2)
    rows = design.rows(TARGET, 1)
    queries = np.flatnonzero(design.query_world != 2)
    assert inputs.victims is not None
    assert np.array_equal(inputs.victims[-1, :, 1], outputs.probability[rows[-1], queries].astype(np.float64))
    assert np.array_equal(inputs.query_label, outputs.labels[design.query_records[queries]])


def test_attacks_find_a_property_that_the_class_depends_on(outputs: Outputs) -> None:
    """The rule for one group is the reverse of the rule for the other: a model shows which it saw more of."""
    found = contests(outputs)
    assert set(found) == {0.2} and set(found[0.2]) == set(ATTACKS)
    assert found[0.2][KL].accuracy >= 0.9
    assert 0.5 < task_accuracy(outputs) < 1.0


def test_the_census_is_refused_without_its_file(tmp_path: object) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(ConfigError, match="--data-dir"):
            check_census(folder)  # type: ignore[arg-type]


def test_a_census_record_becomes_features_classes_and_properties() -> None:
    pd = pytest.importorskip("pandas")
    columns = {name: [1, 2, 3] for name in (*NUMERIC, *MONEY)} | {name: ["a", "b", "b"] for name in CATEGORICAL}
    table = pd.DataFrame(
        columns
        | {"sex": ["Female", "Male", "Female"], "race": ["White", "Black", "White"], LABEL: ["50000+.", "-", "-"]}
    )
    found = populations_of(table)
    assert set(found) == set(CENSUS_RATIOS)
    assert found["sex"].features.shape == (3, len(NUMERIC) + len(MONEY) + 2 * len(CATEGORICAL))
    assert found["sex"].labels.tolist() == [1, 0, 0]
    assert found["sex"].has_property.tolist() == [True, False, True]
    assert found["race"].has_property.tolist() == [False, True, False]


def test_the_census_study_asks_for_its_file() -> None:
    with pytest.raises(ConfigError, match="kdd_census_income"):
        run_study("distribution-census", StudyOptions())


def test_the_quick_study_meets_its_checks() -> None:
    """Trained on Adult; the control fails by chance in less than one seed of a thousand, and this is one seed."""
    result = run_study("distribution", StudyOptions(is_quick=True, workers=1))
    assert [check.name for check in result.checks if not check.is_met] == []
    assert len(result.checks) == 4 and result.name in STUDIES
    assert all(len(row) == len(table.columns) for table in result.tables for row in table.rows)
