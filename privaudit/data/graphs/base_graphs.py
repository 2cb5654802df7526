"""Graphs that are parts of one base graph, or of two: what a model gives away then is partly the base graph itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privaudit.data.graphs.drawn_graphs import QUERY, DrawnGraph, GraphSource
from privaudit.data.graphs.edits import induced_subgraph, prune_to_degree
from privaudit.data.graphs.laws import draw_graph
from privaudit.data.graphs.node_task import GraphData, with_node_task
from privaudit.data.graphs.properties import mean_degree
from privaudit.data.seeds import stream_generator
from privaudit.errors import ConfigError
from privaudit.types.design import SHADOW, TARGET

SPARE = 1.2  # degree of a generated base graph over the largest that any world needs
QUERY_SHARE = 0.2  # of a base graph's nodes
HALVES = 2  # index of the random stream that cuts a user's graph in two; 0 and 1 are those of the base graphs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaseGraph:
    """A graph whose parts models are trained on.

    Attributes:
        data: the graph, its features and classes.
        first_row: row of its first node's features in the table of all base graphs.
        pools: role -> ``(n_nodes,)`` bool, nodes that its models may be trained on, or that may be asked about.
    """

    data: GraphData
    first_row: int
    pools: dict[str, NDArray[np.bool_]]


def base_source(*bases: GraphData, dropped: float, same_nodes: bool, seed: int) -> GraphSource:
    """Return a source whose graphs are parts of base graphs, pruned to a world's mean degree.

    A part lacks a few nodes, at random, and edges, at random. A fifth of every base graph's nodes is for queries, where it is
    the adversary's. All others may be trained on; of one base graph half of them by victims, half by the adversary's models.

    Args:
        bases: the adversary's base graph, and the victims' where it is another one.
        dropped: share of the nodes that each part lacks.
        same_nodes: of one base graph: let victims and the adversary's models be trained on the same nodes.
        seed: root seed.

    Raises:
        ConfigError: if ``dropped`` is no share below a fifth.

    Source: this project, after the published set-up (Suri and Evans, PETS 2022), where 1 % of the nodes are removed before a
    graph is pruned to its degree, and all graphs are parts of one.

    >>> from privaudit.types.graphs import Graph
    >>> ring = Graph(n_nodes=50, edges=[[node, node + 1] for node in range(49)])
    >>> source = base_source(with_node_task(ring, np.random.default_rng(0)), dropped=0.02,
    ...                      same_nodes=False, seed=0)
    >>> drawn = source.draw(1.5, "shadow", np.random.default_rng(0))
    >>> drawn.graph.n_nodes, round(mean_degree(drawn.graph), 1), len(source.table)
    (49, 1.5, 50)
    """
    check_dropped(dropped)
    sizes = [data.graph.n_nodes for data in bases]
    firsts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    rngs = [stream_generator(seed, "graph_bases", HALVES + 1 + place) for place in range(len(bases))]
    are_disjoint = len(bases) == 1 and not same_nodes
    parents = [
        BaseGraph(data=data, first_row=first, pools=_pools(data.graph.n_nodes, are_disjoint, rng))
        for data, first, rng in zip(bases, firsts, rngs, strict=False)
    ]

    def draw(value: float, role: str, rng: np.random.Generator) -> DrawnGraph:
        return _part(parents[-1 if role == TARGET else 0], value, role, dropped, rng)

    n_pool = min(int(parent.pools[role].sum()) for parent in parents for role in (TARGET, SHADOW))
    return GraphSource(
        draw=draw,
        table=np.concatenate([data.features for data in bases]),
        n_classes=1 + max(int(data.labels.max()) for data in bases),
        n_nodes=min(sizes),
        n_candidates=n_pool - round(dropped * max(sizes)),
    )


def check_dropped(dropped: float) -> float:
    """Return a share of nodes that parts may lack.

    Raises:
        ConfigError: if it is not below a fifth.
    """
    if not 0.0 <= dropped < 0.2:
        raise ConfigError(f"dropped must lie in [0, 0.2); got {dropped}.", key="distribution.graphs.dropped")
    return dropped


def generated_bases(
    generator: str, degree: float, n_nodes: int, n_bases: int, *, dropped: float, seed: int
) -> list[GraphData]:
    """Draw base graphs, a fifth denser than the densest world, so that every part can be pruned.

    Args:
        generator: see `privaudit.data.graphs.laws.draw_graph`.
        degree: the largest mean degree of any world.
        n_nodes: nodes of each base graph.
        n_bases: how many.
        dropped: share of the nodes that parts lack, which lowers their degrees.
        seed: root seed.

    Raises:
        ConfigError: if so many edges are not possible.
    """
    found = []
    for base in range(n_bases):
        rng = stream_generator(seed, "graph_bases", base)
        graph = draw_graph(generator, "degree", min(SPARE * degree / (1.0 - dropped), n_nodes - 1.0), n_nodes, rng)
        found.append(with_node_task(graph, rng))
    return found


def halves(base: GraphData, seed: int) -> list[GraphData]:
    """Cut a graph into the graphs of two random halves of its nodes; edges between them are lost, and an odd node.

    >>> from privaudit.types.graphs import Graph
    >>> ring = Graph(n_nodes=6, edges=[[node, node + 1] for node in range(5)])
    >>> [half.graph.n_nodes for half in halves(with_node_task(ring, np.random.default_rng(0)), seed=0)]
    [3, 3]
    """
    order = stream_generator(seed, "graph_bases", HALVES).permutation(base.graph.n_nodes)
    middle = base.graph.n_nodes // 2
    return [_induced(base, np.sort(order[part])) for part in (slice(middle), slice(middle, 2 * middle))]


def _induced(base: GraphData, nodes: NDArray[np.int64]) -> GraphData:
    return GraphData(induced_subgraph(base.graph, nodes), base.features[nodes], base.labels[nodes])


def _pools(n_nodes: int, are_disjoint: bool, rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    place = rng.permutation(n_nodes)
    n_asked = round(QUERY_SHARE * n_nodes)
    middle = n_asked + (n_nodes - n_asked) // 2
    is_asked = place < n_asked
    if not are_disjoint:
        return {QUERY: is_asked, TARGET: ~is_asked, SHADOW: ~is_asked}
    return {QUERY: is_asked, TARGET: ~is_asked & (place < middle), SHADOW: place >= middle}


def _part(base: BaseGraph, degree: float, role: str, dropped: float, rng: np.random.Generator) -> DrawnGraph:
    n_nodes = base.data.graph.n_nodes
    kept = np.sort(rng.permutation(n_nodes)[round(dropped * n_nodes) :])
    part = induced_subgraph(base.data.graph, kept)
    if len(part.edges) < round(degree * part.n_nodes / 2.0):
        raise ConfigError(
            f"a part of the base graph has a mean degree of {mean_degree(part):.3g}, and a world needs {degree:g}: edges are only "
            "removed. Take lower degrees, or a denser graph (protocol independent cuts a graph in halves, and degrees with it).",
            key="distribution.graphs.values",
        )
    candidates = np.flatnonzero(base.pools[role][kept])
    return DrawnGraph(
        prune_to_degree(part, degree, rng), base.data.labels[kept], None, base.first_row + kept, candidates
    )
