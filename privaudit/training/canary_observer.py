"""Gradient canaries in the batched trainer: they enter before the clip, and every step's noisy sum is looked at.

A canary is clipped by the trainer's own factors and added to the sum that the optimizer gets. A white-box auditor knows
all but the coins and the noise, so also the clipped sum of the other records; it is subtracted. What is left of that sum, projected on a canary's direction and counted in clips, is N(0, s^2) without the canary and
N(1, s^2) with it (s the noise multiplier), for canaries of at least the clip's length.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from privaudit.data.gradient_canaries import GradientCanaries
from privaudit.errors import ShapeError, UnsupportedError
from privaudit.training.ensemble_step import EnsembleStep
from privaudit.training.recipe import Recipe
from privaudit.training.stacked_network import StackedNetwork

MOST_IDLE = 1000  # coordinates whose noise is kept


class CanaryObserver:
    """Adds canaries by their coins to the sums of K models trained side by side, and keeps the projections.

    Args:
        canaries: their directions and length before the clip.
        is_in: ``(n_models, n_canaries)`` uint8 coins: which canary is among which model's records.
        recipe: with ``dp``; a canary that is in is sampled at the recipe's rate in every step.
        seeds: one per model, of the sampling of its canaries.
        idle: ``(n_idle,)`` coordinates whose noise is kept.

    Attributes:
        projections: per step ``(n_models, n_canaries)`` float64, in clips.
        sampled: per step ``(n_models, n_canaries)`` bool: the canary was in this step's batch.
        idle_noise: per step ``(n_models, n_idle)`` noise of the sum on the idle coordinates, in clips.

    Raises:
        ShapeError: if coins and canaries do not fit together.
        UnsupportedError: without ``dp``.

    Source: Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023; canaries of
        one run: Steinke, Nasr, Jagielski, NeurIPS 2023.
    """

    def __init__(
        self,
        canaries: GradientCanaries,
        is_in: NDArray[np.uint8],
        *,
        recipe: Recipe,
        seeds: list[int],
        idle: NDArray[np.int64] | None = None,
    ) -> None:
        """Draw nothing yet; keep one generator per model."""
        if recipe.dp is None or recipe.expected_batch_size is None or recipe.sample_rate is None:
            raise UnsupportedError("gradient canaries enter before the clip of DP-SGD; the recipe has no dp.")
        if is_in.shape != (len(seeds), len(canaries.directions)):
            raise ShapeError(
                f"is_in must have shape ({len(seeds)}, {len(canaries.directions)}), models by canaries; got {is_in.shape}."
            )
        self._canaries, self._is_in = canaries, is_in.astype(bool)
        self._clip, self._rate = recipe.dp.max_grad_norm, recipe.sample_rate
        self._unit = self._clip / recipe.expected_batch_size  # a clip, in the mean gradient
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._idle = np.zeros(0, dtype=np.int64) if idle is None else idle
        self._directions: torch.Tensor | None = None
        self.projections: list[NDArray[np.float64]] = []
        self.sampled: list[NDArray[np.bool_]] = []
        self.idle_noise: list[NDArray[np.float64]] = []

    def summed(self, step: EnsembleStep, known: torch.Tensor) -> None:
        """Add this step's canaries to the sums, and project what is left of them without the known ones."""
        if self._directions is None:
            self._directions = self._on(step.stacked)
        batch = self._draw()
        sign = self._canaries.sign(len(self.sampled))
        length = sign * self._clipped_length(step) * self._unit / self._clip
        self._add(step.stacked, (torch.from_numpy(batch).to(self._directions) * length) @ self._directions)
        left = _by_model(step.stacked, step.stacked.gradients - known)
        seen = (left @ self._directions.T).cpu().numpy().astype(np.float64)
        self.projections.append(sign * seen / self._unit)
        self.sampled.append(batch)
        noise = left[:, torch.from_numpy(self._idle).to(left.device)].cpu().numpy().astype(np.float64)
        self.idle_noise.append(noise / self._unit)

    def _draw(self) -> NDArray[np.bool_]:
        """Return which canaries are in this step's batches: at full batch all that are in."""
        if self._rate == 1.0:
            return self._is_in
        n_canaries = self._is_in.shape[1]
        drawn = np.stack([rng.random(n_canaries) < self._rate for rng in self._generators])
        return np.asarray(self._is_in & drawn)

    def _clipped_length(self, step: EnsembleStep) -> float:
        """Return the length that the trainer's clip leaves of a canary."""
        norm = torch.tensor([self._canaries.norm * self._clip], dtype=torch.float64)
        return float((norm * step.clip_factors(norm))[0])

    def _on(self, stacked: StackedNetwork) -> torch.Tensor:
        directions = torch.tensor(self._canaries.directions).to(stacked.gradients)
        n_weights = stacked.gradients.numel() // stacked.n_models
        if directions.shape[1] != n_weights:
            raise ShapeError(f"canaries must have one number per weight ({n_weights}); got {directions.shape[1]}.")
        return directions

    @staticmethod
    def _add(stacked: StackedNetwork, added: torch.Tensor) -> None:
        start = 0
        for block in stacked.blocks.values():
            size = block[0].numel()
            block += added[:, start : start + size].reshape(block.shape)
            start += size


def _by_model(stacked: StackedNetwork, buffer: torch.Tensor) -> torch.Tensor:
    """Return ``(n_models, n_weights)`` numbers in the order of the buffer of gradients, which goes weight by weight."""
    parts = torch.split(buffer, [block.numel() for block in stacked.blocks.values()])
    return torch.cat([part.reshape(stacked.n_models, -1) for part in parts], dim=1)


def idle_coordinates(canaries: GradientCanaries, *, most: int = MOST_IDLE, seed: int = 0) -> NDArray[np.int64]:
    """Return coordinates on which no canary has a part, at most so many of them, drawn at random."""
    free = np.flatnonzero(~canaries.directions.any(axis=0))
    if len(free) <= most:
        return free
    return np.sort(np.random.default_rng(seed).choice(free, most, replace=False))
