"""A study's result as text for a terminal, as markdown and as JSON."""

import json
import math

from privaudit.report.codec import encode
from privaudit.report.inert import inert
from privaudit.report.tables import Table
from privaudit.report.terminal import plain_table, wrapped
from privaudit.studies.study import Cell, Check, StudyResult, StudyTable


def study_text(result: StudyResult) -> str:
    """Return a study's result in aligned columns.

    Args:
        result: what the study found.
    """
    parts = [result.title]
    for table in result.tables:
        parts.append(f"{table.title}\n{plain_table(_table(table))}")
        parts.extend(wrapped(note) for note in table.notes)
    if result.checks:
        parts.append(f"Checks\n{plain_table(_checks(result.checks))}")
    return "\n\n".join([*parts, *(wrapped(note) for note in result.notes)])


def study_markdown(result: StudyResult) -> str:
    """Return a study's result as GitHub-flavoured markdown, in which no text is markup.

    Args:
        result: what the study found.
    """
    parts = [f"### {inert(result.title)}"]
    for table in result.tables:
        parts.append(f"**{inert(table.title)}**\n\n{_markdown_table(_table(table))}")
        parts.extend(inert(note) for note in table.notes)
    if result.checks:
        parts.append(f"**Checks**\n\n{_markdown_table(_checks(result.checks))}")
    return "\n\n".join([*parts, *(inert(note) for note in result.notes)])


def study_json(result: StudyResult) -> str:
    """Return a study's result as JSON, numbers in full.

    Args:
        result: what the study found.

    Raises:
        DataError: on NaN.
    """
    return json.dumps(encode(result, "study"), indent=1)


def cell_text(cell: Cell) -> str:
    """Return a cell as text: numbers to four digits, an empty cell for ``None``.

    >>> [cell_text(cell) for cell in (2.59731, 1e-4, 2500, True, None, "blank")]
    ['2.597', '0.0001', '2,500', 'yes', '', 'blank']
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if math.isfinite(cell) and abs(cell) >= 1e4 else f"{cell:.4g}"
    return cell


def _table(table: StudyTable) -> Table:
    return Table(head=table.columns, rows=tuple(tuple(cell_text(cell) for cell in row) for row in table.rows))


def _checks(checks: tuple[Check, ...]) -> Table:
    rows = tuple((check.name, check.wanted, check.measured, "met" if check.is_met else "NOT MET") for check in checks)
    return Table(head=("check", "wanted", "measured", ""), rows=rows)


def _markdown_table(table: Table) -> str:
    lines = [table.head, ("---",) * len(table.head)]
    body = [tuple(inert(cell) for cell in row) for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*lines, *body])
