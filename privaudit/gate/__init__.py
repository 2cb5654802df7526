"""The gate in CI: a report and a policy in, pass, fail or inconclusive out."""

from privaudit.gate.policy import GatePolicy, GateRequirements, GateRule, load_policy, policy_from_dict
from privaudit.gate.verdicts import judge
from privaudit.types.report import GateResult

__all__ = ["GatePolicy", "GateRequirements", "GateResult", "GateRule", "judge", "load_policy", "policy_from_dict"]
