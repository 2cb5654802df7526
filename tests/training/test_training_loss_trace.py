"""Losses recorded in training: at the right points, of all records, and without moving a bit of the models."""

import dataclasses
import os
import pickle
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from privaudit.collect.loss_trace import LossTraceCollector
from privaudit.collect.run import TRACINGS, collect_all
from privaudit.collect.shadow import ShadowCollector
from privaudit.config import OptimizerConfig
from privaudit.data.design import make_design
from privaudit.errors import DataError, ShapeError, TrainingError
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import LOSS_TRACE, signals_from_logits
from privaudit.store.folder import AuditFolder
from privaudit.store.tensors import load_arrays
from privaudit.training.batches import n_steps, trace_steps
from privaudit.training.executors import InlineExecutor
from privaudit.training.groups import ONE_BY_ONE, TrainerPlan
from privaudit.training.job import make_job
from privaudit.training.model_spec import ModelSpec
from privaudit.training.networks import build_network
from privaudit.training.one_model import trained_network
from privaudit.training.pool import train_models
from privaudit.training.recipe import Recipe
from privaudit.training.tracing import Tracing, untouched
from privaudit.training.weights import load_weights

INLINE = InlineExecutor()
TRACING = TRACINGS[LOSS_TRACE]
PLANS = {"loop": ONE_BY_ONE, "ensemble": TrainerPlan(trainer="ensemble", group_size=4, memory_gb=2.0)}
DESIGN = make_design(
    kind="paired", n_models=6, n_records=40, targets=[0], population=0.1, seed=0, record_codes=range(40)
)
RANDOM_NET = """
from torch import nn

def build(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 6), nn.ReLU(), nn.Dropout(0.4), nn.Linear(6, n_classes))

def norm(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, n_classes))
"""


def shuffled(epochs=5, batch_size=4):
    return Recipe(
        steps=None,
        sample_rate=None,
        epochs=epochs,
        batch_size=batch_size,
        expected_batch_size=None,
        schedule_steps=epochs * 5,
        optimizer=OptimizerConfig(name="adam", lr=0.02),
        dp=None,
    )


@pytest.fixture
def job(dataset, tmp_path):
    (tmp_path / "net.py").write_text(RANDOM_NET)

    def _job(name, recipe, *, plan="ensemble", build="net.py:build"):
        AuditFolder(tmp_path / name).create()
        params = {"hidden": [4]} if build == "mlp" else {}
        spec = ModelSpec(build=build, params=params, base=tmp_path)
        return make_job(
            dataset, DESIGN, spec=spec, recipes=(recipe,), device="cpu", folder=tmp_path / name, plan=PLANS[plan]
        )

    return _job


def trace_of(job, number):
    return load_arrays(AuditFolder(job.folder).signal(LOSS_TRACE, number))["values"]


def losses_of(job, network):
    logits = query_logits(network, torch.from_numpy(job.features.copy()))
    return signals_from_logits(logits, job.labels)["negative_loss"][:, 0]


def stored_losses(job, number):
    network = build_network(job.spec, record_shape=job.record_shape, n_classes=job.n_classes)
    load_weights(AuditFolder(job.folder).model(number), network)
    return losses_of(job, network)


KINDS = [
    (plan, build, kind)
    for plan in PLANS
    for build in ("net.py:build", "net.py:norm")
    for kind in ("shuffled", "poisson", "dp")
    if build != "net.py:norm" or (plan, kind) == ("loop", "shuffled")  # BatchNorm wants more than one record, and no DP
]


@pytest.mark.parametrize(("plan", "build", "kind"), KINDS)
def test_models_have_the_same_bytes_with_and_without_a_trace(job, recipe, contents, plan, build, kind):
    """Dropout draws from the same stream as the trace's passes would; BatchNorm counts passes in training mode."""
    made = {"shuffled": shuffled(), "poisson": recipe(dp=False), "dp": recipe(noise=0.8)}[kind]
    plain, traced = (job(name, made, plan=plan, build=build) for name in ("plain", "traced"))
    assert train_models(plain, range(6), executor=INLINE) == []
    assert train_models(traced, range(6), executor=INLINE, tracing=TRACING) == []
    expected, found = contents(plain), contents(traced)
    assert len(expected) == 6 and len(set(expected.values())) == 6
    assert {name: content for name, content in found.items() if name.startswith("models")} == expected
    assert sum(name.startswith(f"signals/{LOSS_TRACE}") for name in found) == 6
    for number in range(6):
        trace = trace_of(traced, number)
        assert trace.shape == (40, 5 if kind == "shuffled" else 2)
        assert np.array_equal(trace[:, -1], stored_losses(traced, number))  # the last point is the model itself
        assert len({tuple(column) for column in trace.T.tolist()}) == trace.shape[1]


@pytest.mark.parametrize("plan", list(PLANS))
def test_every_point_is_the_model_of_a_shorter_training(job, plan):
    """Without a schedule a training of e epochs begins every longer one, batch for batch."""
    traced = job("traced", shuffled(), plan=plan, build="mlp")
    train_models(traced, range(6), executor=INLINE, tracing=TRACING)
    sizes = {n_steps(shuffled(), len(traced.members(row))) for row in range(6)}
    assert len(sizes) > 1  # models end at different steps, and still each is read at the ends of its own epochs
    for epochs in (1, 2, 4):
        shorter = job(f"{epochs}", shuffled(epochs), plan=plan, build="mlp")
        train_models(shorter, range(6), executor=INLINE)
        for number in range(6):
            np.testing.assert_allclose(
                trace_of(traced, number)[:, epochs - 1], stored_losses(shorter, number), rtol=1e-5, atol=1e-6
            )


@pytest.mark.parametrize("plan", list(PLANS))
def test_points_of_poisson_batches(job, recipe, plan):
    """8 steps at a rate of .3: epochs end after 4 and 7 steps, and training after 8."""
    traced = job("traced", recipe(dp=False, rate=0.3), plan=plan, build="mlp")
    train_models(traced, range(6), executor=INLINE, tracing=TRACING)
    assert trace_of(traced, 0).shape == (40, 3)
    for point, steps in enumerate((4, 7, 8)):
        shorter = job(f"{steps}", recipe(dp=False, rate=0.3, steps=steps), plan="loop", build="mlp")
        for row in range(6):
            losses = losses_of(shorter, trained_network(shorter, row))
            np.testing.assert_allclose(trace_of(traced, row)[:, point], losses, rtol=1e-4, atol=1e-5)


@given(
    steps=st.integers(1, 400), rate=st.floats(0.01, 1.0), sizes=st.lists(st.integers(1, 300), min_size=2, max_size=5)
)
@settings(derandomize=True, deadline=None)
def test_poisson_points_are_public_and_close_to_epochs(steps, rate, sizes):
    made = dataclasses.replace(shuffled(), steps=steps, sample_rate=rate, epochs=None, batch_size=None)
    points = [trace_steps(made, n).tolist() for n in sizes]
    assert all(own == points[0] for own in points)
    ends = points[0]
    assert ends[-1] == steps and ends == sorted(set(ends)) and ends[0] >= 1
    assert all(end - 1 < (epoch + 1) / rate <= end + 1e-6 for epoch, end in enumerate(ends[:-1]))
    assert steps <= len(ends) / rate + 1


@pytest.mark.parametrize(("batch", "expected_set"), [(64, 718.5), (100, 110.0), (7, 7.0), (3, 20.0), (48, 96.0)])
@pytest.mark.parametrize("epochs", [1, 10, 100])
def test_as_many_points_as_epochs_were_asked_for(batch, expected_set, epochs):
    """Under DP a batch size becomes a rate and epochs become steps, as `resolve_recipe` rounds them."""
    rate = batch / expected_set
    made = dataclasses.replace(
        shuffled(), steps=max(1, int(np.ceil(epochs / rate - 1e-9))), sample_rate=rate, epochs=None, batch_size=None
    )
    assert len(trace_steps(made, 50)) == epochs


@given(epochs=st.integers(1, 9), batch_size=st.integers(1, 12), n=st.integers(1, 60))
@settings(derandomize=True, deadline=None)
def test_shuffled_points_end_with_training(epochs, batch_size, n):
    made = shuffled(epochs, batch_size)
    ends = trace_steps(made, n)
    assert len(ends) == epochs and ends[-1] == n_steps(made, n) and len(set(np.diff([0, *ends]))) == 1


@pytest.mark.parametrize("plan", list(PLANS))
def test_a_missing_trace_is_made_up_for_and_the_models_stay(job, contents, plan):
    whole, later = (job(name, shuffled(), plan=plan) for name in ("whole", "later"))
    train_models(whole, range(6), executor=INLINE, tracing=TRACING)
    train_models(later, range(6), executor=INLINE)
    for path in (later.folder / "models").iterdir():
        os.utime(path, ns=(1, 1))
    steps = []
    assert train_models(later, range(6), executor=INLINE, tracing=TRACING, progress=steps.append) == []
    assert next(step.done for step in steps) == 0
    assert contents(later) == contents(whole)
    assert {path.stat().st_mtime_ns for path in (later.folder / "models").iterdir()} == {1}
    AuditFolder(later.folder).signal(LOSS_TRACE, 2).unlink()
    kept = {path.name: path.stat().st_mtime_ns for path in (later.folder / "signals" / LOSS_TRACE).iterdir()}
    train_models(later, range(6), executor=INLINE, tracing=TRACING)
    assert contents(later) == contents(whole)
    assert (
        kept.items()
        <= {p.name: p.stat().st_mtime_ns for p in (later.folder / "signals" / LOSS_TRACE).iterdir()}.items()
    )
    steps.clear()
    train_models(later, range(6), executor=INLINE, tracing=TRACING, progress=steps.append)
    assert [step.done for step in steps] == [6]


@pytest.mark.parametrize("plan", list(PLANS))
def test_a_trace_of_another_model_than_the_one_on_disk_is_refused(job, plan):
    made, other = job("made", shuffled(), plan=plan), job("other", shuffled(epochs=4), plan=plan)
    train_models(made, range(6), executor=INLINE)
    train_models(other, range(6), executor=INLINE)
    foreign = AuditFolder(other.folder).model(3).read_bytes()
    AuditFolder(made.folder).model(3).write_bytes(foreign)
    with pytest.raises(TrainingError, match=r"model 3, trained once more.*is not the model on disk") as caught:
        train_models(made, range(6), executor=INLINE, tracing=TRACING)
    assert caught.value.models == (3,)
    assert AuditFolder(made.folder).model(3).read_bytes() == foreign
    assert AuditFolder(made.folder).missing_signals([LOSS_TRACE], range(6)) == [3]


def test_the_collectors_train_once_and_the_last_point_is_what_is_queried(job):
    made, steps = job("made", shuffled()), []
    assert (
        collect_all((LossTraceCollector(), ShadowCollector()), made, DESIGN, executor=INLINE, progress=steps.append)
        == []
    )
    training = [(step.done, step.total) for step in steps if step.stage == "training"]
    assert training == [(0, 6), (4, 6), (6, 6), (6, 6)]  # a group of four, one of two; the second collector finds all
    assert pickle.loads(pickle.dumps(TRACING)) == TRACING  # other processes are sent it
    folder = AuditFolder(made.folder)
    table = folder.read_signal(LOSS_TRACE, {row: row for row in range(6)})
    final = folder.read_signal("negative_loss", {row: row for row in range(6)})
    assert table.values.shape == (6, 40, 5)
    assert np.array_equal(table.values[:, :, -1], final.values[:, :, 0])


@pytest.mark.parametrize("plan", list(PLANS))
def test_outputs_that_were_infinite_on_the_way_are_no_trace(job, plan):
    seen = []

    def read(network, features, labels):
        seen.append(1)
        if len(seen) == 2:
            raise DataError("logits must be finite.")
        return np.zeros(len(labels))

    made = job("made", shuffled(epochs=3), plan=plan)
    lost = train_models(made, range(4), executor=INLINE, tracing=Tracing(signal=LOSS_TRACE, read=read))
    assert len(lost) == 1
    assert AuditFolder(made.folder).missing_models(range(4)) == lost
    assert AuditFolder(made.folder).missing_signals([LOSS_TRACE], range(4)) == lost


def test_outputs_of_a_wrong_shape_are_an_error_and_no_divergence(job):
    def read(network, features, labels):
        raise ShapeError("logits must have one row per record.")

    with pytest.raises(TrainingError, match="one row per record"):
        train_models(job("made", shuffled()), range(4), executor=INLINE, tracing=Tracing(signal="s", read=read))


def test_reading_leaves_streams_modes_and_buffers_alone():
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout()).train()
    network[2].eval()  # a part that the user put to sleep stays asleep
    before = {name: value.clone() for name, value in network.state_dict().items()}

    def draws():
        return random.random(), np.random.rand(), torch.rand(()).item()

    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    expected = draws()
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.random.set_rng_state(states[2])

    def read():
        with untouched(network, torch.device("cpu")):
            network.train()(torch.randn(5, 3))
            draws()
            network.eval()
            raise KeyError

    with pytest.raises(KeyError):
        read()
    assert draws() == expected
    assert [module.training for module in network] == [True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
