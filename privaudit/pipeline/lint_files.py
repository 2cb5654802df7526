"""Audit configs and policies, checked file by file without running anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from privaudit.config import AuditConfig, read_yaml
from privaudit.errors import ConfigError
from privaudit.gate import GatePolicy
from privaudit.pipeline.lint_config import config_problems
from privaudit.pipeline.lint_policy import expired_waivers, policy_problems
from privaudit.validate import nearest

FileKind = Literal["config", "policy"]
OF_BOTH = GatePolicy.model_fields.keys() & AuditConfig.model_fields.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """What was found in one file.

    Attributes:
        file: its path, as given.
        kind: ``config`` for an audit config, ``policy``; ``None`` if it is neither, or cannot be read.
        problems: what is wrong; a file with none can be used.
        warnings: what is not wrong, but asks for a look.
    """

    file: str
    kind: FileKind | None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check_files(files: Sequence[str], *, kind: FileKind | None, today: date) -> tuple[FileCheck, ...]:
    """Check every file, whatever is wrong in those before it.

    Args:
        files: paths of audit configs and policies.
        kind: what all of them are; ``None`` tells it by each file's keys.
        today: the day that waivers are judged by.

    Returns:
        One check per file, in their order.
    """
    return tuple(_check_file(file, kind, today) for file in files)


def _check_file(file: str, kind: FileKind | None, today: date) -> FileCheck:
    try:
        content = read_yaml(file)
        kind = kind or kind_of(content)
    except ConfigError as error:
        return FileCheck(file=file, kind=kind, problems=(str(error).removeprefix(f"{file}: "),))
    folder = Path(file).parent
    if kind == "config":
        return FileCheck(file=file, kind=kind, problems=config_problems(content, folder))
    problems = policy_problems(content, folder)
    return FileCheck(
        file=file, kind=kind, problems=problems, warnings=() if problems else expired_waivers(content, today)
    )


def kind_of(content: dict[str, Any]) -> FileKind:
    """Tell an audit config from a policy by its keys.

    Args:
        content: what the file holds.

    Returns:
        The kind with more keys of its own; a typo or two do not turn one into the other.

    Raises:
        ConfigError: if the file has as many keys of the one as of the other.

    >>> kind_of({"rules": []}), kind_of({"recipe": {}, "seed": 0})
    ('policy', 'config')
    """
    of_policy = len(content.keys() & GatePolicy.model_fields.keys() - OF_BOTH)
    of_config = len(content.keys() & AuditConfig.model_fields.keys() - OF_BOTH)
    if of_policy == of_config:
        own = [name for name in (*AuditConfig.model_fields, *GatePolicy.model_fields) if name not in OF_BOTH]
        hints = [nearest(str(key), own) for key in content if key not in OF_BOTH]
        raise ConfigError(
            "neither an audit config (recipe, data, model, ...) nor a policy (rules, require, ...)."
            f"{next(filter(None, hints), '')} --kind says which one it is meant to be."
        )
    return "policy" if of_policy > of_config else "config"
