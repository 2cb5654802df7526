"""The audit config (``audit.yaml``) as pydantic models."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    model_validator,
)

from privaudit.config.reading import StrictModel, parse, read_yaml

Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


def _json_able(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters enter digests and reports."""
    try:
        json.dumps(params, sort_keys=True, allow_nan=False)
        _check_keys(params)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"parameters must be texts, finite numbers, true, false, null, lists or mappings of these ({error})"
        ) from None
    return params


def _check_keys(value: Any) -> None:
    """JSON would turn other keys into texts, which sort differently: the digest would change on reading."""
    if isinstance(value, dict):
        other = [key for key in value if not isinstance(key, str)]
        if other:
            raise TypeError(f"key {other[0]!r} is no text")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _check_keys(part)


Params = Annotated[dict[str, Any], AfterValidator(_json_able)]


class DataConfig(StrictModel):
    """Which records are audited."""

    source: str = "adult"
    n_records: Annotated[int, Field(ge=2)] | None = None
    label: str | None = None
    id: str | None = None
    groups: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class ModelConfig(StrictModel):
    """Which model is trained: a built-in name or ``file.py:function``."""

    build: str = "mlp"
    params: Params = Field(default_factory=dict)
    train: str | None = None
    checkpoint: str | None = None


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
    """DP-SGD: the noise, or the epsilon it is found for."""

    noise_multiplier: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None
    epsilon: Positive | None = None
    max_grad_norm: Positive = 1.0
    delta: Fraction = 1e-5

    @model_validator(mode="after")
    def _one_of_noise_and_epsilon(self) -> "DpConfig":
        if (self.noise_multiplier is None) == (self.epsilon is None):
            raise ValueError("give either noise_multiplier or epsilon (then the accountant finds the noise)")
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


class DesignConfig(StrictModel):
    """Which model holds which record; ``n_models`` counts all trained models but the controls."""

    kind: Literal["paired", "balanced"] = "paired"
    n_models: Annotated[int, Field(ge=4)] = 34
    targets: Annotated[tuple[int, ...], Field(min_length=1)] | Literal["all"] = (0,)
    population: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2


class MethodConfig(StrictModel):
    """An attack or estimator by name, with its parameters."""

    name: str
    params: Params = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _flat_params(cls, value: Any) -> Any:
        """Accept ``lira``, ``{name: lira, variance: pooled}`` and ``{name: lira, params: {...}}``."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and "params" not in value:
            params = {key: item for key, item in value.items() if key != "name"}
            return {"params": params, **({"name": value["name"]} if "name" in value else {})}
        return value


class PrimaryConfig(StrictModel):
    """The one attack and estimator that carry the verdict."""

    attack: str = "auto"
    estimator: str = "one_run"


class ControlConfig(StrictModel):
    """The positive control; 0 models switches it off."""

    n_models: Annotated[int, Field(ge=0)] = 8


class EngineConfig(StrictModel):
    """Where the trainings run; enters no digest."""

    kind: Literal["inline", "process", "ray"] = "process"
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    memory_gb: Positive = 2.0
    address: str | None = None
    gpus_per_worker: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    trainer: Literal["auto", "ensemble", "loop"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False

    @model_validator(mode="after")
    def _cluster_keys_are_for_ray(self) -> "EngineConfig":
        for key in ("address", "gpus_per_worker"):
            if self.kind != "ray" and getattr(self, key) is not None:
                raise ValueError(f"{key} is for kind: ray; this engine is {self.kind}. Remove it")
        return self


class ReportConfig(StrictModel):
    """What is written."""

    formats: Annotated[tuple[Literal["html", "json", "md"], ...], Field(min_length=1)] = ("html", "json", "md")
    audience: Literal["internal", "public"] = "internal"


class AuditConfig(StrictModel):
    """One audit, whole."""

    schema_version: Literal[1] = 1
    kind: Literal["membership"] = "membership"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")] = "auto"
    out: Annotated[str, Field(min_length=1)] = "privaudit-out"
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    recipe: RecipeConfig
    design: DesignConfig = DesignConfig()
    access: Literal["score"] = "score"
    attacks: Annotated[tuple[MethodConfig, ...], Field(min_length=1)] = (
        MethodConfig(name="loss"),
        MethodConfig(name="lira"),
        MethodConfig(name="rmia"),
    )
    estimators: Annotated[tuple[MethodConfig, ...], Field(min_length=1)] = (MethodConfig(name="one_run"),)
    primary: PrimaryConfig = PrimaryConfig()
    confidence: Fraction = 0.95
    control: ControlConfig = ControlConfig()
    engine: EngineConfig = EngineConfig()
    report: ReportConfig = ReportConfig()

    @model_validator(mode="after")
    def _ray_places_the_gpus(self) -> "AuditConfig":
        if self.engine.kind == "ray" and self.device.startswith("cuda:") and self.device != "cuda:0":
            raise ValueError(f"engine ray chooses the GPU of each worker itself; write device: cuda, not {self.device}")
        if self.engine.gpus_per_worker is not None and not self.device.startswith(("auto", "cuda")):
            raise ValueError(f"engine.gpus_per_worker is for device cuda; the device is {self.device}. Remove it")
        return self

    @model_validator(mode="after")
    def _methods_agree(self) -> "AuditConfig":
        for kind, methods in (("attacks", self.attacks), ("estimators", self.estimators)):
            names = [method.name for method in methods]
            if len(set(names)) < len(names):
                raise ValueError(f"{kind} must be named once each; got {', '.join(names)}")
        attacks = [method.name for method in self.attacks]
        if self.primary.attack not in ("auto", *attacks):
            raise ValueError(f"primary.attack must be auto or one of {', '.join(attacks)}; got {self.primary.attack}")
        estimators = [method.name for method in self.estimators]
        if self.primary.estimator not in estimators:
            raise ValueError(
                f"primary.estimator is {self.primary.estimator}, which is not among the estimators ({', '.join(estimators)})"
            )
        return self


DEFAULT_AUDIT: dict[str, Any] = {
    "data": {"source": "adult", "n_records": 4000, "label": "income", "groups": ["sex", "race"]},
    "model": {"build": "mlp", "params": {"hidden": [128]}},
    "recipe": {
        "steps": 100,
        "sample_rate": 0.1,
        "optimizer": {"name": "sgd", "lr": 0.25, "momentum": 0.9},
        "dp": {"noise_multiplier": 1.2, "max_grad_norm": 1.0, "delta": 1e-5},
    },
}


def load_config(path: str | Path | None = None) -> AuditConfig:
    """Read and check an audit config.

    Args:
        path: the file; ``None`` is the bundled Adult DP-SGD audit.

    Returns:
        The config with every default filled in.

    Raises:
        ConfigError: names the key path and the nearest right key.

    >>> load_config().recipe.dp.noise_multiplier
    1.2
    """
    if path is None:
        return parse(AuditConfig, DEFAULT_AUDIT, where="the built-in audit")
    return parse(AuditConfig, read_yaml(path), where=str(path))
