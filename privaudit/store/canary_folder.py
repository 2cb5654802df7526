"""Where a canary audit keeps what was played: one file per group of runs, whole or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import CorruptStoreError
from privaudit.store.tensors import load_arrays, save_arrays

ARRAYS = ("numbers", "scores", "is_in", "projections", "sampled", "idle_noise")


@dataclass(frozen=True, slots=True)
class PlayedFolder:
    """Files of the groups of one game.

    Attributes:
        path: the audit's folder.
        stem: ``group``, or ``control`` for the game without noise.
    """

    path: Path
    stem: str

    def file(self, group: int) -> Path:
        """The file of one group."""
        return self.path / "played" / f"{self.stem}-{group:05d}.safetensors"

    def missing(self, groups: Iterable[int]) -> list[int]:
        """Those groups that are still to be played."""
        return [group for group in groups if not self.file(group).exists()]

    def write(self, group: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Store what a group gave."""
        path = self.file(group)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_arrays(path, arrays)

    def read(self, groups: Iterable[int]) -> dict[str, NDArray[Any]]:
        """Return scores and coins of groups in their order, and what only the first run of the first group keeps.

        Args:
            groups: at least one, the first of the game first.

        Raises:
            StoreError: if a file is missing.
            CorruptStoreError: if a file is damaged.
        """
        parts = [self._part(group) for group in groups]
        joined: dict[str, NDArray[Any]] = {
            name: np.concatenate([part[name] for part in parts]) for name in ("numbers", "scores", "is_in")
        }
        return joined | {name: parts[0][name] for name in ("projections", "sampled", "idle_noise")}

    def _part(self, group: int) -> dict[str, NDArray[Any]]:
        path = self.file(group)
        part = load_arrays(path)
        if not part.keys() >= set(ARRAYS) or part["scores"].shape != part["is_in"].shape:
            raise CorruptStoreError(f"{path} holds no played runs. Delete this file and run the same command again.")
        return part
