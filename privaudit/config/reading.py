"""Reads files that people write: YAML into strict pydantic models; a typo is an error that names the key path."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from privaudit.errors import ConfigError
from privaudit.validate import nearest

Model = TypeVar("Model", bound=BaseModel)
_BRANCHES = ("int", "str", "float", "tuple", "literal")


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


class _Loader(yaml.SafeLoader):
    """The safe loader, which would silently keep the last one of two keys of one name."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, refusing a key that comes twice."""
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
        raise ConfigError(
            f"{path}: no such file; docs/gate.md shows a policy, `privaudit init` writes a config."
        ) from None
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
        (key, text), *others = _told(model, error)
        more = f" ({len(others)} more after this one)" if others else ""
        raise ConfigError(f"{where}: {text}{more}", key=key or None) from None


def problems_of(model: type[Model], content: dict[str, Any]) -> tuple[str, ...]:
    """Say everything that is wrong in a mapping, typos first; `parse` says the first of it.

    Args:
        model: the model, with ``extra="forbid"``.
        content: what was read.

    Returns:
        One line per wrong key; empty if all is well.

    >>> class Limit(StrictModel):
    ...     least: float
    >>> problems_of(Limit, {"lest": 1.0})
    ('lest: unknown key. Did you mean least?', 'least: missing; it has no default.')
    """
    try:
        model.model_validate(content)
    except ValidationError as error:
        return tuple(text for _, text in _told(model, error))
    return ()


def _told(model: type[BaseModel], error: ValidationError) -> list[tuple[str, str]]:
    """Return key and message of each problem; a typo comes first, for it explains the rest."""
    found = error.errors()
    kept = [problem for problem in found if not _is_echo(problem, found)]
    problems = sorted(kept, key=lambda problem: problem["type"] != "extra_forbidden")
    return [(key := _key_of(problem), _explain(model, problem, key)) for problem in problems]


def _is_echo(problem: Any, problems: Sequence[Any]) -> bool:
    """Whether a list is called too short only because pydantic leaves out the items in it that are wrong."""
    place = problem["loc"]
    within = (other["loc"] for other in problems if len(other["loc"]) > len(place))
    return problem["type"] == "too_short" and any(other[: len(place)] == place for other in within)


def _key_of(problem: Any) -> str:
    *above, last = problem["loc"] or ("",)
    is_key = problem["type"] == "extra_forbidden"  # the last part is what the user wrote, whatever it looks like
    parts = [str(part) for part in above if not _is_branch(str(part))]
    return ".".join(parts + ([str(last)] if str(last) and (is_key or not _is_branch(str(last))) else []))


def _is_branch(part: str) -> bool:
    """Pydantic names the branches of a union in a location; they are no keys of the file."""
    return any(mark in part for mark in ("[", "(")) or part.startswith("constrained-") or part in _BRANCHES


def _explain(model: type[BaseModel], problem: Any, key: str) -> str:
    if problem["type"] == "extra_forbidden":
        last = str(problem["loc"][-1])
        if len(problem["loc"]) > 1 and last in model.model_fields:
            return f"{key}: unknown key. {last} stands at the top level, not in a block."
        return f"{key}: unknown key.{nearest(last, _keys_at(model, problem['loc'][:-1]))}"
    if problem["type"] == "missing":
        return f"{key}: missing; it has no default."
    text = " ".join(problem["msg"].removeprefix("Value error, ").split()).replace("valid tuple", "list")
    got = problem.get("input")
    shown = (
        f"; got {got!r}"
        if isinstance(got, int | float | str | bool | None) and problem["type"] != "value_error"
        else ""
    )
    return f"{key + ': ' if key else ''}{text[0].lower()}{text[1:]}{shown}."


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
