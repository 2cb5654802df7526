"""The gap attack, and the note on targets whose labels tell nothing apart."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.attacks.label_only.constant_labels import constant_note
from privaudit.attacks.label_only.gap import Gap
from privaudit.errors import MissingSignalError, UnsupportedError
from privaudit.estimators import auc, auc_null_variance


def test_scores_are_correctness(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 4, 30)
    margin = np.random.default_rng(0).normal(0.5, 1.0, (4, 40))
    results = Gap().run(make_inputs(make_design(coins, n_population=10), margin), targets=[2, 0])
    for result, target in zip(results, (2, 0), strict=True):
        assert result.target == target and result.access == "label" and result.notes == ()
        np.testing.assert_array_equal(result.scores, margin[target, :30] > 0)
        np.testing.assert_array_equal(result.label, coins[target])
        inside, outside = result.scores[coins[target] == 1], result.scores[coins[target] == 0]
        assert auc(result.scores, result.label) == pytest.approx(0.5 + (inside.mean() - outside.mean()) / 2)
        assert not result.depends_on_coins


def test_no_other_model_is_looked_at(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 4, 30)
    margin = np.random.default_rng(0).normal(0.5, 1.0, (4, 30))
    (before,) = Gap().run(make_inputs(make_design(coins), margin), targets=[1])
    margin[[0, 2, 3]] *= -1
    (after,) = Gap().run(make_inputs(make_design(coins), margin), targets=[1])
    np.testing.assert_array_equal(before.scores, after.scores)


def test_what_is_missing_is_named(draw_coins, make_design, make_inputs):
    design = make_design(draw_coins("paired", 4, 30))
    with pytest.raises(MissingSignalError, match="correct"):
        Gap().run(make_inputs(design, np.ones((4, 30)), leave_out=("correct",)), targets=[0])
    with pytest.raises(UnsupportedError, match="targets"):
        Gap().run(make_inputs(design, np.ones((4, 30)), models=[1, 2, 3]), targets=[0])


@pytest.mark.statistical
def test_coins_that_nothing_saw_give_half(draw_coins, make_design, make_inputs):
    """|z| below 4.9: fails with probability 1e-6."""
    coins = draw_coins("paired", 4, 2000, seed=3)
    inputs = make_inputs(make_design(coins), np.random.default_rng(1).normal(1.0, 1.0, coins.shape))
    (result,) = Gap().run(inputs, targets=[0])
    n_in = int(result.label.sum())
    spread = np.sqrt(auc_null_variance(result.scores, n_in, 2000 - n_in))
    assert abs(auc(result.scores, result.label) - 0.5) < 4.9 * spread


def test_a_constant_target_is_noted_and_scored(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 4, 30)
    inputs = make_inputs(make_design(coins), np.where(np.arange(30) % 3 == 2, 1.0, -1.0) * np.ones((4, 1)))
    (result,) = Gap().run(inputs, targets=[0])
    assert "the target answers class 2 to every record" in result.notes[0]
    assert np.isfinite(result.scores).all()


def test_notes_by_hand():
    labels = np.array([0, 1, 1, 2])
    (none,) = constant_note(np.zeros(4), labels)
    assert "none of the 4 records" in none
    (constant,) = constant_note([0, 1, 1, 0], labels)
    assert "answers class 1 to every record" in constant
    (almost,) = constant_note([0, 0, 1, 0], labels)
    assert "no class but 1" in almost and "1 of 4" in almost
    assert constant_note([1, 0, 1, 0], labels) == ()
    assert constant_note([1, 0, 1], np.zeros(3)) == ()  # with one class in the data, being wrong tells records apart
    assert "class 0" in constant_note(np.ones(3), np.zeros(3))[0]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=20))
def test_there_is_at_most_one_note_and_none_where_two_classes_are_right(rows):
    correct, labels = np.array([row[0] for row in rows]) * 1.0, np.array([row[1] for row in rows])
    notes = constant_note(correct, labels)
    right = set(labels[correct > 0].tolist())
    assert len(notes) <= 1
    assert not (notes and len(right) > 1)
    assert notes or right
    if len(set(labels.tolist())) > 1 and len(right) == 1:
        assert f"{right.pop()}" in notes[0]


def test_a_released_target_needs_no_shadows(draw_coins, make_design, make_inputs):
    inputs = make_inputs(make_design(draw_coins("paired", 4, 30)), np.ones((4, 30)))
    alone = replace(inputs, usable=np.array([1]))
    (result,) = Gap().run(alone, targets=[1])
    assert set(result.scores.tolist()) == {1.0}
