"""DP-SGD by Opacus, with the sampling and the divisor that the claim is computed for.

`PrivacyEngine` derives the sample rate from the loader's length and the divisor from the data set's size. Both are
secrets here (a model's set size depends on its coins), and under add/remove the second leaks by itself. So batches are
drawn at the recipe's constant rate, and sums are divided by the public expected batch size.
"""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from opacus import GradSampleModule, PrivacyEngine
from opacus.validators.errors import UnsupportedModuleError
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privaudit.errors import UnsupportedError
from privaudit.training.batches import poisson_batches
from privaudit.training.loop import make_optimizer, set_learning_rate
from privaudit.training.loss import classification_loss
from privaudit.training.recipe import Recipe
from privaudit.training.schedule import learning_rate_at, learning_rates


def train_private(
    network: nn.Module,
    features: torch.Tensor,
    labels: torch.Tensor,
    *,
    recipe: Recipe,
    rng: np.random.Generator,
    noise_seed: int,
    after_step: Callable[[int], None] | None = None,
) -> None:
    """Train a model in place with DP-SGD.

    A schedule does not change the claim: the noise is relative to the clip, and the rate is a public function of the
    step's number.

    Args:
        network: the model, on the device of the data.
        features: ``(n, ...)`` its records.
        labels: ``(n,)`` their classes.
        recipe: how to train; Poisson batches only.
        rng: source of the batches.
        noise_seed: seed of the noise.
        after_step: called with the number of steps done; it may look at the model, and must leave it as it is.

    Raises:
        UnsupportedError: if a layer has no per-record gradient (BatchNorm, ...), naming the remedy.
    """
    assert recipe.dp is not None and recipe.steps is not None and recipe.sample_rate is not None
    rows = list(poisson_batches(len(features), sample_rate=recipe.sample_rate, steps=recipe.steps, rng=rng))
    # sampler + batch_size None: one indexing call per batch; an empty batch stays an empty batch
    loader = DataLoader(TensorDataset(features, labels), sampler=rows, batch_size=None)
    rates = learning_rates(recipe.schedule, lr=recipe.optimizer.lr, n_steps=recipe.schedule_steps)
    noise = torch.Generator(device=features.device).manual_seed(noise_seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Opacus's notes on secure_mode and hooks, once per model
        network.train()  # Opacus refuses a model in evaluation mode
        private, optimizer = _make_private(network, loader, recipe, noise)
        for step, (batch, wanted) in enumerate(loader):
            optimizer.zero_grad()
            if len(wanted):
                classification_loss(private(batch), wanted, recipe.label_smoothing).backward()  # type: ignore[no-untyped-call]
            else:
                _no_gradients(network)
            set_learning_rate(optimizer, learning_rate_at(rates, step))
            optimizer.step()
            if after_step is not None:
                after_step(step + 1)
        private.remove_hooks()


def _no_gradients(network: nn.Module) -> None:
    """Give an empty batch its 0 per-record gradients; many a user's ``forward`` cannot run 0 records."""
    for weight in network.parameters():
        if weight.requires_grad:
            weight.grad_sample = weight.new_zeros((0, *weight.shape))  # type: ignore[attr-defined]


def _make_private(
    network: nn.Module, loader: "DataLoader[tuple[torch.Tensor, ...]]", recipe: Recipe, noise: torch.Generator
) -> tuple[GradSampleModule, torch.optim.Optimizer]:
    assert recipe.dp is not None
    try:
        private, optimizer, _ = PrivacyEngine(accountant="rdp").make_private(
            module=network,
            optimizer=make_optimizer(network, recipe.optimizer),
            data_loader=loader,
            noise_multiplier=recipe.dp.noise_multiplier,
            max_grad_norm=recipe.dp.max_grad_norm,
            loss_reduction="sum",  # per-record gradients are those of the sum, whatever the batch's size
            poisson_sampling=False,  # the batches already are Poisson samples
            noise_generator=noise,
        )
    except (UnsupportedModuleError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UnsupportedError(
            f"DP-SGD needs per-record gradients, and this model has layers without: {reason}. "
            "Replace BatchNorm by GroupNorm, or take the layer out."
        ) from None
    optimizer.loss_reduction = "mean"
    optimizer.expected_batch_size = recipe.expected_batch_size
    return private, optimizer
