"""Tries the model on two records before the first training."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from privaudit.data.dataset import Dataset
from privaudit.errors import UnsupportedError
from privaudit.training.mixed_records import refuse_mixed_records
from privaudit.training.model_spec import ModelSpec
from privaudit.training.networks import build_network, check_outputs
from privaudit.training.randomness import isolated_random_state, one_thread


def check_network(spec: ModelSpec, dataset: Dataset, *, is_private: bool, width: int = 4) -> None:
    """Refuse a model that cannot be trained on these records.

    Args:
        spec: which model.
        dataset: the records.
        is_private: whether every layer must have per-record gradients.
        width: records in a batch.

    Raises:
        ConfigError: if it cannot be built.
        UnsupportedError: if its outputs are no classification, a layer has no per-record gradient, or the model mixes the
            records of a batch under DP.
    """
    with one_thread(), isolated_random_state(0, torch.device("cpu")):
        network = build_network(spec, record_shape=dataset.record_shape, n_classes=dataset.n_classes)
        check_outputs(network, torch.tensor(dataset.features[:2]), dataset.n_classes)
    if not any(weight.requires_grad for weight in network.parameters()):
        raise UnsupportedError(f"{spec.build} has no weights to train.")
    if is_private and spec.train is None:
        _refuse_what_mixes_records(network)
    problems = _opacus_problems(network) if is_private and spec.train is None else []
    if problems:
        reason = str(problems[0]).splitlines()[0]
        raise UnsupportedError(
            f"DP-SGD needs a gradient per record, and this model has layers without: {reason} {_remedy(reason)}"
        )
    if is_private and spec.train is None:
        with one_thread():
            refuse_mixed_records(network, torch.tensor(dataset.features[:4]), width=width)


def _remedy(reason: str) -> str:
    if "BatchNorm" in reason:
        return "Replace BatchNorm by GroupNorm, or take the layer out."
    return (
        "Take the layer out, or replace it by its twin in opacus.layers (DPLSTM, DPGRU, DPRNN, DPMultiheadAttention)."
    )


def _opacus_problems(network: nn.Module) -> list[Exception]:
    from opacus.validators import ModuleValidator  # seconds that an audit without DP need not spend

    network.train()  # Opacus validates a model in training mode, and a builder may leave it in the other
    return list(ModuleValidator.validate(network, strict=False))


def _refuse_what_mixes_records(network: nn.Module) -> None:
    """Refuse layers that carry records past the clipping, trained or frozen: Opacus looks at trained layers only."""
    for name, layer in network.named_modules():
        # an instance norm is a batch norm to torch, and harmless unless it keeps running statistics
        mixes = layer.track_running_stats if isinstance(layer, _InstanceNorm) else isinstance(layer, _BatchNorm)
        if mixes:
            raise UnsupportedError(
                f"DP-SGD cannot clip what {type(layer).__name__} ({name}) takes from other records: its batch statistics, "
                "kept in the model without noise. Replace BatchNorm by GroupNorm, or take the layer out."
            )
