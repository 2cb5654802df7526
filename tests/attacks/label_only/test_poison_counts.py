"""How many copies are planted: one a round, never beyond what was asked for, and never taken back."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from privaudit.attacks.label_only.chameleon_settings import SETTINGS, ChameleonSettings, named_settings
from privaudit.attacks.label_only.poison_counts import mean_out_confidence, next_copies, no_copies, poison_labels
from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError

confidences = arrays(np.float64, (6, 4), elements=st.floats(0, 1))


def played(rounds, threshold=0.13, most=6):
    counts = no_copies(rounds.shape[1])
    history = [counts]
    for confidence in rounds:
        counts = next_copies(counts, confidence, threshold=threshold, most=most)
        history.append(counts)
    return history


@given(rounds=confidences, most=st.integers(0, 7))
def test_copies_grow_by_one_at_most_and_stop_for_good(rounds, most):
    history = played(rounds, most=most)
    for number, (before, after) in enumerate(pairwise(history)):
        step = after.copies - before.copies
        assert ((step == 0) | (step == 1)).all() and (after.copies <= most).all()
        assert not (before.is_done & ~after.is_done).any()  # done is for good, whatever comes later
        assert (step[before.is_done] == 0).all()
        alive = ~before.is_done
        assert (before.copies[alive] == min(number, most)).all()  # so `most` ends the rounds
        assert (step[alive] == ((rounds[number] > 0.13) & (before.copies < most))[alive]).all()


def test_the_threshold_itself_is_low_enough():
    after = next_copies(no_copies(3), [0.13, np.nextafter(0.13, 1), 0.0], threshold=0.13, most=6)
    assert after.copies.tolist() == [0, 1, 0] and after.is_done.tolist() == [True, False, True]


def test_a_record_done_in_one_round_gets_none_in_the_next():
    history = played(np.array([[0.9, 0.9], [0.1, 0.9], [0.9, 0.1]]))
    assert [counts.copies.tolist() for counts in history] == [[0, 0], [1, 1], [1, 2], [1, 2]]


def test_at_the_last_round_copies_stay():
    history = played(np.full((4, 1), 0.9), most=2)
    assert [int(counts.copies[0]) for counts in history] == [0, 1, 2, 2, 2]
    assert not history[-1].is_done[0]


@pytest.mark.parametrize(
    ("confidence", "error"),
    [([0.5], ShapeError), ([0.5, np.nan], DataError), ([0.5, 1.01], DataError), ([-0.1, 0.5], DataError)],
)
def test_what_is_no_confidence_is_refused(confidence, error):
    with pytest.raises(error):
        next_copies(no_copies(2), confidence, threshold=0.13, most=6)


def test_confidence_is_that_of_models_without_the_record():
    log_p = np.log([[0.2, 0.9], [0.4, 0.5]])
    is_in = [[0, 1], [0, 0]]
    np.testing.assert_allclose(mean_out_confidence(log_p, is_in), [0.3, 0.5])
    changed = log_p.copy()
    changed[0, 1] = -50.0  # a model with the record: it does not count
    np.testing.assert_allclose(mean_out_confidence(changed, is_in), [0.3, 0.5])
    with pytest.raises(UnsupportedError, match="1 have none"):
        mean_out_confidence(log_p, [[1, 0], [1, 0]])


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=30), seed=st.integers(0, 99))
def test_copies_never_carry_the_true_class(labels, seed):
    probability = np.random.default_rng(seed).random((len(labels), 5))
    for kind in ("next", "random", "second_best"):
        found = poison_labels(labels, 5, kind=kind, seed=seed, class_probability=probability)
        assert (found != labels).all() and found.min() >= 0 and found.max() < 5


@pytest.mark.statistical
def test_random_classes_are_equally_likely():
    """6,000 draws among 3: shares within .03 of 1/3, five standard deviations: fails once in a million."""
    found = poison_labels(np.zeros(6000, dtype=int), 4, kind="random", seed=1)
    assert np.abs(np.bincount(found, minlength=4)[1:] / 6000 - 1 / 3).max() < 0.03


def test_second_best_needs_probabilities_and_two_classes():
    with pytest.raises(ConfigError, match="class_probability"):
        poison_labels([0, 1], 3, kind="second_best")
    with pytest.raises(ConfigError, match="at least 2 classes"):
        poison_labels([0, 0], 1, kind="next")


def test_settings_are_found_by_name():
    assert named_settings("paper").poison_threshold == 0.15
    assert {one.n_shadows for one in SETTINGS.values()} == {8, 16}
    assert SETTINGS["calibrated"].n_queries == 65
    with pytest.raises(ConfigError, match="Did you mean calibrated"):
        named_settings("calibratd")


@pytest.mark.parametrize(
    "change",
    [
        {"n_out_models": 1},
        {"poison_threshold": 13.0},
        {"most_copies": -1},
        {"n_candidates": -1},
        {"sigma_floor": 0.0},
        {"neighbourhood_threshold": float("nan")},
        {"poison_label": "first"},
    ],
)
def test_settings_that_no_attack_can_use_are_refused(change):
    good = {"n_out_models": 2, "poison_threshold": 0.1, "most_copies": 0, "n_candidates": 0}
    ChameleonSettings(**good)
    (key,) = change
    with pytest.raises(ConfigError, match=key) as caught:
        ChameleonSettings(**(good | change))
    assert caught.value.key == key
