"""LT-IQR: the range of the middle half of a record's losses in training, and how well a ranking finds records at risk."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from privaudit.attacks.loss_trace import SIGNAL, LossTraceRange, interquartile_range, precision_at
from privaudit.errors import ConfigError, DataError, MissingSignalError, ShapeError, UnsupportedError
from privaudit.registry import create_attack
from privaudit.types import SignalTable

LOSSES = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 9)), elements=st.floats(0, 50))


def test_reference_values():
    """By hand: of n ordered losses the quartiles lie at places (n - 1) / 4 and 3 (n - 1) / 4, between two of them linearly."""
    assert interquartile_range([[8.0, 4.0, 2.0, 1.0, 0.0]]).tolist() == [3.0]
    assert interquartile_range([[0.0, 1.0]]).tolist() == [0.5]  # 0.75 - 0.25
    assert interquartile_range([[0.0, 10.0, 1.0, 3.0]]).tolist() == [4.75 - 0.75]  # places .75 and 2.25 of 0, 1, 3, 10
    assert interquartile_range(np.full((3, 4), 0.7)).tolist() == [0.0, 0.0, 0.0]


@settings(deadline=None, derandomize=True)
@given(LOSSES, st.randoms(use_true_random=False))
def test_the_sign_and_the_order_of_epochs_do_not_matter(losses, random):
    found = interquartile_range(losses)
    epochs = list(range(losses.shape[1]))
    random.shuffle(epochs)
    assert np.array_equal(interquartile_range(losses[:, epochs]), found)
    np.testing.assert_allclose(interquartile_range(-losses), found, rtol=0, atol=1e-13)
    assert (found >= 0).all() and (found <= np.ptp(losses, axis=1)).all()


@settings(deadline=None, derandomize=True)
@given(LOSSES, st.floats(0, 10))
def test_a_longer_way_has_a_longer_range(losses, factor):
    np.testing.assert_allclose(
        interquartile_range(factor * losses + 1.0), factor * interquartile_range(losses), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(
    ("trace", "error", "words"),
    [
        ([1.0, 2.0], ShapeError, r"\(n_records, n_epochs\); got \(2,\)"),
        ([[1.0], [2.0]], UnsupportedError, "at least 2 epochs; got 1. Train longer"),
        ([[1.0, 2.0], [1.0, np.nan]], DataError, "record 1 after epoch 2 is nan"),
        ([[1.0, 2.0], [np.inf, 1.0]], DataError, "record 1 after epoch 1 is inf"),
    ],
)
def test_traces_without_an_answer(trace, error, words):
    with pytest.raises(error, match=words) as caught:
        interquartile_range(trace)
    assert "\n" not in str(caught.value)


def test_precision_of_rankings_known_by_heart():
    at_risk = np.arange(200) >= 190
    assert precision_at(np.arange(200), at_risk, 0.05) == (1.0, 0.05, 10)
    assert precision_at(-np.arange(200), at_risk, 0.05) == (0.0, 0.05, 10)
    assert precision_at(np.arange(200), at_risk, 0.1) == (0.5, 0.05, 20)
    assert precision_at(np.arange(200), at_risk, 1.0) == (0.05, 0.05, 200)
    assert precision_at(np.arange(200), at_risk, 0.051).n == 11  # whole records, rounded up
    assert precision_at(np.arange(30), np.arange(30) == 29, 0.1).n == 3  # 0.1 * 30 is 3.0000000000000004
    assert precision_at([1.0], [True], 0.001) == (1.0, 1.0, 1)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=6), st.integers(1, 6))
def test_ties_count_as_the_mean_over_all_orders(records, n):
    n = min(n, len(records))
    scores, at_risk = np.array([record[0] for record in records]), np.array([record[1] for record in records])
    precisions = []
    for order in itertools.permutations(range(len(records))):
        ranked = sorted(order, key=lambda record: -scores[record])  # stable: ties in the order of the permutation
        precisions.append(at_risk[ranked[:n]].mean())
    found = precision_at(scores, at_risk, n / len(records))
    assert found.n == n
    assert found.precision == pytest.approx(np.mean(precisions), abs=1e-12)
    assert precision_at(np.zeros(len(records)), at_risk, n / len(records)).precision == pytest.approx(found.base_rate)


@pytest.mark.parametrize(
    ("scores", "at_risk", "share", "error", "words"),
    [
        ([1.0, 2.0], [True], 0.5, ShapeError, "one shape"),
        ([], [], 0.5, ShapeError, "n > 0"),
        ([1.0, np.nan], [True, False], 0.5, DataError, "NaN; 1 are"),
        ([1.0, 2.0], [True, False], 0.0, ConfigError, "got 0.0"),
        ([1.0, 2.0], [True, False], 1.1, ConfigError, "got 1.1"),
        ([1.0, 2.0], [True, False], float("nan"), ConfigError, "got nan"),
    ],
)
def test_rankings_without_a_precision(scores, at_risk, share, error, words):
    with pytest.raises(error, match=words) as caught:
        precision_at(scores, at_risk, share)
    assert "\n" not in str(caught.value)


def with_traces(inputs, traces):
    n_models, n_records, _ = traces.shape
    table = SignalTable(name=SIGNAL, values=traces, model_index=np.arange(n_models), record_index=np.arange(n_records))
    return dataclasses.replace(inputs, signals={**inputs.signals, SIGNAL: table})


@pytest.fixture
def some_inputs(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 4, 60)
    margin = np.random.default_rng(0).normal(size=(4, 80))
    return make_inputs(make_design(coins, n_population=20), margin)


def test_scores_are_the_target_s_own_ranges(some_inputs):
    traces = -np.random.default_rng(1).exponential(size=(4, 80, 7))
    inputs = with_traces(some_inputs, traces)
    results = create_attack("lt_iqr", {}).run(inputs, targets=[2, 0])
    for target, result in zip((2, 0), results, strict=True):
        assert (result.attack, result.target, result.access, result.params) == ("lt_iqr", target, "score", {})
        assert np.array_equal(result.scores, interquartile_range(traces[target])[:60])
        assert np.array_equal(result.label, inputs.design.is_in[target, :60])
        assert "owner" in result.notes[0] and "no attack of an outsider" in result.notes[0]
    others = traces.copy()
    others[[0, 1, 3]] += np.random.default_rng(2).normal(size=(3, 80, 7))
    (again,) = LossTraceRange().run(with_traces(some_inputs, others), targets=[2])
    assert np.array_equal(again.scores, results[0].scores)  # nothing but the target is looked at


def test_a_record_learned_by_heart_ranks_above_an_easy_and_a_hopeless_one(some_inputs):
    traces = np.full((4, 80, 20), -0.01)  # easy: known from the first epoch on
    traces[:, 1] = -3.0  # hopeless
    traces[:, 2] = -3.0 * np.exp(-np.arange(20) / 6)  # late, by heart
    (result,) = LossTraceRange().run(with_traces(some_inputs, traces), targets=[0])
    assert result.scores[2] > 1.0
    assert result.scores[[0, 1]].tolist() == [0.0, 0.0]


def test_constant_traces_tie_all_records(some_inputs):
    (result,) = LossTraceRange().run(with_traces(some_inputs, np.full((4, 80, 5), -0.7)), targets=[1])
    assert not result.scores.any()


def test_what_was_not_recorded_is_refused(some_inputs):
    without = dataclasses.replace(
        some_inputs, signals={name: table for name, table in some_inputs.signals.items() if name != SIGNAL}
    )
    with pytest.raises(MissingSignalError, match=SIGNAL):
        LossTraceRange().run(without, targets=[0])
    with pytest.raises(UnsupportedError, match="at least 2 epochs"):
        LossTraceRange().run(with_traces(some_inputs, np.zeros((4, 80, 1))), targets=[0])
    with pytest.raises(DataError, match=SIGNAL):
        LossTraceRange().run(with_traces(some_inputs, np.full((4, 80, 2), -np.inf)), targets=[0])
    with pytest.raises(DataError, match="NaN"):
        with_traces(some_inputs, np.full((4, 80, 2), np.nan))
    with pytest.raises(UnsupportedError, match="targets must be"):
        LossTraceRange().run(some_inputs, targets=[9])
