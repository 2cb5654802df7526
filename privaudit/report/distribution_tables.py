"""What a distribution audit found, as tables."""

import math
from collections.abc import Mapping, Sequence

from privaudit.report.distribution_labels import control_findings, distribution_findings, pair_text, ratio_findings
from privaudit.report.tables import Table
from privaudit.report.words import attack_text, metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding, Metric

SEES = {"score": "scores", "label": "labels", "white_box": "the weights"}
FAILED = "NOT as guessing"
LEAKED = {"n_leaked_exact": "draws leaked, exact", "n_leaked_paper": "draws leaked, as published"}
LEAKED_OF_GRAPHS = {
    "n_leaked_degree_kl": "degrees leaked, by divergence",
    "n_leaked_degree_zipf": "degrees leaked, as published",
    "n_leaked_clustering_kl": "clustering coefficients leaked, by divergence",
}


def distribution_table(report: AuditReport) -> Table:
    """Return one row per pair of worlds and attack: right answers, draws leaked and AUC, with intervals.

    A single pair of worlds has no column; `pairs_sentence` names it.
    """
    findings = distribution_findings(report)
    leaked = _leaked_columns(findings)
    skipped = 1 if len({pair_text(finding) for finding in findings}) == 1 else 0
    rows = [
        (
            pair_text(finding),
            attack_text(finding.method),
            metric_text(metric_of(finding.metrics, "accuracy")),
            *(leaked_text(metric_of(finding.metrics, name)) for name in leaked),
            metric_text(metric_of(finding.metrics, "auc")),
            SEES.get(str(finding.access), str(finding.access)),
        )
        for finding in findings
    ]
    head = ("worlds", "attack", "right answers", *leaked.values(), "AUC", "sees")
    return Table(head=head[skipped:], rows=tuple(row[skipped:] for row in rows))


def _leaked_columns(findings: Sequence[Finding]) -> Mapping[str, str]:
    """The numbers of draws that an accuracy is turned into: of a property, or where worlds are graphs of their nodes."""
    measured = {metric.name for finding in findings for metric in finding.metrics}
    return {name: head for name, head in LEAKED_OF_GRAPHS.items() if name in measured} or LEAKED


def leaked_text(metric: Metric | None) -> str:
    """Return a number of draws with its interval; "" where the worlds are no ratios.

    >>> leaked_text(Metric(name="n_leaked_exact", value=math.inf, lower=57.0, upper=math.inf))
    'infinite (at least 57)'
    >>> leaked_text(Metric(name="n_leaked_paper", value=0.612, lower=0.1, upper=2.5))
    '0.61 (0.1 to 2.5)'
    """
    if metric is None or metric.value is None:
        return ""
    if math.isinf(metric.value):
        return "infinite" if metric.lower is None else f"infinite (at least {draws_text(metric.lower)})"
    if metric.lower is None or metric.upper is None:
        return draws_text(metric.value)
    return f"{draws_text(metric.value)} ({draws_text(metric.lower)} to {draws_text(metric.upper)})"


def draws_text(value: float) -> str:
    """Return a number of draws in as many digits as it needs.

    >>> draws_text(0.612), draws_text(1234.0), draws_text(math.inf)
    ('0.61', '1,234', 'infinite')
    """
    return "infinite" if math.isinf(value) else f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"


def control_table_of_worlds(report: AuditReport) -> Table:
    """Return one row per attack on two worlds of one law, with the region that guessing stays in."""
    rows = []
    for finding in control_findings(report):
        guessing = metric_of(finding.metrics, "control_accuracy")
        inside = guessing_text(finding)
        region = (
            "" if guessing is None else f"{percent_text(guessing.lower or 0)} to {percent_text(guessing.upper or 0)}"
        )
        rows.append((attack_text(finding.method), metric_text(metric_of(finding.metrics, "accuracy")), region, inside))
    return Table(head=("attack", "right answers", "guessing stays within", ""), rows=tuple(rows))


def guessing_text(finding: Finding) -> str:
    """Return whether a control's right answers lie where guessing keeps them; "" where that is not known.

    Args:
        finding: of two worlds of one law.
    """
    metric = metric_of(finding.metrics, "control_accuracy")
    if metric is None or metric.value is None or metric.lower is None or metric.upper is None:
        return ""
    if metric.lower <= 0.0 and metric.upper >= 1.0:
        return "too few models to tell"
    return "as guessing" if metric.lower <= metric.value <= metric.upper else FAILED


def ratio_table(report: AuditReport) -> Table:
    """Return one row per attack on the ratio and true ratio: mean squared error, and draws that would do as well."""
    rows = []
    for finding in ratio_findings(report):
        ratios = sorted({metric.at for metric in finding.metrics if metric.at is not None})
        for ratio in (*ratios, None):
            error = metric_of(finding.metrics, "mean_squared_error", ratio)
            bias = metric_of(finding.metrics, "mean_estimate", ratio)
            draws = metric_of(finding.metrics, "n_leaked_cramer_rao" if ratio is not None else "n_leaked_bayes", ratio)
            rows.append(
                (
                    attack_text(finding.method),
                    "all" if ratio is None else percent_text(ratio),
                    "" if bias is None or bias.value is None else percent_text(bias.value),
                    "" if error is None or error.value is None else f"{error.value:.4f}",
                    leaked_text(draws),
                )
            )
    return Table(head=("attack", "true ratio", "mean estimate", "mean squared error", "draws leaked"), rows=tuple(rows))
