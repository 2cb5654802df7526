"""The gate in CI: a report and a policy in, pass, fail or inconclusive out."""

from privaudit.gate.explanation import explain
from privaudit.gate.policy import (
    BaselineRule,
    GateBaseline,
    GatePolicy,
    GateRequirements,
    GateRule,
    GateWaiver,
    load_policy,
    policy_from_dict,
    shipped_policy,
)
from privaudit.gate.verdicts import judge
from privaudit.types.report import GateResult

__all__ = [
    "BaselineRule",
    "GateBaseline",
    "GatePolicy",
    "GateRequirements",
    "GateResult",
    "GateRule",
    "GateWaiver",
    "explain",
    "judge",
    "load_policy",
    "policy_from_dict",
    "shipped_policy",
]
