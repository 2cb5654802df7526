import numpy as np
import pytest

from privaudit.data.graphs.generators import power_law_cluster, stochastic_block
from privaudit.data.graphs.laws import draw_graph, edges_per_node
from privaudit.data.graphs.node_task import with_node_task
from privaudit.data.graphs.properties import adjacency_matrix, local_clustering, mean_clustering, mean_degree
from privaudit.errors import ConfigError

DRAWS = {
    "block": lambda rng: stochastic_block(80, 5.0, n_blocks=3, within=0.7, rng=rng)[0],
    "power law": lambda rng: power_law_cluster(80, 3, 0.4, rng),
    "pruned": lambda rng: draw_graph("power_law_cluster", "degree", 5.5, 80, rng),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_seed_gives_the_same_edges(name):
    first, again, other = (DRAWS[name](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.edges.tobytes() == again.edges.tobytes()
    assert first.edges.tobytes() != other.edges.tobytes()


@pytest.mark.parametrize(("n_blocks", "within"), [(2, 0.8), (5, 0.3), (3, 1.0), (2, 0.0)])
def test_block_graphs_have_the_degree_and_the_share_within(n_blocks, within):
    """Over 60 graphs of 600 edges the mean count of edges has a standard error of .0053 (Poisson), of which 5 are allowed
    (chance below 1e-6)."""
    rng = np.random.default_rng(0)
    n_edges, n_inside = [], 0
    for _ in range(60):
        graph, block = stochastic_block(200, 6.0, n_blocks=n_blocks, within=within, rng=rng)
        assert np.ptp(np.bincount(block, minlength=n_blocks)) <= 1
        n_edges.append(len(graph.edges))
        n_inside += int((block[graph.edges[:, 0]] == block[graph.edges[:, 1]]).sum())
    assert np.mean(n_edges) == pytest.approx(600, rel=0.027)
    assert n_inside / np.sum(n_edges) == pytest.approx(within, abs=0.014)


def test_block_and_place_of_a_node_are_independent():
    blocks = [stochastic_block(40, 3.0, n_blocks=2, within=0.8, rng=np.random.default_rng(s))[1] for s in range(400)]
    assert np.abs(np.mean(blocks, axis=0) - 0.5).max() < 0.14  # 5.6 standard errors; chance below 1e-6 over 40 nodes


def test_closing_sets_the_clustering_and_hardly_the_degree():
    """The published means are .07 to .08, .19, .30 and .46 at closing 0, .3, .6, .9; a graph's standard deviation is .015."""
    means = []
    for closing, wanted in ((0.0, 0.08), (0.3, 0.19), (0.6, 0.31), (0.9, 0.455)):
        graphs = [power_law_cluster(300, 4, closing, np.random.default_rng(seed)) for seed in range(6)]
        means.append(np.mean([mean_clustering(graph) for graph in graphs]))
        assert means[-1] == pytest.approx(wanted, abs=0.03)
        assert all(7.8 < mean_degree(graph) <= 2 * 4 * 296 / 300 for graph in graphs)
    assert means == sorted(means)


@pytest.mark.parametrize("degree", [0.5, 2.0, 5.0, 7.9, 20.0, 50.0, 60.0])
def test_a_power_law_graph_has_the_degree_that_is_asked(degree):
    graph = draw_graph("power_law_cluster", "degree", degree, 120, np.random.default_rng(3))
    assert mean_degree(graph) == pytest.approx(degree, abs=1 / 120)
    fewest = edges_per_node(degree, 120)
    assert fewest == 1 or (fewest - 1) * (121 - fewest) < degree * 60 <= fewest * (120 - fewest)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: stochastic_block(10, 3.0, n_blocks=6, within=0.5, rng=rng),
        lambda rng: stochastic_block(10, 3.0, n_blocks=1, within=0.5, rng=rng),
        lambda rng: stochastic_block(10, 3.0, n_blocks=2, within=1.1, rng=rng),
        lambda rng: stochastic_block(10, 0.0, n_blocks=2, within=0.5, rng=rng),
        lambda rng: stochastic_block(10, float("nan"), n_blocks=2, within=0.5, rng=rng),
        lambda rng: stochastic_block(10, 6.0, n_blocks=2, within=0.9, rng=rng),
        lambda rng: power_law_cluster(10, 0, 0.5, rng),
        lambda rng: power_law_cluster(10, 10, 0.5, rng),
        lambda rng: power_law_cluster(10, 2, 1.5, rng),
        lambda rng: power_law_cluster(10, 2, float("nan"), rng),
        lambda rng: draw_graph("power_law_cluster", "degree", 60.0, 100, rng),
        lambda rng: draw_graph("stochastic_block", "clustering", 0.5, 100, rng),
        lambda rng: draw_graph("small_world", "degree", 5.0, 100, rng),
        lambda rng: draw_graph("power_law_cluster", "diameter", 5.0, 100, rng),
    ],
)
def test_what_no_graph_can_have_is_refused(draw):
    with pytest.raises(ConfigError):
        draw(np.random.default_rng(0))


@pytest.mark.parametrize("name", DRAWS)
def test_a_linear_rule_on_neighbourhoods_learns_the_task_and_classes_are_balanced(name):
    """Means over neighbours of the two telling features are right far more often than the prior."""
    rights = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        graph, features, labels = with_node_task(DRAWS[name](rng), rng)
        assert (features.dtype, features.shape, labels.sum()) == (np.float32, (80, 4), 40)
        neighbours = adjacency_matrix(graph) @ features[:, :2].sum(axis=1)
        own = features[:, :2].sum(axis=1)
        rights.append([np.mean((values > 0) == labels) for values in (own, neighbours)])
    own, neighbours = np.mean(rights, axis=0)
    assert own > 0.9
    assert 0.6 < neighbours < own


def test_the_law_of_the_task_does_not_depend_on_the_world():
    """Features given classes are the same normal law in both worlds: 4,800 values each, standard error .01."""
    telling, noise = [], []
    for closing in (0.0, 0.9):
        rng = np.random.default_rng(7)
        tasks = [with_node_task(power_law_cluster(300, 4, closing, rng), rng) for _ in range(8)]
        features = np.concatenate([task.features * np.where(task.labels, 1, -1)[:, None] for task in tasks])
        telling.append([features[:, :2].mean(), features[:, :2].std()])
        noise.append([features[:, 2:].mean(), features[:, 2:].std()])
    assert np.array(telling) == pytest.approx(np.array([[1.0, 0.7]] * 2), abs=0.05)
    assert np.array(noise) == pytest.approx(np.array([[0.0, 0.7]] * 2), abs=0.05)
    assert local_clustering(tasks[0].graph).mean() > 0.4
