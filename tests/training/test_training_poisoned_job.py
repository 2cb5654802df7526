"""Planted copies: every model trains on them, nothing else of a job changes, and each round starts from fresh weights."""

import numpy as np
import pytest
import torch

from privaudit.errors import ShapeError
from privaudit.training.group_training import trained_networks
from privaudit.training.groups import TrainerPlan
from privaudit.training.poisoned_job import poisoned_job


@pytest.fixture
def job(job_of, replaced, recipe):
    plain = recipe(dp=False, name="adam", lr=0.05, steps=40, rate=0.5, expected=10.0)
    return replaced(job_of(recipe=plain), plan=TrainerPlan(trainer="ensemble", group_size=4))


def weights(networks):
    return [torch.cat([weight.detach().flatten() for weight in network.parameters()]) for network in networks]


def test_copies_stand_at_the_end_and_in_every_model(job):
    poisoned = poisoned_job(job, [3, 3, 7], [1 - job.labels[3]] * 2 + [1 - job.labels[7]])
    np.testing.assert_array_equal(poisoned.features[:40], job.features)
    np.testing.assert_array_equal(poisoned.features[40:], job.features[[3, 3, 7]])
    np.testing.assert_array_equal(poisoned.labels[40:], 1 - job.labels[[3, 3, 7]])
    np.testing.assert_array_equal(poisoned.is_in[:, :40], job.is_in)
    assert poisoned.is_in[:, 40:].all() and not poisoned.is_population[40:].any()
    assert poisoned.is_in.dtype == job.is_in.dtype and poisoned.features.dtype == np.float32
    for row in range(6):
        np.testing.assert_array_equal(poisoned.members(row), [*job.members(row), 40, 41, 42])
    assert len(job.labels) == 40  # the given job is as it was


def test_no_copies_train_the_same_models(job):
    rows = range(4)  # a whole group: nothing is filled up either way
    plain, none = (weights(trained_networks(each, rows)) for each in (job, poisoned_job(job, [], [])))
    for one, other in zip(plain, none, strict=True):
        assert torch.equal(one, other)


def test_a_short_group_trains(job):
    networks = trained_networks(poisoned_job(job, [0, 1], [1, 0]), [4, 5])
    assert len(networks) == 2 and all(torch.isfinite(each).all() for each in weights(networks))


def test_models_forget_a_record_that_is_planted_against(job):
    record = int(np.flatnonzero(job.is_in[0] == 0)[0])
    wrong = 1 - int(job.labels[record])
    (plain,) = trained_networks(job, [0])
    (poisoned,) = trained_networks(poisoned_job(job, [record] * 8, [wrong] * 8), [0])
    with torch.no_grad():
        x = torch.tensor(job.features[record : record + 1])
        before, after = (torch.softmax(network(x), dim=1)[0, wrong] for network in (plain, poisoned))
    assert after > before + 0.2


def test_every_round_starts_from_fresh_weights_and_shares_none(job, replaced):
    """With no step to take, what is left are the initial weights: those of the model's number, in any round."""
    still = replaced(job, recipes=(replaced(job.recipes[0], steps=0, schedule_steps=1),))
    trained = trained_networks(job, range(4))
    before = weights(trained)
    first = trained_networks(still, range(4))
    second = trained_networks(poisoned_job(still, [0, 0], [1, 1]), range(4))
    for one, other in zip(weights(first), weights(second), strict=True):
        assert torch.equal(one, other)  # the same number, the same start
    starts = torch.stack(weights(first))
    assert all(not torch.equal(starts[a], starts[b]) for a in range(4) for b in range(a))  # no two models one start
    for one, other in zip(first, second, strict=True):
        shared = {weight.data_ptr() for weight in one.parameters()} & {
            weight.data_ptr() for weight in other.parameters()
        }
        assert not shared
    trained_networks(poisoned_job(job, [0] * 5, [1] * 5), range(4))
    assert all(torch.equal(one, other) for one, other in zip(before, weights(trained), strict=True))


@pytest.mark.parametrize(("records", "labels"), [([0, 1], [1]), ([40], [1]), ([-1], [1]), ([0], [2]), ([0], [-1])])
def test_copies_of_nothing_are_refused(job, records, labels):
    with pytest.raises(ShapeError):
        poisoned_job(job, records, labels)
