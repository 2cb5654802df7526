"""The few-shot tasks: cached features, and two disjoint pools of as many records of each class."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.data.bundled import load_digits_dataset
from privaudit.data.dataset import Dataset, dataset_from_arrays
from privaudit.data.duplicates import without_duplicates
from privaudit.data.raw_files import check_there, read_arrays
from privaudit.errors import ConfigError
from privaudit.training.linear_grid import with_constant

SHOTS, N_COMPONENTS = 25, 128  # a model trains on SHOTS records of a class in expectation


class Pools(NamedTuple):
    """What one repeat draws its data sets from.

    Attributes:
        features: ``(n_records, n_features)`` float32, the last one constant: records to train on, and to attack.
        labels: ``(n_records,)`` their classes.
        other_features: as ``features``, of disjoint records of the same classes in the same order: to tune on.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    other_features: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One data set.

    Attributes:
        name: of the data.
        file: that is needed and not bundled, or ``None``.
        read: from the data's folder to all records.
        n_components: principal components to keep, or ``None`` for the features as they are.
    """

    name: str
    file: str | None
    read: Callable[[Path | None], Dataset]
    n_components: int | None

    def pools(self, seed: int, data_dir: Path | None) -> Pools:
        """Draw the pools of one repeat.

        Raises:
            ConfigError: if the data are not there.
        """
        dataset = without_duplicates(self.read(data_dir))
        own, other = two_pools(dataset.labels, 2 * SHOTS, seed)
        features = np.asarray(dataset.features, dtype=np.float64)
        if self.n_components is not None:
            outside = np.setdiff1d(np.arange(len(features)), [own, other])
            features = components(features, outside, self.n_components)
        every = with_constant(features.astype(np.float32)).astype(np.float32)
        return Pools(every[own], dataset.labels[own], every[other])

    def check_there(self, data_dir: Path | None) -> None:
        """Refuse a folder without the file.

        Raises:
            ConfigError: names the file.
        """
        if self.file is None or (data_dir is not None and (data_dir / self.file).is_file()):
            return
        where = "no folder was given" if data_dir is None else f"there is none in {data_dir}"
        raise ConfigError(
            f"task {self.name} needs {self.file} (arrays X (n, n_features) and y (n,)), which is not bundled; {where}. "
            "Name its folder by --data-dir or the variable PRIVAUDIT_DATA; --quick needs no file.",
            key="data_dir",
        )


def two_pools(labels: NDArray[np.int64], n_each: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw two disjoint sets with the same number of records of every class.

    Args:
        labels: ``(n,)`` classes.
        n_each: records of a class in each set.
        seed: of the draw.

    Returns:
        two arrays of record numbers, classes in the same order.

    Raises:
        ConfigError: if a class has too few records.
    """
    rng = np.random.default_rng([seed, 11])
    drawn = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    if min(map(len, drawn)) < 2 * n_each:
        raise ConfigError(f"every class needs {2 * n_each} records; the smallest has {min(map(len, drawn))}.")
    first, second = (np.concatenate([each[start : start + n_each] for each in drawn]) for start in (0, n_each))
    return first, second


def components(features: NDArray[np.float64], public: NDArray[np.int64], n_components: int) -> NDArray[np.float64]:
    """Return principal components, which public records alone decide, scaled to mean square 1 over these.

    Args:
        features: ``(n, n_features)`` of all records.
        public: numbers of records that no model is trained on and no attack looks at.
        n_components: how many to keep.
    """
    centred = features - features[public].mean(axis=0)
    _, directions = np.linalg.eigh(centred[public].T @ centred[public])
    kept = centred @ directions[:, ::-1][:, :n_components]
    return np.asarray(kept / np.sqrt(np.mean(kept[public] ** 2)))


def read_cifar(data_dir: Path | None) -> Dataset:
    """Return cached features of CIFAR-10 images, of a network trained on other images."""
    assert data_dir is not None and CIFAR.file is not None
    path = data_dir / CIFAR.file
    stored = read_arrays(path)
    check_there(path, ("X", "y"), stored)
    return dataset_from_arrays(stored["X"].astype(np.float32), stored["y"].astype(np.int64), name="cifar10")


def read_digits(data_dir: Path | None) -> Dataset:
    """Return scikit-learn's digits."""
    return load_digits_dataset()


CIFAR = Task(
    name="CIFAR-10 features",
    file="cifar10_6k_efficientnet_lite0_feats.npz",
    read=read_cifar,
    n_components=N_COMPONENTS,
)
DIGITS = Task(name="digits", file=None, read=read_digits, n_components=None)
TASKS = (CIFAR, DIGITS)
