"""One model, one batch after the other, without privacy."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from privaudit.config import OptimizerConfig
from privaudit.training.batches import recipe_batches
from privaudit.training.loss import classification_loss
from privaudit.training.recipe import Recipe
from privaudit.training.schedule import learning_rate_at, learning_rates


def make_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Build the optimizer that a recipe names."""
    if config.name == "sgd":
        return torch.optim.SGD(
            network.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Let the optimizer's next step use a learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def train_plain(
    network: nn.Module,
    features: torch.Tensor,
    labels: torch.Tensor,
    *,
    recipe: Recipe,
    rng: np.random.Generator,
    after_step: Callable[[int], None] | None = None,
) -> None:
    """Train a model in place without clipping or noise.

    Shuffled batches are averaged over their own size; Poisson batches are divided by the public expected size, as
    under DP, so that the positive control differs from the private recipe in clip and noise only.

    Args:
        network: the model, on the device of the data.
        features: ``(n, ...)`` its records.
        labels: ``(n,)`` their classes.
        recipe: how to train.
        rng: source of the batches.
        after_step: called with the number of steps done; it may look at the model, and must leave it as it is.
    """
    optimizer = make_optimizer(network, recipe.optimizer)
    batches, _ = recipe_batches(recipe, len(features), rng)
    rates = learning_rates(recipe.schedule, lr=recipe.optimizer.lr, n_steps=recipe.schedule_steps)
    network.train()
    for step, rows in enumerate(batches):
        picked = torch.from_numpy(rows).to(features.device)
        optimizer.zero_grad()
        if len(rows):
            loss = classification_loss(network(features[picked]), labels[picked], recipe.label_smoothing)
            (loss / (recipe.expected_batch_size or len(rows))).backward()  # type: ignore[no-untyped-call]
        else:  # a Poisson batch; many a user's forward() cannot run 0 records
            _no_gradients(network)
        set_learning_rate(optimizer, learning_rate_at(rates, step))
        optimizer.step()
        if after_step is not None:
            after_step(step + 1)


def _no_gradients(network: nn.Module) -> None:
    for weight in network.parameters():
        if weight.requires_grad:
            weight.grad = torch.zeros_like(weight)
