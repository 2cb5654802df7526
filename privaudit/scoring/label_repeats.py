"""How often a record gets its right label when it is asked for again and again."""

import numpy as np
from numpy.typing import NDArray

from privaudit.scoring.label_oracle import LabelOracle
from privaudit.scoring.moved_copies import moved_copies


def read_repeated_correct(
    oracle: LabelOracle, features: NDArray[np.float32], labels: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Ask for each record and for copies moved by next to nothing, and count the right labels.

    Args:
        oracle: of the model.
        features: ``(n_records, ...)``.
        labels: ``(n_records,)`` true classes.
        seed: of the moves, the same for every model.

    Returns:
        ``(n_records, 1)`` share of right labels.

    >>> oracle = LabelOracle(lambda x: (x[:, 0] > 0).astype(int), n_records=2)
    >>> shown = np.array([[5.0], [-5.0]], dtype=np.float32)
    >>> read_repeated_correct(oracle, shown, np.array([1, 1]), 0)[:, 0].tolist()
    [1.0, 0.0]
    """
    records = np.arange(len(labels))
    right = [oracle(copy, records) == labels for copy in moved_copies(features, seed)]
    return np.asarray(np.mean(right, axis=0)[:, None], dtype=np.float64)
