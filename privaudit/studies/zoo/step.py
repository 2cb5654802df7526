"""What a training mechanism sees at one step, with the few operations that DP-SGD is made of."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of many runs; a mechanism turns it into the noisy sum of gradients that is released.

    Attributes:
        number: of the step, from 0.
        gradients: ``(n_runs, n_records + 1, n_weights)`` one row per record, the canary's last; not yet clipped.
        in_batch: ``(n_runs, n_records + 1)`` 1 where the record is in this run's batch, else 0.
        clip: the clipping norm C.
        noise_multiplier: standard deviation of the noise in units of C, as accounted for.
        n_expected: the public expected batch size, the canary not counted.
        steps_per_epoch: steps until every record was used once, on average.
        generator: source of the noise, or ``None`` for a step without noise.
        memory: what the mechanism keeps from step to step.
    """

    number: int
    gradients: Tensor
    in_batch: Tensor
    clip: float
    noise_multiplier: float
    n_expected: float
    steps_per_epoch: int
    generator: torch.Generator | None
    memory: dict[str, Tensor] = field(default_factory=dict)

    def clip_factors(self, norms: Tensor) -> Tensor:
        """Return min(1, C / norm), by which a vector of this norm is clipped."""
        return self.clip / norms.clamp(min=self.clip)

    def clipped_sum(self, layer: slice = slice(None)) -> Tensor:
        """Return ``(n_runs, k)``: every record's gradient in these weights clipped to C, summed over the batch."""
        part = self.gradients[..., layer]
        return self.plain_sum(self.clip_factors(torch.linalg.vector_norm(part, dim=-1)), layer)

    def plain_sum(self, factors: Tensor | float = 1.0, layer: slice = slice(None)) -> Tensor:
        """Return ``(n_runs, k)``: the gradients in these weights, each times its factor, summed over the batch."""
        return torch.einsum("rn,rnk->rk", self.in_batch * factors, self.gradients[..., layer])

    def normal(self) -> Tensor:
        """Return ``(n_runs, n_weights)`` fresh standard normal draws, or zeros in a step without noise."""
        shape = (self.gradients.shape[0], self.gradients.shape[2])
        return torch.zeros(shape) if self.generator is None else torch.randn(shape, generator=self.generator)
