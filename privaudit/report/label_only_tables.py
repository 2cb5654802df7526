"""Discrete scores, and what fewer queries reach, as tables."""

from collections.abc import Sequence

from privaudit.report.tables import Table, attack_findings, target_of
from privaudit.report.words import attack_text, metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding, Metric

EXPECTED, FLOOR = "expected_tpr_at_fpr", "tpr_at_fpr"
AUC_AT, TPR_AT = "auc_at_queries", "tpr_at_queries"


def expected_table(report: AuditReport, *, many: bool = False) -> Table:
    """Return the floor rule's rates beside the expected ones, for attacks whose scores are discrete.

    Args:
        report: the report.
        many: one row per attack with the mean over its targets.

    Returns:
        The table, without rows where no finding has discrete scores.
    """
    findings = [f for f in attack_findings(report) if any(metric.name == EXPECTED for metric in f.metrics)]
    rates = sorted({metric.at or 0.0 for f in findings for metric in f.metrics if metric.name == EXPECTED})
    heads = [f"TPR at {percent_text(rate)} FPR, {rule}" for rate in rates for rule in ("floor rule", "ties at random")]
    keys = [(name, rate) for rate in rates for name in (FLOOR, EXPECTED)]
    rows = tuple((name, which, *(_cell(group, *key) for key in keys)) for name, which, group in _rows(findings, many))
    return Table(head=("attack", "targets" if many else "target", *heads), rows=rows)


def query_rows(report: AuditReport) -> dict[str, list[Finding]]:
    """Return the findings with a curve over numbers of queries by attack."""
    found: dict[str, list[Finding]] = {}
    for finding in attack_findings(report):
        if any(metric.name == AUC_AT for metric in finding.metrics):
            found.setdefault(finding.method, []).append(finding)
    return found


def numbers_of_queries(finding: Finding) -> list[float]:
    """Return the numbers of queries that a finding has figures for, ascending."""
    return sorted(metric.at for metric in finding.metrics if metric.name == AUC_AT and metric.at is not None)


def mean_at(findings: Sequence[Finding], name: str, at: float) -> float | None:
    """Return the mean of a metric over targets, ``None`` where one of them has no value."""
    values = [metric.value if (metric := metric_of(f.metrics, name, at)) is not None else None for f in findings]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) and known else None


def query_table(report: AuditReport) -> Table:
    """Return one row per attack and number of queries: AUC and expected true positive rate; of several targets their means."""
    rows = []
    for method, findings in query_rows(report).items():
        for at in numbers_of_queries(findings[0]):
            cells = (_cell(findings, name, at) for name in (AUC_AT, TPR_AT))
            rows.append((attack_text(method), f"{at:,.0f}", *cells))
    return Table(head=("attack", "queries per record", "AUC", "TPR at 1 % FPR, ties at random"), rows=tuple(rows))


def _rows(findings: Sequence[Finding], many: bool) -> list[tuple[str, str, list[Finding]]]:
    if not many:
        return [(attack_text(f.method), target_of(f), [f]) for f in findings]
    groups = {
        method: [f for f in findings if f.method == method] for method in dict.fromkeys(f.method for f in findings)
    }
    return [(attack_text(method), str(len(group)), group) for method, group in groups.items()]


def _metric(finding: Finding, name: str, at: float) -> Metric | None:
    """Return the metric; where no block of equal scores decides, the expected rate is that of the floor rule."""
    metric = metric_of(finding.metrics, name, at)
    return metric_of(finding.metrics, FLOOR, at) if metric is None and name == EXPECTED else metric


def _cell(findings: Sequence[Finding], name: str, at: float) -> str:
    metrics = [_metric(f, name, at) for f in findings]
    if len(metrics) == 1:
        return "" if metrics[0] is None else metric_text(metrics[0], gap="\n")
    values = [None if metric is None else metric.value for metric in metrics]
    known = [value for value in values if value is not None]
    mean = sum(known) / len(known) if len(known) == len(values) else None  # of all targets, or of none
    if mean is None:
        return ""
    return f"{mean:.3f}" if name == AUC_AT else percent_text(mean)
