"""What a reader must know of an audit of graphs: who trained on which graph, and what the graphs look like."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privaudit.pipeline.distribution.inputs import Said
from privaudit.store.world_file import StoredGraphs
from privaudit.types.design import TARGET
from privaudit.types.worlds import WorldDesign

PROPERTIES = {"degree": "mean node degree", "clustering": "clustering coefficient"}
PROTOCOLS = {
    "fresh": "Protocol fresh: every model has a graph of its own, and so have the queries; intervals are about graphs of these laws",
    "independent": (
        "Protocol independent: the adversary's graphs are parts of one base graph, the audited models' parts of another one. Every "
        "interval is about parts of these two base graphs, and not about other base graphs of the same law"
    ),
    "shared": (
        "Warning: all graphs are parts of one base graph (protocol: shared), so what attacks find is partly that graph itself: the "
        "numbers are inflated and no measure of what a model tells about the law of its graph. Set protocol: independent, or fresh "
        "where graphs are drawn."
    ),
}


def graph_notes(said: Said) -> tuple[str, ...]:
    """Return the protocol, the audited models' graphs, and how well these models do what they were trained for.

    Args:
        said: what all models said, of an audit of graphs.
    """
    graphs, design = said.worlds.graphs, said.worlds.design
    assert graphs is not None  # the caller has looked
    looks = "; ".join(_look(graphs, design, world) for world in range(design.n_worlds))
    return (PROTOCOLS[graphs.protocol], f"Graphs of the audited models, on average: {looks}", _models(said, design))


def _look(graphs: StoredGraphs, design: WorldDesign, world: int) -> str:
    """Nodes and mean degree of a world's graphs, and their clustering where that is what the worlds differ in."""
    rows = design.rows(TARGET, world)
    nodes, edges = graphs.n_nodes[rows], graphs.n_edges[rows]
    text = f"{design.names[world]}: {_range(nodes)} nodes, {2 * edges.sum() / nodes.sum():.2f} neighbours per node"
    if graphs.property == "clustering":
        text += f", clustering coefficient {graphs.draws[world].mean():.3f}"
    return text


def _models(said: Said, design: WorldDesign) -> str:
    victims, asked = design.rows(TARGET, 0), np.flatnonzero(design.query_world == 0)
    labels = said.worlds.labels[design.query_records[asked]]
    right = float((said.predicted[np.ix_(victims, asked)] == labels).mean())
    sizes = _range(design.sizes()[design.rows(TARGET)])
    return (
        f"{len(victims)} audited models per world train on the classes of {sizes} nodes each; those of {design.names[0]} answer "
        f"{right:.1%} of its query nodes rightly"
    )


def _range(values: NDArray[np.int64] | Sequence[int]) -> str:
    low, high = int(np.min(values)), int(np.max(values))
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
