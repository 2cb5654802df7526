"""What a graph looks like: its mean degree and its clustering coefficients."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from privaudit.types.graphs import Graph


def adjacency_matrix(graph: Graph) -> csr_array:
    """Return the symmetric ``(n_nodes, n_nodes)`` float64 matrix with 1 where two nodes are joined.

    >>> adjacency_matrix(Graph(n_nodes=3, edges=[[0, 1]])).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    both = np.concatenate([graph.edges, graph.edges[:, ::-1]])
    return csr_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(graph.n_nodes, graph.n_nodes))


def mean_degree(graph: Graph) -> float:
    """Return the mean number of neighbours of a node; NaN of no nodes.

    >>> mean_degree(Graph(n_nodes=4, edges=[[0, 1], [1, 2]]))
    1.0
    """
    return 2.0 * len(graph.edges) / graph.n_nodes if graph.n_nodes else float("nan")


def local_clustering(graph: Graph) -> NDArray[np.float64]:
    """Return the share of each node's pairs of neighbours that are joined themselves.

    Args:
        graph: the graph.

    Returns:
        ``(n_nodes,)`` float64 in [0, 1], 0 of a node with fewer than two neighbours.

    Source: Watts and Strogatz, Nature 1998.

    >>> local_clustering(Graph(n_nodes=4, edges=[[0, 1], [0, 2], [1, 2], [2, 3]])).round(3).tolist()
    [1.0, 1.0, 0.333, 0.0]
    """
    joined = adjacency_matrix(graph)
    closed = np.asarray((joined @ joined).multiply(joined).sum(axis=1)).ravel()  # twice the triangles of each node
    degrees = graph.degrees().astype(np.float64)
    return closed / np.maximum(degrees * (degrees - 1.0), 1.0)


def mean_clustering(graph: Graph) -> float:
    """Return the mean of all nodes' clustering coefficients; NaN of no nodes.

    >>> mean_clustering(Graph(n_nodes=3, edges=[[0, 1], [0, 2], [1, 2]]))
    1.0
    """
    return float(local_clustering(graph).mean()) if graph.n_nodes else float("nan")
