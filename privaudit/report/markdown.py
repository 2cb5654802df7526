"""The report as markdown for a comment on a pull request."""

import re

from privaudit.report import tables
from privaudit.report.distribution_tables import control_table_of_worlds, distribution_table, ratio_table
from privaudit.report.games_table import games_table
from privaudit.report.label_only_tables import expected_table, query_table
from privaudit.report.sentences import beside_membership, headline, section_notes, warnings_of, what_would_suffice
from privaudit.report.serialise import audit_digest
from privaudit.report.subgroup_tables import group_table, who_sentences
from privaudit.report.tables import Table
from privaudit.report.words import attack_text
from privaudit.types import AuditReport
from privaudit.types.report import POISONED

# Letters that start markup somewhere in GitHub's markdown, mentions and issue references included.
ACTIVE = re.compile(r"([\\`*_{}\[\]<|~#!$@&])")
LINK = re.compile(r"(?i)\b(https?|ftp|mailto|www)(?=[:.])")
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


def render_markdown(report: AuditReport) -> str:
    """Return the report in short: the verdict and small tables.

    Args:
        report: the report.

    Returns:
        GitHub-flavoured markdown in which no text from the report is markup.

    Raises:
        DataError: if the report holds NaN.
    """
    many = tables.n_targets(report) > tables.MANY_TARGETS
    parts = [
        f"### Privacy audit: {inert(report.subject.name)}",
        f"**{inert(headline(report))}**",
        inert(what_would_suffice(report)),
        *(
            inert(text)
            for text in (
                *beside_membership(report),
                *warnings_of(report),
                *section_notes(report),
                *_poisoned_notes(report),
            )
        ),
        _titled("Epsilon", tables.columns(tables.estimate_table(report), ESTIMATE_COLUMNS)),
        _titled("Membership inference", tables.summary_table(report) if many else tables.finding_table(report)),
        _titled("Scores that come in steps", expected_table(report, many=many)),
        _titled("What fewer queries reach", query_table(report)),
        *(inert(text) for text in who_sentences(report)),
        _titled("Groups of records", group_table(report)),
        _titled("What the model says about the population", distribution_table(report)),
        _titled("The ratio itself", ratio_table(report)),
        _titled("Control: two worlds of one population", control_table_of_worlds(report)),
        _titled("How the risks relate", games_table(report)),
        _titled("Positive control", tables.control_table(report)),
        _titled("Accuracy", tables.accuracy_table(report)),
        f"Digest of this audit: `{audit_digest(report)}` (detects damage, not forgery).",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _poisoned_notes(report: AuditReport) -> tuple[str, ...]:
    """What must be known of attacks on models other than the audited one."""
    poisoned = [finding for finding in report.attacked() if finding.game == POISONED]
    return tuple(dict.fromkeys(f"Note on {attack_text(f.method)}: {note}." for f in poisoned for note in f.notes))


def inert(text: str) -> str:
    """Return text that markdown shows as it is: one line, no markup, no HTML, no mention, no link.

    >>> inert("a|b <script>")
    'a&#124;b &#60;script>'
    """
    flat = "".join(letter if letter.isprintable() else " " for letter in text)
    safe = ACTIVE.sub(lambda match: f"&#{ord(match.group())};", " ".join(flat.split()))
    # Bare addresses become links by themselves; lists, quotes and headings need their mark at the start.
    safe = LINK.sub(lambda match: match.group()[:-1] + f"&#{ord(match.group()[-1])};", safe)
    return re.sub(
        r"^([-+=:>]|\d+[.)](?=\s|$))", lambda match: match.group()[:-1] + f"&#{ord(match.group()[-1])};", safe
    )


def _titled(title: str, table: Table) -> str:
    if not table.rows:
        return ""
    rows = table.rows[:MOST_ROWS]
    lines = [_line(table.head), _line(("---",) * len(table.head), is_raw=True), *(_line(row) for row in rows)]
    left = len(table.rows) - len(rows)
    more = f"\n\n{left} more rows stand in the full report." if left else ""
    return f"**{title}**\n\n" + "\n".join(lines) + more


def _line(cells: tuple[str, ...], *, is_raw: bool = False) -> str:
    return "| " + " | ".join(cell if is_raw else inert(cell) for cell in cells) + " |"
