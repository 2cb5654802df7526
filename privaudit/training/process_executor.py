"""Tasks on worker processes of this machine."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import util
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple

from privaudit.errors import TrainingError
from privaudit.interfaces import Result, Task
from privaudit.training.worker_loop import packed
from privaudit.training.worker_process import WorkerDied, WorkerProcess, ready

TRIES = 2  # a worker may be killed for its neighbour's appetite; what kills two is the task's own fault


class _Sent(NamedTuple, Generic[Task]):
    """A task on its way."""

    task: Task
    tries: int = 1


@dataclass(slots=True, weakref_slot=True)
class ProcessExecutor:
    """Worker processes with one task each; a dead one is replaced, and the others go on.

    Workers are kept for the next `map`, and end with `close`, with this object, or with this process.

    Attributes:
        workers: number of processes.
        logs: folder for what they print, a file ``worker-N.log`` each; ``None`` = stderr.
    """

    name: ClassVar[str] = "process"
    workers: int
    logs: Path | None = None
    _pool: list[WorkerProcess] = field(default_factory=list, init=False, repr=False, compare=False)
    _is_busy: bool = field(default=False, init=False, repr=False, compare=False)
    _functions: Iterator[int] = field(default_factory=lambda: itertools.count(1), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Leave no process behind, however this object ends."""
        util.Finalize(self, _kill_all, args=(self._pool, self.logs), exitpriority=10)

    def map(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        lost: Callable[[Task, str], Result] | None = None,
    ) -> Iterator[Result]:
        """Yield results as they come; a closed generator, an interrupt or an error ends the workers at once.

        Args:
            function: is sent to each worker once.
            tasks: small values; one that its worker died of is tried once more on a fresh worker.
            lost: makes the result of a task, with the reason in one line, when that worker died as well.

        Raises:
            TrainingError: if a task was lost and ``lost`` is None; else whatever the function raises.
        """
        if self._is_busy:
            raise TrainingError("an executor runs one map at a time; exhaust or close the first one's results.")
        self._is_busy, finished = True, False
        try:
            yield from self._results((next(self._functions), packed(function)), tasks, lost)
            finished = True
        finally:
            self._is_busy = False
            # what is in flight after an interrupt is lost on purpose; finished files are on disk already
            if not finished:
                _kill_all(self._pool, self.logs)

    def close(self) -> None:
        """End the workers; logs that hold nothing are removed."""
        for worker in self._pool:
            worker.hang_up()
        for worker in self._pool:
            worker.wait()
        self._pool.clear()
        remove_empty_logs(self.logs)

    def _results(
        self,
        function: tuple[int, bytes],
        tasks: Iterable[Task],
        lost: Callable[[Task, str], Result] | None,
    ) -> Iterator[Result]:
        waiting = iter(tasks)
        first = list(itertools.islice(waiting, self.workers))
        self._fill(len(first))
        busy: dict[int, _Sent[Task]] = {}

        def send(slot: int, *, task: Task, tries: int = 1) -> None:
            self._pool[slot].give(*function, packed(task))
            busy[slot] = _Sent(task, tries)

        for slot, task in enumerate(first):
            send(slot, task=task)
        while busy:
            heard = ready([self._pool[slot] for slot in busy])
            for slot in [slot for slot in busy if self._pool[slot] in heard]:
                sent = busy.pop(slot)
                try:
                    result = self._pool[slot].take()
                except WorkerDied as death:
                    reason = self._replace(slot, str(death))
                    if sent.tries < TRIES:
                        send(slot, task=sent.task, tries=sent.tries + 1)
                        continue
                    result = result_of_lost(sent.task, reason, lost)
                for task in itertools.islice(waiting, 1):
                    send(slot, task=task)
                yield result

    def _fill(self, n_workers: int) -> None:
        """Start what is missing, all before any gets its function, so that they start side by side."""
        for slot, worker in enumerate(self._pool):
            if worker.has_ended:
                self._replace(slot, "")
        while len(self._pool) < n_workers:
            self._pool.append(WorkerProcess(self._log(len(self._pool))))

    def _replace(self, slot: int, death: str) -> str:
        """Put a fresh worker in a dead one's place; return why that died, with its log where it left one."""
        self._pool[slot].kill()
        log = self._log(slot)
        self._pool[slot] = WorkerProcess(log)
        return f"{death}; log: {log}" if log is not None and log.exists() and log.stat().st_size else death

    def _log(self, slot: int) -> Path | None:
        if self.logs is None:
            return None
        self.logs.mkdir(parents=True, exist_ok=True)
        return self.logs.resolve() / f"worker-{slot + 1}.log"


def result_of_lost(task: Task, reason: str, lost: Callable[[Task, str], Result] | None) -> Result:
    """Make the result of a task that killed its workers, or raise.

    Args:
        task: the task.
        reason: how the last of them died.
        lost: see `ProcessExecutor.map`.

    Raises:
        TrainingError: if ``lost`` is None.
    """
    if lost is not None:
        return lost(task, f"its worker died twice ({reason})")
    raise TrainingError(
        f"a worker process died twice of one task ({reason}). Finished models are kept: run the same command "
        "again, with fewer --workers or with --engine inline."
    )


def remove_empty_logs(logs: Path | None) -> None:
    """Remove the logs of workers that printed nothing, and the folder if it is empty then."""
    if logs is None or not logs.exists():
        return
    for path in logs.glob("worker-*.log"):
        with contextlib.suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()
    with contextlib.suppress(OSError):
        logs.rmdir()


def _kill_all(pool: list[WorkerProcess], logs: Path | None) -> None:
    for worker in pool:
        worker.kill()
    pool.clear()
    remove_empty_logs(logs)
