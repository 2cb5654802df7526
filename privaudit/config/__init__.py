"""Files that people write, checked key by key."""

from privaudit.config.audit import DEFAULT_AUDIT, AuditConfig, DpConfig, OptimizerConfig, RecipeConfig, load_config
from privaudit.config.reading import StrictModel, parse, read_yaml

__all__ = [
    "DEFAULT_AUDIT",
    "AuditConfig",
    "DpConfig",
    "OptimizerConfig",
    "RecipeConfig",
    "StrictModel",
    "load_config",
    "parse",
    "read_yaml",
]
