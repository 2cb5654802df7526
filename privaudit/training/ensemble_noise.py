"""The Gaussian noise of K models' DP-SGD steps, each from its own generator."""

from collections.abc import Mapping, Sequence

import torch

from privaudit.training.recipe import Recipe


class NoiseSource:
    """Writes a step's noise into the gradient buffer, before the clipped sums are added to it.

    Args:
        blocks: name -> ``(n_models, ...)`` contiguous part of the gradient buffer.
        recipe: noise multiplier, clip and public expected batch size.
        seeds: one per model.
    """

    def __init__(self, blocks: Mapping[str, torch.Tensor], recipe: Recipe, seeds: Sequence[int]) -> None:
        """Seed the generators; on an accelerator one serves the whole group, in one kernel per weight."""
        self.deviation = noise_deviation(recipe)
        device = next(iter(blocks.values())).device
        used = seeds if device.type == "cpu" else seeds[:1]
        generators = [torch.Generator(device=device).manual_seed(seed) for seed in used]
        self._draws = [
            (part, generator)
            for block in blocks.values()
            for part, generator in zip(block if device.type == "cpu" else [block], generators, strict=True)
        ]

    def fill(self) -> bool:
        """Draw the next step's noise; return False, and leave the buffer as it is, where there is none to draw."""
        if not self.deviation:
            return False
        for part, generator in self._draws:
            part.normal_(0.0, self.deviation, generator=generator)
        return True


def noise_deviation(recipe: Recipe) -> float:
    """Return the noise's standard deviation in the mean gradient: ``noise_multiplier * C / expected batch size``."""
    if recipe.dp is None:
        return 0.0
    assert recipe.expected_batch_size is not None  # private batches are Poisson samples
    return recipe.dp.noise_multiplier * recipe.dp.max_grad_norm / recipe.expected_batch_size
