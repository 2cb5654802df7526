"""Whole files or none."""

import contextlib
import os
from pathlib import Path

from privaudit.errors import StoreError


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it: a reader sees the old file or the new one.

    Args:
        path: where the file goes; its folder must exist.
        content: the bytes.

    Raises:
        StoreError: if the folder is missing or cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"cannot write {path}: {reason}. Choose a folder that can be written to.") from error
    finally:
        with contextlib.suppress(OSError):  # nothing to clean up, and the first error is the one to report
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    r"""Write a UTF-8 file with ``\n`` line ends on every system, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))
