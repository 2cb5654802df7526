"""Tests of the study of distribution inference: its parts, and the quick version as a whole."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from privaudit.errors import ConfigError
from privaudit.estimators.gaussian_tradeoff import gaussian_epsilon
from privaudit.studies.distribution import checks as bars
from privaudit.studies.distribution.census import CATEGORICAL, LABEL, MONEY, NUMERIC, check_census, populations_of
from privaudit.studies.distribution.census_study import RATIOS as CENSUS_RATIOS
from privaudit.studies.distribution.contest import (
    ATTACKS,
    FEW_NAME,
    KL,
    LABEL_ONLY,
    LOSS,
    THRESHOLD,
    Figures,
    contests,
    task_accuracy,
    world_inputs,
)
from privaudit.studies.distribution.played import Played, by_setting, mean_accuracy
from privaudit.studies.distribution.population import Population, standardised
from privaudit.studies.distribution.settings import (
    PLAIN,
    PRIVATE,
    QUICK_SETTINGS,
    RATIOS,
    SETTINGS,
    VARYING,
    Setting,
    Training,
    resampled_name,
)
from privaudit.studies.distribution.tables import control_table, leak_table, ratio_table, setting_table
from privaudit.studies.distribution.trained import Outputs, draw_worlds, groups, make_job, recipe_of, train
from privaudit.studies.study import STUDIES, StudyOptions, run_study
from privaudit.training.group_training import trained_networks
from privaudit.types.design import SHADOW, TARGET

N_SEEDS = 3
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


def played(setting: Setting, accuracy: dict[str, float], *, seed: int = 0, **others: object) -> Played:
    """Return a turn in which each attack has the same accuracy at every ratio."""
    figures = {name: Figures(accuracy.get(name, 0.5), 0.5) for name in ATTACKS}
    control = {name: Figures(0.5, 0.5) for name in ATTACKS} if setting.has_control else {}
    found = Played(
        setting=setting,
        seed=seed,
        task_accuracy=0.8,
        figures={ratio: figures for ratio in setting.ratios[1:]},
        control=control,
        channels=(),
        warnings=(),
    )
    return found._replace(**others)


def as_wanted() -> dict[str, list[Played]]:
    """Return seeds of all settings that meet every bar."""
    usual = {KL: 0.9, FEW_NAME: 0.88, LABEL_ONLY: 0.8, THRESHOLD: 0.7}
    own = {"5 steps": 0.95, "200 steps": 0.6, "1000 steps": 0.5, "250 records": 0.7, "4000 records": 0.97}
    found = []
    for setting in SETTINGS:
        accuracy = {} if setting.name.endswith("fixed size") else {**usual, KL: own.get(setting.name, 0.9)}
        warnings = (f"Warning: the {bars.SIZE_WORDS} alone",) if setting.name == VARYING else ()
        found += [played(setting, accuracy, seed=seed, warnings=warnings) for seed in range(N_SEEDS)]
    by_name = by_setting(found)
    by_name[PLAIN] = [
        one._replace(
            figures={
                ratio: {**each, KL: Figures(0.8 + 0.4 * abs(ratio - 0.5), 0.9)} for ratio, each in one.figures.items()
            }
        )
        for one in by_name[PLAIN]
    ]
    return by_name


def unmet(by_name: dict[str, list[Played]]) -> list[str]:
    """Return the names of the checks that are not met."""
    return [check.name for check in bars.checks(by_name) if not check.is_met]


def changed(name: str, accuracy: dict[str, float], **others: object) -> dict[str, list[Played]]:
    """Return what meets every bar, but for one setting."""
    by_name = as_wanted()
    seeds = []
    for one in by_name[name]:
        figures = {
            ratio: {**each, **{attack: Figures(value, 0.5) for attack, value in accuracy.items()}}
            for ratio, each in one.figures.items()
        }
        seeds.append(one._replace(figures=figures, **others))
    return {**by_name, name: seeds}


def test_every_bar_is_met_where_all_is_as_wanted() -> None:
    assert unmet(as_wanted()) == []


@pytest.mark.parametrize(
    ("name", "accuracy", "others", "words"),
    [
        (PLAIN, {KL: 0.69}, {}, "kl minus threshold_test"),
        (PLAIN, {LOSS: 0.75}, {}, "threshold_test minus loss_test"),
        (PLAIN, {FEW_NAME: 0.8}, {}, "minus 5 shadow models"),
        (PLAIN, {LABEL_ONLY: 0.95}, {}, "kl minus kl_label"),
        (PLAIN, {LABEL_ONLY: 0.65}, {}, "kl_label minus threshold_test"),
        (PLAIN, {KL: 0.9}, {}, "at distances"),
        (PLAIN, {}, {"control": {name: Figures(0.7, 0.5) for name in ATTACKS}}, "control at equal ratios"),
        ("1000 steps", {KL: 0.9}, {}, "down to 200, 40 and 5 steps"),
        ("250 records", {KL: 0.95}, {}, "with 250, 1000, 4000 records"),
        (PRIVATE, {KL: 0.7}, {}, "DP-SGD at epsilon 4"),
        (resampled_name("under"), {LOSS: 0.61}, {}, "under-sampled, fixed size, 4 ratios: each attack"),
        (
            resampled_name("over"),
            dict.fromkeys(ATTACKS, 0.56),
            {},
            "over-sampled, fixed size, 4 ratios: mean over attacks",
        ),
        (VARYING, {}, {"warnings": ()}, "size channel"),
        (resampled_name("under"), {}, {"warnings": (f"the {bars.SIZE_WORDS} alone",)}, "size channel"),
    ],
)
def test_each_bar_can_fail(name: str, accuracy: dict[str, float], others: dict[str, object], words: str) -> None:
    assert any(words in failed for failed in unmet(changed(name, accuracy, **others)))


def test_the_bars_are_those_that_were_asked_for() -> None:
    assert (the(PLAIN).n_shadows, the(PLAIN).n_victims) == (30, 60)
    assert len(the(resampled_name("under")).ratios) - 1 >= 4
    assert (bars.NEAR, bars.MOST_DP_LOSS, bars.LEVEL) == (0.05, 0.10, 0.999)
    assert (bars.EACH, bars.OVERALL) == ((0.40, 0.60), (0.45, 0.55))


def test_fixed_sizes_are_those_of_the_farthest_ratio() -> None:
    assert the(resampled_name("under")).n_trained == 400
    assert the(resampled_name("over")).n_trained == 1600
    assert the(VARYING).n_trained == the(PLAIN).n_trained == 1000


def test_settings_have_names_of_their_own_and_quick_ones_are_a_part() -> None:
    names = [one.name for one in SETTINGS]
    assert len(set(names)) == len(names)
    assert {one.name for one in QUICK_SETTINGS} <= set(names)
    assert all(one.ratios[0] == 0.5 and len(one.ratios) <= 3 for one in QUICK_SETTINGS)


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


def test_means_are_over_the_named_ratios() -> None:
    one = played(the(PLAIN), {KL: 0.9})
    two = one._replace(figures={**one.figures, 0.1: {**one.figures[0.1], KL: Figures(0.1, 0.5)}})
    assert mean_accuracy([one, two], KL, 0.1).value == pytest.approx(0.5)
    assert mean_accuracy([one], KL).value == pytest.approx(0.9)
    assert two.accuracy(KL) == pytest.approx((7 * 0.9 + 0.1) / 8)


def test_tables_have_a_row_for_each_attack_setting_and_ratio() -> None:
    by_name = as_wanted()
    plain = by_name[PLAIN]
    table = ratio_table(plain, "accuracy")
    assert [row[0] for row in table.rows] == list(ATTACKS)
    assert table.columns[1:-3] == tuple(f"{ratio:g}" for ratio in sorted(RATIOS[1:]))
    assert len(leak_table(plain, (KL,)).rows) == len(RATIOS) - 1
    assert len(setting_table(by_name, "all", (KL,)).rows) == len(SETTINGS)
    assert [len(row) for row in control_table(plain).rows] == [1 + N_SEEDS] * len(ATTACKS)


def test_perfect_accuracy_leaks_without_bound() -> None:
    perfect = [played(the(PLAIN), {KL: 1.0})]
    assert {row[-1] for row in leak_table(perfect, (KL,)).rows} == {"inf"}
    guessing = [played(the(PLAIN), {})]
    assert {row[-1] for row in leak_table(guessing, (KL,)).rows} == {0.0}


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
