"""The recipe part of the audit config: how each model is trained."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from privaudit.config.reading import StrictModel

Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NOISE_BY = ("noise_multiplier", "epsilon", "advantage", "tpr")


class OptimizerConfig(StrictModel):
    """A PyTorch optimizer and its settings."""

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: Positive = 0.1
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0

    @model_validator(mode="after")
    def _momentum_is_for_sgd(self) -> "OptimizerConfig":
        if self.momentum and self.name != "sgd":
            raise ValueError(f"momentum is a setting of sgd; {self.name} has its own. Remove it")
        return self


class ScheduleConfig(StrictModel):
    """The learning rate over the steps; shares are of a public number of steps, the same for every model."""

    name: Literal["constant", "cosine", "step"] = "constant"
    warmup: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    milestones: tuple[Fraction, ...] = ()
    gamma: Annotated[float, Field(gt=0.0, le=1.0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_name(cls, value: Any) -> Any:
        """Accept ``cosine`` for ``{name: cosine}``."""
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _milestones_are_for_step(self) -> "ScheduleConfig":
        given = [name for name in ("milestones", "gamma") if getattr(self, name) not in ((), None)]
        if self.name != "step" and given:
            raise ValueError(f"{' and '.join(given)}: of the schedule step, not of {self.name}. Remove, or name step")
        if self.name == "step" and len(given) < 2:
            raise ValueError("the schedule step takes milestones (e.g. [0.5, 0.75]) and gamma (e.g. 0.1)")
        if any(before >= after for before, after in pairwise((self.warmup, *self.milestones))):
            raise ValueError(
                f"milestones must increase and come after warmup {self.warmup:g}; "
                f"got {', '.join(f'{share:g}' for share in self.milestones)}"
            )
        return self


class DpConfig(StrictModel):
    """DP-SGD: the noise, or the risk that it is found for: an epsilon, an advantage, or a TPR at an FPR."""

    noise_multiplier: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None
    epsilon: Positive | None = None
    advantage: Fraction | None = None
    tpr: Fraction | None = None
    at: Fraction | None = None
    max_grad_norm: Positive = 1.0
    delta: Fraction = 1e-5

    @model_validator(mode="after")
    def _one_way_to_the_noise(self) -> "DpConfig":
        given = [name for name in NOISE_BY if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "give either noise_multiplier, or one of epsilon, advantage, tpr (then the noise is found for it); got "
                + (" and ".join(given) or "none")
            )
        if (self.tpr is None) != (self.at is None):
            raise ValueError(
                f"tpr and at (the FPR that it holds at) go together; {'tpr' if self.at else 'at'} is missing"
            )
        if self.tpr is not None and self.at is not None and self.tpr <= self.at:
            raise ValueError(
                f"tpr must lie above at, the FPR: that is what blind guesses reach; got {self.tpr} at {self.at}"
            )
        return self


class RecipeConfig(StrictModel):
    """How each model is trained."""

    steps: Annotated[int, Field(ge=1)] | None = None
    sample_rate: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    epochs: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    dp: DpConfig | None = None

    @model_validator(mode="after")
    def _one_way_of_batching(self) -> "RecipeConfig":
        by_rate = self.steps is not None and self.sample_rate is not None
        by_epoch = self.epochs is not None and self.batch_size is not None
        given = sum(value is not None for value in (self.steps, self.sample_rate, self.epochs, self.batch_size))
        if given != 2 or not (by_rate or by_epoch):
            raise ValueError("give either steps and sample_rate, or epochs and batch_size")
        return self
