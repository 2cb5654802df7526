"""The report in a terminal: the four answers, the verdict in exact terms, and short tables."""

import textwrap
from collections.abc import Sequence

from privaudit.report import tables
from privaudit.report.defense_tables import defense_notes, defense_table
from privaudit.report.distribution_labels import labelled
from privaudit.report.distribution_tables import control_table_of_worlds, distribution_table, ratio_table
from privaudit.report.first_screen import first_screen
from privaudit.report.sentences import beside_membership, headline, section_notes, warnings_of, what_would_suffice
from privaudit.report.subgroup_tables import who_sentences
from privaudit.report.tables import Table
from privaudit.types import AuditReport

WIDTH = 118
ESTIMATE_COLUMNS = ("finding", "method", "epsilon", "confidence", "neighbours", "made from", "ceiling", "validity")


def render_text(report: AuditReport) -> str:
    """Return the report in a few lines of plain text.

    Args:
        report: the report.
    """
    many = tables.n_targets(report) > tables.MANY_TARGETS
    found = tables.summary_table(report) if many else tables.finding_table(report)
    parts = [
        *(f"{one.question}\n{wrapped(one.answer)}" for one in first_screen(report)),
        _paragraphs("What do the defenses change?", defense_notes(report)),
        _titled("Before and after each defense", defense_table(report)),
        f"In exact terms\n{wrapped(headline(report))}",
        what_would_suffice(report),
        *beside_membership(report),
        *warnings_of(report),
        *section_notes(report),
        plain_table(found),
        *who_sentences(report),
        _titled(labelled("What the model says about the population", report), distribution_table(report)),
        _titled(labelled("The ratio itself", report), ratio_table(report)),
        _titled(labelled("Control: two worlds of one population", report), control_table_of_worlds(report)),
        plain_table(tables.columns(tables.estimate_table(report), ESTIMATE_COLUMNS)),
    ]
    return "\n\n".join(part if "\n" in part else wrapped(part) for part in parts if part)


def _paragraphs(title: str, texts: Sequence[str]) -> str:
    return "\n".join([title, *(wrapped(text) for text in texts)]) if texts else ""


def _titled(title: str, table: Table) -> str:
    return f"{title}\n{plain_table(table)}" if table.rows else ""


def wrapped(text: str) -> str:
    """Return a sentence in lines that fit a terminal."""
    return "\n".join(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))


def plain_table(table: Table) -> str:
    """Return a table in aligned columns; control characters are shown as spaces."""
    if not table.rows:
        return ""
    rows = [[_printable(cell) for cell in row] for row in (table.head, *table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _printable(text: object) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in str(text))
