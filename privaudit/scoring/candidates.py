"""Varied copies of records, the same for every model: what Chameleon's neighbourhoods are chosen from."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, ShapeError
from privaudit.scoring.label_oracle import LabelOracle

Images = NDArray[np.float32]

SHIFT = 1  # pixels, along either axis
TURN = 5.0  # degrees, either way
PIXEL_NOISE = 0.02  # standard deviation, in widths of the pixels' range
FLIP = 0.01  # chance of a binary feature to change
FEATURE_NOISE = 0.05  # of other features, in their own standard deviations
STREAM = 2_147_483_647  # apart from generators that are seeded by the study's or audit's seed alone


def image_candidates(
    images: ArrayLike, n_candidates: int, *, seed: int, value_range: tuple[float, float] = (0.0, 1.0)
) -> Images:
    """Return each image and varied copies of it: shifted and turned a little, with noise, clipped to the pixels' range.

    What is done for the j-th copy is drawn from a generator of its own and is the same for every image, so that the copies
    depend neither on other images nor on how many copies there are. What a shift uncovers is filled from the border.

    Args:
        images: ``(n, height, width)`` or ``(n, channels, height, width)``.
        n_candidates: copies of each image.
        seed: of all that is drawn; the same for shadow models and targets.
        value_range: darkest and brightest pixel.

    Returns:
        ``(n, n_candidates + 1, ...)`` float32, the images themselves first.

    Raises:
        ShapeError: if the records are no images.
        ConfigError: if the range is empty, or the number negative.

    >>> image_candidates(np.zeros((2, 8, 8)), 3, seed=0).shape
    (2, 4, 8, 8)
    """
    clean = np.asarray(images, dtype=np.float32)
    if clean.ndim not in (3, 4) or min(clean.shape[-2:]) <= 2 * SHIFT:
        raise ShapeError(f"images must have shape (n, [channels,] height, width); got {clean.shape}.")
    low, high = value_range
    if not low < high:
        raise ConfigError(f"value_range must ascend; got {value_range}.", key="value_range")
    found = _with_room(clean, n_candidates)
    for place in range(1, n_candidates + 1):
        rng = np.random.default_rng([STREAM, seed, place])
        down, right = rng.integers(-SHIFT, SHIFT + 1, size=2)
        moved = _moved(clean, angle=float(rng.uniform(-TURN, TURN)), shift=(int(down), int(right)))
        noise = PIXEL_NOISE * (high - low) * rng.standard_normal(clean.shape[1:])
        found[:, place] = np.clip(moved + noise, low, high)
    return found


def _moved(images: Images, *, angle: float, shift: tuple[int, int]) -> Images:
    """Turn images around their centre by degrees, then shift them by pixels, in one linear interpolation."""
    from scipy.ndimage import affine_transform

    radians = np.deg2rad(angle)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    centre = (np.array(images.shape[-2:]) - 1) / 2
    matrix, offset = np.eye(images.ndim), np.zeros(images.ndim)
    matrix[-2:, -2:] = turn
    offset[-2:] = centre - turn @ (centre + np.array(shift))
    return np.asarray(affine_transform(images, matrix, offset, order=1, mode="nearest"), dtype=np.float32)


def table_candidates(
    features: ArrayLike, n_candidates: int, *, seed: int, reference: ArrayLike | None = None
) -> Images:
    """Return each record of a table and perturbed copies of it.

    Binary features change with chance ``FLIP``; all others get Gaussian noise of ``FEATURE_NOISE`` times their standard
    deviation. As for images, a copy's perturbation is the same for every record. Columns of one category are perturbed one by
    one, so that a copy may have none of its values, or two.

    Args:
        features: ``(n, ...)`` records.
        n_candidates: copies of each.
        seed: of all that is drawn.
        reference: ``(n_reference, ...)`` records that say which features are binary, and how wide the others are; best such
            that no model holds. ``None`` = the records themselves.

    Returns:
        ``(n, n_candidates + 1, ...)`` float32, the records themselves first.

    Raises:
        ShapeError: if the reference has other features.

    >>> table_candidates(np.array([[0.0, 2.5], [1.0, 3.5]]), 5, seed=0)[:, 0].tolist()
    [[0.0, 2.5], [1.0, 3.5]]
    """
    clean = np.asarray(features, dtype=np.float32)
    known = clean if reference is None else np.asarray(reference, dtype=np.float32)
    if clean.ndim < 2 or not len(known) or known.shape[1:] != clean.shape[1:]:
        raise ShapeError(f"features and reference must share (n, n_features); got {clean.shape} and {known.shape}.")
    is_binary = np.isin(known, (0.0, 1.0)).all(axis=0)
    spread = np.where(is_binary, 0.0, known.std(axis=0, dtype=np.float64))
    found = _with_room(clean, n_candidates)
    for place in range(1, n_candidates + 1):
        rng = np.random.default_rng([STREAM, seed, place])
        flips = is_binary & (rng.random(clean.shape[1:]) < FLIP)
        noise = FEATURE_NOISE * spread * rng.standard_normal(clean.shape[1:])
        found[:, place] = np.where(flips, 1.0 - clean, clean + noise)
    return found


def _with_room(clean: Images, n_candidates: int) -> Images:
    if n_candidates < 0:
        raise ConfigError(f"n_candidates must be at least 0; got {n_candidates}.", key="n_candidates")
    found = np.empty((len(clean), n_candidates + 1, *clean.shape[1:]), dtype=np.float32)
    found[:, 0] = clean
    return found


def read_agreement(oracle: LabelOracle, candidates: NDArray[np.float32], labels: ArrayLike) -> NDArray[np.float64]:
    """Ask a model for the label of every candidate of every record.

    Args:
        oracle: of the model; one query per candidate is counted for its record.
        candidates: ``(n, n_queries, ...)`` as the model takes them.
        labels: ``(n,)`` true classes of the records.

    Returns:
        ``(n, n_queries)`` 1 where the answer is the true class, else 0.

    Raises:
        QueryBudgetError: if a record would be asked more often than it may.

    >>> oracle = LabelOracle(lambda x: (x[:, 0] > 0).astype(int), n_records=1)
    >>> read_agreement(oracle, np.array([[[1.0], [-1.0]]], dtype=np.float32), [1]).tolist()
    [[1.0, 0.0]]
    """
    n, n_queries = candidates.shape[:2]
    records = np.repeat(np.arange(n), n_queries)
    answers = oracle(candidates.reshape(n * n_queries, *candidates.shape[2:]), records)
    return np.asarray(answers.reshape(n, n_queries) == np.asarray(labels)[:, None], dtype=np.float64)
