"""What runs inside a worker: functions and tasks come as bytes, answers go back as bytes."""

import contextlib
import faulthandler
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from privaudit.errors import TrainingError

WATCH, WATCH_SECONDS = "privaudit-parent-watch", 0.5
FUNCTION, TASK = b"function", b"task"


def packed(value: Any) -> bytes:
    """Pickle anything that a worker can use, functions of a user's script included."""
    from joblib.externals.loky.backend.reduction import dumps

    return bytes(dumps(value))


class SentFunction:
    """A function as it came over the wire; it is unpacked once, by the first task."""

    def __init__(self, content: bytes) -> None:
        """Keep the bytes: an error on unpacking belongs to a task, which can report it."""
        self._content = content
        self._function: Callable[[Any], Any] | None = None

    def answer(self, task: bytes) -> bytes:
        """Run a packed task; return its result, or what it raised, packed."""
        try:
            if self._function is None:
                self._function = pickle.loads(self._content)
                self._content = b""
            return packed((True, self._function(pickle.loads(task))))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised again where the task came from
            return _packed_error(error)


def _packed_error(error: BaseException) -> bytes:
    """Not every exception survives pickling: what does not goes as text."""
    error.add_note("In a worker process:\n" + "".join(traceback.format_exception(error)))
    try:
        content = packed((False, error))
        pickle.loads(content)
    except Exception:  # noqa: BLE001 - __reduce__ and __init__ of a user's exception may raise anything
        return packed((False, TrainingError(f"{type(error).__name__}: {' '.join(str(error).split())}")))
    return content


def result_of(answer: bytes) -> Any:
    """Return the result in an answer, or raise what the task raised."""
    succeeded, value = pickle.loads(answer)
    if not succeeded:
        raise value
    return value


def serve(connection: Connection, parent: int, log: Path | None) -> None:
    """Answer tasks until the parent hangs up or is gone.

    Args:
        connection: to the parent; messages come in pairs of a kind and its content.
        parent: process id of the parent.
        log: file for everything that is printed; ``None``: stderr, since stdout is for results.
    """
    _leave_interrupts_to_the_parent()
    send_output_to(log)
    threading.Thread(target=_end_with_parent, args=(parent,), name=WATCH, daemon=True).start()
    function: SentFunction | None = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            kind, content = connection.recv_bytes(), connection.recv_bytes()
            if kind == FUNCTION:
                function = None  # the old function's arrays go before the new ones come
                function = SentFunction(content)
            else:
                assert function is not None
                connection.send_bytes(function.answer(content))


def serve_and_end(connection: Connection, parent: int, log: Path | None) -> None:
    """Be a worker process: see `serve`.

    The interpreter's own way out takes a second with torch loaded, and the parent waits for it.
    """
    serve(connection, parent, log)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches the whole group: the parent ends its workers, which need print no traceback of their own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def send_output_to(log: Path | None) -> None:
    """Append what this process prints, native code included, to a file, or to stderr."""
    sys.stdout.flush()
    if log is not None:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, 2)
        os.close(file)
    os.dup2(2, 1)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # a killed process flushes nothing
    faulthandler.enable(file=2)


def _end_with_parent(parent: int) -> None:
    """Leave at once when the parent is gone (killed): files are written whole or not at all, so nothing breaks."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)
