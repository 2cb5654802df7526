"""Cora, a citation graph that the package does not hold, with its features in a few directions."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privaudit.data.graphs.graph_files import read_graph_file
from privaudit.types.graphs import Graph

FILE, N_DIRECTIONS = "cora.npz", 32
BaseGraph = tuple[Graph, NDArray[np.float32], NDArray[np.int64]]


def load_cora(data_dir: Path | None) -> BaseGraph | None:
    """Return graph, features and classes, or ``None`` where the file is not there.

    Args:
        data_dir: folder of ``cora.npz``.

    Raises:
        DataError: if the file is damaged.

    Source: Sen et al., "Collective Classification in Network Data", AI Magazine 2008 (papers, words and citations).
    """
    if data_dir is None or not (data_dir / FILE).is_file():
        return None
    graph, features, labels = read_graph_file(data_dir / FILE)
    return graph, principal(features, N_DIRECTIONS), labels


def principal(features: NDArray[np.floating], n_directions: int) -> NDArray[np.float32]:
    """Project rows on their directions of largest variance, each divided by the first one's standard deviation.

    Args:
        features: ``(n, n_features)``.
        n_directions: how many.

    Returns:
        ``(n, n_directions)`` float32; the sign of a direction is such that its largest loading is above 0.

    >>> principal(np.array([[0.0, 1.0], [2.0, 1.0]]), 1).round(6).tolist()
    [[-1.0], [1.0]]
    """
    centred = features - features.mean(axis=0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = directions[:, : -n_directions - 1 : -1]
    signs = np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
    return np.asarray(centred @ (kept * signs) / np.sqrt(variances[-1]), dtype=np.float32)
