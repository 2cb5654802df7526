"""Tries the model on two records before the first training."""

import torch
from opacus.validators import ModuleValidator
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from privaudit.data.dataset import Dataset
from privaudit.errors import UnsupportedError
from privaudit.training.mixed_records import refuse_mixed_records
from privaudit.training.model_spec import ModelSpec
from privaudit.training.networks import build_network, check_outputs
from privaudit.training.randomness import isolated_random_state, one_thread


def check_network(spec: ModelSpec, dataset: Dataset, *, is_private: bool) -> None:
    """Refuse a model that cannot be trained on these records.

    Args:
        spec: which model.
        dataset: the records.
        is_private: whether every layer must have per-record gradients.

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
    network.train()  # Opacus validates a model in training mode, and a builder may leave it in the other
    problems = ModuleValidator.validate(network, strict=False) if is_private and spec.train is None else []
    if problems:
        reason = str(problems[0]).splitlines()[0]
        raise UnsupportedError(
            f"DP-SGD needs a gradient per record, and this model has layers without: {reason} "
            "Replace BatchNorm by GroupNorm, or take the layer out."
        )
    if is_private and spec.train is None:
        with one_thread():
            refuse_mixed_records(network, torch.tensor(dataset.features[:4]))


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


def check_buffers(before: dict[str, torch.Tensor], network: nn.Module) -> None:
    """Refuse a privately trained model whose buffers moved: they hold what was neither clipped nor noised.

    Args:
        before: copies of the buffers before training.
        network: the model after training.

    Raises:
        UnsupportedError: names the buffer.
    """
    for name, buffer in network.named_buffers():
        if name in before and not torch.equal(before[name], buffer):
            raise UnsupportedError(
                f"the model's buffer {name} changed in training: it takes something from the records that is neither "
                "clipped nor noised, so DP-SGD's guarantee does not cover it. Take it out."
            )
