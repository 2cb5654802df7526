"""The gate in CI: a report and a policy in, pass, fail or inconclusive out."""

from privaudit.gate.policy import GatePolicy, GateRequirements, GateRule, load_policy, policy_from_dict
from privaudit.gate.verdicts import GateResult, judge

__all__ = ["GatePolicy", "GateRequirements", "GateResult", "GateRule", "judge", "load_policy", "policy_from_dict"]
