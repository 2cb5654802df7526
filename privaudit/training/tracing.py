"""Reads numbers off models at public points of their training, without moving anything of it.

Random streams, modes and buffers are left as they were, so that a model's bytes are the same with and without a trace.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.errors import DataError, ShapeError
from privaudit.training.batches import trace_steps
from privaudit.training.recipe import Recipe

Reader = Callable[[nn.Module, torch.Tensor, NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """What is read off every model while it trains.

    Attributes:
        signal: name under which the traces are stored; the query axis is the epoch.
        read: from a model in training, all features and labels to ``(n_records,)`` values; a function of a module, since
            workers are sent it. It raises `DataError` where the model's outputs are not finite.
    """

    signal: str
    read: Reader


class Tracer:
    """Keeps the traces of models that train side by side, or of one.

    Args:
        tracing: what to read.
        features: ``(n_records, ...)`` all records, on the device of the models.
        labels: ``(n_records,)`` their classes.
        recipe: of the models.
        sizes: number of records of each traced model; models after these are not traced.
    """

    def __init__(
        self,
        tracing: Tracing,
        features: torch.Tensor,
        labels: NDArray[np.int64],
        *,
        recipe: Recipe,
        sizes: Sequence[int],
    ) -> None:
        """Plan the points, and lay out the tables: NaN until read."""
        self._read, self._features, self._labels = tracing.read, features, labels
        steps = [trace_steps(recipe, n).tolist() for n in sizes]
        self._points = [{step: point for point, step in enumerate(own)} for own in steps]
        self.values = [np.full((len(labels), len(own)), np.nan) for own in steps]

    def due(self, n_done: int) -> list[int]:
        """Return the models that are to be read after so many steps."""
        return [model for model, points in enumerate(self._points) if n_done in points]

    def read(self, model: int, n_done: int, network: nn.Module) -> None:
        """Read a model after so many steps; its values stay NaN where its outputs are not finite.

        Args:
            model: its place in the group.
            n_done: number of its steps so far; it must be due.
            network: with its weights as they are now.
        """
        try:
            with untouched(network, self._features.device):
                values = self._read(network, self._features, self._labels)
        except ShapeError:
            raise
        except DataError:
            return
        self.values[model][:, self._points[model][n_done]] = values


@contextmanager
def untouched(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Put random streams, and a network's modes and buffers, back after something was read off it.

    Args:
        network: the network.
        device: where it lies.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()
    mps_state = torch.mps.get_rng_state() if device.type == "mps" else None
    modes = [(module, module.training) for module in network.modules()]
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        if mps_state is not None:
            torch.mps.set_rng_state(mps_state)
        for module, is_training in modes:
            module.training = is_training
        with torch.no_grad():
            for name, before in buffers.items():
                network.get_buffer(name).copy_(before)
