"""Puts the section on how the risks relate into a report."""

from dataclasses import replace

from privaudit.pipeline.games_table import games_section
from privaudit.types import AuditReport


def with_games(report: AuditReport, *, confidence: float) -> AuditReport:
    """Return the report with what its guarantee and its attacks say about all games, as its last section.

    Args:
        report: of any audit, whole but for this section.
        confidence: with which all measurements together hold.
    """
    section = games_section(report, confidence=confidence)
    return report if section is None else replace(report, sections=(*report.sections, section))
