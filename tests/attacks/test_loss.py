"""The loss threshold, and what every attack keeps: purity, pickling, missing and NaN signals, unknown parameters."""

import dataclasses
import pickle

import numpy as np
import pytest

from privaudit.attacks import LossThreshold
from privaudit.errors import ConfigError, DataError, MissingSignalError
from privaudit.numerics import log_probability
from privaudit.registry import create_attack, list_methods
from privaudit.types import SignalTable

NAMES = [method.name for method in list_methods("attack")]


@pytest.fixture
def inputs(draw_coins, make_design, make_inputs):
    margin = np.random.default_rng(11).normal(1.0, 2.0, (8, 80))
    return make_inputs(make_design(draw_coins("paired", 8, 40), n_population=40), margin)


def test_loss_is_the_signal_itself_and_needs_no_shadows(inputs):
    (result,) = LossThreshold().run(inputs.restricted_to([3]), targets=[3])
    np.testing.assert_array_equal(result.scores, log_probability(inputs.dense("logit_margin")[3, :40]))
    np.testing.assert_array_equal(result.label, inputs.design.is_in[3, :40])
    assert (result.attack, result.target, result.access, result.notes) == ("loss", 3, "score", ())


@pytest.mark.parametrize("name", NAMES)
def test_attacks_are_pure(name, inputs):
    before = pickle.dumps((inputs.design.is_in, {k: v.values for k, v in inputs.signals.items()}))
    attack = create_attack(name, {})
    together = attack.run(inputs, targets=[1, 4])
    for result, again in zip(together, pickle.loads(pickle.dumps(attack)).run(inputs, targets=[1, 4]), strict=True):
        np.testing.assert_array_equal(result.scores, again.scores)
        (alone,) = attack.run(inputs, targets=[np.int64(result.target)])
        np.testing.assert_array_equal(result.scores, alone.scores)
        assert isinstance(alone.target, int) and result.params == again.params
        assert (result.unit, result.game, result.access) == ("record", attack.game, attack.access)
    assert [result.target for result in together] == [1, 4]
    assert before == pickle.dumps((inputs.design.is_in, {k: v.values for k, v in inputs.signals.items()}))


@pytest.mark.parametrize("name", NAMES)
def test_models_that_may_not_be_used_are_not_looked_at(name, inputs, make_inputs):
    margin = inputs.dense("logit_margin").copy()
    margin[6:] = -50.0
    changed = make_inputs(inputs.design, margin, models=range(6))
    (before,) = create_attack(name, {}).run(inputs.restricted_to(range(6)), targets=[0])
    (after,) = create_attack(name, {}).run(changed, targets=[0])
    np.testing.assert_array_equal(before.scores, after.scores)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_signal_is_named(name, inputs, make_inputs):
    attack = create_attack(name, {})
    margin = inputs.dense("logit_margin")
    for signal in attack.signals:
        with pytest.raises(MissingSignalError, match=signal):
            attack.run(make_inputs(inputs.design, margin, leave_out=(signal,)), targets=[0])


# chameleon attacks the records that copies were planted of, whichever they are
@pytest.mark.parametrize("name", [name for name in NAMES if name != "chameleon"])
def test_a_signal_that_lacks_a_record_is_named(name, inputs):
    tables = dict(inputs.signals)
    for signal, table in tables.items():
        tables[signal] = SignalTable(
            name=signal, values=table.values[:, 1:], model_index=table.model_index, record_index=table.record_index[1:]
        )
    partial = dataclasses.replace(inputs, signals=tables)
    attack = create_attack(name, {})
    with pytest.raises(MissingSignalError, match="|".join(attack.signals)):
        attack.run(partial, targets=[0])


def test_nan_signals_are_refused_before_any_attack(inputs):
    table = inputs.signals["logit_margin"]
    values = table.values.copy()
    values[2, 7] = np.nan
    with pytest.raises(DataError, match=r"logit_margin.*model 2, record 7"):
        SignalTable(name=table.name, values=values, model_index=table.model_index, record_index=table.record_index)


@pytest.mark.parametrize(
    ("name", "typo", "hint"),
    [("lira", "varience", "variance"), ("rmia", "gama", "gamma"), ("loss", "gamma", "it has none")],
)
def test_an_unknown_parameter_is_refused_with_the_nearest(name, typo, hint):
    with pytest.raises(ConfigError, match=hint) as caught:
        create_attack(name, {typo: 1})
    assert caught.value.key == f"attacks.{name}.{typo}"
    with pytest.raises(ConfigError, match="Did you mean lira"):
        create_attack("lria", {})
