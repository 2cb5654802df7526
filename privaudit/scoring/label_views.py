"""Which altered copies of a record keep its label: shifted and turned images, other records with a few foreign features.

All views are the same for every model at the same seed, and made for a few records at a time.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.augmentation import N_VIEWS
from privaudit.errors import ShapeError
from privaudit.scoring.label_oracle import LabelOracle
from privaudit.scoring.signals import is_image

Images = NDArray[np.float32]

NUMBERS_HELD = 2**22  # of float32 in one chunk of records
SHIFTS = ((-1, 0), (1, 0), (0, -1), (0, 1))  # pixels down and to the right
ANGLES = (-1.5, 1.5, -3.0, 3.0, -4.5, 4.5, -6.0, 6.0, -7.5, 7.5, -9.0, 9.0)  # degrees, the smallest first
EXCHANGED = 0.1  # share of features that come from another record
VIEWS_STREAM = 1701  # keeps these draws apart from others of the same seed


def read_augmented_correct(
    oracle: LabelOracle, features: NDArray[np.float32], labels: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Ask for the labels of all views of all records, each a query of its record.

    Images, ``(height, width)`` or ``(channels, height, width)``: as they are; shifted by one pixel in the four
    directions; turned by up to 9 degrees either way, in steps of 1.5. What a view uncovers is filled with the nearest
    pixel. Any other records: as they are; then copies in each of which a random tenth of the features, at least one, is
    taken from another record of the same data, drawn anew for each copy (one other record per copy).

    Args:
        oracle: of the model.
        features: ``(n_records, ...)`` what the model sees of each record.
        labels: ``(n_records,)`` true classes.
        seed: of the other records and the features taken from them.

    Returns:
        ``(n_records, N_VIEWS)`` 1.0 where the label is right, else 0.0; the record itself first.

    Raises:
        ShapeError: if there is not one label per record.
        QueryBudgetError: if the oracle allows fewer queries.

    Source: Choquette-Choo et al., "Label-Only Membership Inference Attacks", ICML 2021, section 3 (shifts and rotations
    by up to 9 degrees; the paper asks 19 angles). Views of records that are no images are chosen here.

    >>> oracle = LabelOracle(lambda x: (x[:, 0] > 0).astype(int), n_records=2)
    >>> read_augmented_correct(oracle, np.array([[1.0], [2.0]]), np.array([1, 0]), 0)[:, :3].tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    values, classes = check_records(features, labels)
    correct = np.empty((len(values), N_VIEWS))
    for rows in record_chunks(values.shape):
        views = image_views(values[rows]) if is_image(values.shape[1:]) else exchanged_views(values, rows, seed)
        for place, view in enumerate(views):
            correct[rows, place] = oracle(view, rows) == classes[rows]
    return correct


def check_records(
    features: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features as float32 and labels as int64.

    Raises:
        ShapeError: if there is not one label per record, or a record has no features.
    """
    values, classes = np.asarray(features, dtype=np.float32), np.asarray(labels, dtype=np.int64)
    if values.ndim < 2 or not values[:1].size:
        raise ShapeError(f"features must have shape (n_records, ...), none of it empty; got {values.shape}.")
    if classes.shape != (len(values),):
        raise ShapeError(f"labels must have shape ({len(values)},), one per record; got {classes.shape}.")
    return values, classes


def record_chunks(shape: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Yield row numbers, so many at a time that their features are about ``NUMBERS_HELD`` at most.

    Args:
        shape: of all features, ``(n_records, ...)``.

    >>> [len(rows) for rows in record_chunks((5, 2**21))]
    [2, 2, 1]
    """
    size = max(1, NUMBERS_HELD // int(np.prod(shape[1:])))
    for start in range(0, shape[0], size):
        yield np.arange(start, min(start + size, shape[0]))


def image_views(images: Images) -> Iterator[Images]:
    """Yield the 17 views of images: themselves, shifted, turned.

    Args:
        images: ``(n, ..., height, width)``.
    """
    yield images
    for down, right in SHIFTS:
        yield shifted(images, down, right)
    for degrees in ANGLES:
        yield rotated(images, degrees)


def shifted(images: Images, down: int, right: int) -> Images:
    """Return images moved by whole pixels, the border repeated.

    Args:
        images: ``(n, ..., height, width)``.
        down: pixels, negative = up.
        right: pixels, negative = to the left.

    >>> shifted(np.array([[[1.0, 2.0], [3.0, 4.0]]], dtype=np.float32), 1, 0).tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """
    height, width = images.shape[-2:]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return images[..., rows[:, None], columns]


def rotated(images: Images, degrees: float) -> Images:
    """Return images turned about their centre, by bilinear interpolation, the border repeated.

    Args:
        images: ``(n, ..., height, width)``.
        degrees: counter-clockwise, rows counted downwards.

    >>> rotated(np.array([[[1.0, 2.0], [3.0, 4.0]]], dtype=np.float32), 90.0).round(5).tolist()
    [[[2.0, 4.0], [1.0, 3.0]]]
    """
    height, width = images.shape[-2:]
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    down, right = np.mgrid[:height, :width].astype(np.float64)
    down, right = down - (height - 1) / 2, right - (width - 1) / 2
    from_row = np.clip(cosine * down + sine * right + (height - 1) / 2, 0, height - 1)
    from_column = np.clip(cosine * right - sine * down + (width - 1) / 2, 0, width - 1)
    above, left = (np.floor(from_row).astype(np.int64), np.floor(from_column).astype(np.int64))
    below, beside = np.minimum(above + 1, height - 1), np.minimum(left + 1, width - 1)
    low, aside = (from_row - above).astype(np.float32), (from_column - left).astype(np.float32)
    top = images[..., above, left] * (1 - aside) + images[..., above, beside] * aside
    bottom = images[..., below, left] * (1 - aside) + images[..., below, beside] * aside
    return np.asarray(top * (1 - low) + bottom * low, dtype=np.float32)


def exchanged_views(features: NDArray[np.float32], rows: NDArray[np.int64], seed: int) -> Iterator[NDArray[np.float32]]:
    """Yield records as they are, then copies with a tenth of their features taken from another record.

    Args:
        features: ``(n_records, ...)`` of all records.
        rows: ``(n,)`` the records wanted.
        seed: of the draws, which depend on the first of the rows as well.
    """
    flat, shape = features.reshape(len(features), -1), (len(rows), *features.shape[1:])
    n_taken = max(1, round(EXCHANGED * flat.shape[1]))
    rng = np.random.default_rng([seed, VIEWS_STREAM, int(rows[0])])
    yield features[rows]
    for _ in range(N_VIEWS - 1):
        others = (rows + rng.integers(1, max(2, len(flat)), len(rows))) % len(flat)  # never the record itself
        taken = np.argpartition(rng.random((len(rows), flat.shape[1]), dtype=np.float32), n_taken - 1, axis=1)[
            :, :n_taken
        ]
        copies = flat[rows]
        np.put_along_axis(copies, taken, np.take_along_axis(flat[others], taken, axis=1), axis=1)
        yield copies.reshape(shape)
