"""Flags over config keys."""

from typing import Any

from privaudit.config import AuditConfig, parse


def with_flags(config: AuditConfig, **flags: Any) -> AuditConfig:
    """Return a config with the given flags in place of its keys.

    Args:
        config: what the file says.
        flags: ``out``, ``seed``, ``device``, ``engine``, ``workers``; ``None`` = not given.
    """
    content = config.model_dump(mode="json")
    for key in ("out", "seed", "device"):
        if flags.get(key) is not None:
            content[key] = flags[key]
    for key, flag in (("kind", "engine"), ("workers", "workers")):
        if flags.get(flag) is not None:
            content["engine"][key] = flags[flag]
    return parse(AuditConfig, content, where="command line")
