"""Defenses that change a recipe: what comes out, what stays as it is, and what is refused."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.config import RecipeConfig
from privaudit.defenses.base import DataDefense, OutputDefense, RecipeDefense
from privaudit.defenses.dp_sgd import DpSgd
from privaudit.defenses.early_stopping import EarlyStopping, shortened
from privaudit.defenses.label_smoothing import LabelSmoothing
from privaudit.defenses.weight_decay import WeightDecay
from privaudit.errors import ConfigError
from privaudit.registry import create_defense
from privaudit.training.recipe import resolve_recipe

EPOCHS = {
    "epochs": 5,
    "batch_size": 8,
    "optimizer": {"name": "sgd", "lr": 0.2, "momentum": 0.9},
    "label_smoothing": 0.1,
}
STEPS = {"steps": 30, "sample_rate": 0.1}
DEFENSES = [
    DpSgd(noise_multiplier=1.0),
    LabelSmoothing(share=0.2),
    WeightDecay(value=0.01),
    EarlyStopping(share=0.5),
]


@pytest.mark.parametrize("defense", DEFENSES, ids=lambda one: one.name)
@pytest.mark.parametrize("recipe", [EPOCHS, STEPS], ids=["epochs", "steps"])
@pytest.mark.parametrize("is_whole", [False, True])
def test_a_new_legal_recipe_comes_out_and_the_old_one_stays(defense, recipe, is_whole):
    """As its author wrote it, or with every default filled in."""
    given = RecipeConfig(**recipe).model_dump() if is_whole else copy.deepcopy(recipe)
    before = copy.deepcopy(given)
    changed = defense.change(given)
    assert given == before
    assert changed is not given and changed != given
    assert RecipeConfig(**changed) != RecipeConfig(**recipe)
    assert defense.change(recipe) == defense.change(dict(recipe))
    assert isinstance(defense, RecipeDefense)
    assert not isinstance(defense, OutputDefense) and not isinstance(defense, DataDefense)


def test_each_changes_its_own_key_alone():
    assert LabelSmoothing(share=0.2).change(EPOCHS) == {**EPOCHS, "label_smoothing": 0.2}
    decayed = WeightDecay(value=0.01).change(EPOCHS)
    assert decayed == {**EPOCHS, "optimizer": {**EPOCHS["optimizer"], "weight_decay": 0.01}}
    assert WeightDecay(value=0.01).change(STEPS) == {**STEPS, "optimizer": {"weight_decay": 0.01}}
    assert EarlyStopping(share=0.3).change(EPOCHS) == {**EPOCHS, "epochs": 2}
    assert EarlyStopping(share=0.1).change(STEPS) == {**STEPS, "steps": 3}


@given(st.integers(1, 10_000), st.floats(0.001, 0.999))
def test_a_share_is_rounded_up(n, share):
    left = shortened(n, share)
    assert 1 <= left <= n
    assert left - 1 < share * n + 1e-6 <= left + 2e-6 or left == 1


def test_dp_sgd_takes_the_place_of_what_was_there():
    old = {**STEPS, "dp": {"epsilon": 3.0, "max_grad_norm": 0.5}}
    assert DpSgd(noise_multiplier=1.2, max_grad_norm=2.0).change(old)["dp"] == {
        "noise_multiplier": 1.2,
        "max_grad_norm": 2.0,
        "delta": 1e-5,
    }
    moved = DpSgd(epsilon=4, recipe={"steps": 60, "sample_rate": 0.2, "optimizer": {"lr": 1.0}}).change(EPOCHS)
    assert moved == {
        "steps": 60,
        "sample_rate": 0.2,
        "optimizer": {"lr": 1.0},
        "label_smoothing": 0.1,
        "dp": {"epsilon": 4, "max_grad_norm": 1.0, "delta": 1e-5},
    }
    back = DpSgd(epsilon=4, recipe={"epochs": 2, "batch_size": 16}).change(STEPS)
    assert {"steps", "sample_rate"}.isdisjoint(back)
    assert DpSgd(noise_multiplier=0.0).change(STEPS)["dp"]["noise_multiplier"] == 0.0  # clipping alone


@pytest.mark.parametrize(
    "given", [{"epsilon": 2.0}, {"advantage": 0.1}, {"tpr": 0.05, "at": 0.01}, {"noise_multiplier": 3.0}]
)
def test_the_noise_of_a_wanted_risk_arrives_in_the_resolved_recipe(given):
    changed = DpSgd(**given).change({"steps": 10, "sample_rate": 0.1})
    recipe = resolve_recipe(RecipeConfig(**changed), n_canaries=400)
    assert recipe.dp.noise_multiplier > 0.3
    assert given.get("noise_multiplier", recipe.dp.noise_multiplier) == recipe.dp.noise_multiplier


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("dp_sgd", {}, "give either noise_multiplier, or one of.*got none"),
        ("dp_sgd", {"epsilon": 1.0, "advantage": 0.1}, "got epsilon and advantage"),
        ("dp_sgd", {"tpr": 0.1}, "at is missing"),
        ("dp_sgd", {"epsilon": 1.0, "at": 0.1}, "tpr is missing"),
        ("dp_sgd", {"tpr": 0.01, "at": 0.1}, "tpr must lie above at"),
        ("dp_sgd", {"advantage": 1.0}, "defense dp_sgd: advantage"),
        ("dp_sgd", {"noise_multiplier": -1.0}, "noise_multiplier"),
        ("dp_sgd", {"epsilon": "low"}, "epsilon"),
        ("dp_sgd", {"epsilon": 1.0, "recipe": {"dp": {}}}, "replaces steps, .*got 'dp'"),
        ("dp_sgd", {"epsilon": 1.0, "recipe": "short"}, "keys with values"),
        ("dp_sgd", {"noise": 1.0}, "has no parameter 'noise'"),
        ("label_smoothing", {"share": 0.0}, "share must lie in"),
        ("label_smoothing", {"share": 20}, r"Did you mean 0\.2"),
        ("weight_decay", {"value": 0.0}, "value must be above 0"),
        ("weight_decay", {"value": float("nan")}, "value must be above 0"),
        ("weight_decay", {"value": "x"}, "wrong type"),
        ("early_stopping", {"share": 1.0}, "share must lie in"),
        ("early_stopping", {}, "needs share"),
    ],
)
def test_parameters_that_are_none_are_refused_in_one_line(name, params, words):
    with pytest.raises(ConfigError, match=words) as caught:
        create_defense(name, params)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("defense", "recipe", "words"),
    [
        (EarlyStopping(share=0.5), {"batch_size": 8}, "needs a recipe with steps or epochs"),
        (EarlyStopping(share=0.5), {"epochs": "many", "batch_size": 8}, "recipe.epochs must be a whole number"),
        (WeightDecay(value=0.1), {**STEPS, "optimizer": "sgd"}, "recipe.optimizer must be keys with values"),
        (WeightDecay(value=0.1), {**STEPS, "optimizer": {"name": "lamb"}}, "cannot change this recipe: optimizer.name"),
        (LabelSmoothing(share=0.1), {"steps": 3}, "cannot change this recipe: give either steps and sample_rate"),
        (DpSgd(epsilon=1.0, recipe={"steps": 5}), EPOCHS, "give either steps and sample_rate"),
        (DpSgd(epsilon=1.0, recipe={"sample_rate": 2.0}), STEPS, "sample_rate"),
    ],
)
def test_a_recipe_that_cannot_be_served_is_refused_in_one_line(defense, recipe, words):
    with pytest.raises(ConfigError, match=words) as caught:
        defense.change(recipe)
    assert "\n" not in str(caught.value)
