"""The values that every part hands to the next; all frozen, arrays read-only."""

from privaudit.types.design import AttackResult, AuditDesign, SignalTable
from privaudit.types.estimate import (
    ConfusionCounts,
    DpSgdParams,
    EpsilonEstimate,
    EstimateKind,
    Neighbouring,
    PrivacyClaim,
    Validity,
)
from privaudit.types.report import AuditReport, Control, Finding, Metric, RocCurve, Section, Subject, Verdict
from privaudit.types.worlds import VictimScores, WorldDesign, WorldInputs

__all__ = [
    "AttackResult",
    "AuditDesign",
    "AuditReport",
    "ConfusionCounts",
    "Control",
    "DpSgdParams",
    "EpsilonEstimate",
    "EstimateKind",
    "Finding",
    "Metric",
    "Neighbouring",
    "PrivacyClaim",
    "RocCurve",
    "Section",
    "SignalTable",
    "Subject",
    "Validity",
    "Verdict",
    "VictimScores",
    "WorldDesign",
    "WorldInputs",
]
