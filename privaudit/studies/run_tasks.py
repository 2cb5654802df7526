"""Independent tasks of a study, on worker processes or in this one, with the same results."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypeVar

from privaudit.config import EngineConfig
from privaudit.interfaces import Progress, ProgressHook
from privaudit.training.executors import make_executor
from privaudit.training.randomness import one_thread

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: int | Literal["auto"] = "auto",
    progress: ProgressHook | None = None,
    stage: str,
    unit: str = "audits",
) -> list[Result]:
    """Run a function on every task, torch on one thread each.

    Args:
        function: sent to each worker once; it may hold large arrays, a task should not.
        tasks: one call each.
        workers: processes, ``auto`` = one per core, 1 = in this process.
        progress: called after each task.
        stage: what progress calls the work.
        unit: what progress counts.

    Returns:
        the results in the order of the tasks, whichever came first.

    Raises:
        TrainingError: if a worker died twice of one task; else whatever the function raises.
    """
    executor = make_executor(EngineConfig(kind="inline" if workers == 1 else "process", workers=workers))
    found: dict[int, Result] = {}
    _tell(progress, stage, unit, 0, len(tasks))
    try:
        for place, result in executor.map(partial(_on_one_thread, function), list(enumerate(tasks))):
            found[place] = result
            _tell(progress, stage, unit, len(found), len(tasks))
    finally:
        executor.close()
    return [found[place] for place in range(len(tasks))]


def _on_one_thread(function: Callable[[Task], Result], task: tuple[int, Task]) -> tuple[int, Result]:
    place, own = task
    with one_thread():
        return place, function(own)


def _tell(progress: ProgressHook | None, stage: str, unit: str, done: int, total: int) -> None:
    if progress is not None:
        progress(Progress(stage=stage, done=done, total=total, unit=unit))
