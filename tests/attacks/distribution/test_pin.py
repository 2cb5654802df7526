"""The white-box attack: what it reads, under which name, and what it answers."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.attacks.distribution.pin import LOGIT, Pin, signal_name
from privaudit.attacks.distribution.pin_regression import RATIO, PinRegression
from privaudit.errors import ConfigError, MissingSignalError, UnsupportedError
from privaudit.games.declared import declared_world_inputs
from privaudit.registry import create_distribution_attack
from privaudit.training.meta_classifier.fit import MetaSettings

SEEDS = st.integers(0, 2**32 - 1)
FORMS = st.sampled_from(["strict", "published"])


def with_signal(inputs, name, values):
    return replace(inputs, victim_signals={name: np.asarray(values, dtype=float)})


def test_scores_are_what_the_meta_classifier_said(make_worlds, accuracy):
    inputs, world = make_worlds(n_victims=3)
    said = np.array([-2.0, -0.1, 0.0, 0.0, 0.3, 5.0])
    found = Pin().run(with_signal(inputs, LOGIT, said)).scores
    assert np.array_equal(found, said)
    assert accuracy(found, world) == pytest.approx(5 / 6)  # log-odds of 0 say world 1


def test_weights_that_were_not_read_are_asked_for(make_worlds):
    inputs, _ = make_worlds()
    with pytest.raises(MissingSignalError, match="pin_logit was not collected"):
        Pin().run(inputs)
    other = with_signal(inputs, "pin_logit@form=published", np.zeros(inputs.n_victims))
    with pytest.raises(MissingSignalError, match="pin_logit was not collected"):
        Pin().run(other)
    assert not Pin(form="published").run(other).scores.any()


def test_two_worlds_and_four_shadow_models_are_needed(make_worlds):
    inputs, _ = make_worlds(n_shadows=(8, 3))
    with pytest.raises(UnsupportedError, match="4 shadow models"):
        Pin().run(with_signal(inputs, LOGIT, np.zeros(inputs.n_victims)))
    inputs, _ = make_worlds(n_shadows=(5, 5, 5))
    with pytest.raises(UnsupportedError, match="two worlds"):
        Pin().run(with_signal(inputs, LOGIT, np.zeros(inputs.n_victims)))


def test_an_attack_is_given_its_own_signal_alone(make_worlds):
    inputs, _ = make_worlds()
    zeros = np.zeros(inputs.n_victims)
    both = replace(inputs, victim_signals={LOGIT: zeros, "pin_logit@seed=1": zeros})
    assert set(declared_world_inputs(Pin(seed=1), both).victim_signals) == {"pin_logit@seed=1"}


@given(FORMS, SEEDS, FORMS, SEEDS)
def test_names_tell_meta_classifiers_apart_and_are_fit_for_files(form, seed, other_form, other_seed):
    (first,), (second,) = Pin(form=form, seed=seed).signals, Pin(form=other_form, seed=other_seed).signals
    assert (first == second) == ((form, seed) == (other_form, other_seed))
    assert re.fullmatch(r"pin_logit(@[a-z0-9=,]+)?", first) and first.partition("@")[0] == LOGIT
    assert signal_name(RATIO, form, seed) == next(iter(PinRegression(form=form, seed=seed).signals))


def test_the_defaults_have_the_plain_names():
    assert Pin().signals == {"pin_logit"} and PinRegression().signals == {"pin_ratio"}


@pytest.mark.parametrize("attack", [Pin, PinRegression])
def test_unknown_options_are_refused(attack):
    with pytest.raises(ConfigError, match="strict or published"):
        attack(form="sorted")
    for seed in (-1, 2**32, 1.5, True, "0"):
        with pytest.raises(ConfigError, match="seed must be a whole number"):
            attack(seed=seed)


@pytest.mark.parametrize(
    ("name", "answers", "game"),
    [("pin", "world", "distribution_inference"), ("pin_regression", "ratio", "ratio_regression")],
)
def test_attacks_are_made_by_name_and_say_what_they_need(name, answers, game):
    attack = create_distribution_attack(name, {"form": "published", "seed": 3})
    assert (attack.name, attack.answers, attack.game, attack.access) == (name, answers, game, "white_box")
    assert attack.fewest_shadows == 4
    assert MetaSettings(form=attack.form, seed=attack.seed).form == "published"
