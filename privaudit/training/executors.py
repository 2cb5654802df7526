"""Where trainings run; the same tasks give the same bytes on every executor."""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from privaudit.errors import TrainingError
from privaudit.interfaces import Executor, Result, Task

WATCH, WATCH_SECONDS = "privaudit-parent-watch", 0.5


@dataclass(frozen=True, slots=True)
class InlineExecutor:
    """One task after the other in this process."""

    name: ClassVar[str] = "inline"
    workers: int = 1

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield results in the order of the tasks."""
        return map(function, tasks)


@dataclass(frozen=True, slots=True)
class ProcessExecutor:
    """Worker processes (joblib's loky), one thread each.

    Attributes:
        workers: number of processes.
    """

    name: ClassVar[str] = "process"
    workers: int

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield results as they come; a closed generator or an interrupt ends the workers."""
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky import BrokenProcessPool, get_reusable_executor

        with parallel_config(backend="loky", inner_max_num_threads=1):
            parallel = Parallel(n_jobs=self.workers, return_as="generator_unordered", batch_size=1)
            work = partial(_in_worker, function, os.getpid())
            results = parallel(delayed(work)(task) for task in tasks)
        finished = False
        try:
            for result in results:  # noqa: UP028 - `yield from` would close joblib's generator outside of the finally
                yield result
            finished = True
        except BrokenProcessPool as error:
            raise TrainingError(
                "a worker process died (out of memory, or killed). Finished models are kept: run the same command "
                "again, with fewer --workers or with --engine inline."
            ) from error
        finally:
            # what is in flight after an interrupt is lost on purpose; finished files are on disk already
            if not finished:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # joblib's remark that tasks were cancelled
                    results.close()
                    # reuse=True: with other arguments loky would first wait for every running task
                    get_reusable_executor(reuse=True, kill_workers=True).shutdown(wait=False, kill_workers=True)


def _in_worker(function: Callable[[Task], Result], parent: int, task: Task) -> Result:
    """Run a task in a worker that ends with its parent, however that ended."""
    if os.getppid() == parent and not any(thread.name == WATCH for thread in threading.enumerate()):
        threading.Thread(target=_end_with_parent, args=(parent,), name=WATCH, daemon=True).start()
    return function(task)


def _end_with_parent(parent: int) -> None:
    """Leave at once when the parent is gone (killed): files are written whole or not at all, so nothing breaks."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def available_cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_executor(kind: str, workers: int | str, *, device_type: str = "cpu") -> Executor:
    """Build an executor.

    Args:
        kind: ``inline`` or ``process``.
        workers: a number, or ``auto``: one per core on the CPU, one on an accelerator.
        device_type: where the models are trained.
    """
    count = (available_cores() if device_type == "cpu" else 1) if workers == "auto" else int(workers)
    return InlineExecutor() if kind == "inline" else ProcessExecutor(workers=count)
