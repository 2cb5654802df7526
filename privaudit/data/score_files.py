"""Saved scores of any framework: tables (csv, parquet) and NumPy archives."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from privaudit.data.score_archives import read_archive
from privaudit.data.score_layout import ScoreFile, WantedColumns
from privaudit.data.score_tables import read_table
from privaudit.errors import ConfigError, DataError

__all__ = ["ScoreFile", "read_scores"]

READERS: dict[str, Callable[[Path, WantedColumns, str], ScoreFile]] = {
    ".csv": read_table,
    ".parquet": read_table,
    ".npz": read_archive,
}


def read_scores(
    path: Path,
    *,
    score: str | None = None,
    loss: str | None = None,
    member: str | None = None,
    features: Sequence[str] = (),
) -> ScoreFile:
    """Read saved scores from a csv, parquet or npz file.

    A table has one row per record; with the columns ``model`` and ``record`` one row per model and record; with
    ``model`` alone one row per independent training. An archive has arrays ``(n_records,)`` or ``(n_models, n_records)``.

    Args:
        path: the file.
        score: column of scores, higher = more member-like; ``score`` if neither is named.
        loss: column of losses; ``loss`` if neither is named.
        member: column of the membership; one of ``member``, ``is_member``, ``membership`` if not named.
        features: columns that the blind baseline may see; all that begin with ``feature_`` if none is named. In an
            archive the name of one ``(n_records, d)`` array, by default ``features``.

    Raises:
        ConfigError: if the file does not exist or is of no known kind, an option names a column that is not there, or
            the columns to read are ambiguous.
        DataError: if the file cannot be read or its content not be audited; says which row, column or shape.
        UnsupportedError: if parquet files cannot be read here.
    """
    wanted = WantedColumns(score=score, loss=loss, member=member, features=tuple(features))
    if path.suffix.lower() not in READERS:
        raise ConfigError(f"{path}: scores are read from {', '.join(READERS)} files; got {path.suffix or 'no ending'}.")
    if not path.is_file():
        raise ConfigError(f"{path}: no such file.")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error.strerror or error}).") from None
    return READERS[path.suffix.lower()](path, wanted, digest)
