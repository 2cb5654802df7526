"""Arrays in safetensors files: no pickle, nothing runs on reading."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from privaudit.errors import CorruptStoreError, StoreError
from privaudit.store.atomic import write_bytes

_DAMAGED = (
    "{path} is damaged or truncated ({error}). Delete this file and run the same command again; only it is made anew."
)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays, whole or not at all.

    Args:
        path: the file.
        arrays: name -> array; the order of the names does not change the bytes.

    Raises:
        StoreError: if the folder cannot be written to.
    """
    ordered = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    write_bytes(path, save(ordered))


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read named arrays.

    Args:
        path: the file.

    Raises:
        StoreError: if it is missing.
        CorruptStoreError: if it is damaged or truncated.
    """
    try:
        return dict(load(path.read_bytes()))
    except FileNotFoundError:
        raise StoreError(f"{path}: no such file. Run the audit again; finished models are kept.") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror or error}). Make it readable.") from None
    except (SafetensorError, ValueError, KeyError) as error:
        raise CorruptStoreError(_DAMAGED.format(path=path, error=_one_line(error))) from None


def check_whole(path: Path) -> None:
    """Read a file's header and refuse one whose data are cut short; the data are not read.

    Raises:
        CorruptStoreError: if it is damaged or truncated.
    """
    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise CorruptStoreError(_DAMAGED.format(path=path, error=_one_line(error))) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def text_to_array(text: str) -> NDArray[np.uint8]:
    """Return a text's UTF-8 bytes as an array, for names that must travel with arrays.

    >>> array_to_text(text_to_array("né"))
    'né'
    """
    return np.frombuffer(text.encode("utf-8"), dtype=np.uint8)


def array_to_text(array: NDArray[np.uint8]) -> str:
    """Return the text that `text_to_array` stored."""
    return array.tobytes().decode("utf-8")
