"""The page's tables by name."""

from privaudit.report import tables
from privaudit.report.defense_tables import defense_attack_table, defense_table
from privaudit.report.distribution_tables import control_table_of_worlds, distribution_table, ratio_table
from privaudit.report.games_table import games_table
from privaudit.report.label_only_tables import expected_table, query_table
from privaudit.report.reliability_table import reliability_table
from privaudit.report.roc_table import roc_table
from privaudit.report.subgroup_tables import agreement_table, group_table, histogram_table, most_at_risk_table
from privaudit.report.tables import Table
from privaudit.types import AuditReport

NOTHING = Table(head=(), rows=())


def tables_of(report: AuditReport) -> dict[str, Table]:
    """Return every table of the page; those without rows are not shown.

    Args:
        report: the report.
    """
    many = tables.n_targets(report) > tables.MANY_TARGETS
    return {
        "summary": tables.summary_table(report) if many else NOTHING,
        "findings": tables.finding_table(report),
        "estimates": tables.estimate_table(report),
        "roc": roc_table(report),
        "reliability": reliability_table(report, many=many),
        "expected": expected_table(report, many=many),
        "queries": query_table(report),
        "groups": group_table(report),
        "histogram": histogram_table(report),
        "most_at_risk": most_at_risk_table(report),
        "agreement": agreement_table(report),
        "worlds": distribution_table(report),
        "worlds_control": control_table_of_worlds(report),
        "ratios": ratio_table(report),
        "games": games_table(report),
        "controls": tables.control_table(report),
        "accuracy": tables.accuracy_table(report),
        "verdicts": tables.verdict_table(report),
        "defenses": defense_table(report),
        "defense_attacks": defense_attack_table(report),
        "provenance": tables.provenance_table(report),
    }
