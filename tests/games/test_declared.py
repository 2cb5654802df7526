"""The guard: what an attack does not declare is refused in one line, and what it declares is what it gets."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from privaudit.collect.augmented import AugmentedCollector
from privaudit.collect.averaged import AveragedCollector
from privaudit.errors import MissingSignalError, UndeclaredUseError, UnsupportedError
from privaudit.games.declared import (
    SCORE_SIGNALS,
    check_declaration,
    declared_game,
    declared_inputs,
    declared_world_inputs,
    run_declared,
)
from privaudit.interfaces import AuditInputs
from privaudit.registry import create_attack
from privaudit.scoring.signals import (
    AUGMENTED_CORRECT,
    AUGMENTED_MARGIN,
    AVERAGED_MARGIN,
    LABEL_SIGNALS,
    LOSS_TRACE,
    NOISY_CORRECT,
    POISON_SIGNALS,
    SIGNALS,
)
from privaudit.types import AuditDesign, SignalTable, WorldInputs

N_MODELS, N_RECORDS = 4, 6


def table(name):
    values = np.random.default_rng(len(name)).random((N_MODELS, N_RECORDS, 1))
    return SignalTable(name=name, values=values, model_index=np.arange(N_MODELS), record_index=np.arange(N_RECORDS))


@pytest.fixture
def inputs():
    half = (np.random.default_rng(0).random((2, N_RECORDS)) < 0.5).astype(np.uint8)
    is_in = np.stack([half[0], 1 - half[0], half[1], 1 - half[1]])
    design = AuditDesign(
        kind="paired",
        is_in=is_in,
        pair=np.arange(N_MODELS) ^ 1,
        role=np.full(N_MODELS, "shadow"),
        variant=np.zeros(N_MODELS),
        is_population=np.zeros(N_RECORDS, dtype=bool),
        record_codes=np.arange(N_RECORDS),
        seed=0,
    )
    return AuditInputs(
        design=design,
        labels=np.arange(N_RECORDS) % 2,
        groups={"sex": np.array(["f", "m"] * 3)},
        signals={name: table(name) for name in ("logit_margin", "correct", "negative_loss")},
        usable=np.arange(N_MODELS),
        features=np.zeros((N_RECORDS, 2), dtype=np.float32),
    )


class Cheat:
    """Looks at what it was made to look at."""

    name, game, access = "cheat", "membership", "score"
    signals, record_fields = frozenset({"correct"}), frozenset()

    def __init__(self, look, **declared):
        self.look = look
        for key, value in declared.items():
            setattr(self, key, value)

    def run(self, inputs, *, targets):
        return (self.look(inputs),)


LOOKS = {
    "dense": lambda inputs: inputs.dense("logit_margin"),
    "queries": lambda inputs: inputs.dense_queries("logit_margin"),
    "signal": lambda inputs: inputs.signal("logit_margin"),
    "mapping": lambda inputs: inputs.signals["logit_margin"],
    "get": lambda inputs: inputs.signals.get("logit_margin"),
    "restricted": lambda inputs: inputs.restricted_to([0, 1]).dense("logit_margin"),
    "features": lambda inputs: inputs.features,
    "label": lambda inputs: inputs.labels,
    "groups": lambda inputs: inputs.groups,
    "restricted features": lambda inputs: inputs.restricted_to([0, 1]).features,
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_cheating_attack_is_refused_in_one_line(inputs, look):
    with pytest.raises(UndeclaredUseError) as caught:
        run_declared(Cheat(LOOKS[look]), inputs, targets=[0])
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("attack cheat ")
    assert ("logit_margin" if "fields" not in said else look.split()[-1]) in said
    assert isinstance(caught.value, UnsupportedError)


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_declared_is_what_the_inputs_hold(inputs, look):
    honest = Cheat(
        LOOKS[look],
        signals=frozenset({"correct", "logit_margin"}),
        record_fields=frozenset({"features", "label", "groups"}),
    )
    (found,) = run_declared(honest, inputs, targets=[0])
    if look == "restricted":
        assert np.isnan(found[2:]).all()
    expected = LOOKS[look](inputs)
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    elif look == "signal":
        np.testing.assert_array_equal(found.values, expected.values)
    else:
        assert found is expected


def test_the_rest_of_the_inputs_is_there_for_every_attack(inputs):
    seen = declared_inputs(Cheat(None), inputs)
    assert isinstance(seen, AuditInputs)
    assert seen.design is inputs.design and seen.usable is inputs.usable
    assert set(seen.signals) == {"correct"} and len(seen.signals) == 1
    assert "logit_margin" not in seen.signals and "correct" in seen.signals
    assert declared_inputs(Cheat(None), seen).design is inputs.design
    absent = declared_inputs(Cheat(None, signals=frozenset({"negative_loss_t2"})), inputs)
    with pytest.raises(MissingSignalError, match="was not collected"):
        absent.dense("negative_loss_t2")
    with pytest.raises(AttributeError):
        seen.labels = inputs.labels


def test_an_attack_that_runs_another_is_held_to_its_own_declaration(inputs):
    loss = create_attack("loss", {})
    outer = Cheat(lambda inputs: run_declared(loss, inputs, targets=[0]))
    with pytest.raises(UndeclaredUseError, match="attack cheat reads signal negative_loss"):
        run_declared(outer, inputs, targets=[0])
    outer.signals = frozenset({"negative_loss"})
    ((found,),) = run_declared(outer, inputs, targets=[0])
    np.testing.assert_array_equal(found.scores, loss.run(inputs, targets=[0])[0].scores)


def test_an_attack_that_sees_labels_reads_no_scores(inputs):
    label = Cheat(LOOKS["dense"], access="label")
    with pytest.raises(UndeclaredUseError, match="reads signal logit_margin, and declares correct with access label"):
        run_declared(label, inputs, targets=[0])
    for signal in ("logit_margin", "augmented_logit_margin@fast"):
        lying = Cheat(LOOKS["dense"], access="label", signals=frozenset({"correct", signal}))
        with pytest.raises(UndeclaredUseError, match=r"attack cheat declares access label, and reads .*logit_margin"):
            run_declared(lying, inputs, targets=[0])


def test_every_signal_of_the_toolkit_is_of_scores_or_of_labels():
    of_labels = {"correct", *LABEL_SIGNALS, *POISON_SIGNALS}
    assert of_labels & SCORE_SIGNALS == set()
    assert {AUGMENTED_CORRECT, NOISY_CORRECT} <= of_labels
    of_views = {AUGMENTED_MARGIN, AVERAGED_MARGIN}
    assert of_labels | SCORE_SIGNALS == {*SIGNALS, LOSS_TRACE, *of_views, *LABEL_SIGNALS, *POISON_SIGNALS}
    assert AugmentedCollector().produces | AveragedCollector().produces == of_views


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"game": "membershp"}, r"one of the games membership,.*got 'membershp'. Did you mean membership"),
        ({"game": None}, "got None"),
        ({"access": "gradient"}, "played with access label or score or white_box; got 'gradient'"),
        ({"access": "label", "game": "record_risk", "signals": frozenset()}, "record_risk is played with access score"),
    ],
)
def test_declarations_that_cannot_be_are_refused(inputs, declared, words):
    with pytest.raises(UndeclaredUseError, match=words) as caught:
        run_declared(Cheat(None, **declared), inputs, targets=[0])
    assert "\n" not in str(caught.value)


def test_an_attack_without_members_plays_membership_on_scores_and_declares_nothing(inputs):
    plain = SimpleNamespace(run=lambda inputs, targets: (inputs.usable, inputs.design.is_in))
    check_declaration(plain)
    assert (declared_game(plain).id, declared_game(plain).access) == ("membership", "score")
    assert len(run_declared(plain, inputs, targets=[0])) == 2
    plain.run = lambda inputs, targets: inputs.dense("correct")
    with pytest.raises(UndeclaredUseError, match="attack SimpleNamespace reads signal correct, and declares none"):
        run_declared(plain, inputs, targets=[0])


def test_declared_games_carry_the_access():
    assert declared_game(create_attack("gap", {})).access == "label"
    assert declared_game(create_attack("chameleon", {})).id == "poisoned_membership"
    assert not declared_game(create_attack("lt_iqr", {})).is_played


@pytest.fixture
def worlds():
    probabilities = np.full((4, 3, 2), 0.5)
    return WorldInputs(
        shadows=probabilities,
        shadow_world=[0, 0, 1, 1],
        victims=probabilities[:1],
        victim_labels=np.zeros((1, 3)),
        query_label=np.zeros(3),
        query_world=np.zeros(3),
    )


def distribution_attack(**members):
    return SimpleNamespace(**{"name": "law", "game": "distribution_inference", "access": "score", **members})


def test_an_attack_on_the_law_sees_what_its_access_gives(worlds):
    assert declared_world_inputs(distribution_attack(), worlds) is worlds
    seen = declared_world_inputs(distribution_attack(access="label"), worlds)
    assert seen.victims is None and seen.shadows is worlds.shadows
    assert declared_world_inputs(distribution_attack(access="label"), seen).victims is None


def test_what_was_computed_from_weights_is_for_white_box_attacks_that_declare_it(worlds):
    known = {"pin_logit": np.array([0.5]), "pin_ratio": np.array([0.25])}
    inputs = replace(worlds, victim_signals=known)
    declared = distribution_attack(access="white_box", signals=frozenset({"pin_logit"}))
    assert declared_world_inputs(declared, inputs).victim_signal("pin_logit").tolist() == [0.5]
    for other in (declared, distribution_attack(), distribution_attack(signals=frozenset({"pin_ratio"}))):
        with pytest.raises(MissingSignalError, match="signal pin_ratio was not collected"):
            declared_world_inputs(other, inputs).victim_signal("pin_ratio")
    assert not inputs.without_probabilities().victim_signals


@pytest.mark.parametrize(
    ("members", "is_label", "words"),
    [
        ({"game": "membership"}, False, "must declare a game about a law; got membership"),
        ({"game": "laws"}, False, "got 'laws'"),
        ({"access": "white_box"}, True, "declares access white_box; the victims give labels alone"),
        ({}, True, "declares access score; the victims give labels alone"),
    ],
)
def test_an_attack_on_the_law_is_held_to_its_declaration(worlds, members, is_label, words):
    with pytest.raises(UndeclaredUseError, match=words) as caught:
        declared_world_inputs(distribution_attack(**members), worlds.without_probabilities() if is_label else worlds)
    assert "\n" not in str(caught.value)
