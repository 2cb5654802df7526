"""Graphs, and the worlds of an audit whose models each train on one of them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import DataError, ShapeError
from privaudit.types.frozen import set_array
from privaudit.types.worlds import WorldDesign

GraphProtocol = Literal["fresh", "independent", "shared"]
GraphProperty = Literal["degree", "clustering"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graph:
    """An undirected graph without loops or repeated edges.

    Attributes:
        n_nodes: nodes are 0..n_nodes-1.
        edges: ``(n_edges, 2)`` int64, each edge once, the smaller node first.

    Raises:
        ShapeError: if the edges are no pairs.
        DataError: if a node does not exist, an edge is a loop, is turned round, or comes twice.
    """

    n_nodes: int
    edges: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Freeze the edges and check them."""
        edges = set_array(self, "edges", self.edges, np.int64)
        if edges.ndim != 2 or edges.shape[1] != 2:
            raise ShapeError(f"edges must have shape (n_edges, 2); got {edges.shape}.")
        if not len(edges):
            return
        if not 0 <= edges.min() <= edges.max() < self.n_nodes:
            raise DataError(f"nodes must lie in 0..{self.n_nodes - 1}; edges hold {edges.min()}..{edges.max()}.")
        if not (edges[:, 0] < edges[:, 1]).all():
            raise DataError("every edge must name its smaller node first, and no node twice.")
        if len(np.unique(edges[:, 0] * self.n_nodes + edges[:, 1])) < len(edges):
            raise DataError("every edge must come once.")

    def degrees(self) -> NDArray[np.int64]:
        """``(n_nodes,)`` number of neighbours of each node."""
        return np.bincount(self.edges.ravel(), minlength=self.n_nodes)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphWorlds:
    """Models of several worlds, each trained on a graph whose nodes have features and classes.

    The nodes of all graphs stand one after another: ``design.members`` and ``design.query_records`` are positions among them.

    Attributes:
        design: which model is trained on which nodes' classes, in which world; the queries are nodes of ``query_graphs``.
        graphs: all graphs.
        first_node: ``(n_graphs + 1,)`` int64 position of each graph's first node; the last entry is the number of all nodes.
        graph_of: ``(n_models,)`` int64 graph that each model is trained on.
        query_graphs: graphs whose nodes models are asked about, ascending.
        features: ``(n_all_nodes, n_features)`` float32; with ``feature_rows`` ``(n_rows, n_features)``. Read them by `features_of`.
        labels: ``(n_all_nodes,)`` int64 classes.
        n_classes: number of classes.
        protocol: ``fresh``: every model has a graph of its own law; ``independent``: the adversary's graphs are parts of one base
            graph, the victims' parts of another; ``shared``: all are parts of one base graph.
        property: what the worlds differ in.
        draws: one ``(n,)`` array per world, the control included: degrees of nodes (int64), or their local clustering
            coefficients (float64), of the victims' graphs.
        feature_rows: ``(n_all_nodes,)`` int64 row of ``features`` that each node has, where graphs are parts of one base graph
            whose nodes' features stand there once; ``None``: every node has its own.

    Raises:
        ShapeError: if the arrays do not fit together.
    """

    design: WorldDesign
    graphs: tuple[Graph, ...]
    first_node: NDArray[np.int64]
    graph_of: NDArray[np.int64]
    query_graphs: tuple[int, ...]
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    n_classes: int
    protocol: GraphProtocol
    property: GraphProperty
    draws: tuple[NDArray[np.float64] | NDArray[np.int64], ...]
    feature_rows: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        first = set_array(self, "first_node", self.first_node, np.int64)
        features = set_array(self, "features", self.features, np.float32)
        if self.feature_rows is not None:
            rows = set_array(self, "feature_rows", self.feature_rows, np.int64)
            if len(rows) and not 0 <= rows.min() <= rows.max() < len(features):
                raise ShapeError(f"feature_rows must lie in 0..{len(features) - 1}; got {rows.min()}..{rows.max()}.")
        labels = set_array(self, "labels", self.labels, np.int64)
        graph_of = set_array(self, "graph_of", self.graph_of, np.int64)
        sizes = [graph.n_nodes for graph in self.graphs]
        n_featured = len(features if self.feature_rows is None else self.feature_rows)
        if first.tolist() != [0, *np.cumsum(sizes).tolist()] or not n_featured == len(labels) == first[-1]:
            raise ShapeError(f"features, labels and first_node must fit the graphs' {sum(sizes)} nodes.")
        if len(graph_of) != self.design.n_models or len(self.draws) != self.design.n_worlds:
            raise ShapeError(
                f"graph_of needs {self.design.n_models} entries (models), draws {self.design.n_worlds} (worlds)."
            )

    def nodes_of(self, graph: int) -> slice:
        """Positions of a graph's nodes among all nodes."""
        return slice(int(self.first_node[graph]), int(self.first_node[graph + 1]))

    def features_of(self, graph: int) -> NDArray[np.float32]:
        """``(n_nodes, n_features)`` features of a graph's nodes."""
        nodes = self.nodes_of(graph)
        return self.features[nodes if self.feature_rows is None else self.feature_rows[nodes]]
