"""Models on graphs are trained and asked once, and come back from their files as they were."""

import pickle

import numpy as np
import pytest
import torch

from privaudit.collect import graph_worlds as module
from privaudit.collect.graph_worlds import (
    GraphJob,
    collect_graph_worlds,
    load_graph_network,
    query_graph_models,
    train_graph_group,
)
from privaudit.data.graphs.worlds import make_graph_worlds
from privaudit.errors import TrainingError
from privaudit.scoring.graph_outputs import query_log_probabilities
from privaudit.store.folder import AuditFolder
from privaudit.store.tensors import load_arrays
from privaudit.training.executors import InlineExecutor
from privaudit.training.graphs.graph_recipe import GraphRecipe
from privaudit.training.weights import save_weights
from privaudit.types.design import SHADOW, TARGET


def job_in(folder, *, labels_alone=False, group_size=2, protocol="fresh", **recipe):
    folder.mkdir(exist_ok=True)
    AuditFolder(folder).create()
    return GraphJob(
        worlds=make_graph_worlds(
            values=(6.0, 3.0),
            property="degree",
            protocol=protocol,
            generator="stochastic_block",
            n_nodes=40,
            n_shadows=3,
            n_victims=2,
            n_query_graphs=1,
            seed=1,
        ),
        recipe=GraphRecipe(**{"network": "sgc", "steps": 5, **recipe}),
        folder=folder,
        device="cpu",
        labels_alone=labels_alone,
        group_size=group_size,
    )


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.safetensors")}


@pytest.mark.parametrize("network", ["gcn", "sgc"])
def test_what_is_stored_is_what_the_stored_models_say(tmp_path, network):
    job = job_in(tmp_path, network=network)
    assert collect_graph_worlds(job, executor=InlineExecutor()) == []
    folder, design = AuditFolder(tmp_path), job.worlds.design
    rows = {row: row for row in range(design.n_models)}
    said = folder.read_signal("class_log_probability", rows)
    np.testing.assert_array_equal(said.record_index, design.query_records)
    own = query_log_probabilities(load_graph_network(job, 4), job.worlds, "cpu")
    np.testing.assert_allclose(said.values[4], own, rtol=1e-6)
    labels = folder.read_signal("predicted_class", rows).values[:, :, 0]
    np.testing.assert_array_equal(labels, said.values.argmax(axis=2))
    assert not np.array_equal(said.values[3], said.values[4])  # two victims of one world


@pytest.mark.parametrize("protocol", ["fresh", "independent", "shared"])
def test_stored_answers_are_those_of_the_formula(tmp_path, protocol):
    job = job_in(tmp_path, protocol=protocol)
    collect_graph_worlds(job, executor=InlineExecutor())
    worlds, folder = job.worlds, AuditFolder(tmp_path)
    weights = load_arrays(folder.model(4))
    wanted = []
    for graph in worlds.query_graphs:
        n_nodes = worlds.graphs[graph].n_nodes
        joined = np.eye(n_nodes)
        for one, other in worlds.graphs[graph].edges.tolist():
            joined[one, other] = joined[other, one] = 1.0
        scale = joined.sum(axis=1) ** -0.5
        mean = scale[:, None] * joined * scale
        logits = mean @ mean @ worlds.features_of(graph) @ weights["output.weight"].T + weights["output.bias"]
        wanted.append(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
    first = worlds.first_node[worlds.query_graphs[0]]
    said = folder.read_signal("class_log_probability", {4: 4})
    np.testing.assert_allclose(said.values[0], np.concatenate(wanted)[said.record_index - first], atol=1e-5)


def test_what_is_missing_is_made_again_with_the_same_bytes_and_nothing_else_is(tmp_path):
    job = job_in(tmp_path)
    collect_graph_worlds(job, executor=InlineExecutor())
    whole, folder = contents(tmp_path), AuditFolder(tmp_path)
    folder.model(1).unlink()
    folder.signal("predicted_class", 7).unlink()
    kept = folder.model(0).stat().st_mtime_ns, folder.signal("predicted_class", 0).stat().st_mtime_ns
    collect_graph_worlds(job, executor=InlineExecutor())
    assert contents(tmp_path) == whole
    assert kept == (folder.model(0).stat().st_mtime_ns, folder.signal("predicted_class", 0).stat().st_mtime_ns)


def test_a_model_that_is_trained_anew_is_asked_anew(tmp_path):
    job = job_in(tmp_path)
    collect_graph_worlds(job, executor=InlineExecutor())
    folder = AuditFolder(tmp_path)
    folder.write_signal("predicted_class", 2, np.full((1, 1), 9.0), np.array([0]))
    folder.model(2).unlink()
    collect_graph_worlds(job, executor=InlineExecutor())
    assert folder.read_signal("predicted_class", {2: 2}).values.max() <= 1.0


def test_audited_models_that_give_labels_leave_no_scores(tmp_path):
    job = job_in(tmp_path, labels_alone=True)
    collect_graph_worlds(job, executor=InlineExecutor())
    scored = {int(path.stem) for path in (tmp_path / "signals" / "class_log_probability").iterdir()}
    assert scored == set(job.worlds.design.rows(SHADOW).tolist())
    labelled = {int(path.stem) for path in (tmp_path / "signals" / "predicted_class").iterdir()}
    assert labelled == set(range(job.worlds.design.n_models)) and len(job.worlds.design.rows(TARGET)) == 6


def test_models_that_diverge_are_named_and_none_is_stored(tmp_path):
    job = job_in(tmp_path, optimizer="sgd", lr=1e30, weight_decay=1.0, steps=20)
    outcomes = train_graph_group(job, [0, 1])
    assert [(outcome.model, outcome.diverged) for outcome in outcomes] == [(0, True), (1, True)]
    with pytest.raises(TrainingError, match="all diverged"):
        collect_graph_worlds(job, executor=InlineExecutor())
    assert not list((tmp_path / "models").iterdir())


def test_one_model_that_diverges_costs_no_other_model(tmp_path, monkeypatch):
    job = job_in(tmp_path / "some", group_size=3)
    train = module.train_graph_models

    def diverging(worlds, rows, *rest, **named):
        if 1 in rows:
            raise TrainingError("1 of 3 models ended without finite weights.", models=[1])
        return train(worlds, rows, *rest, **named)

    monkeypatch.setattr(module, "train_graph_models", diverging)
    assert collect_graph_worlds(job, executor=InlineExecutor()) == [1]
    monkeypatch.undo()
    collect_graph_worlds(job_in(tmp_path / "all", group_size=3), executor=InlineExecutor())
    found, whole = contents(tmp_path / "some"), contents(tmp_path / "all")
    assert found.items() < whole.items() and {path.stem for path in whole.keys() - found.keys()} == {"00001"}


@pytest.mark.parametrize("error", [RuntimeError("no\nmemory"), MemoryError("no memory")])
def test_what_stops_a_training_is_said_in_one_line(tmp_path, monkeypatch, error):
    def failing(*_, **__):
        raise error

    monkeypatch.setattr(module, "train_graph_models", failing)
    with pytest.raises(TrainingError, match=f"{type(error).__name__}: no memory") as caught:
        collect_graph_worlds(job_in(tmp_path), executor=InlineExecutor())
    assert "\n" not in str(caught.value)


def test_what_cannot_be_written_or_asked_is_said_and_leaves_nothing_half_done(tmp_path, monkeypatch):
    job = job_in(tmp_path)

    def full(*_, **__):
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(module, "save_weights", full)
        with pytest.raises(TrainingError, match="no space left"):
            collect_graph_worlds(job, executor=InlineExecutor())
    with monkeypatch.context() as patched:
        patched.setattr(module, "ask_queries", full)
        with pytest.raises(TrainingError, match="no space left"):
            collect_graph_worlds(job, executor=InlineExecutor())
    assert not list((tmp_path / "signals").rglob("*.safetensors"))
    assert collect_graph_worlds(job, executor=InlineExecutor()) == []


def test_a_model_whose_outputs_are_not_finite_counts_as_diverged(tmp_path):
    job = job_in(tmp_path)
    collect_graph_worlds(job, executor=InlineExecutor())
    network = load_graph_network(job, 0)
    with torch.no_grad():
        network.output.weight.fill_(3e38)
    AuditFolder(tmp_path).model(0).unlink()
    save_weights(AuditFolder(tmp_path).model(0), network)
    AuditFolder(tmp_path).forget_signals(0)
    assert collect_graph_worlds(job, executor=InlineExecutor()) == [0]


def test_a_worker_trains_and_asks_from_a_copy_as_the_whole_does(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    collect_graph_worlds(job_in(tmp_path / "one"), executor=InlineExecutor())
    job = pickle.loads(pickle.dumps(job_in(tmp_path / "other")))
    assert not any(outcome.error for outcome in [*train_graph_group(job, [0, 1]), *query_graph_models(job, [1])])
    made = contents(tmp_path / "other")
    assert len(made) == 4 and made.items() <= contents(tmp_path / "one").items()


def test_progress_counts_models_of_each_role(tmp_path):
    seen = []
    collect_graph_worlds(job_in(tmp_path), executor=InlineExecutor(), progress=seen.append)
    ends = [(each.stage, each.total) for each in seen if each.done == each.total]
    assert ends == [("training", 9), ("querying", 9), ("training", 6), ("querying", 6)]


def test_loading_a_network_leaves_the_random_state_alone(tmp_path):
    job = job_in(tmp_path)
    collect_graph_worlds(job, executor=InlineExecutor())
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    load_graph_network(job, 0)
    assert torch.equal(torch.rand(2), wanted)
