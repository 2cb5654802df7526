"""The tasks: data, network and recipe, the same for every seed but for coins, initial weights, batches and what is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.dataset import Dataset, dataset_from_arrays
from privaudit.data.duplicates import draw_records, without_duplicates
from privaudit.data.raw_files import check_there, read_arrays
from privaudit.errors import ConfigError

Arrays = tuple[NDArray[np.float32], NDArray[np.int64]]
POPULATION = 0.2  # held out of every model


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task.

    Attributes:
        name: of the data.
        file: that is needed and not bundled, or ``None``.
        read: from the file's folder to features and labels of all records.
        n_records: drawn anew for each seed, or ``None`` for all.
        flipped: share of the records whose class is changed for all models alike: they must be learned by heart.
        hidden: width of the one hidden layer.
        epochs: of training.
        batch_size: of training.
        lr: of Adam.
    """

    name: str
    file: str | None
    read: Callable[[Path | None], Arrays]
    n_records: int | None
    flipped: float
    hidden: int
    epochs: int
    batch_size: int
    lr: float

    def dataset(self, seed: int, data_dir: Path | None) -> Dataset:
        """Return the records of one seed, de-duplicated, drawn and flipped.

        Raises:
            ConfigError: if the data are not there.
        """
        if self.file is not None and (data_dir is None or not (data_dir / self.file).is_file()):
            where = "no folder was given" if data_dir is None else f"there is none in {data_dir}"
            raise ConfigError(
                f"task {self.name} needs {self.file}, which is not bundled; {where}. Name its folder by --data-dir or the "
                "variable PRIVAUDIT_DATA; --quick needs no file.",
                key="data_dir",
            )
        features, labels = self.read(data_dir)
        rng = np.random.default_rng([seed, 7])
        changed = rng.random(len(labels)) < self.flipped
        n_classes = int(labels.max()) + 1
        labels = np.where(changed, (labels + rng.integers(1, n_classes, len(labels))) % n_classes, labels)
        whole = without_duplicates(dataset_from_arrays(features, labels, name=self.name))
        return draw_records(whole, self.n_records, seed)


def read_location30(data_dir: Path | None) -> Arrays:
    """Return the binary features of ``location30.npz``, which are stored as bits."""
    assert data_dir is not None
    path = data_dir / "location30.npz"
    stored = read_arrays(path)
    check_there(path, ("bits", "n_features", "y"), stored)
    features = np.unpackbits(stored["bits"], axis=1)[:, : int(stored["n_features"])]
    return features.astype(np.float32), stored["y"].astype(np.int64)


def read_fashion(data_dir: Path | None) -> Arrays:
    """Return the training images of ``fashion_mnist_25k.npz``, standardised."""
    assert data_dir is not None
    path = data_dir / "fashion_mnist_25k.npz"
    stored = read_arrays(path)
    check_there(path, ("X_train", "y_train"), stored)
    pixels = stored["X_train"].reshape(len(stored["X_train"]), -1)
    return standardised(pixels), stored["y_train"].astype(np.int64)


def read_digits(data_dir: Path | None) -> Arrays:
    """Return scikit-learn's digits, standardised."""
    from sklearn.datasets import load_digits

    features, labels = load_digits(return_X_y=True)
    return standardised(features), labels.astype(np.int64)


def standardised(features: NDArray[Any]) -> NDArray[np.float32]:
    """Return features of mean 0 and deviation 1, constant ones as 0: networks then fit their members within the epochs."""
    centred = features - features.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    return np.asarray(centred / np.where(spread > 0, spread, 1.0), dtype=np.float32)


TASKS = (
    Task(
        name="location30",
        file="location30.npz",
        read=read_location30,
        n_records=None,
        flipped=0.0,
        hidden=64,
        epochs=30,
        batch_size=128,
        lr=2e-3,
    ),
    Task(
        name="fashion",
        file="fashion_mnist_25k.npz",
        read=read_fashion,
        n_records=3750,  # 3,000 with coins
        flipped=0.0,
        hidden=64,
        epochs=25,
        batch_size=64,
        lr=1e-3,
    ),
    Task(
        name="digits",
        file=None,
        read=read_digits,
        n_records=None,
        flipped=0.2,
        hidden=128,
        epochs=100,
        batch_size=64,
        lr=2e-3,
    ),
)
