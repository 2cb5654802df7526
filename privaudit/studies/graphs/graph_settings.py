"""What the study trains: properties, protocols and networks, one value for each set of models."""

from dataclasses import dataclass, replace
from typing import Literal

from privaudit.training.graphs.graph_recipe import GraphRecipe
from privaudit.types.graphs import GraphProperty, GraphProtocol

Theme = Literal["law", "protocol", "cora"]
N_NODES, LARGE_SHARE = 300, 0.78  # share: of a base graph's nodes, where victims and adversary train on the same ones
CLUSTERING, DEGREE, PROTOCOL, CORA = (0.0, 0.9), (10.0, 4.0), (9.0, 8.0, 7.0), (1.6, 1.3, 1.0)
SGC = GraphRecipe(network="sgc", steps=200, lr=0.05)
GCN = GraphRecipe(network="gcn", steps=40, lr=0.05)
LONG_GCN = GraphRecipe(network="gcn", steps=300, lr=0.05)
SMOOTH_SGC = GraphRecipe(network="sgc", n_hops=3, steps=300, lr=0.1, weight_decay=0.0)
INDEPENDENT, SHARED, SHARED_DISJOINT = "independent", "shared, the same training nodes", "shared, other training nodes"
CLUSTERING_SGC, DEGREE_SGC = "clustering, SGC", "degree, SGC"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSetting:
    """One set of models.

    Attributes:
        name: in words.
        theme: of the table that it belongs to.
        property: what worlds differ in.
        values: one per world, the base's first: mean degrees, or chances of closing a triangle.
        recipe: how models are trained.
        protocol: which graphs are parts of which.
        same_nodes: with protocol ``shared``: victims and the adversary's models train on the same nodes.
        train_share: share of the nodes whose classes a model is trained on.
        n_shadows: shadow models of each world.
        n_victims: victims of each world.
        n_query_graphs: graphs of each world whose nodes models are asked about.
        has_control: whether there is a second world of the base's law.
        n_seeds: how often all is drawn anew.
    """

    name: str
    theme: Theme
    property: GraphProperty
    values: tuple[float, ...]
    recipe: GraphRecipe
    protocol: GraphProtocol = "fresh"
    same_nodes: bool = False
    train_share: float = 0.5
    n_shadows: int = 20
    n_victims: int = 50
    n_query_graphs: int = 3
    has_control: bool = True
    n_seeds: int = 3


def _protocol(name: str, protocol: GraphProtocol, train_share: float, *, same_nodes: bool = False) -> GraphSetting:
    return GraphSetting(
        name=name,
        theme="protocol",
        property="degree",
        values=PROTOCOL,
        recipe=SMOOTH_SGC,
        protocol=protocol,
        same_nodes=same_nodes,
        train_share=train_share,
        n_victims=40,
        n_seeds=6,  # a seed is one draw of the base graphs, which is most of what varies
    )


def _cora(name: str, protocol: GraphProtocol, *, same_nodes: bool = False) -> GraphSetting:
    return GraphSetting(
        name=f"cora, {name}",
        theme="cora",
        property="degree",
        values=CORA,
        recipe=SGC,
        protocol=protocol,
        same_nodes=same_nodes,
        train_share=0.3,  # where both sides have nodes of their own, they and the queries must fit into one graph
        n_victims=40,
        n_query_graphs=1,
    )


def _law(name: str, property: GraphProperty, recipe: GraphRecipe) -> GraphSetting:
    values = CLUSTERING if property == "clustering" else DEGREE
    return GraphSetting(name=name, theme="law", property=property, values=values, recipe=recipe)


LAWS = (
    _law(CLUSTERING_SGC, "clustering", SGC),
    _law("clustering, GCN", "clustering", GCN),
    _law("clustering, GCN, 300 steps", "clustering", LONG_GCN),
    _law(DEGREE_SGC, "degree", SGC),
    _law("degree, GCN", "degree", GCN),
    _law("degree, GCN, 300 steps", "degree", LONG_GCN),
)
PROTOCOLS = (
    _protocol("fresh", "fresh", LARGE_SHARE),
    _protocol(INDEPENDENT, "independent", LARGE_SHARE),
    _protocol(SHARED, "shared", LARGE_SHARE, same_nodes=True),
    _protocol("independent, few training nodes", "independent", 0.3),
    _protocol(SHARED_DISJOINT, "shared", 0.3),
)
CORA_SETTINGS = (
    _cora("independent halves", "independent"),
    _cora(SHARED, "shared", same_nodes=True),
    _cora(SHARED_DISJOINT, "shared"),
)
QUICK_SETTINGS = tuple(
    replace(one, n_victims=30, n_seeds=1)
    for one in (*LAWS, *PROTOCOLS)
    if one.name in (CLUSTERING_SGC, DEGREE_SGC, INDEPENDENT, SHARED)
)
