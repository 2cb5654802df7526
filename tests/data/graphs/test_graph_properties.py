import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.data.graphs.edits import induced_subgraph, prune_to_degree
from privaudit.data.graphs.generators import unique_edges
from privaudit.data.graphs.properties import adjacency_matrix, local_clustering, mean_clustering, mean_degree
from privaudit.errors import ConfigError, DataError
from privaudit.types.graphs import Graph

KNOWN = {  # mean degree and clustering, to the digits that are published with these data sets
    "karate": (nx.karate_club_graph, 4.59, 0.571),
    "les miserables": (nx.les_miserables_graph, 6.60, 0.573),
    "davis": (nx.davis_southern_women_graph, 5.56, 0.0),
    "florentine": (nx.florentine_families_graph, 2.67, 0.16),
}


def from_networkx(graph):
    numbered = nx.convert_node_labels_to_integers(graph)
    return Graph(n_nodes=len(numbered), edges=unique_edges(list(numbered.edges))), numbered


@st.composite
def graphs(draw):
    n_nodes = draw(st.integers(1, 14))
    pairs = draw(st.lists(st.tuples(st.integers(0, n_nodes - 1), st.integers(0, n_nodes - 1)), max_size=50))
    return Graph(n_nodes=n_nodes, edges=unique_edges(pairs))


@pytest.mark.parametrize("name", KNOWN)
def test_known_graphs(name):
    make, degree, clustering = KNOWN[name]
    graph, by_networkx = from_networkx(make())
    assert mean_degree(graph) == pytest.approx(degree, abs=0.005)
    assert mean_clustering(graph) == pytest.approx(clustering, abs=5e-4)
    assert local_clustering(graph) == pytest.approx(list(nx.clustering(by_networkx).values()), abs=1e-12)
    assert mean_degree(graph) == graph.degrees().mean()


@settings(max_examples=80)
@given(graph=graphs())
def test_clustering_and_degrees_are_those_of_networkx(graph):
    other = nx.empty_graph(graph.n_nodes)
    other.add_edges_from(graph.edges.tolist())
    assert local_clustering(graph) == pytest.approx([nx.clustering(other)[node] for node in range(graph.n_nodes)])
    assert graph.degrees().tolist() == [degree for _, degree in other.degree()]
    assert (adjacency_matrix(graph).toarray() == nx.to_numpy_array(other)).all()


@settings(max_examples=60)
@given(graph=graphs(), data=st.data())
def test_an_induced_subgraph_keeps_the_edges_between_its_nodes(graph, data):
    nodes = sorted(data.draw(st.sets(st.integers(0, graph.n_nodes - 1))))
    found = induced_subgraph(graph, nodes)
    assert found.n_nodes == len(nodes)
    wanted = [edge for edge in graph.edges.tolist() if set(edge) <= set(nodes)]
    assert [[nodes[a], nodes[b]] for a, b in found.edges] == wanted


@pytest.mark.parametrize("nodes", [[1, 0], [0, 0], [-1, 0], [2, 5]])
def test_nodes_that_are_none_or_unsorted_are_refused(nodes):
    with pytest.raises(DataError, match="must ascend"):
        induced_subgraph(Graph(n_nodes=5, edges=[[0, 1]]), nodes)


@settings(max_examples=60)
@given(graph=graphs().filter(lambda graph: len(graph.edges)), share=st.floats(0.01, 1.0), seed=st.integers(0, 9))
def test_pruning_leaves_the_degree_that_is_asked(graph, share, seed):
    degree = max(share * mean_degree(graph), 2.0 / graph.n_nodes)
    found = prune_to_degree(graph, degree, np.random.default_rng(seed))
    assert len(found.edges) == round(degree * graph.n_nodes / 2)
    assert {tuple(edge) for edge in found.edges} <= {tuple(edge) for edge in graph.edges}
    again = prune_to_degree(graph, degree, np.random.default_rng(seed))
    assert found.edges.tobytes() == again.edges.tobytes()


def test_pruning_takes_every_edge_alike():
    """Half of 40 edges stay, 2,000 times: a count of one edge has a standard error of 22, and 5.5 of them are missed by one of 40
    with a chance below 2e-6."""
    graph = Graph(n_nodes=41, edges=[[node, node + 1] for node in range(40)])
    rng = np.random.default_rng(0)
    counts = np.zeros(41)
    for _ in range(2000):
        counts[prune_to_degree(graph, 40 / 41, rng).edges[:, 0]] += 1
    assert np.abs(counts[:40] - 1000).max() < 123


@pytest.mark.parametrize("degree", [0.0, -1.0, 2.1, 0.1, float("nan")])
def test_degrees_that_pruning_cannot_reach_are_refused(degree):
    ring = Graph(n_nodes=4, edges=[[0, 1], [1, 2], [2, 3], [0, 3]])
    if degree == 2.1:
        assert len(prune_to_degree(ring, degree, np.random.default_rng(0)).edges) == 4  # to the nearest edge
        degree = 2.5
    with pytest.raises(ConfigError, match="down to mean degrees"):
        prune_to_degree(ring, degree, np.random.default_rng(0))
