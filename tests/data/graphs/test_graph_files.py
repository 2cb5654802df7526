import numpy as np
import pytest

from privaudit.data.graphs.graph_files import read_graph_file
from privaudit.errors import ConfigError, DataError

PLAIN = {
    "edges": np.array([[0, 1], [1, 0], [2, 2], [3, 1], [0, 1]]),
    "y": np.array([0, 1, 1, 0]),
    "features": np.arange(12.0).reshape(4, 3),
}


def saved(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_directions_repeats_and_loops_are_dropped(tmp_path):
    graph, features, labels = read_graph_file(saved(tmp_path / "graph.npz", **PLAIN))
    assert graph.n_nodes == 4
    assert graph.edges.tolist() == [[0, 1], [1, 3]]
    assert features.dtype == np.float32 and features.tolist() == PLAIN["features"].tolist()
    assert labels.dtype == np.int64 and labels.tolist() == [0, 1, 1, 0]


def test_packed_features_are_unpacked(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2, (4, 13), dtype=np.uint8)
    packed = {
        **PLAIN,
        "edges": PLAIN["edges"].astype(np.int16),
        "y": PLAIN["y"].astype(np.uint8),
        "features": np.packbits(bits, axis=1),
        "n_features": np.array(13),
        "test_index": np.arange(2),
    }
    graph, features, _ = read_graph_file(saved(tmp_path / "packed.npz", **packed))
    assert features.tolist() == bits.tolist()
    assert graph.edges.tolist() == [[0, 1], [1, 3]]
    for n_features in (np.array(16.0), np.array([13, 14]), np.array("13"), np.array(8), np.array(17), np.array(-1)):
        with pytest.raises(DataError, match="n_features"):
            read_graph_file(saved(tmp_path / "packed.npz", **(packed | {"n_features": n_features})))
    with pytest.raises(DataError, match="Leave n_features out"):
        read_graph_file(saved(tmp_path / "plain.npz", **PLAIN, n_features=np.array(3)))


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_a_missing_array_is_named(tmp_path, name):
    with pytest.raises(DataError, match=f"no '{name}'"):
        read_graph_file(saved(tmp_path / "graph.npz", **{key: PLAIN[key] for key in PLAIN if key != name}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("edges", np.array([[0, 4]])),
        ("edges", np.array([[-1, 2]])),
        ("edges", np.array([[0.0, 1.0]])),
        ("edges", np.array([0, 1])),
        ("edges", np.array([[0, 1, 2]])),
        ("edges", np.empty((0, 2), dtype=np.int64)),
        ("edges", np.array([[1, 1]])),
        ("edges", np.array([[0, 2**64 - 1]], dtype=np.uint64)),
        ("y", np.array([0, 0, 0, 0])),
        ("y", np.array([0, 1, 3, 0])),
        ("y", np.array([-1, 0, 1, 0])),
        ("y", np.array([0.0, 1.0, 1.0, 0.0])),
        ("y", np.array(["a", "b", "a", "b"])),
        ("y", np.array([0, 1, 1])),
        ("y", np.array([], dtype=np.int64)),
        ("features", np.ones((3, 2))),
        ("features", np.ones(4)),
        ("features", np.ones((4, 0))),
        ("features", np.array([["a"]] * 4)),
        ("features", np.full((4, 2), np.nan)),
        ("features", np.full((4, 2), 1e300)),
        ("features", np.full((4, 2), 1j)),
    ],
)
def test_malformed_arrays_are_refused_in_one_line(tmp_path, name, value):
    with pytest.raises(DataError) as caught:
        read_graph_file(saved(tmp_path / "graph.npz", **{**PLAIN, name: value}))
    assert "\n" not in str(caught.value) and "graph.npz" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("edges", np.array([[1, 2], [3, 4]]), "Number nodes by their rows, from 0"),
        ("edges", np.array([[0.0, 1.0]]), "as int64"),
        ("y", np.array(["a", "b", "a", "b"]), "Number them 0, 1"),
        ("y", np.array([0, 1, 1]), "one row per entry of y"),  # not that edges leave the graph
    ],
)
def test_frequent_mistakes_are_told_what_to_do(tmp_path, name, value, advice):
    with pytest.raises(DataError, match=advice):
        read_graph_file(saved(tmp_path / "graph.npz", **{**PLAIN, name: value}))


def test_objects_damage_and_missing_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="objects"):
        read_graph_file(saved(tmp_path / "objects.npz", **{**PLAIN, "y": np.array([0, 1, None, 0], dtype=object)}))
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match="no readable"):
        read_graph_file(tmp_path / "damaged.npz")
    for path in (tmp_path / "absent.npz", tmp_path):
        with pytest.raises(ConfigError, match="no such file"):
            read_graph_file(path)
