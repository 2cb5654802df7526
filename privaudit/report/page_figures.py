"""The page's figures by name."""

from privaudit.report.attack_figure import attack_figure
from privaudit.report.defense_figure import defense_figure
from privaudit.report.distribution_figure import distribution_figure
from privaudit.report.figures import epsilon_axis, roc_figure, roc_findings
from privaudit.report.histogram_figure import histogram_figure
from privaudit.report.query_figure import query_figure
from privaudit.report.subgroup_figure import group_figure
from privaudit.types import AuditReport


def figures_of(report: AuditReport) -> dict[str, str]:
    """Return every figure of the page as an ``<svg>`` element, "" where there is nothing to draw.

    Args:
        report: the report.
    """
    has_estimates = any(finding.estimates for section in report.sections for finding in section.findings)
    return {
        "axis": epsilon_axis(report) if has_estimates else "",
        "roc": roc_figure(report) if roc_findings(report) else "",
        "attacks": attack_figure(report),
        "queries": query_figure(report),
        "groups": group_figure(report),
        "histogram": histogram_figure(report),
        "worlds": distribution_figure(report),
        "defenses": defense_figure(report),
    }
