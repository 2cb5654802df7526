"""The folder of one audit: where each file lies, and which are done."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import StoreError
from privaudit.store.atomic import write_text
from privaudit.store.tensors import load_arrays, save_arrays
from privaudit.types import SignalTable


@dataclass(frozen=True, slots=True)
class AuditFolder:
    """Paths and contents of an audit's folder.

    Attributes:
        path: the folder; it holds coins, which are secret, so it is private to its owner and ignored by git.
    """

    path: Path

    def create(self) -> None:
        """Make the folder, private to its owner and ignored by git.

        Raises:
            StoreError: if it cannot be made.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.chmod(self.path, 0o700)  # mkdir's mode is cut by the umask, and the folder may have been there
        except OSError as error:
            raise StoreError(f"cannot make the folder {self.path}: {error.strerror}. Choose another --out.") from None
        if not (self.path / ".gitignore").exists():
            write_text(self.path / ".gitignore", "*\n")
        (self.path / "models").mkdir(exist_ok=True)

    @property
    def manifest(self) -> Path:
        """Digests, versions and the config."""
        return self.path / "manifest.json"

    @property
    def design(self) -> Path:
        """The coins and what is known of each record."""
        return self.path / "design.safetensors"

    @property
    def timings(self) -> Path:
        """Every clock."""
        return self.path / "timings.json"

    def model(self, model: int) -> Path:
        """Weights of one model."""
        return self.path / "models" / f"{model:05d}.safetensors"

    def signal(self, name: str, model: int) -> Path:
        """One signal of one model."""
        return self.path / "signals" / name / f"{model:05d}.safetensors"

    def missing_models(self, models: Iterable[int]) -> list[int]:
        """Those of ``models`` that are still to be trained."""
        return [model for model in models if not self.model(model).exists()]

    def missing_signals(self, names: Iterable[str], models: Iterable[int]) -> list[int]:
        """Those of ``models`` for which a signal is still to be collected."""
        wanted = list(names)
        return [model for model in models if not all(self.signal(name, model).exists() for name in wanted)]

    def write_signal(self, name: str, model: int, values: NDArray[np.float64], records: NDArray[np.int64]) -> None:
        """Store ``(n_measured_records, n_queries)`` values of one model."""
        path = self.signal(name, model)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_arrays(path, {"values": values, "record_index": records})

    def read_signal(self, name: str, models: Iterable[int]) -> SignalTable:
        """Read one signal of many models.

        Args:
            name: the signal.
            models: numbers of the models, each of which must have been measured on the same records.

        Raises:
            StoreError: if a file is missing.
            CorruptStoreError: if a file is damaged.
        """
        wanted = list(models)
        parts = [load_arrays(self.signal(name, model)) for model in wanted]
        first = parts[0]["record_index"]
        if any(not np.array_equal(part["record_index"], first) for part in parts):
            raise StoreError(
                f"{self.path}: models were measured on different records of {name}. Delete signals/{name}."
            )
        return SignalTable(
            name=name,
            values=np.stack([part["values"] for part in parts]),
            model_index=np.array(wanted),
            record_index=first,
        )
