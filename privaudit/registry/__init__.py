"""Names -> methods. Built-ins stand here as strings and are imported on demand, so listing them costs nothing."""

from privaudit.registry.create import (
    create_attack,
    create_collectors,
    create_defense,
    create_distribution_attack,
    create_estimator,
    list_methods,
)
from privaudit.registry.method import Method

__all__ = [
    "Method",
    "create_attack",
    "create_collectors",
    "create_defense",
    "create_distribution_attack",
    "create_estimator",
    "list_methods",
]
