"""Random graphs whose mean degree or clustering can be set."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError
from privaudit.types.graphs import Graph
from privaudit.validate import check_probability


def stochastic_block(
    n_nodes: int, degree: float, *, n_blocks: int, within: float, rng: np.random.Generator
) -> tuple[Graph, NDArray[np.int64]]:
    """Draw a graph of equally large blocks: two nodes are joined with one chance inside a block, another between blocks.

    Args:
        n_nodes: number of nodes, two at least in each block.
        degree: expected mean degree.
        n_blocks: number of blocks, 2 at least; their sizes differ by one node at most, and who is in which is random.
        within: expected share of the edges that lie inside blocks.
        rng: source of all randomness; the same state gives the same graph.

    Returns:
        The graph, and ``(n_nodes,)`` int64 block of each node.

    Raises:
        ConfigError: if a number is out of range, or there are too few pairs of nodes for so many edges.

    Source: Holland, Laskey and Leinhardt, Social Networks 1983 (the stochastic block model).

    >>> graph, block = stochastic_block(100, 6.0, n_blocks=2, within=0.8, rng=np.random.default_rng(0))
    >>> graph.n_nodes, np.bincount(block).tolist(), bool(abs(graph.degrees().mean() - 6.0) < 1.0)
    (100, [50, 50], True)
    """
    if not 2 <= n_blocks <= n_nodes // 2:
        raise ConfigError(f"n_blocks must lie in 2..{n_nodes // 2}, half the nodes; got {n_blocks}.", key="n_blocks")
    check_probability("within", within, open_ends=False)
    block = rng.permutation(np.arange(n_nodes) % n_blocks)
    first, second = np.triu_indices(n_nodes, 1)
    is_inside = block[first] == block[second]
    n_edges, n_inside = check_degree(degree, n_nodes) * n_nodes / 2.0, int(is_inside.sum())
    chances = np.array([(1.0 - within) * n_edges / (len(first) - n_inside), within * n_edges / n_inside])
    if chances.max() > 1.0:
        raise ConfigError(
            f"{n_nodes} nodes in {n_blocks} blocks have too few pairs for a mean degree of {degree:g} with {within:g} of the edges "
            "inside blocks. Take more nodes, or a lower degree.",
            key="distribution.graphs.values",
        )
    kept = rng.random(len(first)) < chances[is_inside.astype(np.int64)]
    return Graph(n_nodes=n_nodes, edges=np.column_stack([first[kept], second[kept]])), block


def power_law_cluster(n_nodes: int, n_edges_per_node: int, closing: float, rng: np.random.Generator) -> Graph:
    """Grow a graph with a few nodes of high degree, whose triangles become more frequent with ``closing``.

    Node after node is added with ``n_edges_per_node`` edges to nodes of high degree; after each edge the next one goes, with
    chance ``closing``, to a neighbour of the node just joined, which closes a triangle. The number of edges is
    ``n_edges_per_node * (n_nodes - n_edges_per_node)``; where closing is above 0 a few are lost (of 4 edges per node and 300 nodes
    some 0.3 %, of many edges per node more).

    Args:
        n_nodes: number of nodes.
        n_edges_per_node: half the mean degree, about.
        closing: chance of closing a triangle.
        rng: source of the seed; the same state gives the same graph.

    Raises:
        ConfigError: if a number is out of range.

    Source: Holme and Kim, Physical Review E 2002, as `networkx.powerlaw_cluster_graph` has it.

    >>> graph = power_law_cluster(100, 4, 0.5, np.random.default_rng(0))
    >>> graph.n_nodes, 370 < len(graph.edges) <= 4 * 96
    (100, True)
    """
    from networkx import powerlaw_cluster_graph

    check_probability("closing", closing, open_ends=False)
    if not 1 <= n_edges_per_node < n_nodes:
        raise ConfigError(
            f"n_edges_per_node must lie in 1..{n_nodes - 1} (nodes); got {n_edges_per_node}.", key="n_edges_per_node"
        )
    grown = powerlaw_cluster_graph(n_nodes, n_edges_per_node, closing, seed=int(rng.integers(2**63)))
    return Graph(n_nodes=n_nodes, edges=unique_edges(np.array(grown.edges, dtype=np.int64)))


def unique_edges(pairs: ArrayLike) -> NDArray[np.int64]:
    """Return each edge once, its smaller node first, in ascending order, and no loops.

    Args:
        pairs: ``(n, 2)`` nodes; a direction means nothing.

    >>> unique_edges([[2, 1], [0, 2], [1, 2], [3, 3]]).tolist()
    [[0, 2], [1, 2]]
    """
    edges = np.sort(np.asarray(pairs, dtype=np.int64).reshape(-1, 2), axis=1)
    return np.unique(edges[edges[:, 0] < edges[:, 1]], axis=0)


def check_degree(degree: float, n_nodes: int) -> float:
    """Return a mean degree that ``n_nodes`` nodes can have.

    Raises:
        ConfigError: if they cannot.
    """
    if not 0.0 < degree <= n_nodes - 1:
        raise ConfigError(
            f"a mean degree of {n_nodes} nodes lies in (0, {n_nodes - 1}]; got {degree:g}.",
            key="distribution.graphs.values",
        )
    return float(degree)
