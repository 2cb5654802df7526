"""Finds models whose output for one record depends on the other records of its batch."""

from collections.abc import Sequence

import torch
from torch import nn

from privaudit.errors import UnsupportedError
from privaudit.training.randomness import isolated_random_state
from privaudit.training.without_dropout import without_dropout

PROBED = 4  # records in the batch


def refuse_mixed_records(network: nn.Module, features: torch.Tensor, *, width: int = PROBED) -> None:
    """Refuse a model that has no gradient per record, since its output for a record depends on other records.

    DP-SGD clips what each record adds to the gradient; what a record adds by way of the others' outputs (a batch mean
    written by hand, a division by the batch size) is not clipped. The batch is compared with its records one at a time,
    in training mode without dropout, in float64 (where ``forward`` cannot run float64: in float32, less strictly).
    A model that draws random numbers otherwise is compared with batches of one size and one seed whose other
    records are exchanged; there a dependence on the batch size alone is not seen.

    Args:
        network: the model, on the device of the records; neither its weights nor its buffers change.
        features: ``(n, ...)`` float32 records; at most 4 are used, and repeated to fill the batch.
        width: records in the batch: code may do otherwise with many.

    Raises:
        UnsupportedError: if records are mixed.
    """
    was_training = network.training
    network.train()
    try:
        is_mixed = _mixes(network, features[:PROBED], width)
    finally:
        network.train(was_training)
    if is_mixed:
        raise UnsupportedError(
            "DP-SGD needs a gradient per record, and this model's output for one record changes with the other records "
            "of the batch: what they take from it is not clipped. Let forward() treat every record by itself (GroupNorm "
            "or LayerNorm instead of batch statistics, a constant instead of the batch size)."
        )


def _mixes(network: nn.Module, features: torch.Tensor, width: int) -> bool:
    for dtype in (torch.float64, torch.float32):
        try:
            with torch.no_grad(), without_dropout():
                return _mixes_in(network, features.to(dtype), width)
        except Exception:  # noqa: BLE001, S112 - forward() is the user's; one that never runs is refused by its training
            continue
    return False


def _mixes_in(network: nn.Module, features: torch.Tensor, width: int) -> bool:
    n = len(features)
    batch = features[torch.arange(max(width, n), device=features.device) % n]
    together = _outputs(network, batch)
    records = [features[row : row + 1] for row in range(n)]
    if _agree([_outputs(network, batch, seed=1)], together):
        return not _agree([_alone(network, record) for record in records], together[:n])
    exchanged = [_outputs(network, record.expand_as(batch).contiguous()) for record in records]
    return not _agree([outputs[row : row + 1] for row, outputs in enumerate(exchanged)], together[:n])


def _alone(network: nn.Module, record: torch.Tensor) -> torch.Tensor:
    try:
        return _outputs(network, record)
    except Exception:  # noqa: BLE001 - squeeze() may drop the axis of a batch of one, which is no mixing
        return _outputs(network, torch.cat([record, record]))[:1]


def _outputs(network: nn.Module, features: torch.Tensor, *, seed: int = 0) -> torch.Tensor:
    """Run copies of the weights and buffers, in the precision of the records: ``(n, n_outputs)``."""
    state = {
        name: value.to(features.dtype, copy=True) if value.is_floating_point() else value.clone()
        for name, value in (*network.named_parameters(), *network.named_buffers())
    }
    with isolated_random_state(seed, features.device):
        output = torch.func.functional_call(network, state, (features,))
    assert isinstance(output, torch.Tensor)
    return output.reshape(len(features), -1)


def _agree(parts: Sequence[torch.Tensor], wanted: torch.Tensor) -> bool:
    if any(part.shape[1:] != wanted.shape[1:] for part in parts):
        return False
    tolerance = 1e-9 if wanted.dtype == torch.float64 else torch.finfo(wanted.dtype).eps ** 0.5
    finite = wanted[wanted.isfinite()].abs()
    scale = float(finite.max()) if len(finite) else 0.0
    return torch.allclose(torch.cat(list(parts)), wanted, rtol=0.0, atol=tolerance * scale, equal_nan=True)
