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
    out: Path,
    config: AuditConfig,
    *,
    has_changed: bool,
    analyse_arm: Callable[[Path, AuditConfig | None], AuditReport],
) -> AuditReport:
    """Return the report of the audit without a defense with what each defense changed; each arm keeps a report of its own.

    Args:
        out: folder of the whole.
        config: with ``defenses``.
        has_changed: whether the arms are analysed by this config; else each by its own stored one.
        analyse_arm: from an arm's folder and config, or ``None`` for its stored one, to its report.
    """
    measured: list[Measured] = []
    for arm in arms_of(config.model_copy(update={"out": str(out)})):
        found = analyse_arm(arm.folder, arm.config if has_changed else None)
        if measured:
            write_reports(found, arm.folder, config.report.formats)
        measured.append(Measured(arm=arm, report=found))
    findings = defense_findings(measured, confidence=config.confidence)
    notes = comparison_notes(measured, findings, confidence=config.confidence)
    section = Section(kind="defense", title=TITLE, findings=findings, notes=notes)
    plain = measured[0].report
    return replace(plain, sections=(*plain.sections, section))
