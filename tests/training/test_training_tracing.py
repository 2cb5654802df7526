"""Traces: what is read in training, and that reading changes no bit of any model."""

import pickle
import random
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from privaudit.collect.run import TRACINGS, query_one
from privaudit.config import OptimizerConfig
from privaudit.errors import DataError, ShapeError, TrainingError
from privaudit.scoring.signals import LOSS_TRACE
from privaudit.store.folder import AuditFolder
from privaudit.store.tensors import load_arrays
from privaudit.training.executors import InlineExecutor
from privaudit.training.group_training import train_group
from privaudit.training.groups import TrainerPlan
from privaudit.training.pool import train_models
from privaudit.training.recipe import Recipe
from privaudit.training.tracing import Tracing, trace_steps, untouched

TRACING = TRACINGS[LOSS_TRACE]
ENSEMBLE = TrainerPlan(trainer="ensemble", group_size=4)
TRAIN = partial(train_models, executor=InlineExecutor())

USER_FILE = """
from torch import nn

def dropout(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, n_classes))

def batch_norm(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, n_classes))
"""


def shuffled(epochs=3, batch_size=4, **optimizer):
    return Recipe(
        steps=None,
        sample_rate=None,
        epochs=epochs,
        batch_size=batch_size,
        expected_batch_size=None,
        schedule_steps=epochs * 5,
        optimizer=OptimizerConfig(**{"name": "adam", "lr": 0.05, **optimizer}),
        dp=None,
    )


@pytest.fixture
def user_models(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(USER_FILE)
    return path


def models_of(contents, job):
    return {name: data for name, data in contents(job).items() if name.startswith("models/")}


def trace(job, row):
    return load_arrays(AuditFolder(job.folder).signal(LOSS_TRACE, job.number(row)))["values"]


def final_loss(job, row):
    assert query_one(job, ("negative_loss",), row).error == ""
    return load_arrays(AuditFolder(job.folder).signal("negative_loss", job.number(row)))["values"][:, 0]


@pytest.mark.parametrize(
    ("steps", "rate", "wanted"),
    [(8, 0.25, [4, 8]), (9, 0.25, [4, 8, 9]), (3, 0.25, [3]), (3, 1.0, [1, 2, 3]), (10, 0.15, [7, 10])],
)
def test_an_epoch_of_poisson_batches(recipe, steps, rate, wanted):
    assert trace_steps(recipe(steps=steps, rate=rate), 17).tolist() == wanted
    assert trace_steps(recipe(steps=steps, rate=rate), 1).tolist() == wanted  # public: whatever the model holds


def test_the_number_of_points_is_public_for_shuffled_epochs_too():
    assert trace_steps(shuffled(), 8).tolist() == [2, 4, 6]
    assert trace_steps(shuffled(), 13).tolist() == [3, 6, 9]  # one record left over joins the batch before it


RECIPES = {
    "dp": lambda recipe: recipe(),
    "dp, many steps": lambda recipe: recipe(steps=11, momentum=0.9),
    "poisson": lambda recipe: recipe(dp=False, name="adam", lr=0.05),
    "shuffled": lambda recipe: shuffled(),
}


@pytest.mark.parametrize("plan", [ENSEMBLE, TrainerPlan(trainer="loop")], ids=["ensemble", "loop"])
@pytest.mark.parametrize("kind", RECIPES)
def test_models_are_the_same_bytes_with_and_without_traces(job_of, replaced, contents, recipe, kind, plan):
    """Six models in groups of four: the second group is filled up with models that are thrown away."""
    plain, traced = (replaced(job_of(name, recipe=RECIPES[kind](recipe)), plan=plan) for name in ("plain", "traced"))
    assert TRAIN(plain, range(6)) == [] and TRAIN(traced, range(6), tracing=TRACING) == []
    assert models_of(contents, plain) == models_of(contents, traced)
    for row in (0, 1, 5):
        found = trace(traced, row)
        assert found.shape == (40, len(trace_steps(traced.recipe(row), len(traced.members(row)))))
        assert np.array_equal(found[:, -1], final_loss(traced, row))
        assert (np.ptp(found, axis=1) > 0).all()


@pytest.mark.parametrize(
    ("plan", "build"), [(ENSEMBLE, "dropout"), ("loop", "dropout"), ("loop", "batch_norm")], ids=str
)
def test_dropout_and_batch_norm_do_not_feel_the_reading(job_of, replaced, contents, user_models, plan, build):
    plan = TrainerPlan(trainer="loop") if plan == "loop" else plan
    jobs = [
        replaced(job_of(name, recipe=shuffled(), build=f"{user_models}:{build}"), plan=plan)
        for name in ("plain", "traced")
    ]
    assert TRAIN(jobs[0], range(4)) == [] and TRAIN(jobs[1], range(4), tracing=TRACING) == []
    assert models_of(contents, jobs[0]) == models_of(contents, jobs[1])
    assert np.array_equal(trace(jobs[1], 2)[:, -1], final_loss(jobs[1], 2))  # read in evaluation mode


@pytest.mark.parametrize("plan", [ENSEMBLE, TrainerPlan(trainer="loop")], ids=["ensemble", "loop"])
def test_a_point_is_the_loss_of_a_model_that_ends_there(job_of, replaced, recipe, plan):
    long, short = (replaced(job_of(str(steps), recipe=recipe(dp=False, steps=steps)), plan=plan) for steps in (12, 8))
    TRAIN(long, [0, 1, 2, 3], tracing=TRACING)
    TRAIN(short, [0, 1, 2, 3])
    for row in range(4):
        assert np.array_equal(trace(long, row)[:, 1], final_loss(short, row))


def test_workers_can_be_sent_what_to_read():
    again = pickle.loads(pickle.dumps(TRACING))
    assert again == TRACING and again.read is TRACING.read


def test_a_model_on_disk_gets_its_trace_and_stays(job_of, replaced, contents):
    job, whole = (replaced(job_of(name), plan=ENSEMBLE) for name in ("out", "whole"))
    TRAIN(job, range(6))
    final_loss(job, 1)
    path = AuditFolder(job.folder).model(1)
    before = path.stat().st_mtime_ns, contents(job)
    assert TRAIN(job, range(6), tracing=TRACING) == []
    after = contents(job)
    assert path.stat().st_mtime_ns == before[0] and before[1].items() <= after.items()  # also the other signals
    TRAIN(whole, range(6), tracing=TRACING)
    assert contents(whole).items() <= after.items()
    trained = []
    assert TRAIN(job, range(6), tracing=TRACING, progress=lambda step: trained.append(step.done)) == []
    assert trained == [6]  # nothing left to do


@pytest.mark.parametrize("plan", [ENSEMBLE, TrainerPlan(trainer="loop")], ids=["ensemble", "loop"])
def test_another_model_on_disk_is_never_given_a_trace(job_of, replaced, plan):
    job = replaced(job_of(), plan=plan)
    TRAIN(job, range(4))
    folder = AuditFolder(job.folder)
    folder.model(2).write_bytes(folder.model(3).read_bytes())
    with pytest.raises(TrainingError, match=r"model 2, trained once more .* is not the model on disk") as caught:
        TRAIN(job, range(4), tracing=TRACING)
    assert "\n" not in str(caught.value)
    assert folder.missing_signals([LOSS_TRACE], range(4)) == [2]


def not_finite(network, features, labels):
    if float(network[1].weight.detach().sum()) != 0.0:
        raise DataError("logits must be finite")
    return np.zeros(len(labels))


def misshapen(network, features, labels):
    raise ShapeError("labels must lie in 0..1")


def test_outputs_that_are_not_finite_on_the_way_are_a_divergence(job_of, replaced):
    for name, plan in (("ensemble", ENSEMBLE), ("loop", TrainerPlan(trainer="loop"))):
        job = replaced(job_of(name), plan=plan)
        outcomes = train_group(job, [0, 1], tracing=Tracing(signal=LOSS_TRACE, read=not_finite))
        assert [(one.error, one.diverged) for one in outcomes] == [
            ("its outputs were not finite after epoch 1", True)
        ] * 2
        assert AuditFolder(job.folder).missing_models([0, 1]) == [0, 1]
        failed = train_group(job, [0, 1], tracing=Tracing(signal=LOSS_TRACE, read=misshapen))
        assert [(one.error, one.diverged) for one in failed] == [("labels must lie in 0..1", False)] * 2


class Restless(nn.Module):
    """A forward pass that draws from every stream and keeps count, whatever the mode."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Dropout()
        self.inner.eval()
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("replaced", torch.zeros(1))

    def forward(self, x):
        self.count += 1
        self.replaced = self.replaced + 1
        return x + torch.rand(1) + np.random.rand() + random.random()


def test_reading_leaves_streams_modes_and_buffers_alone():
    network = Restless()
    network.training = True

    def drawn():
        with torch.random.fork_rng():
            state = random.getstate(), np.random.get_state()
            numbers = torch.rand(1).item(), np.random.rand(), random.random()
            random.setstate(state[0])
            np.random.set_state(state[1])
        return numbers

    before = drawn()
    with untouched(network, torch.device("cpu")):
        network.eval()
        network(torch.zeros(1))
        assert network.count == network.replaced == 1 and drawn() != before
    assert drawn() == before
    assert (network.training, network.inner.training) == (True, False)
    assert network.count == network.replaced == 0
