"""Clipped gradients of records under each value of an attribute, without a trace in the model or its training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from opacus.grad_sample import AbstractGradSampleModule
from torch import nn
from torch.func import functional_call, grad, vmap

from privaudit.errors import ConfigError, UnsupportedError

MIXING = ("vmap", "functorch", "torch.func", "per channel")  # in torch's errors about layers that mix records
LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def bare_module(model: nn.Module) -> nn.Module:
    """Return the module that Opacus wraps, or the module itself."""
    while isinstance(model, AbstractGradSampleModule):
        model = model._module
    return model


def precise_type(device: torch.device) -> torch.dtype:
    """Return the most precise floating type of a device; Apple's has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def with_each_value(features: torch.Tensor, columns: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return copies of records, one per attribute value.

    Args:
        features: ``(n, ...)`` records.
        columns: ``(n_columns,)`` columns of the flattened features.
        values: ``(n_values, n_columns)`` what they hold.

    Returns:
        ``(n, n_values, ...)``, all else as it was.
    """
    flat = features.reshape(len(features), 1, -1).repeat(1, len(values), 1)
    flat[:, :, columns.to(flat.device)] = values.to(dtype=flat.dtype, device=flat.device)
    return flat.reshape(len(features), len(values), *features.shape[1:])


def clipped_gradients(
    module: nn.Module, loss_function: LossFunction, copies: torch.Tensor, labels: torch.Tensor, *, clip: float
) -> torch.Tensor:
    """Return the clipped gradient of each copy of each record, over all trainable weights.

    Random layers take the same draw for all, from the random state as it is, which is put back.

    Args:
        module: the bare module.
        loss_function: from ``(1, ...)`` outputs and ``(1,)`` labels to one number.
        copies: ``(n, n_values, ...)`` records.
        labels: ``(n,)`` kept for all values.
        clip: largest norm.

    Returns:
        ``(n, n_values, n_weights)`` in the most precise type of the device.

    Raises:
        ConfigError: if the loss of one record is not one number.
        UnsupportedError: if torch.func cannot differentiate the model.
    """
    weights = {name: weight.detach() for name, weight in module.named_parameters() if weight.requires_grad}
    buffers = {name: buffer.detach() for name, buffer in module.named_buffers()}
    n, n_values = copies.shape[:2]

    def loss_of(at: dict[str, torch.Tensor], record: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        own = {name: buffer.clone() for name, buffer in buffers.items()}  # a forward may write to them
        output = functional_call(module, (at, own), (record.unsqueeze(0),))
        loss = loss_function(output, label.unsqueeze(0))
        if loss.numel() != 1:
            raise ConfigError(f"loss_function must return one number for one record; got shape {tuple(loss.shape)}.")
        return loss.reshape(())

    per_copy = vmap(grad(loss_of), in_dims=(None, 0, 0), randomness="same")
    with _untouched(module, copies.device):
        try:
            parts = per_copy(weights, copies.flatten(0, 1), labels.repeat_interleave(n_values, dim=0))
        except (RuntimeError, ValueError) as error:
            if not any(word in str(error) for word in MIXING):
                raise
            raise UnsupportedError(
                f"torch.func cannot compute this model's gradients by record: {str(error).splitlines()[0]} "
                "Take the layer or the loss that mixes records, or reads single numbers out, away."
            ) from None
    precise = precise_type(copies.device)
    gradients = torch.cat([part.reshape(n, n_values, -1).to(precise) for part in parts.values()], dim=2)
    norm = gradients.norm(dim=2, keepdim=True)
    clipped: torch.Tensor = gradients / (norm / clip).clamp(min=1.0)
    return clipped


@contextmanager
def _untouched(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Put back the random state, and keep Opacus's hooks, which would record what they see, out of the way."""
    with _forked_random_state(device):
        handles = getattr(module, "autograd_grad_sample_hooks", ())
        registries = {id(hooks): hooks for handle in handles if (hooks := handle.hooks_dict_ref()) is not None}
        before = [(hooks, dict(hooks)) for hooks in registries.values()]
        own = {handle.id for handle in handles}
        try:
            for hooks, _ in before:
                for key in own.intersection(hooks):
                    del hooks[key]
            yield
        finally:
            for hooks, content in before:
                hooks.clear()
                hooks.update(content)


@contextmanager
def _forked_random_state(device: torch.device) -> Iterator[None]:
    of_accelerator = (
        torch.random.fork_rng(devices=[device], device_type=device.type) if device.type != "cpu" else nullcontext()
    )
    with torch.random.fork_rng(devices=[]), of_accelerator:
        yield
