"""Tests of the study of white-box attacks: its trainings, its contests, and bars each of which can fail."""

import numpy as np
import pytest

from privaudit.studies.distribution.contest import Figures
from privaudit.studies.distribution.population import Population, standardised
from privaudit.studies.distribution.settings import Setting
from privaudit.studies.study import STUDIES, StudyOptions, run_study
from privaudit.studies.white_box.checks import CONTROL, above, checks, closer, control, unchanged
from privaudit.studies.white_box.contest import ATTACKS, KL, PUBLISHED, STRICT, contest, reversed_units, rows_of
from privaudit.studies.white_box.played import Played, by_name, play
from privaudit.studies.white_box.regressions import KL_REGRESSION, PIN_REGRESSION, ratio_figures, ratio_inputs
from privaudit.studies.white_box.tables import change_table, control_table, error_table, pair_table, ratio_table
from privaudit.studies.white_box.tasks import FEW, LINEAR, MANY, QUICK_TASKS, TASKS, Task, Turn
from privaudit.studies.white_box.trained import Trained, train
from privaudit.types.design import SHADOW

SMALL = Task(
    Setting(
        name="small",
        theme="ratios",
        ratios=(0.5, 0.2, 0.7),
        n_records=60,
        n_shadows=6,
        n_victims=6,
        n_queries=40,
        has_control=True,
    ),
    hidden=(4,),
    n_shadows=(4, 6),
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
def trained(population: Population) -> Trained:
    return train(population, SMALL, 0)


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privaudit.training.meta_classifier.fit.N_STEPS", 10)


@pytest.fixture
def turn(population: Population, few_steps: None) -> list[Played]:
    return play(population, Turn(SMALL, 0))


def played(task: Task, accuracy: dict[str, float], *, n_shadows: int = FEW, seed: int = 0, **others: object) -> Played:
    """Return a turn in which each attack has the same accuracy at every ratio."""
    figures = {attack: Figures(accuracy.get(attack, 0.5), 0.5) for attack in ATTACKS}
    ratios = np.repeat(sorted(task.setting.ratios), 2)
    found = Played(
        task=task,
        seed=seed,
        n_shadows=n_shadows,
        task_accuracy=0.8,
        figures={ratio: figures for ratio in task.setting.ratios[1:]},
        control={attack: Figures(0.5, 0.5) for attack in ATTACKS},
        regressions={
            KL_REGRESSION: ratio_figures(ratios + 0.04, ratios),
            PIN_REGRESSION: ratio_figures(ratios + 0.03, ratios),
        },
        changes={STRICT: 1e-6, PUBLISHED: 0.5} if task.hidden else {},
    )
    return found._replace(**others)


def as_wanted() -> dict[str, list[Played]]:
    usual = {KL: 0.8, STRICT: 0.9, PUBLISHED: 0.85}
    return by_name(
        [played(task, usual, n_shadows=n, seed=seed) for task in TASKS for n in task.n_shadows for seed in range(3)]
    )


def test_tasks_are_those_of_the_acceptance() -> None:
    linear = next(task for task in TASKS if task.name == LINEAR)
    assert linear.setting.ratios == (0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9)
    assert linear.n_shadows == (30,) and linear.setting.n_victims == 60
    assert all(max(task.n_shadows) == task.setting.n_shadows and task.setting.has_control for task in TASKS)
    assert {task.n_shadows for task in TASKS} == {(FEW,), (FEW, MANY)}
    assert [task.name for task in QUICK_TASKS] == [task.name for task in TASKS]


def test_weights_are_those_of_the_models_that_were_asked(population: Population, trained: Trained) -> None:
    """What models said follows from the weights by hand, row by row."""
    first, second = trained.layers
    design = trained.outputs.design
    queries = population.features[design.query_records].astype(np.float64)
    hidden = np.einsum("moi,qi->mqo", first.weight[..., 0].astype(np.float64), queries) + first.bias[:, None]
    logits = np.einsum("moi,mqi->mqo", second.weight[..., 0].astype(np.float64), np.maximum(hidden, 0.0))
    logits += second.bias[:, None]
    said = 1.0 / (1.0 + np.exp(logits[..., 0] - logits[..., 1]))
    np.testing.assert_allclose(trained.outputs.probability, said, atol=1e-5)


def test_units_in_reverse_order_are_the_same_functions(trained: Trained) -> None:
    first, second = reversed_units(trained.layers)
    products = [
        np.einsum("moj,mji->moi", later.weight[..., 0], earlier.weight[..., 0])
        for earlier, later in ((first, second), trained.layers)
    ]
    np.testing.assert_allclose(*products, atol=1e-5)
    assert not np.array_equal(first.weight, trained.layers[0].weight)
    assert np.array_equal(second.bias, trained.layers[1].bias)


def test_attacks_are_given_the_shadow_models_that_they_are_said_to_have(trained: Trained, few_steps: None) -> None:
    """With the other shadow models' weights and answers replaced by those of one model nothing changes."""
    design = trained.outputs.design
    spare = np.concatenate([design.rows(SHADOW, world)[4:] for world in range(design.n_worlds)])
    kept = np.arange(design.n_models)
    kept[spare] = 0
    probability = trained.outputs.probability[kept]
    other = Trained(trained.outputs._replace(probability=probability), rows_of(trained.layers, kept))
    assert contest(trained, 1, 4) == contest(other, 1, 4)
    assert contest(trained, 1, 6) != contest(other, 1, 6)


def test_regressions_see_all_ratios_and_no_control(trained: Trained, few_steps: None) -> None:
    inputs, truth = ratio_inputs(trained, 4)
    assert inputs.ratios == (0.5, 0.2, 0.7)
    assert np.bincount(inputs.shadow_world).tolist() == [4, 4, 4]
    assert [int((truth == ratio).sum()) for ratio in (0.5, 0.2, 0.7)] == [6, 6, 6]
    assert set(inputs.query_world.tolist()) == {0, 1, 2}


def test_a_turn_has_a_contest_for_each_number_of_shadow_models(turn: list[Played]) -> None:
    assert [one.n_shadows for one in turn] == [4, 6]
    for one in turn:
        assert set(one.figures) == {0.2, 0.7} and set(one.figures[0.2]) == set(one.control) == set(ATTACKS)
        assert one.changes[STRICT] < 1e-3 < one.changes[PUBLISHED]
        assert set(one.regressions[PIN_REGRESSION].accuracy) == {(0.2, 0.5), (0.2, 0.7), (0.5, 0.7)}
        assert 0.0 < one.squared_error(PIN_REGRESSION) < 0.2


def test_ratio_figures_by_hand() -> None:
    found = ratio_figures(np.array([0.2, 0.5, 0.5, 0.8]), np.array([0.2, 0.2, 0.6, 0.6]))
    assert found.squared_error == {0.2: pytest.approx(0.045), 0.6: pytest.approx(0.025)}
    assert found.mean_estimate == {0.2: pytest.approx(0.35), 0.6: pytest.approx(0.65)}
    assert found.accuracy == {(0.2, 0.6): 0.75}  # the midpoint is 0.4: the second one is wrong


def test_bars_that_are_met() -> None:
    found = checks(as_wanted(), is_quick=False)
    assert all(check.is_met for check in found)
    assert len({check.name for check in found}) == len(found) == 13


def test_bars_that_are_missed() -> None:
    linear, hidden = TASKS[1], TASKS[0]
    assert not above([played(linear, {KL: 0.9, STRICT: 0.89})], STRICT, KL, or_equal=True).is_met
    assert above([played(linear, {KL: 0.9, STRICT: 0.9})], STRICT, KL, or_equal=True).is_met
    assert not above([played(linear, {KL: 0.9, STRICT: 0.9})], STRICT, KL).is_met
    leaking = {attack: Figures(0.61 if attack == STRICT else 0.5, 0.5) for attack in ATTACKS}
    assert not control([played(linear, {}, control=leaking)], CONTROL).is_met
    one = played(linear, {})
    swapped = {KL_REGRESSION: one.regressions[PIN_REGRESSION], PIN_REGRESSION: one.regressions[KL_REGRESSION]}
    assert closer([one]).is_met and not closer([one._replace(regressions=swapped)]).is_met
    for changes in ({STRICT: 0.01, PUBLISHED: 0.5}, {STRICT: 1e-6, PUBLISHED: 1e-6}):
        assert not unchanged([played(hidden, {}, changes=changes)]).is_met


def test_tables_hold_the_figures() -> None:
    named = as_wanted()
    linear = named[f"{LINEAR}, {FEW} shadow models"]
    table = ratio_table(linear)
    rows = {row[0]: row for row in table.rows}
    assert f"{FEW} shadow models of each world, 3 seeds" in table.title
    assert rows[STRICT][1:] == (*[0.9] * 9, 0.0, 0.5)
    assert [len(row) for row in table.rows] == [len(table.columns)] * 6
    errors = {row[:2]: row[2] for row in error_table(named).rows}
    assert errors[f"{LINEAR}, {FEW} shadow models", PIN_REGRESSION] == pytest.approx(0.0009)
    pairs = pair_table(linear)
    assert len(pairs.rows) == 9 and all(row[place + 1] is None for place, row in enumerate(pairs.rows))
    assert pairs.rows[0][2:] == (1.0,) * 8
    assert len(control_table(named).rows) == 3 * len(ATTACKS)
    assert [row[2] for row in change_table(named).rows] == [1e-6, 0.5] * 2


@pytest.mark.slow
def test_the_quick_study_meets_its_bars() -> None:
    assert "white-box" in STUDIES
    found = run_study("white-box", StudyOptions(is_quick=True, workers=1))
    assert found.name == "white-box" and all(check.is_met for check in found.checks)
