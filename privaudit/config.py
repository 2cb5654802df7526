"""The audit config (``audit.yaml``) as pydantic models; a typo is an error that names the key path."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from privaudit.errors import ConfigError
from privaudit.validate import nearest

Model = TypeVar("Model", bound=BaseModel)
Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
_BRANCHES = ("int", "str", "float", "tuple", "literal")
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class StrictModel(BaseModel):
    """A part of a file that people write: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _yes_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML reads ``yes`` and ``on`` as true, which would count as 1."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and "bool" not in str(annotation) and annotation is not Any:
            raise ValueError(f"true and false are no values of it (quote a text); got {str(value).lower()}")
        return value


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

    kind: Literal["inline", "process"] = "process"
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    memory_gb: Positive = 2.0


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
            raise ValueError(f"primary.estimator must be one of {', '.join(estimators)}; got {self.primary.estimator}")
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


class _Loader(yaml.SafeLoader):
    """The safe loader, which would silently keep the last one of two keys of one name."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = (key_node.tag, key_node.value) if isinstance(key_node, yaml.ScalarNode) else None
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key_node.value!r} comes twice", key_node.start_mark
                )
            seen.update({key} - {None, ("tag:yaml.org,2002:merge", "<<")})
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Args:
        path: the file.

    Raises:
        ConfigError: if it is missing, not YAML, or not a mapping; one line.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file. `privaudit init` writes one to start from.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}).") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ConfigError(f"{path}: not valid YAML{where}: {reason}.") from None
    except (ValueError, RecursionError) as error:  # e.g. 2020-13-45, which looks like a date
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected keys with values; got {type(content).__name__}.")
    return content


def parse(model: type[Model], content: dict[str, Any], *, where: str) -> Model:
    """Check a mapping against a pydantic model.

    Args:
        model: the model, with ``extra="forbid"``.
        content: what was read.
        where: the file's name, for the message.

    Raises:
        ConfigError: one line that names the first wrong key's path and, for a typo, the nearest right key.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = min(
            error.errors(), key=lambda problem: problem["type"] != "extra_forbidden"
        )  # a typo explains the rest
        *above, last = first["loc"] or ("",)
        is_key = first["type"] == "extra_forbidden"  # the last part is what the user wrote, whatever it looks like
        parts = [str(part) for part in above if not _is_branch(str(part))]
        key = ".".join(parts + ([str(last)] if str(last) and (is_key or not _is_branch(str(last))) else []))
        more = f" ({error.error_count() - 1} more after this one)" if error.error_count() > 1 else ""
        raise ConfigError(f"{where}: {_explain(model, first, key)}{more}", key=key or None) from None


def _is_branch(part: str) -> bool:
    """Pydantic names the branches of a union in a location; they are no keys of the file."""
    return any(mark in part for mark in ("[", "(")) or part.startswith("constrained-") or part in _BRANCHES


def _explain(model: type[BaseModel], problem: Any, key: str) -> str:
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key.{nearest(str(problem['loc'][-1]), _keys_at(model, problem['loc'][:-1]))}"
    if problem["type"] == "missing":
        return f"{key}: missing; it has no default."
    text = " ".join(problem["msg"].removeprefix("Value error, ").split())
    got = problem.get("input")
    shown = (
        f"; got {got!r}"
        if isinstance(got, int | float | str | bool | None) and problem["type"] != "value_error"
        else ""
    )
    return f"{key or 'the file'}: {text[0].lower()}{text[1:]}{shown}."


def _keys_at(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """Names of the fields legal at ``path``, for the nearest-key hint."""
    current: type[BaseModel] | None = model
    for part in path:
        if current is None or not isinstance(part, str) or part not in current.model_fields:
            continue
        current = _model_of(current.model_fields[part].annotation)
    return list(current.model_fields) if current is not None else []


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_of(argument)
        if found is not None:
            return found
    return None


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
