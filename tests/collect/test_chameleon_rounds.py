"""The rounds, with shadow models that follow a formula instead of training."""

import numpy as np
import pytest

from privaudit.attacks.label_only.chameleon_settings import ChameleonSettings
from privaudit.collect.chameleon_rounds import RoundOutputs, chameleon_rounds, play_rounds
from privaudit.errors import ShapeError, UnsupportedError

SETTINGS = ChameleonSettings(n_out_models=4, poison_threshold=0.13, most_copies=4, n_candidates=3)
N_CLASSES = 3
LABELS = np.array([0, 1, 2, 0, 1])
HARDNESS = np.array([-4.0, 1.0, 3.0, 5.0, 60.0])  # margin without copies of models that do not hold the record
IS_IN = np.arange(8)[:, None] % 2 * np.ones((1, 5), dtype=int)
PER_COPY = 4.0


class Shadows:
    """Models whose margin falls by a constant for each copy, more slowly where they hold the record."""

    def __init__(self, hardness=HARDNESS):
        self.hardness, self.asked = np.asarray(hardness), []

    def __call__(self, request):
        self.asked.append(request)
        wobble = 0.2 * np.random.default_rng(0).normal(
            size=(8, 5)
        )  # the same in every round: fresh from the same seeds
        margin = self.hardness + wobble - PER_COPY * request.copies + np.where(IS_IN, 6.0, 0.0)
        logits = np.zeros((8, 5, N_CLASSES))
        logits[:, np.arange(5), LABELS] = margin + np.log(N_CLASSES - 1)
        logits[:, :, 2] += np.where(LABELS == 2, 0.0, 0.1)
        far = np.array([0.0, 0.05, 4.0, -4.0])  # of record and candidates
        return RoundOutputs(logits=logits, margins=margin[:, :, None] + far if request.wants_candidates else None)


def play(settings=SETTINGS, *, hardness=HARDNESS, seed=0):
    shadows = Shadows(hardness)
    rounds = chameleon_rounds(settings, IS_IN, LABELS, n_classes=N_CLASSES, seed=seed)
    return play_rounds(rounds, shadows), shadows.asked


def test_each_record_gets_as_many_copies_as_it_takes():
    plan, asked = play()
    assert plan.copies.tolist() == [0, 1, 2, 2, 4]  # the last one never gives in
    assert plan.n_rounds == len(asked) == SETTINGS.most_copies + 1
    assert [request.copies.tolist() for request in asked] == [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1],
        [0, 1, 2, 2, 2],
        [0, 1, 2, 2, 3],
        [0, 1, 2, 2, 4],
    ]
    np.testing.assert_array_equal(asked[-1].copies, plan.copies)  # the last models had exactly these copies
    assert (plan.out_confidence > 0.13).tolist() == [False] * 4 + [True]
    np.testing.assert_array_equal(plan.history[-1], plan.out_confidence)
    assert (np.diff(np.array(plan.history)[:, 2]) <= 1e-12).all()


def test_candidates_are_looked_at_on_unpoisoned_models_only():
    plan, asked = play()
    assert [request.wants_candidates for request in asked] == [True] + [False] * 4
    assert asked[0].copies.sum() == 0
    assert plan.kept.tolist() == [[True, True, False, False]] * 5


def test_the_rounds_stop_once_nothing_changes():
    plan, asked = play(hardness=[*HARDNESS[:4].tolist(), 1.0])
    assert plan.copies.tolist() == [0, 1, 2, 2, 1]
    assert plan.n_rounds == len(asked) == 3  # the third shows that nobody needs another copy
    np.testing.assert_array_equal(asked[-1].copies, plan.copies)
    none = ChameleonSettings(n_out_models=4, poison_threshold=0.13, most_copies=0, n_candidates=3)
    plan, asked = play(none)
    assert plan.n_rounds == len(asked) == 1 and plan.copies.sum() == 0


def test_labels_of_copies_follow_the_settings():
    plan, asked = play()
    assert plan.labels.tolist() == [1, 2, 0, 1, 2]
    second = ChameleonSettings(
        n_out_models=4, poison_threshold=0.13, most_copies=4, n_candidates=3, poison_label="second_best"
    )
    plan, asked = play(second)
    assert plan.labels.tolist() == [2, 2, 0, 2, 2]  # class 2 has the larger logit among the others
    assert all((request.labels == plan.labels).all() for request in asked[1:])
    drawn = ChameleonSettings(
        n_out_models=4, poison_threshold=0.13, most_copies=4, n_candidates=3, poison_label="random"
    )
    (one, _), (again, _), (other, _) = (play(drawn, seed=seed) for seed in (1, 1, 5))
    assert (one.labels == again.labels).all() and (one.labels != LABELS).all()
    assert (one.labels != other.labels).any()


def test_a_single_output_is_two_classes():
    """One logit whose sign tells class 1 from class 0."""
    labels = np.array([0, 1, 1, 0, 1])

    def train(request):
        margin = HARDNESS - PER_COPY * request.copies + np.where(IS_IN, 6.0, 0.0) + 0.1 * np.arange(8)[:, None]
        logits = np.where(labels, margin, -margin)[:, :, None]
        return RoundOutputs(logits=logits, margins=np.repeat(margin[:, :, None], 4, axis=2))

    plan = play_rounds(chameleon_rounds(SETTINGS, IS_IN, labels, n_classes=2), train)
    assert plan.copies.tolist() == [0, 1, 2, 2, 4] and plan.labels.tolist() == [1, 0, 0, 1, 0]


def test_answers_that_do_not_fit_are_refused():
    def answer(**outputs):
        return lambda request: RoundOutputs(**outputs)

    def start():
        return chameleon_rounds(SETTINGS, IS_IN, LABELS, n_classes=N_CLASSES)

    logits, margins = np.zeros((8, 5, 3)), np.random.default_rng(0).normal(size=(8, 5, 4))
    with pytest.raises(ShapeError, match="wants_candidates"):
        play_rounds(start(), answer(logits=logits))
    with pytest.raises(ShapeError, match="logits must have shape"):
        play_rounds(start(), answer(logits=logits[:7], margins=margins))
    with pytest.raises(ShapeError, match="one output for each of 3 classes"):
        play_rounds(start(), answer(logits=logits[:, :, :2], margins=margins))
    lonely = chameleon_rounds(SETTINGS, [[1] * 5, *[[0] * 5] * 7], LABELS, n_classes=N_CLASSES)
    with pytest.raises(UnsupportedError, match="2 shadow models with it"):
        play_rounds(lonely, answer(logits=logits, margins=margins))
