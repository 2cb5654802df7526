"""What a gate and a report say, short enough for a step summary and for a comment on a pull request."""

from privaudit.report.distribution_labels import audit_name
from privaudit.report.inert import inert_within
from privaudit.report.markdown import answer_parts, digest_part, gate_parts, joined, leak_parts
from privaudit.types import AuditReport
from privaudit.types.report import GateResult


def render_summary(report: AuditReport, result: GateResult | None = None) -> str:
    """Return the gate's table, the report's answer and what was measured.

    Args:
        report: the report.
        result: what a gate said about it; without one, the report alone.

    Returns:
        GitHub-flavoured markdown in which no text from the report is markup; at most 64,000 bytes, cut with a word.

    Raises:
        DataError: if the report holds NaN.
    """
    heading = f"### Privacy audit: {inert_within(audit_name(report))}" if result is None else ""
    parts = (*gate_parts(report, result), heading, *answer_parts(report), *leak_parts(report))
    return joined(parts, last=digest_part(report))
