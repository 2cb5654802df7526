"""The Adult data set, bundled.

Adult: Barry Becker and Ronny Kohavi (1996), UCI Machine Learning Repository, https://doi.org/10.24432/C5XW20, licensed
under CC BY 4.0 (see LICENSE-adult.txt). Changes made here: the columns ``fnlwgt`` and ``split`` are left out, and of the
rows that are then equal the first is kept (42,468 of 48,842).

``python -m privaudit.data.adult PARQUET OUT.npz`` makes the bundled file again.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.dataset import Dataset
from privaudit.errors import DataError, UnknownNameError
from privaudit.validate import nearest

if TYPE_CHECKING:
    import pandas as pd

NUMERIC = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
CATEGORICAL = (
    "workclass",
    "education",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "native_country",
)
GROUPS = ("race", "sex")
LEFT_OUT = ("fnlwgt", "split")
LABEL, POSITIVE = "income", ">50K"


def compact_adult(frame: "pd.DataFrame") -> dict[str, NDArray[Any]]:
    """Turn the full table into the arrays of the bundled file.

    Args:
        frame: the 48,842 rows, with the 14 features, ``income`` and ``split``.

    Returns:
        ``number_<column>`` raw integers, ``code_<column>`` and ``categories_<column>``, ``group_<column>`` codes stored
        apart (they stay when the feature is dropped), and ``label``.

    Raises:
        DataError: if a column is missing.
    """
    missing = sorted({*NUMERIC, *CATEGORICAL, *LEFT_OUT, LABEL} - {str(name) for name in frame.columns})
    if missing:
        raise DataError(f"the Adult table must have 16 columns; {', '.join(missing)} missing. Use the UCI file.")
    table = frame.drop(columns=list(LEFT_OUT)).drop_duplicates(keep="first")
    arrays: dict[str, NDArray[Any]] = {}
    for name in NUMERIC:
        values = table[name].to_numpy(dtype=np.int64)
        arrays[f"number_{name}"] = values.astype(np.min_scalar_type(values.max()))
    for name in CATEGORICAL:
        categories, codes = np.unique(table[name].to_numpy(dtype=np.str_), return_inverse=True)
        arrays[f"categories_{name}"] = categories
        arrays[f"code_{name}"] = codes.astype(np.uint8)
    for name in GROUPS:
        arrays[f"group_{name}"] = arrays[f"code_{name}"]
    arrays["label"] = (table[LABEL].to_numpy(dtype=np.str_) == POSITIVE).astype(np.uint8)
    return arrays


def standardised_column(values: NDArray[Any]) -> NDArray[np.float64]:
    """Shift and scale a column to zero mean and unit standard deviation (ddof 0)."""
    column = values.astype(np.float64)
    return np.asarray((column - column.mean()) / column.std(), dtype=np.float64)


def one_hot(codes: NDArray[np.integer], n_categories: int) -> NDArray[np.float64]:
    """Return ``(n, n_categories)`` zeros with a one at each record's category."""
    return np.asarray(np.eye(n_categories)[codes], dtype=np.float64)


def adult_features(arrays: Mapping[str, NDArray[Any]], drop: Sequence[str] = ()) -> NDArray[np.float32]:
    """Build the features: five standardised columns, then the categories as 0/1 columns in alphabetical order.

    The 0/1 columns are not standardised: a category that few records have would become a value above 100, and clipped
    training would then see little else of such a record.

    Args:
        arrays: the content of the bundled file.
        drop: raw columns to leave out, each with all of its columns.

    Returns:
        ``(42468, 107)`` float32, fewer columns if some are dropped.

    Raises:
        DataError: if a column to drop does not exist, or none is left.
    """
    known = (*NUMERIC, *CATEGORICAL)
    for name in drop:
        if name not in known:
            raise UnknownNameError(
                f"adult has no column {name!r} to drop; it has {', '.join(known)}.{nearest(name, known)}"
            )
    blocks = [standardised_column(arrays[f"number_{name}"])[:, None] for name in NUMERIC if name not in drop]
    blocks += [
        one_hot(arrays[f"code_{name}"], len(arrays[f"categories_{name}"])) for name in CATEGORICAL if name not in drop
    ]
    if not blocks:
        raise DataError("every column of adult is dropped; keep at least one.")
    return np.hstack(blocks).astype(np.float32)


def load_adult(*, drop: Sequence[str] = ()) -> Dataset:
    """Load the bundled Adult records: does a person earn above 50,000 dollars a year?

    Args:
        drop: raw columns to leave out of the features; the groups ``race`` and ``sex`` stay.

    Returns:
        42,468 distinct records with 107 features, classes ``<=50K`` and ``>50K``, groups ``race`` and ``sex``.

    Raises:
        DataError: if a column to drop does not exist.
    """
    with as_file(files("privaudit.data") / "adult.npz") as path, np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored.items())
    rows = np.arange(len(arrays["label"]))
    return Dataset(
        name="adult",
        features=adult_features(arrays, drop),
        labels=arrays["label"].astype(np.int64),
        record_ids=rows.astype(np.str_),
        groups={name: arrays[f"categories_{name}"][arrays[f"group_{name}"]] for name in GROUPS},
        class_names=("<=50K", POSITIVE),
        row=rows,
    )


def rebuild(parquet: Path, out: Path) -> None:
    """Write the bundled file from the full table.

    Args:
        parquet: the UCI table as a Parquet file.
        out: the ``.npz`` file to write.
    """
    import pandas as pd

    arrays: dict[str, Any] = {**compact_adult(pd.read_parquet(parquet))}
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m privaudit.data.adult PARQUET OUT.npz")
    rebuild(Path(sys.argv[1]), Path(sys.argv[2]))
