"""Sees whether a model's buffers moved in training."""

import torch
from torch import nn

from privaudit.errors import UnsupportedError


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
