"""What a training step of stacked models needs in memory, by watching one."""

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from privaudit.training.groups import StepMemory

FEW, MORE = 4, 8  # records per model in the two steps that are compared
SHRINK = 2  # watched in float64, trained in float32


class _PeakBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all storages that are alive at once and were made under it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._alive = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor):
                self._count(value.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self._alive += size
            self.peak = max(self.peak, self._alive)
            weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._alive -= size


@contextmanager
def _without_collector() -> Iterator[None]:
    """Garbage collected at some moment or other would make the figure depend on what the process did before."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def step_memory(step: Callable[[torch.Tensor], None], n_models: int, n_records: int) -> StepMemory:
    """Watch two steps of different sizes, and tell what a model and what a record take.

    Args:
        step: computes gradients in float64 for ``(n_models, width)`` records.
        n_models: models in it.
        n_records: records to choose from; they are repeated where they are few.
    """
    peaks = []
    for width in (FEW, MORE):
        rows = (torch.arange(n_models * width) % n_records).view(n_models, width)
        with _without_collector(), _PeakBytes() as seen:
            step(rows)
        peaks.append(seen.peak // n_models // SHRINK)
    per_record = max(1, (peaks[1] - peaks[0]) // (MORE - FEW))
    return StepMemory(per_model=max(0, peaks[0] - FEW * per_record), per_record=per_record)
