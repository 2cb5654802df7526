"""A graph convolutional network of two layers, and its linear simplification."""

import torch
from torch import nn

from privaudit.training.graphs.graph_recipe import GraphRecipe


class Gcn(nn.Module):
    """``A ReLU(A X W1 + b1) W2 + b2``, A the normalised adjacency matrix.

    Source: Kipf and Welling, "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017, section 3.1.
    """

    def __init__(self, n_features: int, n_classes: int, hidden: int = 16) -> None:
        """Draw the weights from the current random state.

        Args:
            n_features: size of a node's features.
            n_classes: number of classes.
            hidden: width of the hidden layer.
        """
        super().__init__()
        self.hidden = nn.Linear(n_features, hidden)
        self.output = nn.Linear(hidden, n_classes)

    def forward(self, features: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        """Return ``(n_nodes, n_classes)`` logits.

        Args:
            features: ``(n_nodes, n_features)``.
            adjacency: ``(n_nodes, n_nodes)`` normalised, sparse or dense.
        """
        hidden = torch.relu(self.hidden(adjacency @ features))
        logits: torch.Tensor = self.output(adjacency @ hidden)
        return logits


class Sgc(nn.Module):
    """``A^k X W + b``: logistic regression on features that were averaged over neighbours k times.

    Source: Wu et al., "Simplifying Graph Convolutional Networks", ICML 2019, section 2.2.
    """

    def __init__(self, n_features: int, n_classes: int, n_hops: int = 2) -> None:
        """Draw the weights from the current random state.

        Args:
            n_features: size of a node's features.
            n_classes: number of classes.
            n_hops: k.
        """
        super().__init__()
        self.n_hops = n_hops
        self.output = nn.Linear(n_features, n_classes)

    def forward(self, features: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        """Return ``(n_nodes, n_classes)`` logits.

        Args:
            features: ``(n_nodes, n_features)``.
            adjacency: ``(n_nodes, n_nodes)`` normalised, sparse or dense.
        """
        logits: torch.Tensor = self.output(hops(features, adjacency, self.n_hops))
        return logits


def hops(features: torch.Tensor, adjacency: torch.Tensor, n_hops: int) -> torch.Tensor:
    """Return ``A^k X``.

    Args:
        features: ``(n_nodes, n_features)``.
        adjacency: ``(n_nodes, n_nodes)`` normalised.
        n_hops: k.
    """
    for _ in range(n_hops):
        features = adjacency @ features
    return features


def build_graph_network(recipe: GraphRecipe, n_features: int, n_classes: int) -> nn.Module:
    """Build a network with fresh weights from the current random state.

    Args:
        recipe: which network.
        n_features: size of a node's features.
        n_classes: number of classes.
    """
    if recipe.network == "gcn":
        return Gcn(n_features, n_classes, recipe.hidden)
    return Sgc(n_features, n_classes, recipe.n_hops)
