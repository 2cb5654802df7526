"""Tasks on Ray: the cores and GPUs of this machine, or of a cluster."""

import importlib
import logging
import os
import socket
import sys
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from privaudit.errors import UnsupportedError
from privaudit.interfaces import Result, Task
from privaudit.training.process_executor import TRIES, remove_empty_logs, result_of_lost
from privaudit.training.worker_loop import SentFunction, packed, result_of, send_output_to
from privaudit.training.worker_process import worker_environment

CONNECT_SECONDS = 5.0
_functions: dict[str, SentFunction] = {}  # in a Ray worker: the function of the current map


@dataclass(slots=True)
class RayExecutor:
    """Ray tasks; a task whose worker or node died is tried once more, and the others go on.

    Tasks leave their files in the audit's folder. On a cluster that folder must lie on storage that all nodes share
    under the same path, and all nodes need the same Python environment, with privaudit in it.

    Attributes:
        workers: most tasks in flight.
        address: a running cluster's (``host:port``, or ``auto``); ``None`` starts a Ray on this machine.
        gpus_per_worker: share of a GPU that each task holds.
        logs: folder for what the workers print; ``None`` = Ray's own logs.

    Source: Moritz et al. (2018), "Ray: A distributed framework for emerging AI applications", OSDI.
    """

    name: ClassVar[str] = "ray"
    workers: int
    address: str | None = None
    gpus_per_worker: float = 0.0
    logs: Path | None = None
    _leave: Callable[[], None] | None = field(default=None, init=False, repr=False, compare=False)

    def map(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        lost: Callable[[Task, str], Result] | None = None,
    ) -> Iterator[Result]:
        """Yield results as they come; a closed generator, an interrupt or an error cancels what is in flight.

        Args:
            function: goes into Ray's object store once.
            tasks: small values.
            lost: makes the result of a task, with the reason in one line, when a second worker died of it.

        Raises:
            UnsupportedError: if Ray is not installed, or has too few GPUs.
            TrainingError: if a task was lost and ``lost`` is None; else whatever the function raises.
        """
        ray = self._connected()
        submit = self._submitter(ray, function)
        flying: dict[Any, tuple[Task, int]] = {}
        waiting = iter(tasks)
        try:
            flying.update({submit(task): (task, 1) for task in islice(waiting, self.workers)})
            while flying:
                (done,), _ = ray.wait(list(flying), num_returns=1)
                task, tries = flying.pop(done)
                try:
                    result = result_of(ray.get(done))
                except ray.exceptions.RayError as death:  # a task's own error is raised by result_of
                    if tries < TRIES:
                        flying[submit(task)] = (task, tries + 1)
                        continue
                    result = result_of_lost(task, self._reason(death), lost)
                flying.update({submit(task): (task, 1) for task in islice(waiting, 1)})
                yield result
        finally:
            for reference in flying:
                ray.cancel(reference, force=True)

    def close(self) -> None:
        """Leave Ray, and end it if it was started here; logs that hold nothing are removed."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        remove_empty_logs(self.logs)

    def _connected(self) -> Any:
        """Start or join Ray, unless the caller's program did."""
        ray = _ray()
        if not ray.is_initialized():
            keys: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
            if self.address is None:
                os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
                keys |= {"num_cpus": self.workers, "include_dashboard": False}
            _check_reachable(self.address)
            try:
                with _quiet():
                    ray.init(address=self.address or "local", **keys)
            except (ValueError, RuntimeError, OSError) as error:
                raise _no_ray(self.address, error) from error
            self._leave = partial(_shut_down, ray, _messages_to_stderr())
        found = ray.cluster_resources().get("GPU", 0.0)
        if found < self.gpus_per_worker:  # Ray itself would wait for one without a word
            where = "on this machine" if self.address is None else f"at {self.address}"
            raise UnsupportedError(
                f"engine.gpus_per_worker is {self.gpus_per_worker:g}, and Ray found {found:g} GPUs {where}. "
                "Use --device cpu, or the address of a cluster that has some."
            )
        return ray

    def _submitter(self, ray: Any, function: Callable[[Task], Result]) -> Callable[[Task], Any]:
        """Return a function that sends a task off and returns Ray's reference to its result."""
        content = ray.put(packed(function))
        token, logs = uuid.uuid4().hex, None if self.logs is None else self.logs.resolve()
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
        remote = ray.remote(answer_in_ray).options(
            num_cpus=1,
            num_gpus=self.gpus_per_worker,
            max_retries=0,  # retries are counted here: Ray's own have no end where memory runs out
            runtime_env={"env_vars": worker_environment()},
        )
        # inside a list Ray leaves the reference as it is: it is read by a worker that does not know the function yet
        return lambda task: remote.remote(token, [content], packed(task), logs)

    def _reason(self, death: Exception) -> str:
        text = " ".join(str(death).split())
        short = text if len(text) <= 200 else text[:200] + "..."
        return f"{type(death).__name__}: {short}" + (f"; logs: {self.logs.resolve()}" if self.logs is not None else "")


def answer_in_ray(token: str, content: list[Any], task: bytes, logs: Path | None) -> bytes:
    """Run a packed task in a Ray worker, which keeps the function for the tasks to come.

    Args:
        token: tells functions apart.
        content: Ray's reference to the packed function.
        task: packed.
        logs: folder for what is printed.
    """
    if token not in _functions:
        _functions.clear()
        # unpacked here and not by Ray, whose arrays are read-only
        _functions[token] = SentFunction(_ray().get(content[0]))
    with _output_in(logs):
        return _functions[token].answer(task)


@contextmanager
def _output_in(logs: Path | None) -> Iterator[None]:
    """Ray writes lines of its own to a worker's stdout before each task: they stay in Ray's log."""
    if logs is None:
        yield
        return
    before = os.dup(1), os.dup(2)
    send_output_to(logs / f"worker-{socket.gethostname()}-{os.getpid()}.log")
    try:
        yield
    finally:
        sys.stdout.flush()
        for saved, stream in zip(before, (1, 2), strict=True):
            os.dup2(saved, stream)
            os.close(saved)


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise UnsupportedError("engine.kind ray needs the extra: pip install 'privaudit[ray]'") from None


def _check_reachable(address: str | None) -> None:
    """Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_ray(address, error) from error


def _no_ray(address: str | None, error: Exception) -> UnsupportedError:
    reason = " ".join(str(error).split())[:160]
    where = "on this machine" if address is None else f"at engine.address {address}"
    return UnsupportedError(
        f"Ray cannot be used {where}: {reason.rstrip('.')}. Give host:port of a running cluster, or remove engine.address "
        "to start one here."
    )


def _messages_to_stderr() -> Callable[[], None]:
    """Ray prints what its daemons have to say on stdout, which is for results; return what undoes the change."""
    module, name = importlib.import_module("ray._private.worker"), "print_to_stdstream"
    original = getattr(module, name, None)
    if original is None:
        return lambda: None
    setattr(module, name, lambda data, *args, **keys: original({**data, "is_err": True}, *args, **keys))
    return partial(setattr, module, name, original)


def _shut_down(ray: Any, undo: Callable[[], None]) -> None:
    with _quiet():
        ray.shutdown()
    undo()


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray's remarks about its own changes and open files concern no one here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
