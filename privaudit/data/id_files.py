"""Files that name records: one id per line, or a column of a table."""

import csv
from collections import Counter
from pathlib import Path

from privaudit.errors import ConfigError, DataError


def read_ids(path: Path, *, key: str, column: str | None = None) -> tuple[str, ...]:
    """Read the ids of some records.

    Args:
        path: a text file with one id per line, or a ``.csv`` with a header line.
        key: key path in the config, for messages.
        column: of a ``.csv``; without it, or where the table has none of that name, its only column.

    Returns:
        The ids as texts, in their order, surrounding blanks and empty lines removed.

    Raises:
        ConfigError: if the file cannot be read.
        DataError: if it names no record, or one twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{key}: {path}: no such file. Relative paths start at the config.", key=key) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key}: {path} cannot be read as UTF-8 text ({error}).", key=key) from None
    lines = text.splitlines()
    values = _column_of(lines, path, key, column) if path.suffix == ".csv" else lines
    ids = tuple(value.strip() for value in values if value.strip())
    if not ids:
        raise DataError(f"{key}: {path} names no record. It takes one id per line.")
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise DataError(
            f"{key}: {path} names {len(twice)} records more than once (first: {twice[0]}). Name each record once."
        )
    return ids


def _column_of(lines: list[str], path: Path, key: str, column: str | None) -> list[str]:
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, skipinitialspace=True) if any(row)]
    header = rows[0] if rows else []
    if column not in header and len(header) != 1:
        wanted = f"the column {column!r} (data.id)" if column else "data.id, which names the column,"
        raise DataError(f"{key}: {path} needs {wanted} or one column only; got {', '.join(header[:12]) or 'nothing'}.")
    place = header.index(column) if column in header else 0
    ragged = next((number for number, row in enumerate(rows[1:], start=2) if len(row) != len(header)), None)
    if ragged is not None:
        raise DataError(f"{key}: {path}: row {ragged} does not have the {len(header)} values of the header line.")
    return [row[place] for row in rows[1:]]
