"""The records of the training benchmark; data that cannot be bundled is looked for beside the checkout."""

import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from privaudit.data.dataset import dataset_from_arrays

BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "data"


class NoDataError(Exception):
    """A file is absent; the text says where it was looked for."""


def _arrays(name):
    folder = Path(os.environ.get("PRIVAUDIT_DATA", BESIDE_THE_CHECKOUT))
    path = folder / f"{name}.npz"
    if not path.exists():
        raise NoDataError(f"{path} is absent; PRIVAUDIT_DATA names the folder of the data")
    with np.load(path) as archive:
        return dict(archive)


def _unpacked(name):
    arrays = _arrays(name)
    bits = np.unpackbits(arrays["bits"], axis=1)[:, : int(arrays["n_features"])]
    return bits.astype(np.float32), arrays["y"]


def digits():
    """1,797 images of 8 x 8 as vectors in [0, 1], 10 classes; scikit-learn ships them."""
    features, labels = load_digits(return_X_y=True)
    return dataset_from_arrays(features / 16, labels, name="digits")


def location30():
    """5,010 records of 446 binary features, 30 classes."""
    return dataset_from_arrays(*_unpacked("location30"), name="location30")


def census100():
    """100,000 records of 456 binary features, 100 classes."""
    return dataset_from_arrays(*_unpacked("census100"), name="census100")


def fashion():
    """The first 2,000 images of Fashion-MNIST, 1 x 28 x 28 in [0, 1], 10 classes."""
    arrays = _arrays("fashion_mnist_25k")
    images, labels = arrays["X_train"][:2000], arrays["y_train"][:2000]
    return dataset_from_arrays(images.reshape(-1, 1, 28, 28) / 255, labels, name="fashion")
