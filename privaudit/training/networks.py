"""The built-in networks, and the user's own by ``file.py:function``."""

import inspect
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from privaudit.data.user_code import describe_exception, load_function, split_spec
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.training.model_spec import ModelSpec
from privaudit.validate import nearest


def mlp(n_features: int, n_classes: int, *, hidden: Sequence[int] = (128,), single_output: bool = False) -> nn.Module:
    """Build a multi-layer perceptron with ReLU.

    Args:
        n_features: size of a record, flattened.
        n_classes: number of classes.
        hidden: widths of the hidden layers.
        single_output: for two classes, one output whose sigmoid is the probability of class 1.
    """
    widths = [n_features, *hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for width_in, width_out in pairwise(widths):
        layers += [nn.Linear(width_in, width_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1 if single_output else n_classes))


def linear(n_features: int, n_classes: int, *, single_output: bool = False) -> nn.Module:
    """Build a linear classifier (logistic regression)."""
    return mlp(n_features, n_classes, hidden=(), single_output=single_output)


BUILT_IN: dict[str, Callable[..., nn.Module]] = {"mlp": mlp, "linear": linear}


def build_network(spec: ModelSpec, *, record_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Build a model with fresh weights from the current random state.

    Args:
        spec: what to build.
        record_shape: shape of one record.
        n_classes: number of classes.

    Raises:
        ConfigError: if the name or a parameter is unknown, or the user's function returns no module.
    """
    n_features = int(np.prod(record_shape))
    builder = _builder(spec)
    try:
        inspect.signature(builder).bind(n_features, n_classes, **spec.params)
    except TypeError as error:
        raise ConfigError(
            f"model.params do not fit {spec.build}(n_features, n_classes, ...): {error}.", key="model.params"
        ) from None
    except ValueError:
        pass  # a callable without a signature; calling it tells
    try:
        network = builder(n_features, n_classes, **spec.params)
    except (Exception, SystemExit) as error:  # the user's function may raise anything
        reason = describe(error, spec.build, spec.base)
        raise ConfigError(
            f"{spec.build} cannot build a model with model.params {dict(spec.params)}: {reason}.",
            key="model.build" if ":" in spec.build else "model.params",
        ) from error
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"{spec.build} must return a torch.nn.Module; got {type(network).__name__}.", key="model.build"
        )
    return network


def _builder(spec: ModelSpec) -> Callable[..., Any]:
    if ":" in spec.build:
        return load_function(spec.build, spec.base)
    if spec.build not in BUILT_IN:
        raise ConfigError(
            f"model.build must be one of {', '.join(sorted(BUILT_IN))} or file.py:function; got {spec.build!r}."
            f"{nearest(spec.build, BUILT_IN)}",
            key="model.build",
        )
    return BUILT_IN[spec.build]


def describe(error: BaseException, spec: str | None = None, base: Path | None = None) -> str:
    """Say in one line what was raised, and where in the user's file if it was there.

    Args:
        error: the exception.
        spec: ``file.py:function`` whose file is looked for.
        base: folder that a relative file is in.
    """
    if spec is not None and ":" in spec:
        path, _ = split_spec(spec, base)
        if any(frame.filename == str(path) for frame in traceback.extract_tb(error.__traceback__)):
            return describe_exception(error, path)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{f': {text}' if text else ''}"


def check_outputs(network: nn.Module, features: torch.Tensor, n_classes: int) -> None:
    """Run two records through a model and refuse outputs that are no classification.

    Args:
        network: the model.
        features: ``(2, ...)`` two records.
        n_classes: number of classes of the labels.

    Raises:
        UnsupportedError: names the output's shape and what is served.
    """
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            output = network(features)
    except (Exception, SystemExit) as error:
        hint = " Records reach forward() as float32; an embedding takes x.long()." if "Long" in str(error) else ""
        raise UnsupportedError(
            f"the model cannot run records of shape {tuple(features.shape[1:])}: {describe(error)}.{hint}"
        ) from error
    finally:
        network.train(was_training)
    shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    single = shape in ((2,), (2, 1)) and n_classes == 2
    if not single and shape != (2, n_classes):
        raise UnsupportedError(
            f"models must give (n, {n_classes}) logits, or (n, 1) for two classes; for 2 records this one gave {shape}."
            " Regression, multi-label and sequence outputs are not served."
        )
