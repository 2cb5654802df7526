"""The normalised adjacency matrix of graphs, by which graph networks take means over neighbours."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.types.graphs import Graph

if TYPE_CHECKING:
    import torch


class SparseRows(NamedTuple):
    """A square sparse matrix in compressed rows.

    Attributes:
        first: ``(n + 1,)`` int64 place of each row's first entry.
        columns: ``(n_entries,)`` int64 columns, ascending within a row.
        values: ``(n_entries,)`` float32.
    """

    first: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float32]


def normalised_adjacency(graphs: Sequence[Graph]) -> SparseRows:
    """Return D^-1/2 (A + I) D^-1/2 of graphs that stand one after another, D the degrees of A + I.

    No entry joins two graphs, so that the rows of a graph do not depend on which others stand beside it.

    Args:
        graphs: one at least.

    Returns:
        the symmetric matrix over all nodes.

    Source: Kipf and Welling, "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017, section 2.

    >>> path = Graph(n_nodes=2, edges=np.array([[0, 1]]))
    >>> [part.tolist() for part in normalised_adjacency([path, Graph(n_nodes=1, edges=np.empty((0, 2)))])]
    [[0, 2, 4, 5], [0, 1, 0, 1, 2], [0.5, 0.5, 0.5, 0.5, 1.0]]
    """
    starts = np.cumsum([0, *(graph.n_nodes for graph in graphs)])
    n_nodes = int(starts[-1])
    edges = np.concatenate([graph.edges + start for graph, start in zip(graphs, starts[:-1], strict=True)])
    loops = np.arange(n_nodes)
    rows, columns = np.concatenate([edges, edges[:, ::-1], np.stack([loops, loops], axis=1)]).T
    order = np.argsort(rows * n_nodes + columns)
    rows, columns = rows[order], columns[order]
    degrees = np.bincount(rows, minlength=n_nodes)
    values = 1.0 / np.sqrt(degrees[rows] * degrees[columns])
    return SparseRows(np.cumsum([0, *degrees]), columns, values.astype(np.float32))


def adjacency_tensor(graphs: Sequence[Graph], device: "torch.device") -> "torch.Tensor":
    """Return `normalised_adjacency` as a sparse float32 tensor in compressed rows.

    Args:
        graphs: one at least.
        device: where to put it.
    """
    import torch

    first, columns, values = (torch.from_numpy(part) for part in normalised_adjacency(graphs))
    n_nodes = len(first) - 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta", category=UserWarning)
        return torch.sparse_csr_tensor(
            first, columns, values, size=(n_nodes, n_nodes), device=device, check_invariants=True
        )
