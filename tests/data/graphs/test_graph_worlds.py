import numpy as np
import pytest

from privaudit.data.graphs.generators import stochastic_block
from privaudit.data.graphs.node_task import GraphData, with_node_task
from privaudit.data.graphs.properties import local_clustering, mean_clustering, mean_degree
from privaudit.data.graphs.worlds import make_graph_worlds
from privaudit.data.world_channels import world_channels
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.types.graphs import Graph

DEGREE = {"values": (6.0, 3.0), "property": "degree", "generator": "stochastic_block", "n_nodes": 60}
CLUSTERING = {"values": (0.0, 0.9), "property": "clustering", "generator": "power_law_cluster", "n_nodes": 60}
COUNTS = {"n_shadows": 3, "n_victims": 2, "n_query_graphs": 2, "seed": 0}
PROTOCOLS = ("fresh", "independent", "shared")


def base_graph(n_nodes=81, degree=8.0):
    rng = np.random.default_rng(9)
    return with_node_task(stochastic_block(n_nodes, degree, n_blocks=2, within=0.8, rng=rng)[0], rng)


def worlds_of(**changes):
    return make_graph_worlds(**(DEGREE | COUNTS | changes))


def models_by_name(worlds):
    """(world's name, role, number) -> edges, features and training nodes within the graph."""
    found, numbers = {}, {}
    for row, graph in enumerate(worlds.graph_of):
        key = (worlds.design.names[worlds.design.world[row]], str(worlds.design.role[row]))
        number = numbers[key] = numbers.get(key, -1) + 1
        nodes = worlds.design.members[row] - worlds.first_node[graph]
        found[(*key, number)] = (worlds.graphs[graph].edges, worlds.features_of(graph), nodes)
    return found


def rows_of(worlds, positions):
    """Rows of the base graphs' features, which name the nodes of base graphs."""
    return set(worlds.feature_rows[positions].tolist())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_layout(protocol):
    worlds = worlds_of(protocol=protocol)
    design = worlds.design
    assert design.names == ("degree 6", "degree 3", "degree 6 (control)")
    assert (design.control, design.ratios, design.n_models, len(worlds.graphs)) == (2, None, 15, 21)
    assert design.world.tolist() == [world for world in range(3) for _ in range(5)]
    assert design.role.tolist() == (["shadow"] * 3 + ["target"] * 2) * 3
    assert set(design.sizes().tolist()) == {18}
    assert len({graph.n_nodes for graph in worlds.graphs}) == 1
    for row, nodes in enumerate(design.members):
        span = worlds.nodes_of(worlds.graph_of[row])
        assert span.start <= nodes.min() <= nodes.max() < span.stop
        assert len(np.unique(nodes)) == len(nodes)
    assert worlds.query_graphs == tuple(range(15, 21))
    graph_of_query = np.searchsorted(worlds.first_node, design.query_records, side="right") - 1
    assert ((graph_of_query - 15) // 2).tolist() == design.query_world.tolist()
    assert (worlds.n_classes, worlds.protocol, worlds.property) == (2, protocol, "degree")
    for world, drawn in enumerate(worlds.draws):
        victims = [worlds.graphs[row] for row in design.rows("target", world)]
        assert drawn.tolist() == np.concatenate([graph.degrees() for graph in victims]).tolist()


@pytest.mark.parametrize("options", [{}, CLUSTERING, {"protocol": "shared"}, {"protocol": "independent"}])
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(options):
    first, again, other = (worlds_of(**(options | {"seed": seed})) for seed in (3, 3, 4))
    for name in ("features", "labels", "first_node"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    assert [graph.edges.tobytes() for graph in first.graphs] == [graph.edges.tobytes() for graph in again.graphs]
    assert [nodes.tobytes() for nodes in first.design.members] == [nodes.tobytes() for nodes in again.design.members]
    assert first.design.query_records.tobytes() == again.design.query_records.tobytes()
    assert first.features.tobytes() != other.features.tobytes()
    assert first.graphs[0].edges.tobytes() != other.graphs[0].edges.tobytes()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_models_graph_stays_when_models_and_worlds_are_added(protocol):
    few = models_by_name(worlds_of(protocol=protocol))
    more = {"values": (6.0, 3.0, 4.0), "n_shadows": 5, "n_victims": 4, "n_query_graphs": 1}
    many = models_by_name(worlds_of(protocol=protocol, **more))
    without = models_by_name(worlds_of(protocol=protocol, has_control=False))
    for key, parts in few.items():
        assert all(np.array_equal(*pair) for pair in zip(parts, many[key], strict=True))
        assert "control" in key[0] or all(np.array_equal(*pair) for pair in zip(parts, without[key], strict=True))


def test_every_fresh_model_has_its_own_graph_and_the_control_others_than_the_base():
    worlds = worlds_of()
    assert len({graph.edges.tobytes() for graph in worlds.graphs}) == len(worlds.graphs)
    assert worlds.feature_rows is None and len(worlds.features) == len(worlds.labels) == 21 * 60
    assert len(np.unique(worlds.features[:, 0])) == len(worlds.features)


@pytest.mark.parametrize(("options", "measured"), [(DEGREE, mean_degree), (CLUSTERING, mean_clustering)])
def test_fresh_worlds_differ_in_their_property_and_the_control_does_not(options, measured):
    """30 graphs per world: the means' standard errors are .1 (degrees) and .01 (clustering), the gaps 3.0 and .4."""
    worlds = make_graph_worlds(**(options | {"n_shadows": 15, "n_victims": 15, "seed": 1}))
    means = [
        np.mean([measured(worlds.graphs[row]) for row in np.flatnonzero(worlds.design.world == world)])
        for world in range(3)
    ]
    gap = abs(means[1] - means[0])
    assert gap == pytest.approx(3.0 if measured is mean_degree else 0.37, abs=0.5 if measured is mean_degree else 0.1)
    assert abs(means[2] - means[0]) < 0.2 * gap


def test_draws_of_clustering_are_local_coefficients():
    worlds = make_graph_worlds(**(CLUSTERING | COUNTS))
    assert worlds.design.names == ("closing 0", "closing 0.9", "closing 0 (control)")
    first = worlds.graphs[int(worlds.design.rows("target", 1)[0])]
    assert worlds.draws[1][:60].tolist() == local_clustering(first).tolist()


@pytest.mark.parametrize("protocol", ["independent", "shared"])
def test_parts_of_base_graphs_have_the_worlds_degree_to_the_nearest_edge(protocol):
    worlds = worlds_of(protocol=protocol)
    for graph, world in zip(worlds.graphs, [*worlds.design.world, 0, 0, 1, 1, 2, 2], strict=True):
        assert graph.n_nodes == 59  # one of 60 is dropped
        assert len(graph.edges) == round((6.0, 3.0, 6.0)[world] * 59 / 2)


def test_one_base_graph_gives_victims_adversary_and_queries_nodes_of_their_own():
    worlds = worlds_of(protocol="shared")
    trained = {
        role: set().union(*(rows_of(worlds, worlds.design.members[row]) for row in worlds.design.rows(role)))
        for role in ("shadow", "target")
    }
    asked = rows_of(worlds, worlds.design.query_records)
    assert not trained["shadow"] & trained["target"]
    assert not asked & (trained["shadow"] | trained["target"])
    assert len(worlds.features) == 60
    same = worlds_of(protocol="shared", same_nodes=True, train_share=0.7)
    both = [
        set().union(*(rows_of(same, same.design.members[row]) for row in same.design.rows(role)))
        for role in ("shadow", "target")
    ]
    assert len(both[0] & both[1]) > 40
    assert not rows_of(same, same.design.query_records) & (both[0] | both[1])


def test_independent_graphs_are_parts_of_two_base_graphs_and_queries_are_the_adversarys():
    worlds = worlds_of(protocol="independent", train_share=0.7)
    assert len(worlds.features) == 120
    for row in range(worlds.design.n_models):
        rows = worlds.feature_rows[worlds.nodes_of(worlds.graph_of[row])]
        assert (rows >= 60).all() if worlds.design.role[row] == "target" else (rows < 60).all()
    asked = rows_of(worlds, worlds.design.query_records)
    assert max(asked) < 60
    assert not asked & set().union(
        *(rows_of(worlds, worlds.design.members[row]) for row in worlds.design.rows("shadow"))
    )


@pytest.mark.parametrize("protocol", ["independent", "shared"])
def test_parts_are_cut_out_of_the_base_graph(protocol):
    """Every edge and class of every part is one of the user's graph."""
    base = base_graph()
    options = {"generator": None, "n_nodes": None, "base": base, "protocol": protocol, "values": (2.5, 1.5)}
    worlds = worlds_of(**options, dropped=0.05)
    whole = {tuple(row): node for node, row in enumerate(base.features.tolist())}
    edges = {tuple(edge) for edge in base.graph.edges.tolist()}
    for number, graph in enumerate(worlds.graphs):
        nodes = np.array([whole[tuple(row)] for row in worlds.features_of(number).tolist()])
        assert (worlds.labels[worlds.nodes_of(number)] == base.labels[nodes]).all()
        assert {tuple(sorted(edge)) for edge in nodes[graph.edges].tolist()} <= edges
    assert len(worlds.features) == (80 if protocol == "independent" else 81)
    assert {graph.n_nodes for graph in worlds.graphs} == ({38} if protocol == "independent" else {77})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_number_of_training_nodes_tells_nothing(protocol):
    worlds = worlds_of(protocol=protocol, n_victims=10)
    found = {(each.name, each.world): each for each in world_channels(worlds.design, worlds.labels, worlds.n_classes)}
    assert all(each.is_constant for (name, _), each in found.items() if name == "size")
    assert not any(each.is_fixed for each in found.values())


def test_a_fixed_number_of_queries_per_world():
    worlds = worlds_of(n_queries=7)
    assert np.bincount(worlds.design.query_world).tolist() == [7, 7, 7]
    everything = worlds_of()
    assert np.bincount(everything.design.query_world).tolist() == [120] * 3
    assert set(worlds.design.query_records.tolist()) <= set(everything.design.query_records.tolist())


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"values": (6.0,), "has_control": False}, "values"),
        ({"values": ()}, "values"),
        ({"values": (6.0, 6.0)}, "values"),
        ({"values": (6.0, 0.0)}, "values"),
        ({"values": (6.0, float("nan"))}, "values"),
        ({"values": (6.0, float("inf")), "protocol": "shared"}, "values"),
        ({**CLUSTERING, "values": (0.0, 1.1)}, "values"),
        ({"values": (6.0, 100.0)}, "values"),
        ({"values": (6.0, 100.0), "protocol": "shared"}, ""),
        ({"property": "diameter"}, "property"),
        ({"property": "clustering"}, "generator"),
        ({**CLUSTERING, "protocol": "shared"}, "protocol"),
        ({**CLUSTERING, "protocol": "independent"}, "protocol"),
        ({"protocol": "none"}, "protocol"),
        ({"generator": "small_world"}, "generator"),
        ({"generator": None}, "generator"),
        ({"base": base_graph()}, "generator"),
        ({"generator": None, "base": base_graph()}, "protocol"),
        ({"generator": None, "base": base_graph(), "protocol": "shared"}, "protocol"),
        ({"n_nodes": 9}, "n_nodes"),
        ({"n_nodes": -1}, "n_nodes"),
        ({"n_shadows": 0}, "n_shadows"),
        ({"n_victims": 0}, "n_victims"),
        ({"n_query_graphs": 0}, "n_query_graphs"),
        ({"n_queries": 0}, "n_queries"),
        ({"n_queries": 121}, "n_queries"),
        ({"train_share": 1.0}, "train_share"),
        ({"train_share": 0.0}, "train_share"),
        ({"train_share": 0.001}, "train_share"),
        ({"train_share": 0.999}, "train_share"),
        ({"train_share": 0.4, "protocol": "shared"}, "train_share"),
        ({"train_share": 0.8, "protocol": "independent"}, "train_share"),
        ({"dropped": 0.2, "protocol": "shared"}, "dropped"),
        ({"dropped": -0.1, "protocol": "shared"}, "dropped"),
        ({"dropped": 1.0, "protocol": "shared"}, "dropped"),
        ({"dropped": float("nan"), "protocol": "independent"}, "dropped"),
        ({"dropped": 0.01}, "dropped"),
        ({"same_nodes": True}, "same_nodes"),
        ({"same_nodes": True, "protocol": "independent"}, "same_nodes"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_laid_out_is_refused_by_key_in_one_line(changes, key):
    with pytest.raises(ConfigError) as caught:
        worlds_of(**changes)
    assert (caught.value.key or "").endswith(key)
    assert "\n" not in str(caught.value)


def test_a_base_graph_with_too_few_edges_is_refused():
    with pytest.raises(ConfigError, match="edges are only removed"):
        worlds_of(generator=None, n_nodes=None, base=base_graph(), protocol="shared", values=(3.0, 12.0))
    assert worlds_of(generator=None, n_nodes=None, base=base_graph(), protocol="shared", values=(6.0, 3.0))
    with pytest.raises(ConfigError, match="halves"):  # half the nodes, half the degree
        worlds_of(generator=None, n_nodes=None, base=base_graph(), protocol="independent", values=(6.0, 3.0))


@pytest.mark.parametrize(
    "change", [{"features": np.zeros((80, 4))}, {"features": np.zeros(81)}, {"labels": np.zeros(80, int)}]
)
def test_a_base_that_does_not_fit_its_graph_is_refused(change):
    base = base_graph()._replace(**change)
    assert isinstance(base, GraphData) and isinstance(base.graph, Graph)
    with pytest.raises(ShapeError, match="81 nodes"):
        worlds_of(generator=None, n_nodes=None, base=base, protocol="shared", values=(3.0, 2.0))


@pytest.mark.parametrize("value", [-1, 0.5])
def test_what_are_no_classes_is_refused(value):
    base = base_graph()._replace(labels=np.full(81, value))
    with pytest.raises(DataError, match="labels must"):
        worlds_of(generator=None, n_nodes=None, base=base, protocol="shared", values=(3.0, 2.0))
