"""Stores a trained model, and what was read off it in training."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from privaudit.errors import TrainingError
from privaudit.store.folder import AuditFolder
from privaudit.training.job import TrainingJob
from privaudit.training.tracing import Tracing
from privaudit.training.weights import save_weights, weights_are_finite, weights_bytes


def why_diverged(network: nn.Module, trace: NDArray[np.float64] | None) -> str:
    """Say why a model is no result of its recipe; empty if it is one.

    Args:
        network: the trained model.
        trace: ``(n_records, n_points)`` what was read off it in training, if anything was.
    """
    if not weights_are_finite(network):
        return "its weights are not finite"
    if trace is not None and not np.isfinite(trace).all():
        point = int(np.flatnonzero(~np.isfinite(trace).all(axis=0))[0])
        return f"its outputs were not finite after epoch {point + 1}"
    return ""


def store_model(
    job: TrainingJob,
    model: int,
    network: nn.Module,
    *,
    tracing: Tracing | None = None,
    trace: NDArray[np.float64] | None = None,
) -> None:
    """Write the model of a row unless it is on disk, and its trace unless that is.

    Args:
        job: the audit's job.
        model: its row.
        network: the model.
        tracing: what was read, if anything was.
        trace: ``(n_records, n_points)`` the numbers.

    Raises:
        TrainingError: if there is a trace, and the model on disk is not the one that it was read off.
    """
    folder, number = AuditFolder(job.folder), job.number(model)
    path = folder.model(number)
    if not path.exists():
        folder.forget_signals(number)
        save_weights(path, network)
    elif trace is not None and path.read_bytes() != weights_bytes(network):
        raise TrainingError(
            f"{job.name(model)}, trained once more to trace its losses, is not the model on disk: the machine or the "
            "libraries are others. Choose another --out.",
            models=[model],
        )
    if tracing is not None and trace is not None and not folder.signal(tracing.signal, number).exists():
        folder.write_signal(tracing.signal, number, trace, np.arange(len(job.labels)))
