"""How often a record keeps its label under noise, at a ladder of levels and after a ladder of copies.

Noise is per feature, in units of the feature itself: a binary feature flips, any other gets Gaussian noise in proportion to
its standard deviation over the records. So the levels mean the same whatever the units; on standardised pixels, one
deviation for all features (the root mean square) gave the same AUCs, and clipping to the features' ranges lower ones.
A feature that never varies stays as it is. One that hardly ever varies is not taken for a binary one: at the edge of an
image a pixel can be lit in a single record, and flipping it would move it by as many as a hundred standard deviations.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.noise_robustness import NOISE_COPIES, NOISE_LEVELS
from privaudit.scoring.label_oracle import LabelOracle
from privaudit.scoring.label_views import check_records, record_chunks

Floats = NDArray[np.float32]

RAREST = (
    0.01  # share of the records that hold the rarer value of a binary feature, at least: a flip is then 10 deviations
)
NOISE_STREAM = 1702  # keeps these draws apart from others of the same seed


class FeatureNoise(NamedTuple):
    """What noise does to each feature.

    Attributes:
        binary: ``(n_binary,)`` columns of the features with exactly two values, neither of them rare.
        low: ``(n_binary,)`` the smaller of the two.
        high: ``(n_binary,)`` the larger one.
        others: ``(n_others,)`` columns of all other features.
        scale: ``(n_others,)`` their standard deviations.
    """

    binary: NDArray[np.int64]
    low: Floats
    high: Floats
    others: NDArray[np.int64]
    scale: Floats


def read_noisy_correct_share(
    oracle: LabelOracle, features: Floats, labels: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Ask for the labels of noisy copies of all records that the model classifies correctly without noise.

    A record that is misclassified costs one query and has shares of 0; any other costs one, and ``NOISE_COPIES[-1]`` for
    each level. The draws of a copy serve all levels, scaled: what changes from level to level is the strength alone.

    Args:
        oracle: of the model.
        features: ``(n_records, ...)`` what the model sees of each record.
        labels: ``(n_records,)`` true classes.
        seed: of the noise. A record's noise depends on it and the data's shape, not on the model or other records' labels.

    Returns:
        ``(n_records, n_levels * n_checkpoints)`` share of right labels among the first copies, in the order (level,
        checkpoint) of ``NOISE_LEVELS`` and ``NOISE_COPIES``.

    Raises:
        ShapeError: if there is not one label per record.
        QueryBudgetError: if the oracle allows fewer queries.

    Source: Choquette-Choo et al., "Label-Only Membership Inference Attacks", ICML 2021, section 3 (robustness to random
    noise: Gaussian noise, or flips of binary features; 0 where the record itself is misclassified).

    >>> oracle = LabelOracle(lambda x: (x[:, 0] > 0).astype(int), n_records=2)
    >>> read_noisy_correct_share(oracle, np.array([[9.0], [-9.0]]), np.array([1, 1]), 0)[:, 0].tolist()
    [1.0, 0.0]
    >>> oracle.n_queries.tolist()
    [156, 1]
    """
    values, classes = check_records(features, labels)
    noise = feature_noise(values.reshape(len(values), -1))
    shares = np.zeros((len(values), len(NOISE_LEVELS), len(NOISE_COPIES)))
    for rows in record_chunks(values.shape):
        is_right = oracle(values[rows], rows) == classes[rows]
        if is_right.any():  # the chunk's draws are its own: without it nothing moves elsewhere
            shares[rows[is_right]] = _shares_of_chunk(oracle, values, classes, rows, is_right, noise, seed)
    return shares.reshape(len(values), -1)


def _shares_of_chunk(
    oracle: LabelOracle,
    values: Floats,
    classes: NDArray[np.int64],
    rows: NDArray[np.int64],
    is_right: NDArray[np.bool_],
    noise: FeatureNoise,
    seed: int,
) -> NDArray[np.float64]:
    """Return ``(n_right, n_levels, n_checkpoints)`` shares of a chunk's correctly classified records."""
    rng = np.random.default_rng([seed, NOISE_STREAM, int(rows[0])])
    asked = rows[is_right]
    clean = values[asked].reshape(len(asked), -1)
    flipped = all_flipped(clean, noise)
    n_kept = np.zeros((len(asked), len(NOISE_LEVELS)))
    shares = np.empty((len(asked), len(NOISE_LEVELS), len(NOISE_COPIES)))
    for n_copies in range(1, NOISE_COPIES[-1] + 1):
        for level, copies in enumerate(noisy_copies(clean, flipped, noise, is_right, rng)):
            n_kept[:, level] += oracle(copies.reshape(-1, *values.shape[1:]), asked) == classes[asked]
        if n_copies in NOISE_COPIES:
            shares[:, :, NOISE_COPIES.index(n_copies)] = n_kept / n_copies
    return shares


def feature_noise(flat: Floats) -> FeatureNoise:
    """Tell binary features from others, and measure the others.

    Args:
        flat: ``(n_records, n_features)``.

    >>> feature_noise(np.array([[0.0, 1.0, 5.0], [2.0, 2.0, 5.0], [2.0, 6.0, 5.0]], dtype=np.float32)).binary.tolist()
    [0]
    """
    low, high = flat.min(axis=0, initial=np.inf), flat.max(axis=0, initial=-np.inf)
    mean = flat.mean(axis=0, dtype=np.float64)
    is_binary, n_high, squares = low < high, np.zeros(flat.shape[1]), np.zeros(flat.shape[1])
    for rows in record_chunks(flat.shape):
        part = flat[rows]
        is_binary &= ((part == low) | (part == high)).all(axis=0)
        n_high += (part == high).sum(axis=0)
        squares += ((part - mean) ** 2).sum(axis=0)
    is_binary &= np.minimum(n_high, len(flat) - n_high) >= RAREST * len(flat)
    binary, others = np.flatnonzero(is_binary), np.flatnonzero(~is_binary)
    scale = np.sqrt(squares / len(flat)).astype(np.float32)
    return FeatureNoise(binary, low[binary], high[binary], others, scale[others])


def all_flipped(clean: Floats, noise: FeatureNoise) -> Floats:
    """Return records with the other value in each of their binary features.

    Args:
        clean: ``(n, n_features)``.
        noise: which features are binary.
    """
    flipped, bits = clean.copy(), clean[:, noise.binary]
    flipped[:, noise.binary] = np.where(bits == noise.low, noise.high, noise.low)
    return flipped


def noisy_copies(
    clean: Floats, flipped: Floats, noise: FeatureNoise, is_right: NDArray[np.bool_], rng: np.random.Generator
) -> Iterator[Floats]:
    """Yield one noisy copy of the correctly classified records of a chunk for each level.

    Args:
        clean: ``(n_right, n_features)`` these records.
        flipped: the same with the other value in each binary feature.
        noise: what to do to each feature.
        is_right: ``(n,)`` which records of the chunk they are; noise is drawn for all, so that no record's draws depend on
            which others are classified correctly.
        rng: draws the same numbers whatever ``is_right`` is.
    """
    gauss, uniform = np.zeros_like(clean), np.ones_like(clean)  # of whole rows: strides are faster than columns picked
    gauss[:, noise.others] = rng.standard_normal((len(is_right), len(noise.others)), dtype=np.float32)[is_right]
    gauss[:, noise.others] *= noise.scale
    uniform[:, noise.binary] = rng.random((len(is_right), len(noise.binary)), dtype=np.float32)[is_right]
    for sigma, p in NOISE_LEVELS:
        copies = clean + np.float32(sigma) * gauss if len(noise.others) else clean.copy()
        if len(noise.binary):
            np.copyto(copies, flipped, where=uniform < p)
        yield copies
