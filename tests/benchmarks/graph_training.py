"""Graph networks side by side against one at a time, on one core: ``python -m tests.benchmarks.graph_training``.

64 graphs of 300 nodes, mean degrees 10 and 4, 100 steps of Adam. The loop is what one would write: a dense normalised
matrix and autograd on one model. CPU times, the shorter of two.
"""

import time

import torch

from privaudit.data.graphs.adjacency import adjacency_tensor
from privaudit.data.graphs.worlds import make_graph_worlds
from privaudit.training.graphs.graph_recipe import GraphRecipe
from privaudit.training.graphs.networks import build_graph_network
from privaudit.training.graphs.train import train_graph_models
from privaudit.training.randomness import isolated_random_state, one_thread, seeds_of_model

N_MODELS, STEPS = 64, 100
LEAST = {"gcn": 3.0, "sgc": 3.0}


def make_worlds():
    """Return fresh graphs of two worlds."""
    return make_graph_worlds(
        values=(10.0, 4.0),
        property="degree",
        generator="stochastic_block",
        n_shadows=N_MODELS // 4,
        n_victims=N_MODELS // 4,
        has_control=False,
        seed=0,
    )


def loop(worlds, recipe):
    """Train one model after the other by the network's own forward pass."""
    networks = []
    for row in range(N_MODELS):
        graph = worlds.graph_of[row]
        with isolated_random_state(seeds_of_model(worlds.design.seed, row).weights, torch.device("cpu")):
            network = build_graph_network(recipe, worlds.features.shape[1], worlds.n_classes)
        features = torch.from_numpy(worlds.features_of(graph).copy())
        adjacency = adjacency_tensor([worlds.graphs[graph]], torch.device("cpu")).to_dense()
        members = torch.from_numpy(worlds.design.members[row] - worlds.first_node[graph])
        labels = torch.from_numpy(worlds.labels[worlds.design.members[row]])
        optimizer = torch.optim.Adam(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
        for _ in range(recipe.steps):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(features, adjacency)[members], labels).backward()
            optimizer.step()
        networks.append(network)
    return networks


def shortest(function):
    """Return the shorter CPU time of two calls, and the last result."""
    times = []
    for _ in range(2):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def main():
    """Print both times for each network; fail where side by side gains too little, or gives other models."""
    worlds = make_worlds()
    with one_thread():
        for name, least in LEAST.items():
            recipe = GraphRecipe(network=name, steps=STEPS)
            slow, alone = shortest(lambda recipe=recipe: loop(worlds, recipe))
            fast, together = shortest(lambda recipe=recipe: train_graph_models(worlds, range(N_MODELS), recipe))
            apart = max(
                float((one - other).detach().abs().max())
                for pair in zip(alone, together, strict=True)
                for one, other in zip(*(network.parameters() for network in pair), strict=True)
            )
            print(
                f"{name}: {N_MODELS} models in {fast:.2f} s, one at a time {slow:.2f} s ({slow / fast:.1f} times); weights differ "
                f"by {apart:.1e} at most"
            )
            assert slow / fast >= least, f"{name} gained {slow / fast:.1f}; at least {least} was wanted"
            assert apart < 1e-2


if __name__ == "__main__":
    main()
