"""From a rule on a group of records to the interval of the quantity it limits."""

from privaudit.estimators.clustered_rates import effective_interval
from privaudit.gate.limits import GateRule
from privaudit.gate.measured import LookedAt
from privaudit.types import AuditReport

GROUPED = (
    "The interval is exact for areas that vary as much as any can, and about the one attack that groups were judged by."
)


def group_interval(report: AuditReport, rule: GateRule, confidence: float) -> LookedAt | str:
    """Return the interval of a group's AUC.

    Args:
        report: the report.
        rule: on ``auc``, with ``group`` as the report names it, such as ``sex=Female``.
        confidence: of the interval, computed anew from the stored count.

    Returns:
        The interval; or the reason why there is none.
    """
    groups = {str(f.params["group"]): f for f in report.findings("subgroups") if "group" in f.params}
    if rule.group not in groups:
        known = ", ".join(groups) or "none"
        return f"the report holds no group {rule.group}; its groups: {known}"
    finding = groups[rule.group]
    metric = next((m for m in finding.metrics if m.name == "group_auc"), None)
    count = finding.params.get("n_auc")
    if metric is None:
        return f"{finding.id} holds no auc"
    if metric.value is None or not isinstance(count, int | float) or count <= 0:
        return f"auc of {finding.id} is not measurable: {metric.rule or 'its counts are missing'}"
    value, outcomes = metric.value, float(count)
    lower, upper = effective_interval(value, outcomes, confidence=confidence)
    return LookedAt(
        finding=finding.id,
        value=value,
        lower=lower,
        upper=upper,
        n=f"worth {outcomes:.4g} independent outcomes",
        upper_at=lambda times: effective_interval(value, times * outcomes, confidence=confidence)[1],
        smaller_n=int(outcomes),
    )
