"""A user's graph, with features and classes of its nodes, from a NumPy archive."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.graphs.generators import unique_edges
from privaudit.data.graphs.node_task import GraphData
from privaudit.data.raw_files import check_there, read_arrays
from privaudit.errors import ConfigError, DataError
from privaudit.types.graphs import Graph

LARGEST = 10**6  # nodes; beyond, a model per graph is out of reach


def read_graph_file(path: Path) -> GraphData:
    """Read a graph with one class, and one row of features, per node.

    Args:
        path: a ``.npz`` file with ``edges`` ``(n_edges, 2)`` nodes 0..n_nodes-1, ``y`` ``(n_nodes,)`` classes 0, 1, ..., and
            ``features`` ``(n_nodes, n_features)`` numbers; or with 0/1 features packed by ``numpy.packbits(axis=1)`` and their
            number ``n_features``. Other arrays are not looked at.

    Returns:
        Graph, features (float32) and classes. Directions, repeated edges and loops are dropped.

    Raises:
        ConfigError: if there is no such file.
        DataError: if it is damaged, an array is missing or malformed, or arrays do not fit together.

    Source: this project.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file. Give the path of a .npz archive.", key="distribution.graphs.file")
    arrays = read_arrays(path)
    check_there(path, ("edges", "y", "features"), arrays)
    labels = _classes(path, arrays["y"])
    features = _features(path, arrays["features"], arrays.get("n_features"), len(labels))  # a short y shows here
    return GraphData(_graph(path, arrays["edges"], len(labels)), features, labels)


def _classes(path: Path, classes: NDArray[Any]) -> NDArray[np.int64]:
    if classes.ndim != 1 or not 0 < len(classes) <= LARGEST or classes.dtype.kind not in "iu":
        raise DataError(
            f"{path}: y must be the whole-number classes of 1 to {LARGEST} nodes; got {classes.dtype} of shape {classes.shape}. "
            "Number them 0, 1, ...."
        )
    present = np.unique(classes)
    if len(present) < 2 or not np.array_equal(present, np.arange(len(present))):
        raise DataError(
            f"{path}: y must hold the classes 0, 1, ... without a gap, two at least; got {len(present)} from {present[0]} to "
            f"{present[-1]}. Number them anew."
        )
    return classes.astype(np.int64)


def _graph(path: Path, edges: NDArray[Any], n_nodes: int) -> Graph:
    if edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu" or not len(edges):
        raise DataError(
            f"{path}: edges must be (n_edges, 2) whole numbers, one edge at least; got {edges.dtype} of shape {edges.shape}. "
            "Write pairs of rows of y, as int64."
        )
    if not 0 <= int(edges.min()) <= int(edges.max()) < n_nodes:
        raise DataError(
            f"{path}: edges must join the nodes 0..{n_nodes - 1} (y has {n_nodes}); got {edges.min()}..{edges.max()}. Number "
            "nodes by their rows, from 0."
        )
    unique = unique_edges(edges)
    if not len(unique):
        raise DataError(f"{path}: every edge joins a node with itself. A graph needs edges between nodes.")
    return Graph(n_nodes=n_nodes, edges=unique)


def _features(
    path: Path, features: NDArray[Any], packed_from: NDArray[Any] | None, n_nodes: int
) -> NDArray[np.float32]:
    if features.ndim != 2 or len(features) != n_nodes or features.dtype.kind not in "biuf" or not features.shape[1]:
        raise DataError(
            f"{path}: features must be ({n_nodes}, n_features) numbers, one row per entry of y; got {features.dtype} of shape "
            f"{features.shape}."
        )
    if packed_from is not None:
        return _unpacked(path, features, packed_from)
    with np.errstate(over="ignore"):
        numbers = features.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise DataError(
            f"{path}: features must be finite numbers within float32. Replace what is missing or too large."
        )
    return numbers


def _unpacked(path: Path, packed: NDArray[Any], n_features: NDArray[Any]) -> NDArray[np.float32]:
    is_number = n_features.size == 1 and n_features.dtype.kind in "iu"
    n = int(n_features.reshape(())) if is_number else -1
    if packed.dtype != np.uint8 or not 8 * packed.shape[1] - 8 < n <= 8 * packed.shape[1]:
        raise DataError(
            f"{path}: with n_features, features must be uint8 of 8 features each (numpy.packbits, axis=1); got {packed.dtype} of shape "
            f"{packed.shape} for n_features {n if is_number else 'that is no number'}. Leave n_features out of features that are not "
            "packed."
        )
    return np.unpackbits(packed, axis=1, count=n).astype(np.float32)
