"""Where a report lies."""

from pathlib import Path


def report_file(path: str) -> Path:
    """Return the report.json that a user means: the file itself, or the one in an audit's folder."""
    given = Path(path)
    return given / "report.json" if given.is_dir() else given
