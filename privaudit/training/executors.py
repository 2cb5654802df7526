"""Where trainings run; the same tasks give the same bytes on every executor."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from privaudit.config import EngineConfig
from privaudit.errors import ConfigError
from privaudit.interfaces import Executor, Result, Task
from privaudit.training.process_executor import ProcessExecutor
from privaudit.training.ray_executor import RayExecutor


@dataclass(frozen=True, slots=True)
class InlineExecutor:
    """One task after the other in this process."""

    name: ClassVar[str] = "inline"
    workers: int = 1

    def map(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        lost: Callable[[Task, str], Result] | None = None,
    ) -> Iterator[Result]:
        """Yield results in the order of the tasks; nothing is retried, since what kills a task kills this process."""
        return map(function, tasks)

    def close(self) -> None:
        """Nothing runs."""


def available_cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_executor(engine: EngineConfig, *, device_type: str = "cpu", logs: Path | None = None) -> Executor:
    """Build an executor; the caller closes it.

    Args:
        engine: the config's ``engine``; ``workers: auto`` is one per core on the CPU, one on an accelerator.
        device_type: where the models are trained: ``cpu``, ``cuda`` or ``mps``.
        logs: folder for what workers print; ``None`` = stderr.

    Raises:
        ConfigError: if GPUs are asked for and the models are trained elsewhere.
    """
    if engine.gpus_per_worker is not None and device_type != "cuda":
        raise ConfigError(
            f"engine.gpus_per_worker is for device cuda; the models are trained on {device_type}. Remove it.",
            key="engine.gpus_per_worker",
        )
    if engine.kind == "inline":
        return InlineExecutor()
    workers = (available_cores() if device_type == "cpu" else 1) if engine.workers == "auto" else engine.workers
    if engine.kind == "process":
        return ProcessExecutor(workers, logs)
    gpus = (engine.gpus_per_worker or 1.0) if device_type == "cuda" else 0.0
    return RayExecutor(workers, engine.address, gpus, logs)
