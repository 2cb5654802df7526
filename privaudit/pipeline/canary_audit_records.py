"""The record canaries of an audit around a user's own script: made to its records, or the user's own, checked."""

import numpy as np
from numpy.typing import NDArray

from privaudit.config.canaries import GRADIENT_KINDS, RECORD_KINDS
from privaudit.data.record_canaries import RecordCanaries, make_record_canaries
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.validate import nearest

KINDS = (*GRADIENT_KINDS, *RECORD_KINDS, "own")
LEAST = 20


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


def checked_keys(kind: str, n_canaries: int, records: RecordCanaries | None) -> NDArray[np.str_]:
    """Return ``(n_canaries,)`` names of an audit's canaries.

    Args:
        kind: of the canaries.
        n_canaries: how many, unless they are the user's own.
        records: the user's own, for kind ``own`` alone.

    Raises:
        ConfigError: if the kind is unknown, there are too few canaries, or ``records`` and kind ``own`` do not come together.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.{nearest(kind, KINDS)}", key="kind")
    if (records is not None) != (kind == "own"):
        raise ConfigError("canaries of kind own are those given as records: give both or neither.", key="records")
    n_canaries = n_canaries if records is None else len(records.keys)
    if n_canaries < LEAST:
        raise ConfigError(f"n_canaries must be at least {LEAST} to show anything; got {n_canaries}.", key="n_canaries")
    return records.keys if records is not None else np.array([f"canary-{number:05d}" for number in range(n_canaries)])
