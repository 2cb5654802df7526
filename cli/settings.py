"""Flags over config keys."""

from typing import Any

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
