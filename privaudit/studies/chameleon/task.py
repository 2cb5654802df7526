"""The images, the network and the recipe; what is drawn for a seed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.chameleon_settings import ChameleonSettings, named_settings
from privaudit.data.dataset import Dataset, dataset_from_arrays
from privaudit.data.duplicates import without_duplicates
from privaudit.data.raw_files import check_there, read_arrays
from privaudit.errors import ConfigError
from privaudit.scoring.candidates import image_candidates

Images = NDArray[np.float32]


class Labelled(NamedTuple):
    """Images of pixels in [0, 1], and their classes.

    Attributes:
        images: ``(n, height, width)``.
        labels: ``(n,)``.
    """

    images: Images
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Whitened principal components: centred, turned, each of variance 1 on the images that they were fitted to.

    Attributes:
        mean: ``(n_pixels,)``.
        axes: ``(n_pixels, n_components)``, divided by the deviations.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]

    def __call__(self, images: NDArray[Any]) -> Images:
        """Return ``(n, n_components)`` float32 of ``(n, height, width)`` images."""
        return np.asarray((images.reshape(len(images), -1) - self.mean) @ self.axes, dtype=np.float32)


def fitted_projection(images: Images, n_components: int) -> Projection:
    """Fit whitened principal components.

    Args:
        images: ``(n, height, width)``, n above the number of components.
        n_components: how many.
    """
    pixels = images.reshape(len(images), -1).astype(np.float64)
    mean = pixels.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov(pixels, rowvar=False))
    largest = slice(-1, -n_components - 1, -1)
    return Projection(mean=mean, axes=axes[:, largest] / np.sqrt(variance[largest]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """What one seed plays with.

    Attributes:
        dataset: the records that models draw by coins, projected; the challenge records come first.
        images: ``(n, height, width)`` the challenge records.
        candidates: ``(n, n_queries, n_components)`` projected queries, the challenge records themselves first.
        projection: from images to what the networks see; fitted on images that no model is trained on.
        test_features: ``(n_test, n_components)`` of images that no model is trained on.
        test_labels: their classes.
    """

    dataset: Dataset
    images: Images
    candidates: Images
    projection: Projection
    test_features: Images
    test_labels: NDArray[np.int64]

    @property
    def n_challenge(self) -> int:
        """Number of challenge records."""
        return len(self.images)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Data, network and recipe.

    Attributes:
        name: of the data.
        file: that is needed and not bundled, or ``None``.
        read: from the file's folder to the images that are drawn from, and test images, none of them if those are drawn too.
        n_records: records with coins; a model is trained on half of them in expectation.
        n_challenge: those that the attack is played on.
        n_public: images that principal components are fitted to.
        n_test: images drawn to test on where there are no test images.
        n_components: of the projection.
        n_targets: models attacked.
        settings: of the attack.
        fixed: numbers of copies that are given to all records alike, for comparison.
        hidden: width of the hidden layer.
        epochs: of training.
        lr: of Adam.
        batch_size: of training.
        epsilon: of the models trained with DP-SGD, or ``None`` for none of them.
    """

    name: str
    file: str | None
    read: Callable[[Path | None], tuple[Labelled, Labelled | None]]
    n_records: int
    n_challenge: int
    n_public: int
    n_test: int = 0
    n_components: int
    n_targets: int
    settings: ChameleonSettings
    fixed: tuple[int, ...]
    hidden: int
    epochs: int
    lr: float
    batch_size: int = 64
    epsilon: float | None = 4.0

    def check_there(self, data_dir: Path | None) -> None:
        """Refuse missing data.

        Raises:
            ConfigError: names the file.
        """
        if self.file is not None and (data_dir is None or not (data_dir / self.file).is_file()):
            where = "no folder was given" if data_dir is None else f"there is none in {data_dir}"
            raise ConfigError(
                f"{self.name} needs {self.file}, which is not bundled; {where}. Name its folder by --data-dir or the "
                "variable PRIVAUDIT_DATA; --quick needs no file.",
                key="data_dir",
            )

    def drawn(self, seed: int, data_dir: Path | None) -> Drawn:
        """Draw the records of one seed, without duplicates, and vary the challenge records.

        Args:
            seed: of everything drawn.
            data_dir: folder of the data.

        Raises:
            ConfigError: if the data are not there, or too few.
        """
        self.check_there(data_dir)
        known, tested = self.read(data_dir)
        whole = without_duplicates(dataset_from_arrays(known.images, known.labels, name=self.name))
        wanted = self.n_records + self.n_public + self.n_test
        if wanted > whole.n_records:
            raise ConfigError(
                f"{self.name} must have {wanted} distinct images; it has {whole.n_records}.", key="data_dir"
            )
        order = np.random.default_rng([seed, 17]).permutation(whole.n_records)[:wanted]
        coins, public, test = np.split(order, [self.n_records, self.n_records + self.n_public])
        projection = fitted_projection(whole.features[public], self.n_components)
        images = whole.features[coins[: self.n_challenge]]
        candidates = image_candidates(images, self.settings.n_candidates, seed=seed)
        held_out = tested or Labelled(whole.features[test], whole.labels[test])
        return Drawn(
            dataset=dataset_from_arrays(projection(whole.features[coins]), whole.labels[coins], name=self.name),
            images=images,
            candidates=projection(candidates.reshape(-1, *images.shape[1:])).reshape(*candidates.shape[:2], -1),
            projection=projection,
            test_features=projection(held_out.images),
            test_labels=held_out.labels,
        )


def read_fashion(data_dir: Path | None) -> tuple[Labelled, Labelled]:
    """Return training and test images of ``fashion_mnist_25k.npz``."""
    assert data_dir is not None
    path = data_dir / "fashion_mnist_25k.npz"
    stored = read_arrays(path)
    check_there(path, ("X_train", "y_train", "X_test", "y_test"), stored)
    train, test = (
        Labelled((stored[f"X_{part}"] / np.float32(255)).astype(np.float32), stored[f"y_{part}"].astype(np.int64))
        for part in ("train", "test")
    )
    return train, test


def read_digits(data_dir: Path | None) -> tuple[Labelled, None]:
    """Return scikit-learn's digits."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return Labelled((pixels.reshape(-1, 8, 8) / 16).astype(np.float32), labels.astype(np.int64)), None


CALIBRATED = named_settings("calibrated")
QUICK = replace(CALIBRATED, n_out_models=4, n_candidates=24)

FASHION = Task(
    name="Fashion-MNIST",
    file="fashion_mnist_25k.npz",
    read=read_fashion,
    n_records=4000,
    n_challenge=100,
    n_public=4000,
    n_components=64,
    n_targets=32,
    settings=CALIBRATED,
    fixed=(0, 1, 2, 3, 4, 5, 6),
    hidden=256,
    epochs=35,
    lr=4e-3,
)
DIGITS = Task(
    name="digits",
    file=None,
    read=read_digits,
    n_records=1200,
    n_challenge=24,
    n_public=297,
    n_test=300,
    n_components=32,
    n_targets=16,
    settings=QUICK,
    fixed=(0, 2, 6),
    hidden=128,
    epochs=40,
    lr=4e-3,
    epsilon=None,
)
