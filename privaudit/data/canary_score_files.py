"""Scores of canaries, saved by whoever trained the model: csv tables and NumPy archives."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.data.canary_files import LONGEST_KEY
from privaudit.data.raw_files import check_there, read_arrays, read_text_table
from privaudit.data.score_layout import check_named
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.types.frozen import set_array

KEY = "canary"  # column or array of the canaries' keys
Quantity = Literal["score", "loss"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CanaryScores:
    """Scores beside the keys of canaries.

    Attributes:
        keys: ``(n,)`` text.
        scores: ``(n,)`` float64, higher = more member-like, whatever the file holds.
        digest: sha256 of the file.
    """

    keys: NDArray[np.str_]
    scores: NDArray[np.float64]
    digest: str

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        set_array(self, "keys", self.keys, np.str_)
        set_array(self, "scores", self.scores, np.float64)


def read_canary_scores(path: Path, *, quantity: Quantity = "score", column: str | None = None) -> CanaryScores:
    """Read scores or losses of canaries.

    Args:
        path: csv with a header line, or npz; columns or arrays ``canary`` (keys) and the scores.
        quantity: ``score`` (higher = more member-like) or ``loss`` (higher = less): its sign is turned.
        column: name of the scores; the quantity's if ``None``.

    Raises:
        ConfigError: if there is no such file, it is of no known kind, or it has no ``column``.
        DataError: if it cannot be read, the keys or the quantity are missing, or a value is no number.
    """
    name = column or quantity
    if path.suffix.lower() not in (".csv", ".npz"):
        raise ConfigError(
            f"{path}: scores of canaries are read from .csv or .npz files; got {path.suffix or 'no ending'}."
        )
    if not path.is_file():
        raise ConfigError(f"{path}: no such file.", key="scores")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    found = read_text_table(path) if path.suffix.lower() == ".csv" else read_arrays(path)
    if column is not None:
        check_named(path, "column", (column,), list(found))
    check_there(path, (KEY, name), found)
    _check_shapes(path, found[KEY].shape, name, found[name].shape)
    values = _numbers(path, name, found[name])
    return CanaryScores(keys=_keys(path, found[KEY]), scores=-values if quantity == "loss" else values, digest=digest)


def _check_shapes(path: Path, keys: tuple[int, ...], name: str, scores: tuple[int, ...]) -> None:
    if keys != scores or len(keys) != 1:
        raise ShapeError(f"{path}: {KEY} and {name} must be (n_canaries,); got {keys} and {scores}.")


def _numbers(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    for row, value in enumerate(values.tolist()):
        try:
            float(value)
        except (TypeError, ValueError):
            raise DataError(
                f"{path}: {name} must hold numbers; got {str(value)[:40]!r} (row {row}, counted from 0). Convert it first."
            ) from None
    return np.array([float(value) for value in values.tolist()])  # to the last digit, else scores tie by reading


def _keys(path: Path, values: NDArray[Any]) -> NDArray[np.str_]:
    texts = [str(value) for value in values.tolist()]
    bad = [row for row, text in enumerate(texts) if not 0 < len(text) <= LONGEST_KEY]
    if bad:
        raise DataError(
            f"{path}: {KEY} must name a canary in every row; {len(bad)} rows do not (first: row {bad[0]}, counted from 0). "
            "Score the canaries alone."
        )
    return np.array(texts, dtype=np.str_)
