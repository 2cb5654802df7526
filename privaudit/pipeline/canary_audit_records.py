"""The record canaries of an audit around a user's own script: made to its records, or the user's own, checked."""

import numpy as np
from numpy.typing import NDArray

from privaudit.data.record_canaries import RecordCanaries, make_record_canaries
from privaudit.errors import DataError, ShapeError


def canaries_among(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    kind: str,
    n_canaries: int,
    seed: int,
    own: RecordCanaries | None,
) -> RecordCanaries:
    """Return canaries that can be put among records.

    Args:
        features: ``(n, ...)`` of the records.
        labels: ``(n,)`` their classes.
        kind: of the canaries.
        n_canaries: how many.
        seed: of what is drawn.
        own: the user's, which are checked and returned; ``None`` makes them.

    Raises:
        ShapeError: if they are of another shape than the records.
        DataError: if they are of classes that the records do not have.
    """
    n_classes = int(labels.max()) + 1
    made = own or make_record_canaries(
        kind, n_canaries=n_canaries, features=features, labels=labels, n_classes=n_classes, seed=seed
    )
    if made.features.shape[1:] != features.shape[1:]:
        raise ShapeError(
            f"canaries must be of the shape of the records, {features.shape[1:]}; got {made.features.shape[1:]}."
        )
    if made.labels.max(initial=0) >= n_classes or made.labels.min(initial=0) < 0:
        raise DataError(
            f"canaries must have classes of the training set, 0 to {n_classes - 1}; got {made.labels.min()} to "
            f"{made.labels.max()}."
        )
    return made
