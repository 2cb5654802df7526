"""Right of the seam of a comparison: every arm's report, and the section that puts them side by side."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from privaudit.config import AuditConfig
from privaudit.pipeline.defend.arms import arms_of
from privaudit.pipeline.defend.compare import Measured, defense_findings
from privaudit.pipeline.defend.notes import comparison_notes
from privaudit.report.write import write_reports
from privaudit.types import AuditReport, Section

TITLE = "Before and after each defense"


def with_defenses(
    report: AuditReport, out: Path, config: AuditConfig, *, analyse_arm: Callable[[Path], AuditReport]
) -> AuditReport:
    """Return the report of the audit without a defense with what each defense changed; each arm keeps a report of its own.

    Args:
        report: of the audit without a defense.
        out: its folder.
        config: with ``defenses``.
        analyse_arm: from an arm's folder to its report.
    """
    plain, *others = arms_of(config.model_copy(update={"out": str(out)}))
    measured = [Measured(arm=plain, report=report)]
    for arm in others:
        found = analyse_arm(arm.folder)
        write_reports(found, arm.folder, config.report.formats)
        measured.append(Measured(arm=arm, report=found))
    findings = defense_findings(measured, confidence=config.confidence)
    section = Section(kind="defense", title=TITLE, findings=findings, notes=comparison_notes(measured, findings))
    return replace(report, sections=(*report.sections, section))
