"""A released model's weights, from a file that somebody else wrote: tensors only, nothing in it is ever run."""

import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from privaudit.errors import ConfigError, DataError, UnsupportedError
from privaudit.training.model_spec import ModelSpec
from privaudit.training.networks import build_network
from privaudit.training.randomness import isolated_random_state, one_thread

KEY = "model.checkpoint"
WRAPPERS = ("_module.", "module.", "_orig_mod.")  # what Opacus, DataParallel and torch.compile put before each name
HOW_TO_SAVE = "Save the tensors alone: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"


def read_checkpoint(content: bytes, path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict.

    Args:
        content: the file's bytes.
        path: its name, which tells the format: ``.safetensors``, or else what ``torch.save`` writes.

    Returns:
        name -> tensor on the CPU, the names without a prefix that wrappers put before all of them.

    Raises:
        UnsupportedError: if the file holds objects other than tensors, which would have to be run to be read.
        DataError: if it is damaged, or not a state dict.
    """
    state = _safe(content, path) if path.suffix == ".safetensors" else _unpickled(content, path)
    odd = [str(name) for name, value in state.items() if not (isinstance(name, str) and _is_plain(value))]
    if odd or not state:
        what = f"entry {odd[0]} is {type(state.get(odd[0])).__name__}" if odd else "it is empty"
        raise DataError(f"{KEY}: {path} is not a state dict of plain tensors ({what}). {HOW_TO_SAVE}.")
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _safe(content: bytes, path: Path) -> dict[str, Any]:
    try:
        return dict(load(content))
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(f"{KEY}: {path} is no readable safetensors file ({_line(error)}). {HOW_TO_SAVE}.") from None


def _unpickled(content: bytes, path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UnsupportedError(
            f"{KEY}: {path} holds more than tensors: Python objects, which loading would run as code, or damage. It was not "
            f"opened. {HOW_TO_SAVE}."
        ) from None
    except Exception as error:  # noqa: BLE001 - hostile bytes may raise anything
        raise DataError(f"{KEY}: {path} is no readable checkpoint ({_line(error)}). {HOW_TO_SAVE}.") from None
    if not isinstance(state, Mapping):
        raise DataError(f"{KEY}: {path} holds a {type(state).__name__}, not a state dict. {HOW_TO_SAVE}.")
    return dict(state)


def _is_plain(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def released_network(
    state: Mapping[str, torch.Tensor], spec: ModelSpec, *, record_shape: tuple[int, ...], n_classes: int
) -> nn.Module:
    """Build the model and put a released model's weights and buffers into it.

    Args:
        state: name -> tensor.
        spec: which model.
        record_shape: shape of one record.
        n_classes: number of classes.

    Raises:
        DataError: if tensors are missing, unknown, of another shape or kind, or not finite; named.
    """
    with one_thread(), isolated_random_state(0, torch.device("cpu")):
        network = build_network(spec, record_shape=record_shape, n_classes=n_classes)
        wanted = network.state_dict()
        problems = [*_names_that_differ(state, wanted), *_tensors_that_differ(state, wanted)]
        if problems:
            more = f" ({len(problems) - 1} more after this one)" if len(problems) > 1 else ""
            raise DataError(
                f"{KEY}: the weights do not fit {spec.build} on records of shape {record_shape} with {n_classes} classes: "
                f"{problems[0]}{more}. model.build, model.params and the data must be those it was trained with."
            )
        try:
            network.load_state_dict(dict(state))
        except (Exception, SystemExit) as error:  # the user's module may load in a way of its own
            raise ConfigError(f"{KEY}: {spec.build} refuses the weights: {_line(error)}.", key=KEY) from error
    bad = [name for name, value in network.state_dict().items() if not torch.isfinite(value).all()]
    if bad:
        raise DataError(
            f"{KEY}: {len(bad)} tensors hold NaN or infinite numbers (first: {bad[0]}). Such a model is no model."
        )
    return network


def _names_that_differ(state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> list[str]:
    absent, unknown = ([name for name in one if name not in other] for one, other in ((wanted, state), (state, wanted)))
    return [f"{name} is missing" for name in absent] + [f"{name} is unknown to the model" for name in unknown]


def _tensors_that_differ(state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> list[str]:
    problems = []
    for name in [name for name in wanted if name in state]:
        given, due = state[name], wanted[name]
        if given.shape != due.shape:
            problems.append(f"{name} has shape {tuple(given.shape)}, expected {tuple(due.shape)}")
        elif (given.is_floating_point(), given.is_complex()) != (due.is_floating_point(), due.is_complex()):
            problems.append(f"{name} holds {given.dtype}, expected {due.dtype}")
    return problems
