"""From a rule on a group of records to the interval of the quantity it limits."""

from privaudit.estimators.clustered_rates import effective_interval
from privaudit.gate.policy import GateRule
from privaudit.types import AuditReport

GROUPED = (
    "The interval is exact for areas that vary as much as any can, and about the one attack that groups were judged by."
)


def group_interval(report: AuditReport, rule: GateRule, confidence: float) -> tuple[str, float, float] | str:
    """Return the interval of a group's AUC.

    Args:
        report: the report.
        rule: on ``auc``, with ``group`` as the report names it, such as ``sex=Female``.
        confidence: of the interval, computed anew from the stored count.

    Returns:
        id of the finding, lower and upper end; or the reason why there is no interval.
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
    return finding.id, *effective_interval(metric.value, float(count), confidence=confidence)
