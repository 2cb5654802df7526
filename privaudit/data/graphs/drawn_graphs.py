"""One model's graph, or one that models are asked about: drawn afresh."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.data.graphs.laws import draw_graph
from privaudit.data.graphs.node_task import N_CLASSES, with_node_task
from privaudit.types.graphs import Graph, GraphProperty

QUERY = "query"  # stands where a role does, for graphs that models are asked about


class DrawnGraph(NamedTuple):
    """A graph, and which of its nodes may be used.

    Attributes:
        graph: the graph.
        labels: ``(n_nodes,)`` int64 classes.
        features: ``(n_nodes, n_features)`` float32; ``None`` where they stand in a base graph's table.
        rows: ``(n_nodes,)`` int64 rows of that table, ``None`` where there is none.
        candidates: ``(n_candidates,)`` int64 nodes that may be trained on, or asked about.
    """

    graph: Graph
    labels: NDArray[np.int64]
    features: NDArray[np.float32] | None
    rows: NDArray[np.int64] | None
    candidates: NDArray[np.int64]


class GraphSource(NamedTuple):
    """Where graphs come from.

    Attributes:
        draw: a world's value, a role (or `QUERY`) and a generator to a graph.
        table: ``(n_rows, n_features)`` float32 features that graphs share, ``None`` where each has its own.
        n_classes: number of classes.
        n_nodes: nodes that the training share is taken of.
        n_candidates: nodes that may be trained on in every graph, at least.
    """

    draw: Callable[[float, str, np.random.Generator], DrawnGraph]
    table: NDArray[np.float32] | None
    n_classes: int
    n_nodes: int
    n_candidates: int


def fresh_source(generator: str, property: GraphProperty, n_nodes: int) -> GraphSource:
    """Return a source that draws every graph, its features and classes anew.

    Args:
        generator: see `privaudit.data.graphs.laws.draw_graph`.
        property: likewise.
        n_nodes: nodes of each graph.

    >>> drawn = fresh_source("stochastic_block", "degree", 50).draw(4.0, "shadow", np.random.default_rng(0))
    >>> drawn.features.shape, len(drawn.candidates), drawn.rows
    ((50, 4), 50, None)
    """

    def draw(value: float, role: str, rng: np.random.Generator) -> DrawnGraph:
        graph, features, labels = with_node_task(draw_graph(generator, property, value, n_nodes, rng), rng)
        return DrawnGraph(graph, labels, features, None, np.arange(n_nodes))

    return GraphSource(draw, None, N_CLASSES, n_nodes, n_nodes)
