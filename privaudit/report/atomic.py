"""Whole files or none."""

import os
from pathlib import Path

from privaudit.errors import StoreError


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name, then rename it: a reader sees the old file or the new one.

    Args:
        path: where the file goes; its folder must exist.
        text: the content, written as UTF-8 with ``\\n`` line ends on every system.

    Raises:
        StoreError: if the folder is missing or cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(text.encode("utf-8"))
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}. Choose a folder that can be written to.") from error
    finally:
        temporary.unlink(missing_ok=True)
