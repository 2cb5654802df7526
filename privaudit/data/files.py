"""Data sets in the user's own tables: CSV and NumPy archives."""

import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.dataset import Dataset, dataset_from_arrays
from privaudit.errors import ConfigError, DataError, UnknownNameError
from privaudit.validate import nearest

if TYPE_CHECKING:
    import pandas as pd

MAX_CATEGORIES = 1000  # per column; more is free text or an id, and its columns would fill the memory

DAMAGE = (  # all that NumPy raises on bytes that are no archive, or a damaged, encrypted or hostile one
    *(ValueError, TypeError, KeyError, AttributeError, EOFError, OSError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


def load_csv(
    path: Path, *, label: str, record_id: str | None = None, groups: Sequence[str] = (), drop: Sequence[str] = ()
) -> Dataset:
    """Load a table with a header line.

    Numeric columns are standardised, others become one 0/1 column per value in sorted order, constant ones are dropped.

    Args:
        path: the file.
        label: column to predict.
        record_id: column of distinct ids; it is no feature.
        groups: columns that name groups; they stay features unless dropped.
        drop: columns that are no features.

    Returns:
        The data set.

    Raises:
        ConfigError: if the file does not exist.
        DataError: if it is malformed, a column is missing, or a used column has missing values.
    """
    table = _read_table(path, record_id)
    named = [label, *([record_id] if record_id else []), *groups, *drop]
    _check_columns(path, named, [str(name) for name in table.columns])
    outside = {label, record_id, *drop}
    columns = [str(name) for name in table.columns if name not in outside]
    _check_missing(path, table, list(dict.fromkeys([*columns, *named[: len(named) - len(drop)]])))
    blocks = [encode_column(path, name, table[name]) for name in columns]
    features = np.hstack([np.empty((len(table), 0)), *blocks])
    if not features.shape[1]:
        raise DataError(f"{path}: no feature is left; every column is dropped or constant.")
    return dataset_from_arrays(
        features,
        table[label].to_numpy(),
        name=path.stem,
        record_ids=table[record_id].to_numpy(dtype=np.str_) if record_id else None,
        groups={name: table[name].to_numpy(dtype=np.str_) for name in groups},
    )


def load_npz(path: Path, *, label: str | None = None) -> Dataset:
    """Load a NumPy archive with the arrays ``X`` and ``y``, and optionally ``ids`` and ``groups_<name>``.

    Args:
        path: the file.
        label: name of the label array; ``y`` if ``None``.

    Returns:
        The data set, features as they are.

    Raises:
        ConfigError: if the file does not exist.
        DataError: if it is damaged, or an array is missing.
    """
    arrays = _read_archive(path)
    for name in ("X", label or "y"):
        if name not in arrays:
            raise UnknownNameError(
                f"{path}: no array {name!r}; it holds {', '.join(arrays) or 'none'}.{nearest(name, arrays)}"
            )
    return dataset_from_arrays(
        arrays["X"],
        arrays[label or "y"],
        name=path.stem,
        record_ids=arrays.get("ids"),
        groups={name.removeprefix("groups_"): values for name, values in arrays.items() if name.startswith("groups_")},
    )


def encode_column(path: Path, name: str, column: "pd.Series[Any]") -> NDArray[np.float64]:
    """Turn one column into features.

    Args:
        path: the file, for messages.
        name: the column's name.
        column: ``(n,)`` its values, none missing.

    Returns:
        ``(n, k)`` float64; no columns if all values are equal.

    Raises:
        DataError: if it holds infinite numbers or too many texts.
    """
    from pandas.api.types import is_numeric_dtype

    if is_numeric_dtype(column.dtype):
        return _standardised(path, name, column.to_numpy(dtype=np.float64))
    values, codes = np.unique(column.to_numpy(dtype=np.str_), return_inverse=True)
    if len(values) > MAX_CATEGORIES:
        raise DataError(
            f"{path}: column {name} has {len(values)} distinct texts; at most {MAX_CATEGORIES} can be encoded. "
            "Name it in data.drop, or as data.id."
        )
    return np.eye(len(values))[codes] if len(values) > 1 else np.empty((len(column), 0))


def _standardised(path: Path, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    infinite = int((~np.isfinite(values)).sum())
    if infinite:
        raise DataError(f"{path}: column {name} has {infinite} infinite values. Replace them, or name it in data.drop.")
    if values.min() == values.max():
        return np.empty((len(values), 0))
    values = values / np.abs(values).max()  # so that squares of huge numbers stay finite
    return np.asarray((values - values.mean()) / values.std(), dtype=np.float64)[:, None]


def _read_table(path: Path, record_id: str | None) -> "pd.DataFrame":
    import pandas as pd

    _check_exists(path)
    types = {record_id: str} if record_id else None  # ids such as 007 keep their zeros
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row longer than the header would lose a value
            table = pd.read_csv(path, index_col=False, low_memory=False, skipinitialspace=True, dtype=types)
    except (ValueError, OSError, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: no readable CSV table ({reason}). Save it as UTF-8 with a header line.") from None
    if table.empty:
        raise DataError(f"{path}: the table has no records. It needs a header line and one line per record.")
    return table


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise ConfigError(
            f"{path}: no such file. Check data.source; relative paths start at the config.", key="data.source"
        )


def _check_columns(path: Path, wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            raise UnknownNameError(f"{path}: no column {name!r}.{nearest(name, known)} Columns: {shown}.")


def _check_missing(path: Path, table: "pd.DataFrame", columns: Sequence[str]) -> None:
    counts = {name: int(table[name].isna().sum()) for name in columns}
    bad = [f"{name} ({count})" for name, count in counts.items() if count]
    if bad:
        shown = ", ".join(bad[:5]) + (", ..." if len(bad) > 5 else "")
        raise DataError(
            f"{path}: missing values in {len(bad)} columns: {shown}. Fill them, drop those records, or name the columns "
            "in data.drop."
        )


def _read_archive(path: Path) -> dict[str, NDArray[Any]]:
    _check_exists(path)
    try:
        # Opened here: np.load leaves the file open when it fails.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored.items())
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: no readable .npz archive ({reason}). Write it with numpy.savez, no objects."
        ) from None
