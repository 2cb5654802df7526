"""Tries, before anything is trained, whether models can be trained side by side, and what a record costs in memory.

Two models with weights of their own are run as one network and one after the other, in float64: outputs, and every
weight's (clipped) gradient must be the same. So code that mixes records, that reads the batch size or that keeps random
numbers of its own is found by what it computes, not by its name.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from privaudit.data.dataset import Dataset
from privaudit.training.ensemble_step import EnsembleStep
from privaudit.training.groups import StepMemory
from privaudit.training.model_spec import ModelSpec
from privaudit.training.networks import build_network, describe
from privaudit.training.randomness import isolated_random_state, one_thread
from privaudit.training.recipe import Recipe
from privaudit.training.record_gradients import clipped_sums, halfway_clip, largest, record_gradients, same_numbers
from privaudit.training.stacked_convolution import StackedConvolution
from privaudit.training.stacked_layers import NotBatchableError
from privaudit.training.stacked_network import StackedNetwork
from privaudit.training.step_memory import step_memory
from privaudit.training.without_dropout import without_dropout

PROBED = 4  # records per model
MOST_ROWS = 4096  # of all models, in the comparison at full width


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkProbe:
    """What is known of a network that can be trained batched.

    Attributes:
        n_weights: trained numbers of one model.
        memory: what a training step needs beside weights, gradients and optimizer.
        has_convolution: whether convolutions take part.
    """

    n_weights: int
    memory: StepMemory
    has_convolution: bool


def probe_network(spec: ModelSpec, dataset: Dataset, recipe: Recipe, *, device: str = "cpu") -> NetworkProbe:
    """Compare two models run as one with the same two run singly.

    Args:
        spec: which model.
        dataset: the records; a few are used.
        recipe: how to train.
        device: where to compare; one without float64 is left out, and the CPU taken.

    Raises:
        NotBatchableError: says why models of this kind must be trained one at a time.
    """
    if spec.train is not None:
        raise NotBatchableError(f"{spec.train} trains the models itself")
    with _reasons():
        networks = _pair(spec, dataset, device)
        _check_buffers(networks)
        n = max(1, min(PROBED, dataset.n_records // 2))
        rows = torch.arange(2 * n) % dataset.n_records
        features, labels = _records(dataset, rows, device)
        # of its own for each model: what two models see alike cannot tell whether they see each other
        features = torch.cat([features[:n], _stretched(features[n:])])
        return _compare(networks, features, labels, recipe)


def check_full_width(spec: ModelSpec, dataset: Dataset, *, n_models: int, width: int, device: str = "cpu") -> None:
    """Compare outputs once more at the size that training will have: code may do otherwise with many rows.

    Args:
        spec: which model.
        dataset: the records; they are repeated where they are few.
        n_models: models in a group; fewer are run where that makes very many rows.
        width: records per model.
        device: as in `probe_network`.

    Raises:
        NotBatchableError: if an output is not the one that few records give.
    """
    with _reasons():
        pair = _pair(spec, dataset, device)
        group = [pair[model % 2] for model in range(min(n_models, max(1, MOST_ROWS // width)))]
        stacked = StackedNetwork(group)
        rows = torch.arange(len(group) * width) % dataset.n_records
        features, _ = _records(dataset, rows, device)
        of_model = [(pair[model % 2], part) for model, part in enumerate(torch.split(features, width))]
        with without_dropout(), isolated_random_state(0, features.device):
            for mode in (False, True):
                _compare_outputs(stacked, of_model, training=mode)


@contextmanager
def _reasons() -> Iterator[None]:
    """One thread, and whatever the user's ``forward`` raises as a reason."""
    try:
        with one_thread():
            yield
    except NotBatchableError:
        raise
    except Exception as error:
        raise NotBatchableError(f"it cannot run two models as one ({describe(error)})") from error


def _pair(spec: ModelSpec, dataset: Dataset, device: str) -> list[nn.Module]:
    return [fresh_network(spec, dataset, seed).to(_precise(device)).double() for seed in (0, 1)]


def _precise(device: str) -> str:
    return "cpu" if device == "mps" else device  # Apple's has no float64


def _records(dataset: Dataset, rows: torch.Tensor, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    features, labels = torch.tensor(dataset.features[rows.numpy()]), torch.tensor(dataset.labels[rows.numpy()])
    return features.to(_precise(device)).double(), labels.to(_precise(device))


def _stretched(features: torch.Tensor) -> torch.Tensor:
    """Return records of another size, unless they are whole numbers, which a network may look up."""
    return features if bool((features % 1 == 0).all()) else features * 1.5


def fresh_network(spec: ModelSpec, dataset: Dataset, seed: int) -> nn.Module:
    """Build a model on the CPU from a seed."""
    with isolated_random_state(seed, torch.device("cpu")):
        return build_network(spec, record_shape=dataset.record_shape, n_classes=dataset.n_classes)


def _check_buffers(networks: Sequence[nn.Module]) -> None:
    """One template runs all models, so what is no weight must be the same in all."""
    first, second = (dict(network.named_buffers()) for network in networks)
    for name, buffer in first.items():
        if name not in second or not torch.equal(buffer, second[name]):
            raise NotBatchableError(f"its buffer {name} differs from model to model")


def _compare(networks: list[nn.Module], features: torch.Tensor, labels: torch.Tensor, recipe: Recipe) -> NetworkProbe:
    stacked = StackedNetwork(networks)
    before = {name: buffer.clone() for name, buffer in networks[0].named_buffers()}
    n = len(features) // 2
    rows = torch.arange(2 * n, device=features.device).view(2, n)
    of_model = list(zip(networks, torch.split(features, n), strict=True))
    with without_dropout(), isolated_random_state(0, features.device):
        for mode in (False, True):
            _compare_outputs(stacked, of_model, training=mode)
        of_records = [
            record_gradients(network, part.clone(), labels[own], recipe.label_smoothing)
            for (network, part), own in zip(of_model, rows, strict=True)
        ]
        tried = replace(recipe, dp=halfway_clip(recipe.dp, of_records))
        step = EnsembleStep(stacked, features.clone(), labels, recipe=tried)
        step.add_gradients(rows, None, keep=False)
        _check_moved(before, stacked.template)
    wanted = [clipped_sums(gradients, tried) for gradients in of_records]
    _compare_gradients(stacked, wanted)
    with isolated_random_state(0, features.device):  # dropout is on: its masks take memory as well
        memory = step_memory(
            lambda few: step.add_gradients(few.to(features.device), None, keep=False), 2, len(features)
        )
    return NetworkProbe(
        n_weights=len(stacked.values) // 2,
        memory=memory,
        has_convolution=any(isinstance(layer, StackedConvolution) for layer in stacked.template.modules()),
    )


def _compare_outputs(
    stacked: StackedNetwork, of_model: Sequence[tuple[nn.Module, torch.Tensor]], *, training: bool
) -> None:
    """Hold the outputs for each model's records against those that its network alone gives for a few at a time."""
    stacked.template.train(training)
    before = _random_states()
    with torch.no_grad():
        got = stacked.forward(torch.cat([part for _, part in of_model]))
        if _random_states() != before:  # one draw would serve all models; dropout, one for each number, is off here
            raise NotBatchableError("it draws random numbers beside dropout")
        wanted = torch.cat(
            [
                network.train(training)(few.clone()).reshape(len(few), -1)
                for network, part in of_model
                for few in torch.split(part, PROBED)
            ]
        )
    if not same_numbers(got.reshape(len(wanted), -1), wanted):
        raise NotBatchableError("its outputs for a record change with the other records of the batch")


def _random_states() -> tuple[bytes, object, str]:
    of_numpy: Any = np.random.get_state(legacy=False)
    drawn = f"{of_numpy['state']['key'].tobytes()!r} {of_numpy['state']['pos']}"
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), drawn


def _compare_gradients(stacked: StackedNetwork, wanted: Sequence[dict[str, torch.Tensor]]) -> None:
    scale = largest(part for sums in wanted for part in sums.values())
    for name, block in stacked.blocks.items():
        if not same_numbers(block, torch.stack([sums[name] for sums in wanted]), scale=scale):
            raise NotBatchableError(f"the gradient of {name} is another one when models run as one")


def _check_moved(before: dict[str, torch.Tensor], template: nn.Module) -> None:
    for name, buffer in template.named_buffers():
        if name in before and not torch.equal(before[name], buffer):
            raise NotBatchableError(f"its buffer {name} changes in training")
