"""Small worlds of random graphs, made by hand."""

import numpy as np

from privaudit.types.graphs import Graph, GraphWorlds
from privaudit.types.worlds import WorldDesign

N_FEATURES, N_CLASSES = 3, 2


def random_graph(n_nodes, n_edges, rng):
    pairs = np.stack(np.triu_indices(n_nodes, 1), axis=1)
    return Graph(n_nodes=n_nodes, edges=pairs[np.sort(rng.choice(len(pairs), n_edges, replace=False))])


def random_worlds(n_models=6, sizes=(20,), n_members=8, seed=5, n_classes=N_CLASSES, member_labels=None):
    """Return two worlds whose models have graphs of these sizes in turn; two query graphs stand after them."""
    rng = np.random.default_rng(seed)
    graphs = tuple(random_graph(sizes[i % len(sizes)], 2 * sizes[0], rng) for i in range(n_models + 2))
    first = np.cumsum([0, *(graph.n_nodes for graph in graphs)])
    labels = rng.integers(0, n_classes, first[-1])
    features = rng.normal(size=(first[-1], N_FEATURES)).astype(np.float32)
    features[:, 0] += labels
    query_nodes = np.arange(first[n_models], first[-1])[::3]
    design = WorldDesign(
        names=("degree 4", "degree 5"),
        ratios=None,
        world=np.arange(n_models) % 2,
        role=np.where(np.arange(n_models) < n_models // 2, "shadow", "target"),
        members=tuple(
            first[i] + np.sort(rng.choice(graphs[i].n_nodes, n_members, replace=False)) for i in range(n_models)
        ),
        member_labels=member_labels,
        query_records=query_nodes,
        query_world=(query_nodes >= first[n_models + 1]).astype(np.int64),
        control=None,
        seed=seed,
    )
    return GraphWorlds(
        design=design,
        graphs=graphs,
        first_node=first,
        graph_of=np.arange(n_models),
        query_graphs=(n_models, n_models + 1),
        features=features,
        labels=labels,
        n_classes=n_classes,
        protocol="fresh",
        property="degree",
        draws=(graphs[0].degrees(), graphs[1].degrees()),
    )
