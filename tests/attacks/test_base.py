"""BASE: its formulas at temperature 2, its kinship with RMIA, tuning, and what must not change a score."""

import numpy as np
import pytest

from privaudit.attacks import Base, Rmia
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.types import SignalTable


@pytest.fixture
def inputs(draw_coins, make_design, make_inputs):
    rng = np.random.default_rng(5)
    coins = draw_coins("paired", 8, 600)
    margin = rng.normal(1.0, 3.0, 600) + rng.standard_normal(coins.shape) + 1.5 * coins
    return make_inputs(make_design(coins), margin)


def test_online_is_the_ratio_of_softened_probabilities(inputs):
    p = 1 / (1 + np.exp(-inputs.dense("logit_margin") / 2))  # of two classes
    for result in Base().run(inputs, targets=[1, 4]):
        references = [model for model in range(8) if model // 2 != result.target // 2]
        np.testing.assert_allclose(result.scores, np.log(p[result.target] / p[references].mean(axis=0)), atol=1e-12)


def test_online_equals_rmia_given_the_same_probabilities(inputs):
    table = inputs.signals["negative_loss"]
    same = SignalTable(
        name="negative_loss_t2", values=table.values, model_index=table.model_index, record_index=table.record_index
    )
    given = type(inputs)(
        design=inputs.design, labels=inputs.labels, signals={**inputs.signals, same.name: same}, usable=inputs.usable
    )
    for base, rmia in zip(Base().run(given, targets=[0, 3]), Rmia().run(given, targets=[0, 3]), strict=True):
        np.testing.assert_array_equal(base.scores, rmia.scores)


def test_offline_takes_a_share_of_the_references_without_the_record(inputs):
    log_p, is_in = inputs.dense("negative_loss_t2"), inputs.design.is_in
    (result,) = Base(mode="offline", factor=0.5).run(inputs, targets=[3])
    references = [0, 1, 4, 5, 6, 7]
    p_out = [np.mean([np.exp(log_p[k, x]) for k in references if not is_in[k, x]]) for x in range(600)]
    np.testing.assert_allclose(result.scores, log_p[3] - 0.5 * np.log(p_out), atol=1e-12)
    assert result.params == {"mode": "offline", "factor": 0.5} and not result.notes


def test_the_factor_is_tuned_on_a_third_pair(inputs):
    (tuned,) = Base(mode="offline").run(inputs, targets=[0])
    assert "tuned on model 6 and 7" in tuned.notes[0]
    (fixed,) = Base(mode="offline", factor=tuned.params["factor"]).run(inputs.restricted_to(range(6)), targets=[0])
    np.testing.assert_array_equal(tuned.scores, fixed.scores)
    (few,) = Base(mode="offline").run(inputs.restricted_to(range(4)), targets=[0])
    assert few.params["factor"] == 0.33 and "not tuned" in few.notes[0]
    (pair,) = Base(mode="offline", n_references=2).run(inputs, targets=[0])
    assert pair.params["n_references"] == 2 and "6 and 7" in pair.notes[0]


@pytest.mark.parametrize("options", [{}, {"mode": "offline"}])
def test_scores_do_not_depend_on_the_secret_coins_or_the_complement(
    draw_coins, make_design, make_inputs, inputs, options
):
    coins, margin = inputs.design.is_in.copy(), inputs.dense("logit_margin").copy()
    coins[[2, 3]] = coins[[3, 2]]
    margin[3] = -40.0
    (before,) = Base(**options).run(inputs, targets=[2])
    (after,) = Base(**options).run(make_inputs(make_design(coins), margin), targets=[2])
    np.testing.assert_array_equal(before.scores, after.scores)


def test_bad_options_and_too_few_models_are_refused(inputs):
    for params in ({"mode": "both"}, {"factor": 2, "mode": "offline"}, {"factor": 0.5}, {"n_references": -1}):
        with pytest.raises(ConfigError) as caught:
            Base(**params)
        assert caught.value.key == next(iter(params))
    with pytest.raises(UnsupportedError, match="at least 4 models"):
        Base().run(inputs.restricted_to([0, 1]), targets=[0])
