"""Weights on disk: safetensors, whole or not at all."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from privaudit.errors import CorruptStoreError, StoreError
from privaudit.store.atomic import write_bytes


def save_weights(path: Path, network: nn.Module) -> None:
    """Write a model's state, buffers included.

    Args:
        path: the file.
        network: the model; tied weights are stored once per name.
    """
    write_bytes(path, weights_bytes(network))


def weights_bytes(network: nn.Module) -> bytes:
    """Return what `save_weights` writes."""
    state = {name: tensor.detach().clone().contiguous() for name, tensor in network.state_dict().items()}
    return save(dict(sorted(state.items())))


def load_weights(path: Path, network: nn.Module) -> None:
    """Put stored weights into a model.

    Raises:
        StoreError: if the file is missing.
        CorruptStoreError: if it is damaged, or holds another model.
    """
    try:
        state = load(path.read_bytes())
        network.load_state_dict(state)
    except FileNotFoundError:
        raise StoreError(f"{path}: no such file. Run the audit again; finished models are kept.") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror or error}). Make it readable.") from None
    except (SafetensorError, RuntimeError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CorruptStoreError(
            f"{path} does not hold this model ({reason}). Delete this file and run the same command again; "
            "only this model is trained again."
        ) from None


def weights_are_finite(network: nn.Module) -> bool:
    """Tell whether training ended with numbers."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values())
