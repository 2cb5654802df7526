"""From what a world is to differ in to a random graph of it."""

import math
from typing import Literal

import numpy as np

from privaudit.data.graphs.edits import prune_to_degree
from privaudit.data.graphs.generators import check_degree, power_law_cluster, stochastic_block
from privaudit.errors import ConfigError
from privaudit.types.graphs import Graph, GraphProperty

Generator = Literal["stochastic_block", "power_law_cluster"]
GENERATORS: tuple[Generator, ...] = ("stochastic_block", "power_law_cluster")
N_BLOCKS = 2
WITHIN = 0.8  # share of the edges inside blocks
EDGES_PER_NODE = 4  # of graphs that differ in clustering: mean degree 7.9 of 300 nodes


def draw_graph(generator: str, property: GraphProperty, value: float, n_nodes: int, rng: np.random.Generator) -> Graph:
    """Draw a graph of a world.

    Args:
        generator: ``stochastic_block`` (two blocks, 0.8 of the edges inside) or ``power_law_cluster``.
        property: ``degree`` or ``clustering``, which power-law graphs alone can vary.
        value: mean degree: the expected one of a block graph; a power-law graph (closing 0) is grown with more edges and
            pruned to it; or the chance of closing a triangle (4 edges per node).
        n_nodes: number of nodes.
        rng: source of all randomness.

    Raises:
        ConfigError: if the generator does not exist or cannot vary the property, or a number is out of range.

    >>> graph = draw_graph("power_law_cluster", "degree", 5.0, 100, np.random.default_rng(0))
    >>> float(graph.degrees().mean())
    5.0
    """
    check_law(generator, property)
    if property == "clustering":
        return power_law_cluster(n_nodes, EDGES_PER_NODE, value, rng)
    if generator == "stochastic_block":
        return stochastic_block(n_nodes, value, n_blocks=N_BLOCKS, within=WITHIN, rng=rng)[0]
    grown = power_law_cluster(n_nodes, edges_per_node(value, n_nodes), 0.0, rng)
    return prune_to_degree(grown, value, rng)


def check_law(generator: str, property: str) -> None:
    """Refuse what no generator gives.

    Raises:
        ConfigError: if the generator or the property does not exist, or they do not go together.
    """
    if generator not in GENERATORS:
        raise ConfigError(
            f"generator must be one of {', '.join(GENERATORS)}; got {generator!r}.", key="distribution.graphs.generator"
        )
    if property not in ("degree", "clustering"):
        raise ConfigError(
            f"property must be degree or clustering; got {property!r}.", key="distribution.graphs.property"
        )
    if property == "clustering" and generator != "power_law_cluster":
        raise ConfigError(
            f"{generator} cannot vary the clustering. Set generator: power_law_cluster.",
            key="distribution.graphs.generator",
        )


def edges_per_node(degree: float, n_nodes: int) -> int:
    """Return the fewest edges per node with which a power-law graph (closing 0) has a mean degree at least.

    Raises:
        ConfigError: if no number gives so many edges.

    >>> edges_per_node(5.0, 100), edges_per_node(7.9, 300)
    (3, 5)
    """
    wanted = check_degree(degree, n_nodes) * n_nodes / 2.0
    root = n_nodes * n_nodes / 4.0 - wanted  # m (n - m) >= wanted
    if root < 0.0:
        raise ConfigError(
            f"a power-law graph of {n_nodes} nodes cannot have a mean degree of {degree:g}. Take more nodes, or a lower degree.",
            key="distribution.graphs.values",
        )
    return max(1, math.ceil(n_nodes / 2.0 - math.sqrt(root)))
