"""The records of a study and the property whose ratio is secret."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.data.adult import load_adult

SMALLEST_SPREAD = 0.1  # a category that one record in a hundred has stays below 10


class Population(NamedTuple):
    """Records of two classes.

    Attributes:
        name: of the data.
        property_name: in words.
        features: ``(n_records, n_features)`` float32.
        labels: ``(n_records,)`` int64, 0 or 1.
        has_property: ``(n_records,)`` bool.
    """

    name: str
    property_name: str
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    has_property: NDArray[np.bool_]


def adult_population() -> Population:
    """Return the bundled Adult records, every column standardised; the property is the sex."""
    data = load_adult()
    return Population("adult", "women", standardised(data.features), data.labels, data.groups["sex"] == "Female")


def standardised(features: NDArray[np.floating]) -> NDArray[np.float32]:
    """Shift columns to mean 0, and divide them by their standard deviation or, if that is larger, by 0.1.

    0/1 columns must not stay as they are: beside columns of deviation 1 little of a clipped step would move them, and
    models of few steps would say little on groups.

    Args:
        features: ``(n_records, n_features)``.

    >>> standardised(np.array([[0.0, 5.0], [2.0, 5.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    centred = features - features.mean(axis=0, dtype=np.float64)
    return np.asarray(centred / np.maximum(centred.std(axis=0), SMALLEST_SPREAD), dtype=np.float32)
