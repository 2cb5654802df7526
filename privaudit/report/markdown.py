"""The report as markdown for a comment on a pull request."""

import re
from collections.abc import Iterable

from privaudit.report import tables
from privaudit.report.checks import checks_of, numbers_text
from privaudit.report.defense_tables import defense_attack_table, defense_notes, defense_table
from privaudit.report.distribution_labels import audit_name, labelled
from privaudit.report.distribution_tables import control_table_of_worlds, distribution_table, ratio_table
from privaudit.report.games_table import games_table
from privaudit.report.inert import inert, inert_within
from privaudit.report.label_only_tables import expected_table, query_table
from privaudit.report.sentences import beside_membership, headline, section_notes, warnings_of, what_would_suffice
from privaudit.report.serialise import audit_digest
from privaudit.report.subgroup_tables import group_table, who_sentences
from privaudit.report.tables import Table
from privaudit.report.words import attack_text
from privaudit.types import AuditReport
from privaudit.types.report import POISONED, GateResult

ESTIMATE_COLUMNS = (
    "finding",
    "method",
    "epsilon",
    "confidence",
    "neighbours",
    "delta",
    "made from",
    "ceiling",
    "validity",
)
MOST_ROWS = 12
# GitHub takes 65,536 characters for a comment; bytes are counted here, and some are left for what others add to it.
MOST_BYTES = 64_000
CUT = "Cut here: the full report holds the rest."
GATE_WORDS = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive"}


def render_markdown(report: AuditReport, result: GateResult | None = None) -> str:
    """Return the report in short: the verdict and small tables.

    Args:
        report: the report.
        result: what a gate said about it; it comes first.

    Returns:
        GitHub-flavoured markdown in which no text from the report is markup, short enough for a comment.

    Raises:
        DataError: if the report holds NaN.
    """
    parts = [
        *gate_parts(report, result),
        f"### Privacy audit: {inert_within(audit_name(report))}",
        *answer_parts(report),
        *map(inert, _poisoned_notes(report)),
        *leak_parts(report),
        titled("Scores that come in steps", expected_table(report, many=_is_many(report))),
        titled("What fewer queries reach", query_table(report)),
        *(inert(text) for text in who_sentences(report)),
        titled("Groups of records", group_table(report)),
        titled(labelled("What the model says about the population", report), distribution_table(report)),
        titled(labelled("The ratio itself", report), ratio_table(report)),
        titled(labelled("Control: two worlds of one population", report), control_table_of_worlds(report)),
        titled("How the risks relate", games_table(report)),
        titled("Positive control", tables.control_table(report)),
        titled("Accuracy", tables.accuracy_table(report)),
        titled("Attacks on each defense", defense_attack_table(report)),
    ]
    return joined(parts, last=digest_part(report))


def gate_parts(report: AuditReport, result: GateResult | None) -> tuple[str, ...]:
    """Return what a gate said: a heading, a sentence and one row per verdict; nothing without a gate."""
    if result is None:
        return ()
    checks = checks_of(report, result)
    rows = tuple((c.rule, c.outcome, numbers_text(c.numbers), c.reason, c.excuse) for c in checks)
    table = Table(head=("rule", "outcome", "numbers", "reason", "does not count"), rows=rows)
    shown = table if any(check.excuse for check in checks) else tables.columns(table, table.head[:-1])
    word = GATE_WORDS.get(result.outcome, result.outcome)
    return (
        f"### Privacy gate {inert_within(word)}: {inert_within(audit_name(report))}",
        f"**{inert_within(result.reason)}**" if result.reason else "",
        table_text(shown, most_rows=len(rows)),
    )


def answer_parts(report: AuditReport) -> tuple[str, ...]:
    """Return the report's answer in sentences: the verdict, what would suffice, what was compared, warnings and notes."""
    texts = (
        what_would_suffice(report),
        *defense_notes(report),
        *beside_membership(report),
        *warnings_of(report),
        *section_notes(report),
    )
    before_and_after = titled("Before and after each defense", defense_table(report))
    return (f"**{inert_within(headline(report))}**", *(inert(text) for text in texts), before_and_after)


def leak_parts(report: AuditReport) -> tuple[str, ...]:
    """Return what was measured: every statement about epsilon, and the attacks."""
    found = tables.summary_table(report) if _is_many(report) else tables.finding_table(report)
    return (
        titled("Epsilon", tables.columns(tables.estimate_table(report), ESTIMATE_COLUMNS)),
        titled("Membership inference", found),
    )


def digest_part(report: AuditReport) -> str:
    """Return the digest of the report in a sentence."""
    return f"Digest of this audit: `{audit_digest(report)}` (detects damage, not forgery)."


def _is_many(report: AuditReport) -> bool:
    return tables.n_targets(report) > tables.MANY_TARGETS


def _poisoned_notes(report: AuditReport) -> tuple[str, ...]:
    """What must be known of attacks on models other than the audited one."""
    poisoned = [finding for finding in report.attacked() if finding.game == POISONED]
    return tuple(dict.fromkeys(f"Note on {attack_text(f.method)}: {note}." for f in poisoned for note in f.notes))


def joined(parts: Iterable[str], *, last: str, most_bytes: int = MOST_BYTES) -> str:
    """Return the parts as paragraphs, cut at a line's end where they are too long.

    Args:
        parts: markdown; empty ones are left out.
        last: the paragraph that stands at the end in any case.
        most_bytes: of UTF-8 in all.
    """
    text = "\n\n".join(part for part in parts if part)
    whole = f"{text}\n\n{last}\n"
    if len(whole.encode()) <= most_bytes:
        return whole
    left = most_bytes - len(f"\n\n{CUT}\n\n{last}\n".encode())
    kept: list[str] = []
    for line in text.split("\n"):
        left -= len(line.encode()) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join(kept).rstrip("\n") + f"\n\n{CUT}\n\n{last}\n"


def titled(title: str, table: Table) -> str:
    """Return a table of the report under its title; "" where it has no rows."""
    return f"**{title}**\n\n{table_text(table)}" if table.rows else ""


def table_text(table: Table, *, most_rows: int = MOST_ROWS) -> str:
    """Return a table as markdown, and how many rows were left out."""
    rows = table.rows[:most_rows]
    lines = [_line(table.head), _line(("---",) * len(table.head), is_raw=True), *(_line(row) for row in rows)]
    left = len(table.rows) - len(rows)
    more = f"\n\n{left} more rows stand in the full report." if left else ""
    return "\n".join(lines) + more


def _line(cells: tuple[str, ...], *, is_raw: bool = False) -> str:
    return "| " + " | ".join(cell if is_raw else _cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    """A cell holds one line: what are lines on the page are parts of it here."""
    rates_joined = re.sub(r"\nat (?=\d)", " at ", text)  # "2 % at 0.9 % FPR" is one part
    return "; ".join(inert_within(line) for line in rates_joined.split("\n") if line.strip())
