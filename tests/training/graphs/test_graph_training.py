"""Training on graphs: the formulas, side by side as alone, the same bytes, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.data.graphs.adjacency import adjacency_tensor, normalised_adjacency
from privaudit.errors import ConfigError, TrainingError, UnsupportedError
from privaudit.scoring.graph_outputs import ask_queries, graph_queries, query_log_probabilities
from privaudit.training.graphs import train as module
from privaudit.training.graphs.graph_recipe import GraphRecipe
from privaudit.training.graphs.networks import Gcn, Sgc, build_graph_network
from privaudit.training.graphs.stacked_graphs import stack_graphs, stack_weights, stacked_logits, unstack_weights
from privaudit.training.graphs.train import graph_groups, train_graph_models
from privaudit.training.randomness import isolated_random_state, seeds_of_model
from privaudit.training.weights import weights_bytes
from tests.training.graphs.graph_worlds import N_FEATURES, random_graph, random_worlds

CPU = torch.device("cpu")
RECIPES = {
    "gcn": GraphRecipe(network="gcn", hidden=7, steps=20, lr=0.05),
    "sgc": GraphRecipe(network="sgc", steps=20, lr=0.05),
    "sgd": GraphRecipe(network="gcn", steps=20, lr=0.2, optimizer="sgd", weight_decay=0.01),
}


def dense_adjacency(graph):
    """D^-1/2 (A + I) D^-1/2 in float64, by its definition."""
    matrix = np.eye(graph.n_nodes)
    for first, second in graph.edges:
        matrix[first, second] = matrix[second, first] = 1.0
    scale = 1.0 / np.sqrt(matrix.sum(axis=1))
    return scale[:, None] * matrix * scale


def train_alone(worlds, row, recipe):
    """One model in a plain loop over the dense matrix in float64, by the network's own forward pass."""
    with isolated_random_state(seeds_of_model(worlds.design.seed, row).weights, CPU):
        network = build_graph_network(recipe, worlds.features.shape[1], worlds.n_classes).double()
    graph = worlds.graph_of[row]
    features = torch.from_numpy(worlds.features_of(graph).copy()).double()
    adjacency = torch.from_numpy(dense_adjacency(worlds.graphs[graph]))
    members = worlds.design.members[row]
    changed = worlds.design.member_labels
    labels = torch.from_numpy(worlds.labels[members] if changed is None else changed[row])
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.SGD
    optimizer = kind(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    for _ in range(recipe.steps):
        optimizer.zero_grad()
        logits = network(features, adjacency)[torch.from_numpy(members - worlds.first_node[graph])]
        torch.nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()
    return network


@given(n_nodes=st.integers(1, 12), share=st.floats(0, 1), seed=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_the_adjacency_is_the_normalised_one(n_nodes, share, seed):
    rng = np.random.default_rng(seed)
    graphs = [random_graph(n, int(share * n * (n - 1) / 2), rng) for n in (n_nodes, 3)]
    found = adjacency_tensor(graphs, CPU).to_dense().numpy()
    assert found[:n_nodes, :n_nodes] == pytest.approx(dense_adjacency(graphs[0]), abs=1e-6)
    assert found[n_nodes:, n_nodes:] == pytest.approx(dense_adjacency(graphs[1]), abs=1e-6)
    assert not found[:n_nodes, n_nodes:].any() and not found[n_nodes:, :n_nodes].any()
    assert normalised_adjacency(graphs).values.dtype == np.float32


def test_the_networks_are_their_formulas():
    rng = np.random.default_rng(0)
    graph = random_graph(9, 14, rng)
    averaging, features = dense_adjacency(graph), rng.normal(size=(9, N_FEATURES))
    inputs = torch.from_numpy(features), torch.from_numpy(averaging)
    gcn, sgc = Gcn(N_FEATURES, 4, hidden=5).double(), Sgc(N_FEATURES, 4, n_hops=3).double()
    first, first_bias, second, second_bias = (own.detach().numpy() for own in gcn.parameters())
    hidden = np.maximum(averaging @ features @ first.T + first_bias, 0.0)
    assert gcn(*inputs).detach().numpy() == pytest.approx(averaging @ hidden @ second.T + second_bias, abs=1e-12)
    weight, bias = (own.detach().numpy() for own in sgc.parameters())
    expected = np.linalg.matrix_power(averaging, 3) @ features @ weight.T + bias
    assert sgc(*inputs).detach().numpy() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_models_side_by_side_are_those_of_a_plain_loop(name, n_classes):
    """Graphs of two sizes, so that there are two groups."""
    worlds = random_worlds(5, sizes=(20, 23), n_classes=n_classes)
    networks = train_graph_models(worlds, range(5), RECIPES[name])
    for row, network in enumerate(networks):
        expected = dict(train_alone(worlds, row, RECIPES[name]).named_parameters())
        for place, own in network.named_parameters():
            assert own.detach().numpy() == pytest.approx(expected[place].detach().numpy(), abs=2e-4), (row, place)


@pytest.mark.parametrize("name", RECIPES)
def test_a_model_has_the_same_bytes_in_whatever_group(name, monkeypatch):
    worlds = random_worlds(6, sizes=(21,), n_members=9, n_classes=3)
    together = [weights_bytes(network) for network in train_graph_models(worlds, range(6), RECIPES[name])]
    others = [weights_bytes(network) for network in train_graph_models(worlds, [5, 1], RECIPES[name])]
    assert others == [together[5], together[1]]
    monkeypatch.setattr(module, "GROUP_NUMBERS", 1)
    assert [weights_bytes(network) for network in train_graph_models(worlds, range(6), RECIPES[name])] == together
    assert len(set(together)) == 6


def test_a_seed_gives_other_weights():
    first, second = (train_graph_models(random_worlds(2, seed=seed), [0], RECIPES["gcn"])[0] for seed in (5, 6))
    assert weights_bytes(first) != weights_bytes(second)


def test_training_leaves_the_callers_random_state_alone():
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    train_graph_models(random_worlds(2), [0, 1], RECIPES["gcn"])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_changed_classes_are_what_is_trained_on():
    plain = random_worlds(2)
    flipped = tuple(1 - plain.labels[rows] for rows in plain.design.members)
    worlds = random_worlds(2, member_labels=flipped)
    found = train_graph_models(worlds, [0], RECIPES["sgc"])[0].output.weight.detach().numpy()
    assert found == pytest.approx(train_alone(worlds, 0, RECIPES["sgc"]).output.weight.detach().numpy(), abs=2e-4)
    assert found != pytest.approx(
        train_graph_models(plain, [0], RECIPES["sgc"])[0].output.weight.detach().numpy(), abs=0.1
    )


@pytest.mark.parametrize("name", ["gcn", "sgc"])
def test_features_that_graphs_share_are_those_of_their_nodes(name):
    """A table with the rows turned round, and where each node's row stands, says the same as one row per node."""
    worlds = random_worlds(3)
    turned = replace(
        worlds, features=worlds.features[::-1].copy(), feature_rows=np.arange(len(worlds.features))[::-1].copy()
    )
    networks = [train_graph_models(each, [0, 2], RECIPES[name]) for each in (worlds, turned)]
    assert [weights_bytes(one) for one in networks[0]] == [weights_bytes(one) for one in networks[1]]
    assert np.array_equal(*(query_log_probabilities(networks[0][0], each) for each in (worlds, turned)))


def test_groups_hold_one_size_each_and_every_model_once():
    worlds = random_worlds(9, sizes=(20, 23))
    groups = list(graph_groups(worlds, range(9), RECIPES["gcn"]))
    assert sorted(row for group in groups for row in group) == list(range(9))
    assert all(len({worlds.graphs[worlds.graph_of[row]].n_nodes for row in group}) == 1 for group in groups)


@pytest.mark.parametrize("name", ["gcn", "sgc"])
def test_stacked_logits_are_those_of_each_network(name):
    worlds = random_worlds(3)
    networks = [build_graph_network(RECIPES[name], N_FEATURES, 2) for _ in range(3)]
    weights = stack_weights(networks)
    found = stacked_logits(weights, stack_graphs(worlds, range(3), RECIPES[name], CPU)).detach().view(3, -1, 2)
    for row, network in enumerate(networks):
        features = torch.from_numpy(worlds.features_of(row).copy())
        said = network(features, adjacency_tensor([worlds.graphs[row]], CPU))
        own = torch.from_numpy(worlds.design.members[row] - worlds.first_node[row])
        assert torch.allclose(found[row], said[own], atol=1e-5)
    before = [weights_bytes(network) for network in networks]
    unstack_weights(weights, networks)
    assert [weights_bytes(network) for network in networks] == before


@pytest.mark.parametrize("name", ["gcn", "sgc"])
def test_queries_are_answered_graph_by_graph(name):
    worlds = random_worlds(4)
    network = train_graph_models(worlds, [0], RECIPES[name])[0]
    found = query_log_probabilities(network, worlds)
    said = np.full((len(worlds.labels), 2), np.nan)
    for graph in worlds.query_graphs:
        nodes = worlds.nodes_of(graph)
        features = torch.from_numpy(worlds.features_of(graph).copy())
        adjacency = torch.from_numpy(dense_adjacency(worlds.graphs[graph])).float()
        said[nodes] = torch.log_softmax(network(features, adjacency), dim=1).detach().numpy()
    assert found == pytest.approx(said[worlds.design.query_records], abs=1e-5)
    assert found.dtype == np.float64 and np.exp(found).sum(axis=1) == pytest.approx(1.0)
    assert np.array_equal(found, ask_queries(network, graph_queries(worlds)))


def test_models_that_diverge_are_named():
    recipe = GraphRecipe(network="gcn", steps=60, lr=1e20, optimizer="sgd")
    with pytest.raises(TrainingError, match="without finite weights") as caught:
        train_graph_models(random_worlds(2), [0, 1], recipe)
    assert set(caught.value.models) <= {0, 1} and caught.value.models


def test_a_device_without_sparse_products_is_refused():
    with pytest.raises(UnsupportedError, match="--device cpu"):
        train_graph_models(random_worlds(2), [0], RECIPES["gcn"], device="mps")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"network": "gat"}, "network"),
        ({"optimizer": "lbfgs"}, "optimizer"),
        ({"hidden": 0}, "hidden"),
        ({"n_hops": -1}, "n_hops"),
        ({"steps": 0}, "steps"),
        ({"lr": 0.0}, "lr"),
        ({"lr": float("nan")}, "lr"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"weight_decay": float("nan")}, "weight_decay"),
    ],
)
def test_recipes_that_cannot_be_trained_are_refused(changes, key):
    with pytest.raises(ConfigError) as caught:
        GraphRecipe(**changes)
    assert caught.value.key == key
