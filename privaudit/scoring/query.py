"""From a model to its logits."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

QUERY_BATCH = 4096


def query_logits(network: nn.Module, features: torch.Tensor, *, batch_size: int = QUERY_BATCH) -> NDArray[np.float64]:
    """Run records through a model in evaluation mode.

    Args:
        network: the model, on the device of the records.
        features: ``(n, ...)`` records.
        batch_size: records at a time.

    Returns:
        ``(n, n_outputs)`` float64 logits; ``(n, 1)`` for a model that returns ``(n,)``.
    """
    network.eval()
    with torch.no_grad():
        parts = [_with_columns(network(part), len(part)) for part in torch.split(features, batch_size)]
    return np.asarray(torch.cat(parts).double().numpy(force=True))


def _with_columns(output: torch.Tensor, n: int) -> torch.Tensor:
    # without a column axis: one output, or a model that squeezed a last batch of one record
    return output.reshape(n, -1) if output.ndim < 2 else output
