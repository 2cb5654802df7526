"""Trains K models of one shape as one program: the batches, weights and sums of K loops, in fewer and larger products.

Non-private, and with DP-SGD: Poisson batches, every record's gradient clipped to the norm C, Gaussian noise of
deviation ``noise_multiplier * C`` added to each model's sum, divided by the public expected batch size; in every step,
whether its batch is empty or not. The clipping factor is Opacus's own, ``min(1, C / (norm + 1e-6))``.

Source: Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, algorithm 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.config import OptimizerConfig
from privaudit.training.batch_tables import GroupBatches, group_batches, recipe_tables
from privaudit.training.batches import n_steps
from privaudit.training.ensemble_noise import NoiseSource
from privaudit.training.ensemble_step import EnsembleStep
from privaudit.training.groups import Precision
from privaudit.training.recipe import Recipe
from privaudit.training.schedule import learning_rates
from privaudit.training.stacked_network import StackedNetwork
from privaudit.training.tracing import Tracer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelStream:
    """What one model trains on, and what is random in its training.

    Attributes:
        members: its records.
        batches: seed of its batches.
        noise: seed of its noise.
    """

    members: NDArray[np.int64]
    batches: int
    noise: int


class StepObserver(Protocol):
    """Looks at every step of a group, and may add to its sums before the optimizer sees them."""

    def summed(self, step: EnsembleStep, known: torch.Tensor) -> None:
        """Look at the buffer of gradients with the step's noisy sums, and add to it.

        Args:
            step: that made the sums; the buffer is that of its stacked network.
            known: the sums of the same batches without noise, formed apart, in the order of the buffer.
        """
        ...


def train_ensemble(
    networks: Sequence[nn.Module],
    features: torch.Tensor,
    labels: torch.Tensor,
    *,
    streams: Sequence[ModelStream],
    recipe: Recipe,
    most_records: int | None = None,
    precision: Precision = "float32",
    compiled: bool = False,
    observer: StepObserver | None = None,
    tracer: Tracer | None = None,
) -> None:
    """Train models in place, side by side, each on its own records.

    Args:
        networks: the models with their initial weights, on the device of the data.
        features: ``(n_records, ...)`` all records.
        labels: ``(n_records,)`` their classes.
        streams: one per model.
        recipe: how to train; the same for all.
        most_records: records per model in one pass; a larger batch takes several passes, with the same sums.
        precision: of the products in forward and backward pass.
        compiled: compile what lies between the layers with weights; needs a C++ compiler on a CPU.
        observer: called in every step, for audits of the trainer itself; it doubles the price of a step.
        tracer: reads models at the end of their epochs; it changes no bit of them.

    Raises:
        NotBatchableError: if the networks cannot be trained as one.
    """
    stacked = StackedNetwork(networks, compiled=compiled)
    step = EnsembleStep(stacked, features, labels, recipe=recipe, most_records=most_records, precision=precision)
    noise = NoiseSource(stacked.blocks, recipe, [stream.noise for stream in streams])
    optimizer = flat_optimizer(stacked, recipe.optimizer)
    rates = iter(learning_rates(recipe.schedule, lr=recipe.optimizer.lr, n_steps=recipe.schedule_steps).tolist())
    rate, n_done = recipe.optimizer.lr, 0
    for block in _blocks(streams, recipe):
        rows = torch.from_numpy(block.rows).to(features.device)
        sizes = torch.from_numpy(block.sizes).to(features.device)
        for number, (width, is_full) in enumerate(zip(*_shape_of_steps(block), strict=True)):
            rate = next(rates, rate)  # a model with more batches than the schedule stays at its end
            optimizer.param_groups[0]["lr"] = rate
            batch = rows[number, :, :width], None if is_full else sizes[number]
            known = None if observer is None else known_sums(step, *batch)
            has_noise = noise.fill()
            step.add_gradients(*batch, keep=has_noise)
            if observer is not None and known is not None:
                observer.summed(step, known)
            optimizer.step()
            for model in block.ending(number):
                stacked.write_back(model)
            n_done += 1
            if tracer is not None:
                for model in tracer.due(n_done):
                    tracer.read(model, n_done, stacked.write_back(model))


def known_sums(step: EnsembleStep, rows: torch.Tensor, sizes: torch.Tensor | None) -> torch.Tensor:
    """Return what a step's buffer holds without noise, and leave random numbers (dropout) as if it had not been formed."""
    device = step.stacked.gradients.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        step.add_gradients(rows, sizes, keep=False)
    return step.stacked.gradients.clone()


def _blocks(streams: Sequence[ModelStream], recipe: Recipe) -> Iterator[GroupBatches]:
    members = [stream.members for stream in streams]
    tables = [recipe_tables(recipe, len(stream.members), np.random.default_rng(stream.batches)) for stream in streams]
    return group_batches(members, tables, [n_steps(recipe, len(rows)) for rows in members])


def _shape_of_steps(block: GroupBatches) -> tuple[list[int], list[bool]]:
    """Return each step's widest batch, and whether all its batches are as wide: known without asking the device."""
    widths = block.sizes.max(axis=1)
    return widths.tolist(), (block.sizes.min(axis=1) == widths).tolist()


def flat_optimizer(stacked: StackedNetwork, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Build the optimizer that a recipe names, over all weights of all models at once; it works number by number."""
    weights = stacked.values
    weights.grad = stacked.gradients
    if config.name == "sgd":
        return torch.optim.SGD(
            [weights], lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
        )
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind([weights], lr=config.lr, weight_decay=config.weight_decay, fused=True)
