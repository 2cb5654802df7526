"""Files that people write, checked key by key."""

from privaudit.config.audit import DEFAULT_AUDIT, AuditConfig, EngineConfig, load_config
from privaudit.config.reading import StrictModel, parse, read_yaml
from privaudit.config.recipe import DpConfig, OptimizerConfig, RecipeConfig, ScheduleConfig

__all__ = [
    "DEFAULT_AUDIT",
    "AuditConfig",
    "DpConfig",
    "EngineConfig",
    "OptimizerConfig",
    "RecipeConfig",
    "ScheduleConfig",
    "StrictModel",
    "load_config",
    "parse",
    "read_yaml",
]
