"""Saved scores in tables: csv and parquet."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.files import DAMAGE
from privaudit.data.score_layout import (
    SEMICOLON,
    Layout,
    NamedColumns,
    ScoreFile,
    WantedColumns,
    as_membership,
    check_named,
    named_columns,
)
from privaudit.errors import ConfigError, DataError, DegenerateScoresError, UnsupportedError

if TYPE_CHECKING:
    import pandas as pd

MODEL, RECORD = "model", "record"
FEATURE_PREFIX = "feature_"
MAX_CATEGORIES = 50  # of a text feature; more is an id or free text


def read_table(path: Path, wanted: WantedColumns, digest: str) -> ScoreFile:
    """Read a table with a column of scores or losses and one of membership.

    Args:
        path: the file, csv or parquet.
        wanted: the columns the user named.
        digest: sha256 of the file.

    Returns:
        Layout ``records``; with columns ``model`` and ``record`` layout ``models``, rows and columns in sorted order;
        with ``model`` alone layout ``trainings``.

    Raises:
        ConfigError: if a named column is not there.
        DataError: if the table is malformed, a row comes twice or is missing, or a value is of the wrong kind.
        UnsupportedError: if parquet cannot be read here.
    """
    table = _read(path)
    known = [str(name) for name in table.columns]
    names = named_columns(path, wanted, known)
    layout = _layout(path, table, names)
    features = _feature_names(path, wanted, names, known) if layout != "trainings" else ()
    # Looked at in the order of the file, so that an error names its row.
    values = _numbers(path, names.value, table[names.value])
    member = as_membership(path, names.member, _plain(table[names.member]))
    order, models = _order(path, table, layout)
    shape = (len(models), len(table) // len(models))
    return ScoreFile(
        name=path.stem,
        digest=digest,
        layout=layout,
        quantity=names.quantity,
        columns={names.quantity: names.value, "member": names.member, "features": list(features)},
        values=values[order].reshape(shape),
        member=member[order].reshape(shape),
        model_names=models,
        features=_features(path, features, table.iloc[order], shape) if features else None,
    )


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row longer than the header would lose a value
            if path.suffix.lower() == ".parquet":
                table = pd.read_parquet(path)
            else:
                table = pd.read_csv(path, index_col=False, skipinitialspace=True, **_exact(pd.__version__))
    except ImportError:
        raise UnsupportedError(
            f"{path}: reading parquet needs pyarrow. Install it (pip install 'privaudit[parquet]'), or write a csv."
        ) from None
    except (*DAMAGE, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: no readable table ({reason}). {_way_out(path)}") from None
    if table.empty:
        raise DataError(f"{path}: the table has no rows. It needs a header line and one line per record.")
    return table


def _exact(version: str) -> dict[str, Any]:
    """Have numbers parsed to the last digit, else scores tie in one format and not in another; from 3.1 on pandas does."""
    release = tuple(int(part) for part in version.split(".")[:2])
    return {"low_memory": False, **({} if release >= (3, 1) else {"float_precision": "round_trip"})}


def _way_out(path: Path) -> str:
    if path.suffix.lower() == ".parquet":
        return "Write it anew (DataFrame.to_parquet), or save a csv."
    with path.open("rb") as file:
        header = file.readline()
    is_semicolon = b";" in header and b"," not in header
    return f"In its header, {SEMICOLON}" if is_semicolon else "Save it as UTF-8 csv with a header line."


def _layout(path: Path, table: "pd.DataFrame", names: NamedColumns) -> Layout:
    if MODEL not in table.columns or MODEL in (names.value, names.member):
        return "records"
    n_models = int(table[MODEL].nunique())
    if RECORD in table.columns:
        return "models" if n_models > 1 else "records"
    if n_models == len(table):
        return "trainings"
    if n_models == 1:
        return "records"
    raise DataError(
        f"{path}: {len(table)} rows of {n_models} models need a column {RECORD!r}; without one there is one row per model."
    )


def _order(path: Path, table: "pd.DataFrame", layout: Layout) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return the rows sorted by model and record, and the models' names."""
    if layout == "records":
        _check_once(path, table)
        return np.arange(len(table)), ("0",)
    models, model = _codes(path, MODEL, table)
    if layout == "trainings":
        return np.argsort(model), models
    records, record = _codes(path, RECORD, table)
    n = len(records)
    place = model * n + record
    cells, first, count = np.unique(place, return_index=True, return_counts=True)
    if (count > 1).any():
        row = int(first[count > 1][0])
        cell = f"model {table[MODEL].iloc[row]}, record {table[RECORD].iloc[row]}"
        raise DataError(f"{path}: {cell} comes more than once. Keep one row of each.")
    if len(cells) < len(models) * n:
        gap = int(np.setdiff1d(np.arange(len(models) * n), cells)[0])
        raise DataError(
            f"{path}: every model must cover every record; {len(models) * n - len(cells)} rows are missing (first: model "
            f"{models[gap // n]}, record {records[gap % n]})."
        )
    return np.argsort(place), models


def _codes(path: Path, name: str, table: "pd.DataFrame") -> tuple[tuple[str, ...], NDArray[np.int64]]:
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    column = table[name]
    if column.isna().any():
        raise DataError(f"{path}: {name} is missing in {int(column.isna().sum())} rows. Fill them.")
    codes, values = pd.factorize(column if is_numeric_dtype(column.dtype) else column.astype(str), sort=True)
    return tuple(str(value) for value in values.tolist()), codes.astype(np.int64)


def _check_once(path: Path, table: "pd.DataFrame") -> None:
    if RECORD in table.columns and table[RECORD].duplicated().any():
        twice = table[RECORD][table[RECORD].duplicated()].iloc[0]
        raise DataError(
            f"{path}: record {twice} comes more than once. Keep one row of each, or name the models in a column {MODEL!r}."
        )


def _plain(column: "pd.Series[Any]") -> NDArray[Any]:
    """Numbers and booleans as they are, anything else as text."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if (is_bool_dtype(column.dtype) or is_numeric_dtype(column.dtype)) and not column.isna().any():
        return np.asarray(column.to_numpy(dtype=np.float64 if column.dtype.kind == "f" else np.int64))
    return column.to_numpy(dtype=np.str_)


def _numbers(path: Path, name: str, column: "pd.Series[Any]") -> NDArray[np.float64]:
    from pandas.api.types import is_numeric_dtype

    if not is_numeric_dtype(column.dtype):
        row, value = _first_text(column)
        raise DataError(
            f"{path}: column {name} must hold numbers; got {value!r} (row {row}, counted from 0). Convert it first."
        )
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(np.isnan(values))
    if bad.size:
        raise DegenerateScoresError(
            f"{path}: {name} must not be NaN; {bad.size} of {values.size} are (first: row {bad[0]}, counted from 0). Drop "
            "these records, or mend what scored them."
        )
    return values


def _first_text(column: "pd.Series[Any]") -> tuple[int, Any]:
    """Return where the first value stands that is no number, and the value; the first one if all are spelled as texts."""
    import pandas as pd

    given = column.notna().to_numpy()
    is_text = given & pd.to_numeric(column, errors="coerce").isna().to_numpy()
    row = int(np.argmax(is_text if is_text.any() else given))
    return row, column.iloc[row]


def _feature_names(path: Path, wanted: WantedColumns, names: NamedColumns, known: Sequence[str]) -> tuple[str, ...]:
    check_named(path, "features", wanted.features, known)
    taken = {names.value, names.member, MODEL, RECORD}
    clash = [name for name in wanted.features if name in taken]
    if clash:
        raise ConfigError(
            f"{path}: --features names {clash[0]!r}, which is no feature: the baseline must see neither model nor "
            "membership.",
            key="features",
        )
    usual = tuple(name for name in known if name.startswith(FEATURE_PREFIX) and name not in taken)
    return tuple(dict.fromkeys(wanted.features)) or usual


def _features(path: Path, names: Sequence[str], table: "pd.DataFrame", shape: tuple[int, int]) -> NDArray[np.float64]:
    n_models, n = shape
    records = table.iloc[:n]
    for name in names:
        if n_models > 1 and (_plain(table[name]).reshape(shape) != _plain(records[name])).any():
            raise DataError(
                f"{path}: feature {name} of one record differs between models; it must be the record's own."
            )
    return np.hstack([_encoded(path, name, records[name]) for name in names])


def _encoded(path: Path, name: str, column: "pd.Series[Any]") -> NDArray[np.float64]:
    """Numbers as one column, texts as one 0/1 column per value."""
    from pandas.api.types import is_numeric_dtype

    missing = int(column.isna().sum())
    if missing:
        raise DataError(
            f"{path}: feature {name} is missing in {missing} records. Fill it, or leave it out by --features."
        )
    if is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64)[:, None]
    values, codes = np.unique(column.to_numpy(dtype=np.str_), return_inverse=True)
    if len(values) > MAX_CATEGORIES:
        raise DataError(
            f"{path}: feature {name} has {len(values)} distinct texts; at most {MAX_CATEGORIES} are encoded. Leave it out "
            "by --features."
        )
    return np.eye(len(values))[codes]
