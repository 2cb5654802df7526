"""Verdicts as GitHub workflow commands: lines on stdout that GitHub Actions shows beside the audit config.

Source: ``escapeData`` and ``escapeProperty`` of the GitHub Actions toolkit (``@actions/core``, command.ts), so that a text
from a report is always data: it can neither end its command nor begin another.
"""

from privaudit.report.checks import Check, checks_of, numbers_text
from privaudit.report.plain import plain_text
from privaudit.report.sentences import headline
from privaudit.types import AuditReport
from privaudit.types.report import GateResult

DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
PROPERTY = {**DATA, ":": "%3A", ",": "%2C"}
MOST_PER_LEVEL = 10  # GitHub shows so many of each level and step
LEVELS = {"fail": "error", "open": "warning", "note": "notice"}
GATE_LEVELS = {"pass": "notice", "fail": "error"}


def render_annotations(report: AuditReport, result: GateResult | None = None, *, location: str = "audit.yaml") -> str:
    """Return one workflow command per verdict that did not pass, after one that sums up.

    Args:
        report: the report.
        result: what a gate said about it; without one, the report's own verdicts, contradictions and warnings.
        location: the file that the annotations stand at, from the root of the repository.

    Returns:
        Lines that each begin with ``::error``, ``::warning`` or ``::notice``: failed, open, and what does not count.
    """
    # That nothing was judged is what the line that sums up says already.
    shown = [check for check in checks_of(report, result) if check.state not in ("pass", "unjudged")]
    lines = [_summary(report, result, location)]
    for level in LEVELS.values():
        at_level = [check for check in shown if _level(check) == level]
        lines += [_line(level, check, location) for check in at_level[: MOST_PER_LEVEL - 1]]
        left = len(at_level) - (MOST_PER_LEVEL - 1)
        lines += [command(level, location, "privaudit", f"{left} more stand in the report.")] if left > 0 else []
    return "\n".join(lines) + "\n"


def command(level: str, file: str, title: str, message: str) -> str:
    r"""Return one workflow command on one line.

    >>> command("error", "a:b.yaml", "x, y", "100 %\n::error::no")
    '::error file=a%3Ab.yaml,line=1,title=x%2C y::100 %25 ::error::no'
    """
    where = f"file={_escaped(plain_text(file), PROPERTY)},line=1,title={_escaped(plain_text(title, 200), PROPERTY)}"
    return f"::{level} {where}::{_escaped(plain_text(message), DATA)}"


def _escaped(text: str, codes: dict[str, str]) -> str:
    return "".join(codes.get(letter, letter) for letter in text)


def _level(check: Check) -> str:
    return "notice" if check.excuse else LEVELS[check.state]


def _summary(report: AuditReport, result: GateResult | None, location: str) -> str:
    name = plain_text(report.subject.name, 100)
    if result is None:
        return command("notice", location, f"Privacy audit of {name}", headline(report))
    level = GATE_LEVELS.get(result.outcome, "warning")
    return command(level, location, f"Privacy gate: {result.outcome}", f"{name}: {result.reason}")


def _line(level: str, check: Check, location: str) -> str:
    numbers = numbers_text(check.numbers)
    parts = (check.excuse, check.reason, f"({numbers})" if numbers else "")
    return command(level, location, f"{check.rule}: {check.outcome}", " ".join(part for part in parts if part))
