"""Remove repeated records, and draw those to audit."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from privaudit.data.dataset import Dataset
from privaudit.data.seeds import stream_generator
from privaudit.errors import ConfigError


def without_duplicates(dataset: Dataset) -> Dataset:
    """Keep the first of all records that are equal in features and label.

    A record whose twin is in the training set is no non-member; both would be scored wrongly.

    Args:
        dataset: the records.

    Returns:
        The records without repetitions, in their order.
    """
    return dataset.subset(np.unique(first_equals(dataset)))


def first_equals(dataset: Dataset) -> NDArray[np.int64]:
    """Return ``(n_records,)`` the position of the first record that equals each one in features and label."""
    flat = dataset.features.reshape(dataset.n_records, -1) + np.float32(0.0)  # -0.0 + 0.0 = 0.0: equal, so equal bytes
    first: dict[bytes, int] = {}
    places = np.empty(dataset.n_records, dtype=np.int64)
    for position, (record, label) in enumerate(zip(flat, dataset.labels.tolist(), strict=True)):
        key = hashlib.sha256(record.tobytes() + b"%d" % label).digest()  # a digest, to hold 32 bytes per record
        places[position] = first.setdefault(key, position)
    return places


def draw_records(dataset: Dataset, n_records: int | None, seed: int) -> Dataset:
    """Draw records without replacement; they keep their order.

    Args:
        dataset: the records to draw from.
        n_records: how many; ``None`` = all.
        seed: root seed.

    Returns:
        The drawn records.

    Raises:
        ConfigError: if there are not that many, or fewer than 2 are asked for.
    """
    if n_records is None:
        return dataset
    if not 2 <= n_records <= dataset.n_records:
        raise ConfigError(
            f"data.n_records must lie in 2..{dataset.n_records} (the distinct records of {dataset.name}); "
            f"got {n_records}. Lower it, or use null for all.",
            key="data.n_records",
        )
    chosen = stream_generator(seed, "records").choice(dataset.n_records, n_records, replace=False)
    return dataset.subset(np.sort(chosen))
