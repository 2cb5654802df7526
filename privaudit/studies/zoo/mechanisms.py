"""Correct DP-SGD, and the ways to get it wrong: each a few lines, to be read beside the first.

Every function returns ``(n_runs, n_weights)``, the noisy sum of gradients that moves the weights and that the auditor
sees. What makes each one wrong is the line that differs from `correct`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from privaudit.studies.zoo.record_gradients import LAYERS
from privaudit.studies.zoo.step import Step

Mechanism = Callable[[Step], Tensor]
MOMENTUM = 0.9


def correct(step: Step) -> Tensor:
    """Clip every record to C over all weights, sum, add noise of standard deviation sigma C."""
    return step.clipped_sum() + step.noise_multiplier * step.clip * step.normal()


def noise_not_scaled(step: Step) -> Tensor:
    """Add noise of sigma where sigma C is needed."""
    return step.clipped_sum() + step.noise_multiplier * step.normal()


def noise_halved(step: Step) -> Tensor:
    """Add noise of half the standard deviation that the accountant was told."""
    return step.clipped_sum() + 0.5 * step.noise_multiplier * step.clip * step.normal()


def noise_once_per_epoch(step: Step) -> Tensor:
    """Add noise in the first step of each epoch only."""
    is_first = step.number % step.steps_per_epoch == 0
    return correct(step) if is_first else step.clipped_sum()


def same_noise_every_step(step: Step) -> Tensor:
    """Draw the noise anew from the same seed in each step."""
    if "noise" not in step.memory:
        step.memory["noise"] = step.normal()
    return step.clipped_sum() + step.noise_multiplier * step.clip * step.memory["noise"]


def batch_mean_clipped(step: Step) -> Tensor:
    """Clip the mean gradient of the batch instead of each record's, and add noise of sigma C / N to it."""
    mean = step.plain_sum() / step.in_batch.sum(-1, keepdim=True)
    clipped = mean * step.clip_factors(torch.linalg.vector_norm(mean, dim=-1, keepdim=True))
    noise = step.noise_multiplier * step.clip / step.n_expected * step.normal()
    return step.n_expected * (clipped + noise)  # the engine divides sums by the expected batch size


def clipped_per_layer(step: Step) -> Tensor:
    """Clip each layer to C by itself, and add the noise that one clip to C needs."""
    total = torch.cat([step.clipped_sum(layer) for layer in LAYERS.values()], dim=-1)
    return total + step.noise_multiplier * step.clip * step.normal()


def output_layer_unclipped(step: Step) -> Tensor:
    """Clip all layers but the output's weights, as where a layer was added after the private optimizer was made."""
    return _clipped_but_for(step, "output.weight")


def biases_outside_norm(step: Step) -> Tensor:
    """Leave the biases out of the norm and of the clip."""
    return _clipped_but_for(step, "hidden.bias", "output.bias")


def realised_batch_size(step: Step) -> Tensor:
    """Divide sum and noise by the batch's true size, which counts the canary, and not by the expected one."""
    return correct(step) * (step.n_expected / step.in_batch.sum(-1, keepdim=True))


def momentum_before_noise(step: Step) -> Tensor:
    """Run momentum over clean gradients and add to it the noise that one step needs."""
    step.memory["momentum"] = MOMENTUM * step.memory.get("momentum", torch.zeros(())) + step.clipped_sum()
    return step.memory["momentum"] + step.noise_multiplier * step.clip * step.normal()


def first_batch_unnoised(step: Step) -> Tensor:
    """Begin to add noise with the second step."""
    return step.clipped_sum() if step.number == 0 else correct(step)


def _clipped_but_for(step: Step, *free: str) -> Tensor:
    """Clip the joint norm of all layers but some; those enter the sum as they are."""
    held = [layer for name, layer in LAYERS.items() if name not in free]
    norms = torch.stack([torch.linalg.vector_norm(step.gradients[..., layer], dim=-1) for layer in held])
    factors = step.clip_factors(torch.linalg.vector_norm(norms, dim=0))
    parts = [step.plain_sum(1.0 if name in free else factors, layer) for name, layer in LAYERS.items()]
    return torch.cat(parts, dim=-1) + step.noise_multiplier * step.clip * step.normal()
