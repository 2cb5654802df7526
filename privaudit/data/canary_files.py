"""The file of coins: readable by its owner alone, and refused where keys and coins are not what was written."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from privaudit.data.canary_coins import CanaryCoins
from privaudit.errors import ConfigError, DataError, StoreError

FORMAT = "privaudit-canary-coins-1"
OPENING = f'{{"format": "{FORMAT}"'.encode()  # of every coins file
SECRET = 0o600
LONGEST_KEY = 200  # characters; arrays of text are as wide as the longest


def write_coins(path: Path, coins: CanaryCoins) -> None:
    """Write coins to a JSON file that only its owner can read, whole or not at all.

    Args:
        path: where the file goes; its folder must exist.
        coins: of the canaries.

    Raises:
        StoreError: if the folder is missing or cannot be written to.
    """
    content = {
        "format": FORMAT,
        "keys": coins.keys.tolist(),
        "is_in": coins.is_in.tolist(),
        "digest": coins.digest,
    }
    write_whole(path, (json.dumps(content) + "\n").encode("ascii"), mode=SECRET)


def read_coins(path: Path) -> CanaryCoins:
    """Read coins and check that they are what was written.

    Args:
        path: a file of `write_coins`.

    Raises:
        ConfigError: if there is no such file.
        DataError: if it cannot be read, is damaged, or is something else; says which.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file. `privaudit canaries insert` writes the coins.", key="coins")
    content = _content(path)
    keys, is_in = _checked(path, content)
    try:
        coins = CanaryCoins(keys=np.array(keys, dtype=np.str_), is_in=np.array(is_in))
    except DataError as error:
        raise _damaged(path, str(error).rstrip(".")) from None
    if coins.digest != content["digest"]:
        raise _damaged(path, "keys and coins do not match its digest")
    return coins


def _content(path: Path) -> Any:
    try:
        written = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: the coins cannot be read ({error.strerror or error}). Only the user who inserted the canaries may."
        ) from None
    try:
        return json.loads(written)
    except (ValueError, RecursionError, MemoryError) as error:
        if written[: len(OPENING)] == OPENING[: len(written)]:
            raise _damaged(path, " ".join(str(error).split())) from None
        raise _something_else(path) from None


def _checked(path: Path, content: Any) -> tuple[list[str], list[int]]:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _something_else(path)
    keys, is_in, digest = (content.get(name) for name in ("keys", "is_in", "digest"))
    if not isinstance(keys, list) or not isinstance(is_in, list) or not isinstance(digest, str) or not keys:
        raise _damaged(path, "keys, is_in or digest is missing")
    if not all(isinstance(key, str) and 0 < len(key) <= LONGEST_KEY for key in keys):
        raise _damaged(path, f"keys must be texts of 1 to {LONGEST_KEY} characters")
    if len(keys) != len(is_in) or not all(type(coin) is int and coin in (0, 1) for coin in is_in):
        raise _damaged(path, "is_in must hold a 0 or 1 for each key")
    return keys, is_in


def _something_else(path: Path) -> DataError:
    return DataError(
        f"{path}: this is no coins file of `privaudit canaries insert` (format {FORMAT}). Give the file that its --coins "
        "named."
    )


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path}: the coins file is damaged ({reason}). Restore it: without its coins nothing can be said."
    )


def write_whole(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file under a temporary name, then rename it.

    Args:
        path: where the file goes; its folder must exist.
        content: the bytes.
        mode: permissions, less the system's mask.

    Raises:
        StoreError: if the folder is missing or cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"cannot write {path}: {reason}. Choose a folder that can be written to.") from error
    finally:
        with contextlib.suppress(OSError):  # nothing to clean up, and the first error is the one to report
            temporary.unlink(missing_ok=True)
