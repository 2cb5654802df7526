"""The graphs of several models as one, and what all models say on the nodes that they train on.

The graphs of a group stand one after another in one sparse matrix, so that one product serves all models; weights are
stacked along a first axis. Nothing of a model enters another one's sums. Widths are filled up with zeros to a multiple of
16: products of a stack round by where a model's numbers begin in memory, and then all begin at the same place of a line.
What is filled in stays 0, since its gradients are 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.data.graphs.adjacency import adjacency_tensor
from privaudit.training.graphs.graph_recipe import GraphRecipe
from privaudit.training.graphs.networks import hops
from privaudit.types.graphs import GraphWorlds

ALIGNED = 16  # float32 numbers in a line of memory
Weights = Mapping[str, torch.Tensor]


class StackedGraphs(NamedTuple):
    """What one group of models trains on; all have as many nodes, and as many training nodes.

    Attributes:
        adjacency: ``(n_models * n_nodes,) * 2`` normalised, sparse.
        inputs: what the first linear layer is given: ``(n_models, n_nodes, n_features)`` averaged once for ``gcn``, and
            ``(n_models, n_members, n_features)`` of the training nodes alone, averaged k times, for ``sgc``.
        members: ``(n_models * n_members,)`` places of the training nodes among the group's nodes.
        labels: ``(n_models * n_members,)`` their classes.
    """

    adjacency: torch.Tensor
    inputs: torch.Tensor
    members: torch.Tensor
    labels: torch.Tensor


class _Propagate(torch.autograd.Function):
    """Product with a sparse symmetric matrix that needs no gradient: its own transpose, so that backward is as fast."""

    @staticmethod
    def forward(ctx: Any, adjacency: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return ``adjacency @ values``."""
        ctx.adjacency = adjacency
        return adjacency @ values

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[None, torch.Tensor]:
        """Return the gradient at the values."""
        return None, ctx.adjacency @ gradients[0].contiguous()


def stack_graphs(worlds: GraphWorlds, rows: Sequence[int], recipe: GraphRecipe, device: torch.device) -> StackedGraphs:
    """Put the graphs of a group together, and do once what every step would repeat.

    Args:
        worlds: all models' graphs.
        rows: models of the group.
        recipe: which network.
        device: where they are trained.
    """
    graphs = [int(worlds.graph_of[row]) for row in rows]
    n_nodes = worlds.graphs[graphs[0]].n_nodes
    adjacency = adjacency_tensor([worlds.graphs[graph] for graph in graphs], device)
    features = np.concatenate([worlds.features_of(graph) for graph in graphs])
    places = [
        worlds.design.members[row] - worlds.first_node[graph] + place * n_nodes
        for place, (row, graph) in enumerate(zip(rows, graphs, strict=True))
    ]
    members = torch.from_numpy(np.concatenate(places)).to(device)
    inputs = hops(torch.from_numpy(features).to(device), adjacency, 1 if recipe.network == "gcn" else recipe.n_hops)
    if recipe.network == "sgc":
        inputs = inputs[members]
    return StackedGraphs(
        adjacency=adjacency,
        inputs=_filled(inputs, (False, True)).view(len(rows), -1, _aligned(inputs.shape[1])),
        members=members,
        labels=torch.from_numpy(np.concatenate([_classes(worlds, row) for row in rows])).to(device),
    )


def _classes(worlds: GraphWorlds, row: int) -> NDArray[np.int64]:
    changed = worlds.design.member_labels
    return worlds.labels[worlds.design.members[row]] if changed is None else changed[row]


def stack_weights(networks: Sequence[nn.Module]) -> dict[str, torch.Tensor]:
    """Return name -> ``(n_models, ...)`` copies of the weights, filled up with zeros, that take gradients.

    Args:
        networks: of one shape, on one device.
    """
    names = [name for name, _ in networks[0].named_parameters()]
    states = [dict(network.named_parameters()) for network in networks]
    stacked = {name: torch.stack([state[name].detach() for state in states]) for name in names}
    return {name: _filled(each, (False, *_widths(name))).requires_grad_() for name, each in stacked.items()}


def _widths(name: str) -> tuple[bool, ...]:
    """Tell which axes of a weight are a width: inputs of every layer, outputs of the hidden one."""
    layer, _, kind = name.partition(".")
    return (layer == "hidden", True) if kind == "weight" else (layer == "hidden",)


def _filled(values: torch.Tensor, is_width: Sequence[bool]) -> torch.Tensor:
    """Fill up axes with zeros to a multiple of `ALIGNED`."""
    shape = [_aligned(n) if own else n for n, own in zip(values.shape, is_width, strict=True)]
    filled = values.new_zeros(shape)
    filled[tuple(slice(n) for n in values.shape)] = values
    return filled


def _aligned(width: int) -> int:
    return -(-width // ALIGNED) * ALIGNED


def unstack_weights(weights: Weights, networks: Sequence[nn.Module]) -> None:
    """Put every model's weights back into its network.

    Args:
        weights: name -> ``(n_models, ...)``, filled up.
        networks: in the same order.
    """
    with torch.no_grad():
        for place, network in enumerate(networks):
            for name, own in network.named_parameters():
                own.copy_(weights[name][place][tuple(slice(n) for n in own.shape)])


def stacked_logits(weights: Weights, stacked: StackedGraphs) -> torch.Tensor:
    """Return ``(n_models * n_members, n_classes)`` logits of all training nodes.

    Args:
        weights: of all models; with a hidden layer for ``gcn``.
        stacked: their graphs.
    """
    if "hidden.weight" not in weights:
        return _affine(weights, "output", stacked.inputs).flatten(0, 1)
    hidden = torch.relu(_affine(weights, "hidden", stacked.inputs))
    # A (H W) instead of (A H) W: fewer columns to average
    narrow = torch.bmm(hidden, weights["output.weight"].mT).flatten(0, 1)
    averaged: torch.Tensor = _Propagate.apply(stacked.adjacency, narrow)  # type: ignore[no-untyped-call]
    biases = weights["output.bias"][:, None, :]
    return (averaged[stacked.members].view(len(biases), -1, averaged.shape[1]) + biases).flatten(0, 1)


def _affine(weights: Weights, layer: str, inputs: torch.Tensor) -> torch.Tensor:
    return torch.baddbmm(weights[f"{layer}.bias"][:, None, :], inputs, weights[f"{layer}.weight"].mT)
