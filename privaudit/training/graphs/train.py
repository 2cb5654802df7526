"""Full-batch training of many networks on graphs side by side."""

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from privaudit.errors import TrainingError, UnsupportedError
from privaudit.training.graphs.graph_recipe import GraphRecipe
from privaudit.training.graphs.networks import build_graph_network
from privaudit.training.graphs.stacked_graphs import (
    StackedGraphs,
    Weights,
    stack_graphs,
    stack_weights,
    stacked_logits,
    unstack_weights,
)
from privaudit.training.randomness import isolated_random_state, one_thread, seeds_of_model
from privaudit.training.weights import weights_are_finite
from privaudit.types.graphs import GraphWorlds

GROUP_NUMBERS = 2**18  # float32 features and hidden units of a group: what stays in a cache of a few MiB


def train_graph_models(
    worlds: GraphWorlds, rows: Sequence[int], recipe: GraphRecipe, *, device: str = "cpu"
) -> list[nn.Module]:
    """Train models of worlds, each on the classes of its own training nodes.

    A model's initial weights come from the design's seed and its row alone. Models are trained in groups: in whatever group, a
    model is the same up to rounding. On a CPU its bytes are the same as well (the tests check it), though torch does not promise
    that products of a stack round as those of its members do.

    Args:
        worlds: the graphs, and who is trained on what.
        rows: which models.
        recipe: how.
        device: resolved, ``cpu`` or ``cuda``.

    Returns:
        one trained network for each row, on the device, in evaluation mode.

    Raises:
        TrainingError: if a model's weights are not finite at the end.
        UnsupportedError: if the device has no sparse products (``mps``).
    """
    own_device = torch.device(device)
    if own_device.type == "mps":
        raise UnsupportedError("graphs need sparse products, which device mps lacks. Use --device cpu.")
    found: dict[int, nn.Module] = {}
    with one_thread():
        for group in graph_groups(worlds, rows, recipe):
            found.update(zip(group, _train_group(worlds, group, recipe, own_device), strict=True))
    diverged = [row for row in rows if not weights_are_finite(found[row])]
    if diverged:
        raise TrainingError(
            f"{len(diverged)} of {len(rows)} models ended without finite weights, the first is model {diverged[0]}. "
            "Lower recipe.optimizer.lr.",
            models=diverged,
        )
    return [found[row].eval() for row in rows]


def graph_groups(worlds: GraphWorlds, rows: Sequence[int], recipe: GraphRecipe) -> Iterator[list[int]]:
    """Split models into groups that are trained side by side: as many nodes and training nodes, and not too much at once.

    Args:
        worlds: the graphs.
        rows: which models.
        recipe: which network.
    """
    by_size: dict[tuple[int, int], list[int]] = {}
    for row in dict.fromkeys(int(row) for row in rows):
        size = worlds.graphs[worlds.graph_of[row]].n_nodes, len(worlds.design.members[row])
        by_size.setdefault(size, []).append(row)
    for (n_nodes, n_members), own in by_size.items():
        width = worlds.features.shape[1] + recipe.hidden
        numbers = width * (n_nodes if recipe.network == "gcn" else n_members)
        n_models = max(1, GROUP_NUMBERS // max(1, numbers))
        yield from (own[start : start + n_models] for start in range(0, len(own), n_models))


def _train_group(
    worlds: GraphWorlds, rows: Sequence[int], recipe: GraphRecipe, device: torch.device
) -> list[nn.Module]:
    networks = []
    for row in rows:
        with isolated_random_state(seeds_of_model(worlds.design.seed, row).weights, device):
            network = build_graph_network(recipe, worlds.features.shape[1], worlds.n_classes)
        networks.append(network.to(device))
    weights = stack_weights(networks)
    _descend(weights, stack_graphs(worlds, rows, recipe, device), recipe)
    unstack_weights(weights, networks)
    return networks


def _descend(weights: Weights, stacked: StackedGraphs, recipe: GraphRecipe) -> None:
    """Take all steps; the models' losses are summed, so that each has the gradient of its own mean."""
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.SGD
    optimizer = kind(list(weights.values()), lr=recipe.lr, weight_decay=recipe.weight_decay)
    n_members = stacked.labels.numel() // len(next(iter(weights.values())))
    for _ in range(recipe.steps):
        optimizer.zero_grad()
        logits = stacked_logits(weights, stacked)
        loss = nn.functional.cross_entropy(logits, stacked.labels, reduction="sum") / n_members
        torch.autograd.backward(loss)
        optimizer.step()
