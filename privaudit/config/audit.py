"""The audit config (``audit.yaml``) as pydantic models."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from privaudit.config.canaries import CanaryConfig
from privaudit.config.defense import DefenseConfig
from privaudit.config.distribution import DistributionConfig
from privaudit.config.graph_training import NETWORKS, check_graph_training, with_whole_batches
from privaudit.config.model import ModelConfig
from privaudit.config.params import MethodConfig
from privaudit.config.reading import StrictModel, parse, read_yaml
from privaudit.config.recipe import Fraction, Positive, RecipeConfig


class DataConfig(StrictModel):
    """Which records are audited."""

    source: str = "adult"
    n_records: Annotated[int, Field(ge=2)] | None = None
    label: str | None = None
    id: str | None = None
    groups: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class DesignConfig(StrictModel):
    """Which model holds which record; ``n_models`` counts all trained models but the controls."""

    kind: Literal["paired", "balanced"] = "paired"
    n_models: Annotated[int, Field(ge=4)] = 34
    targets: Annotated[tuple[int, ...], Field(min_length=1)] | Literal["all"] = (0,)
    population: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2


class PrimaryConfig(StrictModel):
    """The one attack and estimator that carry the verdict."""

    attack: str = "auto"
    estimator: str = "one_run"


class ControlConfig(StrictModel):
    """The positive control; 0 models switches it off."""

    n_models: Annotated[int, Field(ge=0)] = 8


def _ray_address(address: str) -> str:
    if not re.fullmatch(r"auto|ray://\S+|[^\s/]+:\d+", address):
        raise ValueError(f"a running Ray is named by host:port, ray://host:port or auto; got {address!r}")
    return address


class EngineConfig(StrictModel):
    """Where the trainings run; enters no digest."""

    kind: Literal["inline", "process", "ray"] = "process"
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    memory_gb: Positive = 2.0
    address: Annotated[str, AfterValidator(_ray_address)] | None = None
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


ReportFormat = Literal["html", "json", "md", "junit", "sarif", "card"]


class ReportConfig(StrictModel):
    """What is written."""

    formats: Annotated[tuple[ReportFormat, ...], Field(min_length=1)] = ("html", "json", "md")
    audience: Literal["internal", "public"] = "internal"


LABEL_ATTACKS = ("gap", "augmentation", "noise", "dhattack")


class AuditConfig(StrictModel):
    """One audit, whole."""

    schema_version: Literal[1] = 1
    kind: Literal["membership", "canaries", "distribution"] = "membership"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")] = "auto"
    out: Annotated[str, Field(min_length=1)] = "privaudit-out"
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    recipe: RecipeConfig
    canaries: CanaryConfig | None = None
    distribution: DistributionConfig | None = None
    output: MethodConfig | None = None
    defenses: tuple[DefenseConfig, ...] = ()
    design: DesignConfig = DesignConfig()
    access: Literal["score", "label", "white_box"] = "score"
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

    @model_validator(mode="before")
    @classmethod
    def _attacks_of_the_access(cls, value: Any) -> Any:
        """An audit that names no attack gets those that its access allows."""
        if isinstance(value, dict) and value.get("access") == "label" and "attacks" not in value:
            return {**value, "attacks": list(LABEL_ATTACKS)}
        return value

    @model_validator(mode="before")
    @classmethod
    def _graphs_are_taken_whole(cls, value: Any) -> Any:
        """Every step on a graph takes all its training nodes: nobody has to write a sample rate."""
        return with_whole_batches(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _graphs_have_their_training(self) -> "AuditConfig":
        if self.distribution is not None and self.distribution.graphs is not None:
            check_graph_training(self)
        elif self.model.build in NETWORKS:
            raise ValueError(f"model.build: {self.model.build} trains on graphs; give distribution.graphs")
        return self

    @model_serializer(mode="wrap")
    def _without_records_of_graphs(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the data beside graphs, which are drawn or have a file of their own."""
        content: dict[str, Any] = handler(self)
        has_graphs = self.distribution is not None and self.distribution.graphs is not None
        return {name: value for name, value in content.items() if not (has_graphs and name == "data")}

    @model_validator(mode="after")
    def _ray_places_the_gpus(self) -> "AuditConfig":
        if self.engine.kind == "ray" and self.device.startswith("cuda:") and self.device != "cuda:0":
            raise ValueError(f"engine ray chooses the GPU of each worker itself; write device: cuda, not {self.device}")
        if self.engine.gpus_per_worker is not None and not self.device.startswith(("auto", "cuda")):
            raise ValueError(f"engine.gpus_per_worker is for device cuda; the device is {self.device}. Remove it")
        return self

    @model_validator(mode="after")
    def _released_models_are_the_target(self) -> "AuditConfig":
        if self.model.checkpoint is None:
            return self
        if self.design.kind != "paired":
            raise ValueError(f"design.kind must be paired with model.checkpoint; got {self.design.kind}")
        if self.design.targets != (0,):
            raise ValueError("with model.checkpoint the released model is the only target; leave design.targets out")
        return self

    @model_validator(mode="after")
    def _canaries_need_dp(self) -> "AuditConfig":
        if self.kind != "canaries" and self.canaries is not None:
            raise ValueError("canaries is for kind: canaries; set the kind, or remove the block")
        if self.kind == "canaries" and self.recipe.dp is None:
            raise ValueError("kind: canaries audits DP-SGD; recipe.dp is missing")
        return self

    @model_validator(mode="after")
    def _distribution_has_its_worlds(self) -> "AuditConfig":
        if self.kind == "canaries" and self.distribution is not None:
            raise ValueError("distribution is for kind: distribution, or beside kind: membership; remove the block")
        if self.kind != "distribution":
            return self
        if self.distribution is None:
            raise ValueError("kind: distribution needs the block distribution: what do the worlds differ in?")
        if self.model.checkpoint is not None:
            raise ValueError("model.checkpoint is for kind: membership; a distribution audit trains the audited models")
        for name in ("design", "attacks", "estimators", "primary", "control"):
            if getattr(self, name) != self._default(name):
                raise ValueError(f"{name} is for kind: membership; a distribution audit has its own under distribution")
        return self

    @model_validator(mode="after")
    def _weights_are_for_worlds(self) -> "AuditConfig":
        if self.access == "white_box" and self.kind != "distribution":
            raise ValueError(f"access: white_box is for kind: distribution; this one is of kind: {self.kind}")
        return self

    @model_validator(mode="after")
    def _defenses_have_their_kinds(self) -> "AuditConfig":
        if self.output is not None and self.kind != "membership":
            raise ValueError(f"output is for kind: membership; this one is of kind: {self.kind}. Remove it")
        if not self.defenses:
            return self
        if self.kind == "canaries":
            raise ValueError("defenses is for kind: membership or distribution; remove the block")
        if self.kind == "membership" and self.distribution is not None:
            raise ValueError(
                "defenses are compared for one kind of audit; remove the block distribution, or set the kind"
            )
        if self.kind == "distribution" and self.distribution is not None and self.distribution.defense is not None:
            raise ValueError("distribution.defense stands in every audit of the comparison; put it under defenses")
        if self.output is not None:
            raise ValueError("output stands in every audit of the comparison; put it under defenses")
        return self

    def _default(self, name: str) -> Any:
        """The value of a key that nobody gave; attacks of an audit that sees labels alone are others."""
        if name == "attacks" and self.access == "label":
            return tuple(MethodConfig(name=attack) for attack in LABEL_ATTACKS)
        return type(self).model_fields[name].default

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


_DP_TRAINING = {
    "steps": 100,
    "sample_rate": 0.1,
    "optimizer": {"name": "sgd", "lr": 0.25, "momentum": 0.9},
}
DEFAULT_AUDIT: dict[str, Any] = {
    "data": {"source": "adult", "n_records": 12000, "label": "income", "groups": ["sex", "race"]},
    "model": {"build": "mlp", "params": {"hidden": [128]}},
    "recipe": {"epochs": 40, "batch_size": 64, "optimizer": {"name": "adam", "lr": 0.002}},
    "design": {"n_models": 32},  # a target, its complement and 30 shadows: whole groups
    "defenses": [
        {
            "name": "dp_sgd",
            "title": "DP-SGD",
            "noise_multiplier": 1.2,
            "max_grad_norm": 1.0,
            "delta": 1e-5,
            "recipe": _DP_TRAINING,
        },
        {  # what clipping and the shorter training do by themselves
            "name": "dp_sgd",
            "id": "without_noise",
            "title": "DP-SGD without its noise",
            "noise_multiplier": 0.0,
            "max_grad_norm": 1.0,
            "delta": 1e-5,
            "recipe": _DP_TRAINING,
        },
    ],
}


def load_config(path: str | Path | None = None) -> AuditConfig:
    """Read and check an audit config.

    Args:
        path: the file; ``None`` is the bundled audit of Adult without and with DP-SGD.

    Returns:
        The config with every default filled in.

    Raises:
        ConfigError: names the key path and the nearest right key.

    >>> [defense.arm for defense in load_config().defenses]
    ['dp_sgd', 'without_noise']
    """
    if path is None:
        return parse(AuditConfig, DEFAULT_AUDIT, where="the built-in audit")
    return parse(AuditConfig, read_yaml(path), where=str(path))
