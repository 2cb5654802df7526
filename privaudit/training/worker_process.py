"""One worker process, seen from its parent."""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from privaudit.training.worker_loop import FUNCTION, TASK, result_of, serve_and_end

POLL_SECONDS = 1.0
LAST_SECONDS = 10.0  # for what a process still does once it has hung up: a core dump, the end of its threads
ENVIRONMENT = {
    # one thread per worker: the same sums in the same order, and no fight for the cores
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # glibc would give big blocks back to the kernel in each step and fetch them again, zeroed
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
}
CAUSES = {
    signal.SIGKILL: "out of memory, or killed",
    signal.SIGSEGV: "native code crashed",
    signal.SIGABRT: "native code gave up",
}


def worker_environment() -> dict[str, str]:
    """Variables that a worker starts with, less those that the user set."""
    return {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}


class WorkerDied(Exception):
    """A worker ended before it answered; the text says why."""


class WorkerProcess:
    """A process that answers one task at a time.

    Args:
        log: file for what it prints; ``None`` = stderr.
    """

    def __init__(self, log: Path | None) -> None:
        """Start the process; it needs no guard around the user's script (joblib's loky does not import it)."""
        from joblib.externals.loky.backend import get_context

        context = get_context("loky")
        self._log = log
        self._function = 0
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve_and_end, args=(theirs, os.getpid(), log), env=worker_environment(), daemon=False
        )
        with theirs, _interrupts_blocked():
            self._process.start()

    def give(self, number: int, function: bytes, task: bytes) -> None:
        """Send a task, preceded by its function where that is new here; a dead worker is noticed by `take`.

        Args:
            number: tells functions apart; from 1.
            function: packed.
            task: packed.
        """
        with contextlib.suppress(OSError):
            if self._function != number:
                self.connection.send_bytes(FUNCTION)
                self.connection.send_bytes(function)
                self._function = number
            self.connection.send_bytes(TASK)
            self.connection.send_bytes(task)

    def take(self) -> Any:
        """Return the result of the task.

        Raises:
            WorkerDied: if the process ended; else whatever the task raised.
        """
        try:
            if self.has_ended and not self.connection.poll():  # a grandchild may hold the line
                raise EOFError
            answer = self.connection.recv_bytes()
        except (EOFError, OSError):
            raise WorkerDied(self._cause_of_death()) from None
        return result_of(answer)

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.exitcode is not None

    def hang_up(self) -> None:
        """Tell an idle process to end."""
        self.connection.close()

    def wait(self) -> None:
        """Wait for the process's end, and force it when it takes too long."""
        self._process.join(LAST_SECONDS)
        if not self.has_ended:
            self.kill()

    def kill(self) -> None:
        """End the process at once."""
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            self._process.join(LAST_SECONDS)
        self.connection.close()

    def _cause_of_death(self) -> str:
        self._process.join(LAST_SECONDS)
        code = self._process.exitcode
        if code is None:
            return "it no longer answers"
        if code >= 0:
            return f"exit code {code}: the code it ran ended it"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else "signal"
        cause = {int(number): text for number, text in CAUSES.items()}.get(-code)
        return f"{name}({code})" + (f": {cause}" if cause else "")


def ready(workers: Sequence[WorkerProcess]) -> list[WorkerProcess]:
    """Wait until one of several busy workers has answered or ended."""
    while True:
        heard = set(wait([worker.connection for worker in workers], timeout=POLL_SECONDS))
        found = [worker for worker in workers if worker.connection in heard or worker.has_ended]
        if found:
            return found


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A process inherits the mask: Ctrl-C cannot hit it in its first imports, which would print a traceback."""
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend.resource_tracker import ensure_running

    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    ensure_running()  # the start of either tracker would lift the mask
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
