"""What a report says of graphs: who trained on which, what they look like, and the size of training sets."""

from dataclasses import replace

import numpy as np
import pytest

from privaudit.config import AuditConfig, parse
from privaudit.pipeline.distribution.channels import channel_warnings, channels_of
from privaudit.pipeline.distribution.findings import comparison_finding
from privaudit.pipeline.distribution.graphs.findings import of_graphs, with_draws_leaked
from privaudit.pipeline.distribution.graphs.notes import graph_notes
from privaudit.pipeline.distribution.graphs.plan import graphs_digest, make_graph_plan
from privaudit.pipeline.distribution.inputs import Said
from privaudit.types import AttackResult
from privaudit.types.design import TARGET

GRAPHS = {"property": "degree", "values": [6, 3], "n_nodes": 50, "n_query_graphs": 1}


def plan_of(seed=0, **graphs):
    content = {
        "kind": "distribution",
        "seed": seed,
        "distribution": {"graphs": {**GRAPHS, **graphs}, "n_shadows": 4, "n_victims": 12},
        "model": {"build": "sgc"},
        "recipe": {"steps": 5},
    }
    return make_graph_plan(parse(AuditConfig, content, where="audit.yaml"), base=None, device="cpu")


def said_of(stored):
    """Models that are right about three queries of four."""
    labels = stored.labels[stored.design.query_records]
    wrong = np.where(np.arange(len(labels)) % 4 == 0, 1 - labels, labels)
    predicted = np.tile(wrong, (stored.design.n_models, 1))
    probabilities = np.eye(2)[predicted]
    return Said(worlds=stored, probabilities=probabilities, predicted=predicted, has_scores=True)


def finding_of(stored, world=1):
    victims = stored.design.rows(TARGET, 0, world)
    label = (stored.design.world[victims] == world).astype(np.uint8)
    result = AttackResult(
        attack="kl",
        params={},
        target=-1,
        scores=np.where(np.arange(len(label)) % 4 == 0, -1.0, 1.0) * (2.0 * label - 1.0),
        label=label,
        unit_ids=victims,
        unit="model",
        game="distribution_inference",
        access="score",
    )
    return comparison_finding(result, stored, world, confidence=0.95)


@pytest.mark.parametrize("protocol", ["fresh", "independent", "shared"])
def test_notes_say_the_protocol_and_the_graphs(protocol):
    stored = plan_of(protocol=protocol).stored
    first, looks, models = graph_notes(said_of(stored))
    assert f"rotocol {protocol}" in first or f"(protocol: {protocol})" in first
    assert first.startswith("Warning: ") == (protocol == "shared")
    n_nodes = 50 if protocol == "fresh" else 50 - round(0.01 * 50)
    for world, name in enumerate(stored.design.names):
        degree = float(np.mean(stored.graphs.draws[world]))  # degrees of the same graphs, counted node by node
        assert f"{name}: {n_nodes} nodes, {degree:.2f} neighbours per node" in looks
    assert "clustering" not in looks
    n_train = 15 if protocol == "shared" else 25  # there nodes of victims and of the adversary are disjoint, and fewer
    assert f"12 audited models per world train on the classes of {n_train} nodes each" in models
    asked = stored.design.query_world == 0
    right = np.mean((np.arange(len(asked)) % 4 != 0)[asked])
    assert f"those of degree 6 answer {right:.1%} of its query nodes rightly" in models


def test_notes_on_clustering_show_degrees_as_well():
    stored = plan_of(property="clustering", values=[0.0, 0.9]).stored
    looks = graph_notes(said_of(stored))[1]
    for world in range(3):
        assert f"clustering coefficient {np.mean(stored.graphs.draws[world]):.3f}" in looks
    assert looks.count("neighbours per node") == 3


def test_findings_hold_protocol_property_and_draws_leaked():
    stored = plan_of().stored
    plain = finding_of(stored)
    found = of_graphs(with_draws_leaked(plain, stored.graphs, has_zipf=True), stored.graphs)
    assert (found.params["graph_property"], found.params["protocol"]) == ("degree", "fresh")
    assert "n_replaced" not in found.params and found.params["n_records"] == 25
    leaked = {metric.name: metric.value for metric in found.metrics if metric.name.startswith("n_leaked")}
    assert set(leaked) == {"n_leaked_degree_kl", "n_leaked_degree_zipf"} and min(leaked.values()) > 0
    only = with_draws_leaked(plain, stored.graphs, has_zipf=False)
    assert [metric.name for metric in only.metrics if metric.name.startswith("n_leaked")] == ["n_leaked_degree_kl"]


@pytest.mark.parametrize(("protocol", "words"), [("fresh", "new graph"), ("independent", "both base graphs")])
def test_rules_of_metrics_speak_of_graphs(protocol, words):
    stored = plan_of(protocol=protocol).stored
    rules = [metric.rule for metric in of_graphs(finding_of(stored), stored.graphs).metrics]
    assert not any("pool" in rule for rule in rules) and any(words in rule for rule in rules)


def test_no_size_tells_worlds_of_graphs_apart_unless_it_does():
    for seed in range(5):
        stored = plan_of(seed=seed).stored
        assert not any(channel.name == "size" for channel in channels_of(stored))
        assert channel_warnings(channels_of(stored), stored.design.names) == ()
    fewer = [
        own[:-3] if world == 1 else own for own, world in zip(stored.design.members, stored.design.world, strict=True)
    ]
    uneven = replace(stored, design=replace(stored.design, members=tuple(fewer)))
    (warning, *_) = channel_warnings(channels_of(uneven), stored.design.names)
    assert "size of the training set alone" in warning


def test_the_digest_of_graphs_is_over_all_that_models_see():
    worlds = plan_of(protocol="shared").worlds
    wanted = graphs_digest(worlds)
    assert graphs_digest(plan_of(protocol="shared").worlds) == wanted
    features, labels, rows = worlds.features.copy(), worlds.labels.copy(), worlds.feature_rows.copy()
    features[0, 0] += 1
    labels[0] = 1 - labels[0]
    rows[[0, 1]] = rows[[1, 0]]
    graphs = (worlds.graphs[1], worlds.graphs[0], *worlds.graphs[2:])
    changed = ({"features": features}, {"labels": labels}, {"feature_rows": rows}, {"graphs": graphs})
    assert len({wanted, *(graphs_digest(replace(worlds, **change)) for change in changed)}) == 5
