"""What a model on graphs says about the nodes that it is asked about."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.data.graphs.adjacency import adjacency_tensor
from privaudit.scoring.world_outputs import class_log_probabilities
from privaudit.types.graphs import GraphWorlds


class GraphQueries(NamedTuple):
    """The query graphs as one, ready to be asked about.

    Attributes:
        features: ``(n_nodes, n_features)`` of all nodes of the query graphs.
        adjacency: ``(n_nodes, n_nodes)`` normalised, sparse.
        places: ``(n_queries,)`` the queries among these nodes.
    """

    features: torch.Tensor
    adjacency: torch.Tensor
    places: torch.Tensor


def graph_queries(worlds: GraphWorlds, device: str = "cpu") -> GraphQueries:
    """Put the query graphs together, once for all models.

    Args:
        worlds: the graphs, and the queries.
        device: where models are.
    """
    own_device = torch.device(device)
    nodes = np.concatenate([np.arange(len(worlds.labels))[worlds.nodes_of(graph)] for graph in worlds.query_graphs])
    places = np.searchsorted(nodes, worlds.design.query_records)  # query graphs are ascending, and so are their nodes
    return GraphQueries(
        features=torch.from_numpy(np.concatenate([worlds.features_of(graph) for graph in worlds.query_graphs])).to(
            own_device
        ),
        adjacency=adjacency_tensor([worlds.graphs[graph] for graph in worlds.query_graphs], own_device),
        places=torch.from_numpy(places).to(own_device),
    )


def query_log_probabilities(network: nn.Module, worlds: GraphWorlds, device: str = "cpu") -> NDArray[np.float64]:
    """Return the log-probability of every class at every query node of worlds.

    Args:
        network: on the device; called with features and the normalised adjacency matrix.
        worlds: the graphs, and the queries.
        device: where the model is.

    Returns:
        ``(n_queries, n_classes)`` float64; never above 0, and never minus infinity.

    Raises:
        DataError: if a logit is not finite.
    """
    return ask_queries(network, graph_queries(worlds, device))


def ask_queries(network: nn.Module, queries: GraphQueries) -> NDArray[np.float64]:
    """Return what `query_log_probabilities` returns, where many models are asked about the same graphs.

    Args:
        network: on the device of the queries.
        queries: the query graphs, made once.

    Raises:
        DataError: if a logit is not finite.
    """
    network.eval()
    with torch.no_grad():
        logits = network(queries.features, queries.adjacency)[queries.places]
    return class_log_probabilities(nn.Identity(), logits)
