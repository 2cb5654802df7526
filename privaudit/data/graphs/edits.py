"""Parts of a graph: some of its nodes, some of its edges."""

import numpy as np
from numpy.typing import ArrayLike

from privaudit.data.graphs.properties import mean_degree
from privaudit.errors import ConfigError, DataError
from privaudit.types.graphs import Graph


def induced_subgraph(graph: Graph, nodes: ArrayLike) -> Graph:
    """Keep some nodes and the edges between them.

    Args:
        graph: the graph.
        nodes: ``(n,)`` ascending; the i-th of them becomes node i.

    Raises:
        DataError: if a node does not exist, or they do not ascend.

    >>> induced_subgraph(Graph(n_nodes=4, edges=[[0, 1], [1, 3], [2, 3]]), [1, 2, 3]).edges.tolist()
    [[0, 2], [1, 2]]
    """
    kept = np.asarray(nodes, dtype=np.int64)
    if len(kept) and (kept[0] < 0 or kept[-1] >= graph.n_nodes or (np.diff(kept) < 1).any()):
        raise DataError(f"nodes must ascend within 0..{graph.n_nodes - 1}; sort them, and name none twice.")
    place = np.full(graph.n_nodes, -1)
    place[kept] = np.arange(len(kept))
    edges = place[graph.edges]
    return Graph(n_nodes=len(kept), edges=edges[(edges >= 0).all(axis=1)])


def prune_to_degree(graph: Graph, degree: float, rng: np.random.Generator) -> Graph:
    """Remove edges at random until the mean degree is as asked, to the nearest edge.

    Args:
        graph: the graph.
        degree: mean degree, above 0.
        rng: decides which edges stay.

    Raises:
        ConfigError: if the graph has too few edges, or none is to stay.

    Source: this project; the published set-up (Suri and Evans, PETS 2022) removes nodes of high or low degree instead.

    >>> ring = Graph(n_nodes=4, edges=[[0, 1], [1, 2], [2, 3], [0, 3]])
    >>> len(prune_to_degree(ring, 1.5, np.random.default_rng(0)).edges)
    3
    """
    n_kept = round(degree * graph.n_nodes / 2.0) if degree > 0.0 else 0
    if not 0 < n_kept <= len(graph.edges):
        raise ConfigError(
            f"edges can be removed down to mean degrees in (0, {mean_degree(graph):.4g}] of this graph; got {degree:g}.",
            key="degree",
        )
    kept = np.sort(rng.permutation(len(graph.edges))[:n_kept])
    return Graph(n_nodes=graph.n_nodes, edges=graph.edges[kept])
