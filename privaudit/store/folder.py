"""The folder of one audit: where each file lies, and which are done."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import CorruptStoreError, StoreError
from privaudit.store.atomic import write_text
from privaudit.store.tensors import load_arrays, save_arrays
from privaudit.types import SignalTable
from privaudit.types.design import FIRST_CONTROL, RELEASED

_OURS = frozenset(
    {
        ".gitignore",
        "manifest.json",
        "design.safetensors",
        "features.safetensors",
        "logs",
        "models",
        "played",
        "signals",
        "timings.json",
        "worlds.safetensors",
        "distribution",
        "defenses",
    }
    | {f"report.{ending}" for ending in ("json", "html", "md", "junit.xml", "sarif")}
    | {"model-card.yaml"}
)


@dataclass(frozen=True, slots=True)
class AuditFolder:
    """Paths and contents of an audit's folder; models go by their numbers (`AuditDesign.numbers`), never by their rows.

    Attributes:
        path: the folder; it holds coins, which are secret, so it is private to its owner and ignored by git.
    """

    path: Path

    def create(self) -> None:
        """Make the folder, private to its owner and ignored by git.

        Raises:
            StoreError: if it cannot be made, holds other things than an audit, or holds models of nobody knows what.
        """
        try:
            self._check_ours()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.chmod(self.path, 0o700)  # mkdir's mode is cut by the umask, and the folder may have been there
            (self.path / "models").mkdir(exist_ok=True)
        except OSError as error:
            raise _cannot_make(self.path, error) from None
        if not (self.path / ".gitignore").exists():
            write_text(self.path / ".gitignore", "*\n")

    def _check_ours(self) -> None:
        """Without a manifest, take over no folder of the user's and no models of an unknown audit."""
        if self.manifest.exists() or not self.path.exists():
            return
        foreign = sorted({entry.name for entry in self.path.iterdir() if not _is_ours(entry)})
        if foreign:
            raise StoreError(
                f"{self.path} is not empty and holds no audit (first: {foreign[0]}). "
                "An audit's folder is made private and ignored by git: choose another --out."
            )
        if any(self.path.glob("models/*.safetensors")) or any(self.path.glob("signals/*/*.safetensors")):
            raise StoreError(
                f"{self.path} holds models, but no manifest.json that says of what. Old models are never reused "
                "unseen: choose another --out, or delete that folder."
            )

    @property
    def manifest(self) -> Path:
        """Digests, versions and the config."""
        return self.path / "manifest.json"

    @property
    def design(self) -> Path:
        """The coins and what is known of each record."""
        return self.path / "design.safetensors"

    @property
    def worlds(self) -> Path:
        """Who was trained on which draw of which world, in a distribution audit."""
        return self.path / "worlds.safetensors"

    @property
    def distribution(self) -> Path:
        """Folder of a distribution audit that is made beside a membership audit."""
        return self.path / "distribution"

    @property
    def features(self) -> Path:
        """What the models see of each record; there only if an attack asked for it."""
        return self.path / "features.safetensors"

    @property
    def timings(self) -> Path:
        """Every clock."""
        return self.path / "timings.json"

    def model(self, number: int) -> Path:
        """Weights of one model."""
        return self.path / "models" / _file_name(number)

    def signal(self, name: str, number: int) -> Path:
        """One signal of one model."""
        return self.path / "signals" / name / _file_name(number)

    def missing_models(self, numbers: Iterable[int]) -> list[int]:
        """Those of ``numbers`` whose models are still to be trained."""
        return [number for number in numbers if not self.model(number).exists()]

    def missing_signals(self, names: Iterable[str], numbers: Iterable[int]) -> list[int]:
        """Those of ``numbers`` for whose models a signal is still to be collected."""
        wanted = list(names)
        return [number for number in numbers if not all(self.signal(name, number).exists() for name in wanted)]

    def write_signal(self, name: str, number: int, values: NDArray[np.float64], records: NDArray[np.int64]) -> None:
        """Store ``(n_measured_records, n_queries)`` values of one model."""
        path = self.signal(name, number)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_make(path.parent, error) from None
        save_arrays(path, {"values": values, "record_index": records})

    def forget_signals(self, number: int) -> None:
        """Delete what was measured on a model that is trained anew."""
        for path in self.path.glob(f"signals/*/{_file_name(number)}"):
            path.unlink(missing_ok=True)

    def read_signal(self, name: str, models: Mapping[int, int]) -> SignalTable:
        """Read one signal of many models.

        Args:
            name: the signal.
            models: row in the design -> number of each model, at least one; each must have been measured on the same
                records.

        Returns:
            the table; its ``model_index`` holds the rows.

        Raises:
            StoreError: if a file is missing.
            CorruptStoreError: if a file is damaged.
        """
        parts = [self._read_part(name, number) for number in models.values()]
        if not parts:
            raise StoreError(f"{self.path}: no model was measured for {name}. Run the audit again.")
        first = parts[0]["record_index"]
        shape = parts[0]["values"].shape
        if any(part["values"].shape != shape or not np.array_equal(part["record_index"], first) for part in parts):
            raise StoreError(
                f"{self.path}: models were measured on different records of {name}. Delete signals/{name}."
            )
        return SignalTable(
            name=name,
            values=np.stack([part["values"] for part in parts]),
            model_index=np.array(list(models)),
            record_index=first,
        )

    def _read_part(self, name: str, number: int) -> dict[str, NDArray[Any]]:
        path = self.signal(name, number)
        part = load_arrays(path)
        if not part.keys() >= {"values", "record_index"} or part["values"].shape[:1] != part["record_index"].shape:
            raise CorruptStoreError(f"{path} holds no signal. Delete this file and run the same command again.")
        return part


def _file_name(number: int) -> str:
    if number == RELEASED:
        return "released.safetensors"
    stem = f"{number:05d}" if number < FIRST_CONTROL else f"control-{number - FIRST_CONTROL:05d}"
    return f"{stem}.safetensors"


def _is_ours(entry: Path) -> bool:
    return entry.name in _OURS or entry.name.endswith(".tmp")


def _cannot_make(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot make the folder {folder}: {error.strerror or error}. Choose another --out.")
