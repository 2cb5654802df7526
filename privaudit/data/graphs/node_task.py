"""Classes and features of the nodes of a generated graph, by one law whatever the graph is."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from privaudit.data.graphs.adjacency import normalised_adjacency
from privaudit.types.graphs import Graph

N_CLASSES = 2
N_FEATURES = 4
NOISE = 0.7  # standard deviation, of features whose classes lie 2 apart


class GraphData(NamedTuple):
    """A graph whose nodes have features and classes.

    Attributes:
        graph: the graph.
        features: ``(n_nodes, n_features)`` float32.
        labels: ``(n_nodes,)`` int64 classes.
    """

    graph: Graph
    features: NDArray[np.float32]
    labels: NDArray[np.int64]


def with_node_task(graph: Graph, rng: np.random.Generator) -> GraphData:
    """Give the nodes of a graph classes that neighbours tend to share, and features that tell them in part.

    Every node has a normal random number; it is averaged once with its neighbours' (by the normalised adjacency matrix with
    loops), and the nodes above the median are class 1. Half of the four features are the class, -1 or 1, with normal noise of
    standard deviation 0.7, the others are such noise alone.

    Args:
        graph: the graph.
        rng: source of all randomness.

    Source: this project. How much models of it give away of a graph depends on this choice; nothing in it names the property
    that worlds differ in.

    >>> ring = Graph(n_nodes=4, edges=[[0, 1], [1, 2], [2, 3], [0, 3]])
    >>> task = with_node_task(ring, np.random.default_rng(0))
    >>> task.features.shape, int(task.labels.sum())
    ((4, 4), 2)
    """
    first, columns, values = normalised_adjacency([graph])
    level = csr_array((values.astype(np.float64), columns, first)) @ rng.standard_normal(graph.n_nodes)
    labels = np.zeros(graph.n_nodes, dtype=np.int64)
    labels[np.argsort(level, kind="stable")[graph.n_nodes // 2 :]] = 1
    features = NOISE * rng.standard_normal((graph.n_nodes, N_FEATURES))
    features[:, : N_FEATURES // 2] += (2 * labels - 1)[:, None]
    return GraphData(graph, features.astype(np.float32), labels)
