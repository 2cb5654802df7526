"""Copies of records that are moved by next to nothing: other queries, of which a model says the same."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.averaged_lira import MOVE, N_QUERIES
from privaudit.data.seeds import stream_generator

STREAM = "averaged_queries"


def moved_copies(features: NDArray[np.float32], seed: int) -> Iterator[NDArray[np.float32]]:
    """Yield the records themselves, then copies with Gaussian noise of a thousandth of each feature's standard deviation.

    The standard deviations are those over all records given; the moves are public and the same for every model. A feature
    that is the same in all records stays as it is.

    Args:
        features: ``(n_records, ...)`` what the model sees.
        seed: of the moves.

    >>> shown = np.array([[0.0, 3.0], [2.0, 3.0]], dtype=np.float32)
    >>> copies = list(moved_copies(shown, 0))
    >>> len(copies), bool((copies[0] == shown).all()), bool((copies[1][:, 1] == 3.0).all())
    (32, True, True)
    >>> bool(0.0 < np.abs(copies[1] - shown)[:, 0].max() < 0.01)
    True
    """
    rng = stream_generator(seed, STREAM)
    scale = (MOVE * features.std(axis=0, dtype=np.float64)).astype(np.float32)
    yield features
    for _ in range(N_QUERIES - 1):
        yield features + scale * rng.standard_normal(features.shape, dtype=np.float32)
