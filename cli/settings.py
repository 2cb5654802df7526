"""Flags over config keys."""

from collections.abc import Sequence
from typing import Any

import yaml

from privaudit.config import AuditConfig, parse
from privaudit.errors import ConfigError


def with_flags(config: AuditConfig, **flags: Any) -> AuditConfig:
    """Return a config with the given flags in place of its keys.

    Args:
        config: what the file says.
        flags: ``out``, ``seed``, ``device``, ``engine``, ``workers``, ``stop_when``; ``None`` = not given.

    Raises:
        ConfigError: if ``stop_when`` is given to an audit that cannot be stopped.
    """
    content = config.model_dump(mode="json")
    for key in ("out", "seed", "device"):
        if flags.get(key) is not None:
            content[key] = flags[key]
    for key, flag in (("kind", "engine"), ("workers", "workers")):
        if flags.get(flag) is not None:
            content["engine"][key] = flags[flag]
    if flags.get("stop_when") is not None:
        if config.kind != "canaries":
            raise ConfigError(
                f"--stop-when is for audits of kind: canaries; this one is of kind: {config.kind}.",
                key="canaries.stop_when",
            )
        content["canaries"] = {**(content["canaries"] or {}), "stop_when": flags["stop_when"]}
    return parse(AuditConfig, content, where="command line")


def with_defenses(config: AuditConfig, given: Sequence[str], *, where: str) -> AuditConfig:
    """Return a config with the defenses of the command line in place of its own.

    Args:
        config: what the file says.
        given: a name, or a mapping in YAML, each; none = the file's own.
        where: the file's name.

    Raises:
        ConfigError: if there are no defenses at all, or one is no YAML.
    """
    if not given and not config.defenses:
        raise ConfigError(
            f"{where}: there is nothing to compare. Name defenses in the config, or with --defense (`privaudit list defenses`).",
            key="defenses",
        )
    if not given:
        return config
    try:
        defenses = [yaml.safe_load(text) for text in given]
    except yaml.YAMLError as error:
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ConfigError(f"--defense takes a name or a mapping such as '{{name: top_k, k: 1}}'; {reason}.") from None
    content = config.model_dump(mode="json")
    return parse(AuditConfig, {**content, "defenses": defenses}, where="--defense")
