"""From a rule on a group of records to the interval of the quantity it limits."""

from privaudit.estimators import auc_interval
from privaudit.estimators.clustered_rates import effective_interval
from privaudit.gate.policy import GateRule
from privaudit.types import AuditReport, Finding, Metric

NAMES = {"auc": "group_auc", "tpr_at_fpr": "group_tpr"}
COUNTS = {"auc": "n_auc", "tpr_at_fpr": "n_effective_in"}
GROUPED = (
    "The interval is for large numbers of records and models, and about the one attack that groups were judged by."
)


def group_interval(report: AuditReport, rule: GateRule, confidence: float) -> tuple[str, float, float] | str:
    """Return the interval of a group's AUC, or of its true positive rate at one threshold for all groups.

    Args:
        report: the report.
        rule: with ``group`` as the report names it, such as ``sex=Female``.
        confidence: of the interval, computed anew from the stored counts.

    Returns:
        id of the finding, lower and upper end; or the reason why there is no interval.
    """
    groups = {str(f.params["group"]): f for f in report.findings("subgroups") if "group" in f.params}
    if rule.group not in groups:
        known = ", ".join(groups) or "none"
        return f"the report holds no group {rule.group}; its groups: {known}"
    finding = groups[rule.group]
    metric = next((m for m in finding.metrics if m.name == NAMES[rule.metric] and m.at == rule.at), None)
    count = finding.params.get(COUNTS[rule.metric])
    if metric is None:
        return _not_measured(finding, rule)
    if metric.value is None or not isinstance(count, int | float) or count <= 0:
        return f"{rule.metric} of {finding.id} is not measurable: {metric.rule or 'its counts are missing'}"
    return finding.id, *_interval(metric, rule, count, confidence)


def _not_measured(finding: Finding, rule: GateRule) -> str:
    known = ", ".join(f"{m.at:g}" for m in finding.metrics if m.name == NAMES[rule.metric] and m.at is not None)
    return (
        f"{finding.id} was not measured at {rule.at:g}, only at {known}"
        if known
        else f"{finding.id} holds no {rule.metric}"
    )


def _interval(metric: Metric, rule: GateRule, count: float, confidence: float) -> tuple[float, float]:
    value = float(metric.value or 0.0)
    if rule.metric == "auc":
        return auc_interval(value, int(count), int(count), confidence=confidence)
    return effective_interval(value, count, confidence=confidence)
