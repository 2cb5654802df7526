"""What to train, as data: resolved once, the same for every model."""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from privaudit.config import DpConfig, OptimizerConfig, RecipeConfig, ScheduleConfig
from privaudit.errors import ConfigError
from privaudit.types import DpSgdParams


@dataclass(frozen=True, slots=True, kw_only=True)
class DpRecipe:
    """The private part of a recipe.

    Attributes:
        noise_multiplier: standard deviation of the noise in units of ``max_grad_norm``.
        max_grad_norm: the clipping norm of each record's gradient.
        delta: where epsilon is read off.
    """

    noise_multiplier: float
    max_grad_norm: float
    delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How each model is trained; every number is public and none depends on a model's own set.

    Attributes:
        steps: gradient steps with Poisson batches, or ``None`` for shuffled epochs.
        sample_rate: probability of each record to be in a batch, or ``None``.
        epochs: passes over the model's records in shuffled batches, or ``None``.
        batch_size: size of those batches, or ``None``.
        expected_batch_size: the public constant that Poisson batches are divided by, or ``None``.
        schedule_steps: public number of steps that the schedule is spread over; a model may have more or fewer.
        optimizer: name and settings.
        schedule: how the learning rate moves; no part of a DP claim, since the noise is relative to the clip.
        label_smoothing: share of the wanted probability that is spread evenly over all classes.
        dp: clip and noise, or ``None``.
    """

    steps: int | None
    sample_rate: float | None
    epochs: int | None
    batch_size: int | None
    expected_batch_size: float | None
    schedule_steps: int
    optimizer: OptimizerConfig
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    label_smoothing: float = 0.0
    dp: DpRecipe | None

    def without_privacy(self) -> "Recipe":
        """Return the positive control's recipe: noise 0 and no clipping, all else equal."""
        return replace(self, dp=None)

    def dp_sgd_params(self) -> DpSgdParams | None:
        """Return what the accountant needs, or ``None`` for a non-private recipe."""
        if self.dp is None or self.steps is None or self.sample_rate is None:
            return None
        return DpSgdParams(
            noise_multiplier=self.dp.noise_multiplier,
            sample_rate=self.sample_rate,
            steps=self.steps,
            max_grad_norm=self.dp.max_grad_norm,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values, for the manifest."""
        return {
            **asdict(self),
            "optimizer": self.optimizer.model_dump(),
            "schedule": self.schedule.model_dump(mode="json"),
        }


def resolve_recipe(config: RecipeConfig, *, n_canaries: int) -> Recipe:
    """Turn the config's recipe into public constants.

    Under DP a batch size becomes a sample rate by the public expected set size ``n_canaries / 2``, never by the size of
    one model's set, which is a secret and differs between neighbours.

    Args:
        config: the recipe as written.
        n_canaries: records that are not population; each is in a model with probability 1/2.

    Raises:
        ConfigError: if a batch is larger than the expected set, or no noise reaches the wanted risk.
    """
    expected_set = n_canaries / 2
    steps, rate, epochs, batch = config.steps, config.sample_rate, config.epochs, config.batch_size
    if config.dp is not None and epochs is not None and batch is not None:
        rate = batch / expected_set
        if rate > 1:
            raise ConfigError(
                f"recipe.batch_size must be at most the expected set size {expected_set:g}; got {batch}.",
                key="recipe.batch_size",
            )
        steps, epochs, batch = max(1, math.ceil(epochs / rate - 1e-9)), None, None
    expected_batch = None if rate is None else rate * expected_set
    return Recipe(
        steps=steps,
        sample_rate=rate,
        epochs=epochs,
        batch_size=batch,
        expected_batch_size=expected_batch,
        schedule_steps=_schedule_steps(steps, epochs, batch, expected_set),
        optimizer=config.optimizer,
        schedule=config.schedule,
        label_smoothing=config.label_smoothing,
        dp=_resolve_dp(config, steps, rate),
    )


def _schedule_steps(steps: int | None, epochs: int | None, batch_size: int | None, expected_set: float) -> int:
    if steps is not None:
        return steps
    assert epochs is not None and batch_size is not None  # RecipeConfig allows no other combination
    return epochs * max(1, math.ceil(expected_set / batch_size))


def _resolve_dp(config: RecipeConfig, steps: int | None, rate: float | None) -> DpRecipe | None:
    if config.dp is None:
        return None
    assert steps is not None and rate is not None  # RecipeConfig allows no other combination under dp
    noise = config.dp.noise_multiplier
    if noise is None:
        try:
            noise = _noise_found(config.dp, rate, steps)
        except ConfigError as error:
            key = "at" if error.key == "fpr" else error.key  # what the config calls it
            raise ConfigError(f"recipe.dp: {error}", key=f"recipe.dp.{key}") from None
    return DpRecipe(noise_multiplier=noise, max_grad_norm=config.dp.max_grad_norm, delta=config.dp.delta)


def _noise_found(dp: DpConfig, rate: float, steps: int) -> float:
    """Return the noise that a wanted risk needs, for adding or removing a record."""
    from privaudit.estimators import (  # seconds that workers can spare
        noise_for_advantage,
        noise_for_epsilon,
        noise_for_tpr,
    )

    if dp.advantage is not None:
        return noise_for_advantage(dp.advantage, sample_rate=rate, steps=steps)
    if dp.tpr is not None:
        assert dp.at is not None  # DpConfig takes them together
        return noise_for_tpr(dp.tpr, fpr=dp.at, sample_rate=rate, steps=steps)
    assert dp.epsilon is not None
    return noise_for_epsilon(dp.epsilon, delta=dp.delta, sample_rate=rate, steps=steps)
