import json
import math

import pytest

from privaudit.config import RecipeConfig
from privaudit.config.reading import parse
from privaudit.errors import ConfigError
from privaudit.estimators.privacy_loss import pld_claim
from privaudit.estimators.tradeoff import advantage_bound, tradeoff_bound
from privaudit.training.recipe import resolve_recipe
from privaudit.types import Neighbouring

DP = {"noise_multiplier": 1.0}


def resolve(n_canaries=3200, **keys):
    return resolve_recipe(RecipeConfig(**keys), n_canaries=n_canaries)


def test_steps_and_rate_stay_and_the_divisor_is_public():
    recipe = resolve(steps=100, sample_rate=0.1, dp=DP)
    assert (recipe.steps, recipe.sample_rate, recipe.epochs, recipe.batch_size) == (100, 0.1, None, None)
    assert recipe.expected_batch_size == pytest.approx(160.0)
    assert recipe.dp.max_grad_norm == 1.0
    assert recipe.dp.delta == 1e-5


@pytest.mark.parametrize(
    ("n_canaries", "epochs", "batch", "rate", "steps"),
    [(3200, 3, 160, 0.1, 30), (3200, 1, 1600, 1.0, 1), (3199, 2, 64, 128 / 3199, 50), (10, 7, 2, 0.4, 18)],
)
def test_a_private_batch_size_becomes_a_rate(n_canaries, epochs, batch, rate, steps):
    recipe = resolve(n_canaries, epochs=epochs, batch_size=batch, dp=DP)
    assert recipe.sample_rate == pytest.approx(rate)
    assert recipe.steps == steps == math.ceil(epochs / rate - 1e-9)
    assert recipe.expected_batch_size == pytest.approx(batch)
    assert (recipe.epochs, recipe.batch_size) == (None, None)


def test_too_large_a_batch_names_the_key():
    with pytest.raises(ConfigError, match="at most the expected set size 1600; got 1601") as caught:
        resolve(epochs=1, batch_size=1601, dp=DP)
    assert caught.value.key == "recipe.batch_size"


def test_without_dp_epochs_stay():
    recipe = resolve(epochs=3, batch_size=160)
    assert (recipe.epochs, recipe.batch_size, recipe.steps, recipe.expected_batch_size) == (3, 160, None, None)
    assert recipe.dp_sgd_params() is None


@pytest.mark.parametrize("batching", [{"steps": 100, "sample_rate": 0.1}, {"epochs": 2, "batch_size": 400}])
def test_noise_for_a_wanted_epsilon_reaches_it(batching):
    recipe = resolve(**batching, dp={"epsilon": 3.0, "delta": 1e-5})
    params = recipe.dp_sgd_params()
    assert (params.steps, params.sample_rate) == (recipe.steps, recipe.sample_rate)
    assert 2.9 < pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon <= 3.0


def test_an_epsilon_that_no_noise_reaches_names_the_key():
    with pytest.raises(ConfigError, match="no noise multiplier") as caught:
        resolve(steps=100000, sample_rate=1.0, dp={"epsilon": 1e-7, "delta": 1e-12})
    assert caught.value.key == "recipe.dp.epsilon"


def test_the_control_differs_in_dp_alone():
    recipe = resolve(epochs=3, batch_size=160, dp=DP)
    control = recipe.without_privacy()
    assert control.dp is None
    assert {**control.to_dict(), "dp": 0} == {**recipe.to_dict(), "dp": 0}
    assert json.loads(json.dumps(recipe.to_dict()))["optimizer"]["name"] == "sgd"


@pytest.mark.parametrize(
    ("n_canaries", "batching", "steps"),
    [
        (3200, {"steps": 100, "sample_rate": 0.1}, 100),
        (3200, {"steps": 100, "sample_rate": 0.1, "dp": DP}, 100),
        (3200, {"epochs": 3, "batch_size": 160}, 30),
        (3201, {"epochs": 3, "batch_size": 160}, 33),  # 1600.5 records are 11 batches
        (3200, {"epochs": 3, "batch_size": 160, "dp": DP}, 30),
        (3200, {"epochs": 3, "batch_size": 5000}, 3),
        (0, {"epochs": 3, "batch_size": 10}, 3),
    ],
)
def test_schedules_are_spread_over_a_public_number_of_steps(n_canaries, batching, steps):
    assert resolve(n_canaries, **batching).schedule_steps == steps


def test_schedule_and_label_smoothing_enter_the_digest_and_the_control():
    schedule = {"name": "step", "milestones": [0.5, 0.75], "gamma": 0.1}
    plain = resolve(epochs=3, batch_size=160, dp=DP)
    recipe = resolve(epochs=3, batch_size=160, dp=DP, schedule=schedule, label_smoothing=0.1)
    assert (plain.schedule.name, plain.label_smoothing) == ("constant", 0.0)
    stored = recipe.to_dict()
    assert stored["schedule"] == {**schedule, "warmup": 0.0}
    assert (stored["label_smoothing"], stored["schedule_steps"]) == (0.1, 30)
    assert json.loads(json.dumps(stored)) == stored
    control = recipe.without_privacy()
    assert (control.schedule, control.label_smoothing) == (recipe.schedule, 0.1)
    assert recipe.dp_sgd_params() == plain.dp_sgd_params()


def test_noise_for_a_wanted_advantage_reaches_it():
    recipe = resolve(steps=50, sample_rate=0.1, dp={"advantage": 0.1})
    assert 0.099 < advantage_bound(params=recipe.dp_sgd_params(), neighbouring=Neighbouring.ADD_REMOVE) <= 0.1


def test_noise_for_a_wanted_tpr_reaches_it():
    recipe = resolve(epochs=5, batch_size=160, dp={"tpr": 0.05, "at": 0.01})
    (tpr,) = tradeoff_bound([0.01], params=recipe.dp_sgd_params(), neighbouring=Neighbouring.ADD_REMOVE)
    assert 0.0495 < tpr <= 0.05


@pytest.mark.parametrize(
    ("dp", "key"),
    [({"advantage": 1e-9}, "recipe.dp.advantage"), ({"tpr": 0.0100000001, "at": 0.01}, "recipe.dp.tpr")],
)
def test_a_risk_that_no_noise_reaches_names_the_key(dp, key):
    with pytest.raises(ConfigError, match="no noise multiplier") as caught:
        resolve(steps=100000, sample_rate=1.0, dp=dp)
    assert caught.value.key == key
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dp", "words"),
    [
        ({}, "got none"),
        ({"noise_multiplier": 1.0, "advantage": 0.1}, "got noise_multiplier and advantage"),
        ({"epsilon": 1.0, "tpr": 0.1, "at": 0.01}, "got epsilon and tpr"),
        ({"tpr": 0.1}, "at is missing"),
        ({"noise_multiplier": 1.0, "at": 0.01}, "tpr is missing"),
        ({"tpr": 0.01, "at": 0.01}, "tpr must lie above at"),
        ({"advantage": 1.5}, "less than 1"),
    ],
)
def test_the_noise_is_given_in_exactly_one_way(dp, words):
    with pytest.raises(ConfigError, match=words) as caught:
        parse(RecipeConfig, {"steps": 5, "sample_rate": 0.1, "dp": dp}, where="audit.yaml")
    assert caught.value.key.startswith("dp")
    assert "\n" not in str(caught.value)
