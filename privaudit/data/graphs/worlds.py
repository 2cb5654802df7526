"""The worlds of an audit of a property of graphs, from what they are to differ in."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privaudit.data.graphs.base_graphs import base_source, check_dropped, generated_bases, halves
from privaudit.data.graphs.drawn_graphs import QUERY, GraphSource, fresh_source
from privaudit.data.graphs.graph_layout import GraphPlan, lay_out_graphs
from privaudit.data.graphs.laws import GENERATORS, check_law
from privaudit.data.graphs.node_task import GraphData
from privaudit.data.world_layout import check_labels
from privaudit.errors import ConfigError, ShapeError
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.graphs import Graph, GraphProperty, GraphProtocol, GraphWorlds
from privaudit.validate import check_probability

PROTOCOLS: tuple[GraphProtocol, ...] = ("fresh", "independent", "shared")
N_NODES = 300  # of generated graphs
FEWEST_NODES = 10
DROPPED = 0.01  # as in the published set-up
LARGEST_CLASS = 10**4
KEY = "distribution.graphs"


def make_graph_worlds(
    *,
    values: Sequence[float],
    property: GraphProperty,
    protocol: GraphProtocol = "fresh",
    generator: str | None = None,
    base: tuple[Graph, NDArray[np.float32], NDArray[np.int64]] | None = None,
    n_nodes: int | None = None,
    n_shadows: int,
    n_victims: int,
    n_query_graphs: int = 4,
    n_queries: int | None = None,
    train_share: float = 0.3,
    dropped: float | None = None,
    same_nodes: bool = False,
    has_control: bool = True,
    seed: int,
) -> GraphWorlds:
    """Lay out an audit of the mean degree or the clustering of graphs.

    Args:
        values: one per world, the base's first: mean degrees, or chances of closing a triangle (clustering).
        property: ``degree`` or ``clustering``; the latter only with protocol ``fresh``.
        protocol: ``fresh``: every graph is drawn by its world's law; ``independent``: the adversary's graphs are parts of one base
            graph and the victims' of another, drawn by the same law (a given ``base`` is cut in two halves of its nodes);
            ``shared``: all are parts of one base graph, so that what is found is partly that graph and no law.
        generator: ``stochastic_block`` or ``power_law_cluster``, see `privaudit.data.graphs.laws.draw_graph`.
        base: graph, features ``(n_nodes, n_features)`` and classes ``(n_nodes,)``, instead of a generator.
        n_nodes: nodes of each generated graph or base graph, ``None`` = 300.
        n_shadows: the adversary's models of each world.
        n_victims: victims of each world.
        n_query_graphs: graphs of each world whose nodes models are asked about, drawn on the adversary's side.
        n_queries: nodes of each world that are asked about, at random; ``None`` = all that may be.
        train_share: share of the nodes of a graph, or of a base graph, whose classes a model is trained on; below 0.8 with base
            graphs, where queries have nodes of their own, and below 0.4 where victims and the adversary share one.
        dropped: share of the nodes that each part of a base graph lacks, ``None`` = 0.01; not with protocol ``fresh``.
        same_nodes: only with protocol ``shared``: let victims and the adversary's models be trained on the same nodes; else on
            disjoint halves.
        has_control: append a world that is drawn by the base's law, independently of it.
        seed: root seed.

    Returns:
        World after world, in each the shadow models first; the graphs of the queries come last. Every model has the same number
        of nodes and of training nodes.

    Raises:
        ConfigError: if an argument is out of range, two do not go together, or a graph has too few nodes or edges.
        ShapeError: if the base's features or classes do not fit its nodes.
        DataError: if its classes are no whole numbers from 0.

    Source: Suri and Evans, PETS 2022 (properties of graphs; their published graphs are parts of one base graph); the protocols
    and the control are this project's.

    >>> worlds = make_graph_worlds(values=(6.0, 3.0), property="degree", generator="stochastic_block", n_nodes=40,
    ...                            n_shadows=2, n_victims=1, n_query_graphs=1, seed=0)
    >>> worlds.design.names, worlds.design.n_models, len(worlds.graphs), set(worlds.design.sizes().tolist())
    (('degree 6', 'degree 3', 'degree 6 (control)'), 9, 12, {12})
    """
    laws = tuple(float(value) for value in values)
    _check_protocol(property, protocol, generator, base is not None, n_nodes)
    _check_options(protocol, dropped, same_nodes)
    _check_values(laws, property, has_control)
    _check_counts(n_shadows=n_shadows, n_victims=n_victims, n_query_graphs=n_query_graphs, n_queries=n_queries)
    size = _check_size(N_NODES if n_nodes is None else n_nodes)
    if protocol == "fresh":
        assert generator is not None
        source = fresh_source(generator, property, size)
    else:
        lacking = check_dropped(DROPPED if dropped is None else dropped)
        bases = _bases(base, generator, max(laws), size, 2 if protocol == "independent" else 1, lacking, seed)
        source = base_source(*bases, dropped=lacking, same_nodes=same_nodes, seed=seed)
    plan = GraphPlan(
        values=laws,
        n_of={SHADOW: n_shadows, TARGET: n_victims, QUERY: n_query_graphs},
        n_train=_n_train(train_share, source),
        n_queries=n_queries,
        has_control=has_control,
        graph_property=property,
        protocol=protocol,
        seed=seed,
    )
    return lay_out_graphs(plan, source)


def _bases(
    base: tuple[Graph, NDArray[np.float32], NDArray[np.int64]] | None,
    generator: str | None,
    degree: float,
    n_nodes: int,
    n_bases: int,
    dropped: float,
    seed: int,
) -> list[GraphData]:
    """Cut a base graph that is given, or draw as many as are wanted."""
    if base is not None:
        return _cut(GraphData(*base), n_bases, seed)
    assert generator is not None
    return generated_bases(generator, degree, n_nodes, n_bases, dropped=dropped, seed=seed)


def _cut(base: GraphData, n_bases: int, seed: int) -> list[GraphData]:
    n_nodes, features, labels = base.graph.n_nodes, np.asarray(base.features, np.float32), np.asarray(base.labels)
    if features.ndim != 2 or len(features) != n_nodes or labels.shape != (n_nodes,):
        raise ShapeError(
            f"a graph of {n_nodes} nodes needs ({n_nodes}, n_features) features and ({n_nodes},) classes; got {features.shape} and "
            f"{labels.shape}."
        )
    whole = GraphData(base.graph, features, check_labels(labels, LARGEST_CLASS + 1))
    return halves(whole, seed) if n_bases == 2 else [whole]


def _n_train(train_share: float, source: GraphSource) -> int:
    """Return the number of training nodes, which every graph must have, and one more: else all sets were the same."""
    check_probability("train_share", train_share)
    n_train = round(train_share * source.n_nodes)
    if not 1 <= n_train < source.n_candidates:
        raise ConfigError(
            f"train_share {train_share:g} of {source.n_nodes} nodes is {n_train} training nodes, of {source.n_candidates} that a model "
            "may have. Take another share, or more nodes.",
            key=f"{KEY}.train_share",
        )
    return n_train


def _check_values(values: tuple[float, ...], property: str, has_control: bool) -> None:
    if len(set(values)) < len(values):
        got = ", ".join(f"{value:g}" for value in values)
        raise ConfigError(f"values must all be different; got {got}.", key=f"{KEY}.values")
    if len(values) + has_control < 2 or not values:
        raise ConfigError(f"an audit compares two worlds at least; got {len(values)} values.", key=f"{KEY}.values")
    for value in values:
        if not (0.0 <= value <= 1.0 if property == "clustering" else 0.0 < value < np.inf):
            span = "chances in [0, 1]" if property == "clustering" else "mean degrees above 0"
            raise ConfigError(f"values of property {property} are {span}; got {value:g}.", key=f"{KEY}.values")


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ConfigError(f"{name} must be at least 1; got {count}.", key=f"distribution.{name}")


def _check_size(n_nodes: int) -> int:
    if n_nodes < FEWEST_NODES:
        raise ConfigError(f"n_nodes must be at least {FEWEST_NODES}; got {n_nodes}.", key=f"{KEY}.n_nodes")
    return n_nodes


def _check_options(protocol: str, dropped: float | None, same_nodes: bool) -> None:
    if dropped is not None and protocol == "fresh":
        raise ConfigError("dropped means nothing with protocol fresh. Remove it.", key=f"{KEY}.dropped")
    if same_nodes and protocol != "shared":
        raise ConfigError(f"same_nodes means nothing with protocol {protocol}. Remove it.", key=f"{KEY}.same_nodes")


def _check_protocol(property: str, protocol: str, generator: str | None, has_base: bool, n_nodes: int | None) -> None:
    if protocol not in PROTOCOLS:
        raise ConfigError(f"protocol must be one of {', '.join(PROTOCOLS)}; got {protocol!r}.", key=f"{KEY}.protocol")
    if (generator is None) != has_base:
        raise ConfigError(
            f"give either a generator ({', '.join(GENERATORS)}) or a base graph; got {'both' if has_base else 'neither'}.",
            key=f"{KEY}.generator",
        )
    if has_base and (protocol == "fresh" or n_nodes is not None):
        what = (
            "protocol fresh draws every graph from a generator" if protocol == "fresh" else "n_nodes is of a generator"
        )
        raise ConfigError(f"{what}, and a base graph was given. Remove one of both.", key=f"{KEY}.protocol")
    if property == "clustering" and protocol != "fresh":
        raise ConfigError(
            f"protocol {protocol} removes edges to lower degrees, which cannot set the clustering. Set protocol: fresh.",
            key=f"{KEY}.protocol",
        )
    check_law(generator or GENERATORS[0], property)
