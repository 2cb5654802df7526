"""Gradients of single records by plain automatic differentiation: what faster ways are held against."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import nn

from privaudit.training.ensemble_step import OPACUS_EPSILON
from privaudit.training.loss import classification_loss
from privaudit.training.recipe import DpRecipe, Recipe

TOLERANCE = 1e-9


def record_gradients(
    network: nn.Module, features: torch.Tensor, labels: torch.Tensor, label_smoothing: float
) -> list[dict[str, torch.Tensor]]:
    """Return every record's gradient by plain automatic differentiation, weight by weight.

    Args:
        network: the model, in float64.
        features: ``(n, ...)`` records.
        labels: ``(n,)`` their classes.
        label_smoothing: of the loss.
    """
    weights = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    output = network(features)
    output = output.reshape(len(features), -1)
    found = []
    for row in range(len(features)):
        loss = classification_loss(output[row : row + 1], labels[row : row + 1], label_smoothing)
        parts = torch.autograd.grad(loss, list(weights.values()), retain_graph=True, allow_unused=True)
        found.append(
            {
                name: torch.zeros_like(weight) if part is None else part
                for (name, weight), part in zip(weights.items(), parts, strict=True)
            }
        )
    return found


def _norms(gradients: Sequence[dict[str, torch.Tensor]]) -> list[float]:
    return [float(torch.cat([part.reshape(-1) for part in record.values()]).norm()) for record in gradients]


def halfway_clip(dp: DpRecipe | None, of_records: Sequence[Sequence[dict[str, torch.Tensor]]]) -> DpRecipe | None:
    """Return a clip that some of the probed records exceed and some do not, so that both are tried."""
    if dp is None:
        return None
    norms = sorted(norm for gradients in of_records for norm in _norms(gradients))
    return replace(dp, max_grad_norm=max(norms[len(norms) // 2], 1e-6))


def clipped_sums(gradients: Sequence[dict[str, torch.Tensor]], recipe: Recipe) -> dict[str, torch.Tensor]:
    """Return what a step should make of records' gradients: clipped where there is a clip, summed, divided."""
    clip = None if recipe.dp is None else recipe.dp.max_grad_norm
    factors = [1.0 if clip is None else min(1.0, clip / (norm + OPACUS_EPSILON)) for norm in _norms(gradients)]
    divisor = recipe.expected_batch_size or len(gradients)
    return {
        name: torch.stack([factor * record[name] for factor, record in zip(factors, gradients, strict=True)]).sum(0)
        / divisor
        for name in gradients[0]
    }


def _largest(part: torch.Tensor) -> float:
    finite = part[part.isfinite()].abs()
    return float(finite.max()) if len(finite) else 0.0


def largest(parts: Iterable[torch.Tensor]) -> float:
    """Return the largest finite absolute value; 0 if there is none."""
    return max((_largest(part) for part in parts), default=0.0)


def same_numbers(got: torch.Tensor, wanted: torch.Tensor, *, scale: float | None = None) -> bool:
    """Tell whether two float64 results are one up to rounding.

    Args:
        got: one result.
        wanted: the other.
        scale: of the numbers that rounding is measured by; the largest wanted one if ``None``. A gradient that is 0
            in truth (a bias that a softmax or a norm cancels) is nothing but rounding of the others.
    """
    tolerance = TOLERANCE * (largest([wanted]) if scale is None else scale)
    return torch.allclose(got, wanted, rtol=0.0, atol=tolerance, equal_nan=True)
