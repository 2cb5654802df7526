"""From worlds and a source of graphs to every model's graph, its training nodes, and the nodes that models are asked about.

Every model has a random stream of its own, by its role, its world and its number in that world, as in
`privaudit.data.world_layout`; so has every graph that models are asked about. The graph of a model changes neither when models
are added nor when worlds are, but for one case: a world of a higher degree than all others makes generated base graphs denser.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privaudit.data.graphs.drawn_graphs import QUERY, DrawnGraph, GraphSource
from privaudit.data.graphs.properties import local_clustering
from privaudit.data.seeds import stream_seed
from privaudit.data.world_layout import CONTROL_WORD, ROLES
from privaudit.errors import ConfigError
from privaudit.types.design import TARGET
from privaudit.types.graphs import GraphProperty, GraphProtocol, GraphWorlds
from privaudit.types.worlds import WorldDesign

WORDS = {"degree": "degree", "clustering": "closing"}  # in the names of worlds


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPlan:
    """What worlds there are, and how many models and queries of each.

    Attributes:
        values: what the worlds differ in, without the control.
        n_of: role (or `QUERY`) -> graphs of each world.
        n_train: training nodes of each model.
        n_queries: nodes of each world that models are asked about, ``None`` = all that may be.
        has_control: whether a world that is drawn as the base is stands at the end.
        graph_property: what the values are.
        protocol: which graphs are parts of which.
        seed: root seed.
    """

    values: tuple[float, ...]
    n_of: dict[str, int]
    n_train: int
    n_queries: int | None
    has_control: bool
    graph_property: GraphProperty
    protocol: GraphProtocol
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each world, the control last."""
        names = tuple(f"{WORDS[self.graph_property]} {value:.10g}" for value in self.values)
        return (*names, f"{names[0]} (control)") if self.has_control else names

    @property
    def laws(self) -> tuple[tuple[float, int], ...]:
        """Value of each world, and its word in the keys of random streams."""
        laws = tuple((value, word) for word, value in enumerate(self.values))
        return (*laws, (self.values[0], CONTROL_WORD)) if self.has_control else laws

    def generator(self, stream: str, index: int, *words: int) -> np.random.Generator:
        """Random stream whose key is lengthened by words."""
        key = stream_seed(self.seed, stream, index)
        return np.random.default_rng(np.random.SeedSequence(key.entropy, spawn_key=(*key.spawn_key, *words)))


def lay_out_graphs(plan: GraphPlan, source: GraphSource) -> GraphWorlds:
    """Draw the graph and the training nodes of every model, then the graphs and nodes of the queries.

    Args:
        plan: what worlds there are, and how many models and queries of each.
        source: where graphs come from.

    Raises:
        ConfigError: if a world has fewer nodes to ask about than are wanted, or a graph cannot be drawn.
    """
    rows = [
        (role, world, number) for world in range(len(plan.laws)) for role in ROLES for number in range(plan.n_of[role])
    ]
    trained = [_training_graph(plan, source, *row) for row in rows]
    asked = [_query_graphs(plan, source, world) for world in range(len(plan.laws))]
    graphs = [*(drawn for drawn, _ in trained), *(drawn for of_world in asked for drawn in of_world)]
    first = np.concatenate([[0], np.cumsum([drawn.graph.n_nodes for drawn in graphs])])
    queries = _query_nodes(plan, asked, first[len(trained) : -1])
    design = WorldDesign(
        names=plan.names,
        ratios=None,
        world=np.array([world for _, world, _ in rows], dtype=np.int64),
        role=np.array([role for role, _, _ in rows]),
        members=tuple(start + nodes for start, (_, nodes) in zip(first, trained, strict=False)),
        query_records=np.concatenate(queries),
        query_world=np.repeat(np.arange(len(queries)), [len(nodes) for nodes in queries]),
        control=len(plan.values) if plan.has_control else None,
        seed=plan.seed,
    )
    features, feature_rows = _features(source, graphs)
    return GraphWorlds(
        design=design,
        graphs=tuple(drawn.graph for drawn in graphs),
        first_node=first,
        graph_of=np.arange(len(trained)),
        query_graphs=tuple(range(len(trained), len(graphs))),
        features=features,
        labels=np.concatenate([drawn.labels for drawn in graphs]),
        n_classes=source.n_classes,
        protocol=plan.protocol,
        property=plan.graph_property,
        draws=tuple(_draws(plan.graph_property, graphs, design, world) for world in range(len(plan.laws))),
        feature_rows=feature_rows,
    )


def _training_graph(
    plan: GraphPlan, source: GraphSource, role: str, world: int, number: int
) -> tuple[DrawnGraph, NDArray[np.int64]]:
    value, word = plan.laws[world]
    rng = plan.generator("graph_draws", ROLES.index(role), word, number)
    drawn = source.draw(value, role, rng)
    return drawn, np.sort(rng.permutation(drawn.candidates)[: plan.n_train])


def _query_graphs(plan: GraphPlan, source: GraphSource, world: int) -> list[DrawnGraph]:
    value, word = plan.laws[world]
    rngs = (plan.generator("graph_queries", 0, word, number) for number in range(plan.n_of[QUERY]))
    return [source.draw(value, QUERY, rng) for rng in rngs]


def _query_nodes(plan: GraphPlan, asked: list[list[DrawnGraph]], first: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the positions that each world's models are asked about, ascending."""
    found, graph = [], 0
    for (_, word), of_world in zip(plan.laws, asked, strict=True):
        starts = first[graph : graph + len(of_world)]
        nodes = np.concatenate([start + drawn.candidates for start, drawn in zip(starts, of_world, strict=True)])
        graph += len(of_world)
        wanted = len(nodes) if plan.n_queries is None else plan.n_queries
        if wanted > len(nodes):
            raise ConfigError(
                f"a world has {len(nodes)} nodes that models may be asked about; {wanted} queries are wanted. Lower n_queries, or "
                "raise n_query_graphs.",
                key="distribution.n_queries",
            )
        found.append(np.sort(plan.generator("graph_queries", 1, word).permutation(nodes)[:wanted]))
    return found


def _features(source: GraphSource, graphs: list[DrawnGraph]) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    if source.table is None:
        return np.concatenate([drawn.features for drawn in graphs if drawn.features is not None]), None
    return source.table, np.concatenate([drawn.rows for drawn in graphs if drawn.rows is not None])


def _draws(
    property: GraphProperty, graphs: list[DrawnGraph], design: WorldDesign, world: int
) -> NDArray[np.float64] | NDArray[np.int64]:
    victims = [graphs[row].graph for row in design.rows(TARGET, world)]
    if property == "degree":
        return np.concatenate([graph.degrees() for graph in victims])
    return np.concatenate([local_clustering(graph) for graph in victims])
