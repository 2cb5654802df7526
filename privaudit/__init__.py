"""Privacy audits for trained models: how much leaks, and is the claimed guarantee true?

Public names are imported on first use (PEP 562), so that ``import privaudit`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from privaudit._version import __version__

if TYPE_CHECKING:
    from privaudit.config import AuditConfig, load_config
    from privaudit.data.dataset import Dataset
    from privaudit.errors import (
        ClaimError,
        ConfigError,
        CorruptStoreError,
        DataError,
        DegenerateScoresError,
        MissingSignalError,
        PrivauditError,
        QueryBudgetError,
        ShapeError,
        StoreError,
        StoreVersionError,
        TrainingError,
        UndeclaredUseError,
        UnknownNameError,
        UnsupportedError,
    )
    from privaudit.gate import GatePolicy, judge, load_policy
    from privaudit.pipeline import run_audit, train_shadows
    from privaudit.pipeline.canary_audit import CanaryAudit
    from privaudit.registry import list_methods
    from privaudit.report import load_report, write_reports
    from privaudit.types import (
        AttackResult,
        AuditDesign,
        AuditReport,
        ConfusionCounts,
        DpSgdParams,
        EpsilonEstimate,
        Neighbouring,
        PrivacyClaim,
        SignalTable,
        Verdict,
    )

_ERRORS = (
    "ClaimError",
    "ConfigError",
    "CorruptStoreError",
    "DataError",
    "DegenerateScoresError",
    "MissingSignalError",
    "QueryBudgetError",
    "PrivauditError",
    "ShapeError",
    "StoreError",
    "StoreVersionError",
    "TrainingError",
    "UndeclaredUseError",
    "UnknownNameError",
    "UnsupportedError",
)
_TYPES = (
    "AttackResult",
    "AuditDesign",
    "AuditReport",
    "ConfusionCounts",
    "DpSgdParams",
    "EpsilonEstimate",
    "Neighbouring",
    "PrivacyClaim",
    "SignalTable",
    "Verdict",
)
_WHERE = {
    **dict.fromkeys(_ERRORS, "privaudit.errors"),
    **dict.fromkeys(_TYPES, "privaudit.types"),
    "AuditConfig": "privaudit.config",
    "CanaryAudit": "privaudit.pipeline.canary_audit",
    "Dataset": "privaudit.data.dataset",
    "GatePolicy": "privaudit.gate",
    "judge": "privaudit.gate",
    "list_methods": "privaudit.registry",
    "load_config": "privaudit.config",
    "load_policy": "privaudit.gate",
    "load_report": "privaudit.report",
    "run_audit": "privaudit.pipeline",
    "train_shadows": "privaudit.pipeline",
    "write_reports": "privaudit.report",
}

__all__ = [
    "AttackResult",
    "AuditConfig",
    "AuditDesign",
    "AuditReport",
    "CanaryAudit",
    "ClaimError",
    "ConfigError",
    "ConfusionCounts",
    "CorruptStoreError",
    "DataError",
    "Dataset",
    "DegenerateScoresError",
    "DpSgdParams",
    "EpsilonEstimate",
    "GatePolicy",
    "MissingSignalError",
    "Neighbouring",
    "PrivacyClaim",
    "PrivauditError",
    "QueryBudgetError",
    "ShapeError",
    "SignalTable",
    "StoreError",
    "StoreVersionError",
    "TrainingError",
    "UndeclaredUseError",
    "UnknownNameError",
    "UnsupportedError",
    "Verdict",
    "__version__",
    "judge",
    "list_methods",
    "load_config",
    "load_policy",
    "load_report",
    "run_audit",
    "train_shadows",
    "write_reports",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
