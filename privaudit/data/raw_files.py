"""Files as they are: no cell encoded, no array converted."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.files import DAMAGE
from privaudit.data.score_layout import SEMICOLON, listed
from privaudit.errors import DataError
from privaudit.validate import nearest


def read_text_table(path: Path) -> dict[str, NDArray[Any]]:
    """Read a csv table with a header line, every cell as the text it is.

    Args:
        path: the file.

    Returns:
        name -> ``(n,)`` objects of type ``str``, in the order of the file.

    Raises:
        DataError: if it is no table, is not separated by commas, has two columns of one name, or no rows.
    """
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row longer than the header would lose a value
            how: dict[str, Any] = {"skipinitialspace": True, "dtype": str, "keep_default_na": False}
            table = pd.read_csv(path, index_col=False, **how)
            names = pd.read_csv(path, header=None, nrows=1, **how).iloc[0].tolist()
    except (*DAMAGE, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: no readable csv table ({reason}). {_way_out(path)}") from None
    double = sorted({name for name in names if names.count(name) > 1})
    if double:  # pandas would give them other names, and the file would come back changed
        raise DataError(
            f"{path}: columns {', '.join(double)} stand in the header more than once. Name each differently."
        )
    if table.empty:
        raise DataError(f"{path}: the table has no rows. It needs a header line and one line per record.")
    return {str(name): table[name].to_numpy(dtype=object) for name in table.columns}


def _way_out(path: Path) -> str:
    with path.open("rb") as file:
        header = file.readline()
    if b";" in header and b"," not in header:  # with decimal commas rows seem longer than their header
        return f"In its header, {SEMICOLON}"
    return "Save it as UTF-8 with a header line."


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read a NumPy archive.

    Args:
        path: the file.

    Raises:
        DataError: if it is damaged, or holds objects.
    """
    try:
        # Opened here: np.load leaves the file open when it fails.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored.items())
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        if "pickle" in reason:  # NumPy's advice is to load such files nevertheless
            reason = "it holds objects, or something else than arrays"
        raise DataError(
            f"{path}: no readable .npz archive ({reason}). Write it with numpy.savez, no objects."
        ) from None


def check_there(path: Path, names: tuple[str, ...], known: dict[str, NDArray[Any]]) -> None:
    """Refuse a file that lacks a column or an array.

    Args:
        path: the file, for the message.
        names: what is needed.
        known: what is there.

    Raises:
        DataError: names both.
    """
    for name in names:
        if name not in known:
            raise DataError(f"{path}: no {name!r}.{nearest(name, known)} {listed(list(known))}")
