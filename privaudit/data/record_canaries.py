"""Record canaries: records that nobody would miss, put into training by fair coins of their own."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.data.dataset import float_features
from privaudit.data.seeds import stream_generator
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.types.frozen import set_array
from privaudit.validate import check_finite_features, check_same_length, nearest

Records = tuple[NDArray[np.float32], NDArray[np.int64]]
SMALL = 2000  # features of which a square matrix costs little


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordCanaries:
    """Records to be inserted, each by its own coin.

    Attributes:
        features: ``(n, ...)`` float32.
        labels: ``(n,)`` int64 class numbers.
        keys: ``(n,)`` text, one distinct name per canary, by which scores find their coins.
        kind: how they were made.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a key comes twice, or two canaries are the same record: their coins could not be told apart.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    keys: NDArray[np.str_]
    kind: str

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        features = set_array(self, "features", self.features, np.float32)
        labels = set_array(self, "labels", _class_numbers(self.labels), np.int64)
        keys = set_array(self, "keys", self.keys, np.str_)
        if not len(features) == len(labels) == len(keys) or labels.ndim != 1 or not len(keys):
            raise ShapeError(
                f"features, labels and keys must have one row per canary; got {len(features)}, {len(labels)}, {len(keys)}."
            )
        check_finite_features(features)
        if len(np.unique(keys)) < len(keys):
            raise DataError("keys of canaries must be distinct. Give each canary a name of its own.")
        rows = np.column_stack([features.reshape(len(features), -1).astype(np.float64), labels])
        n_distinct = len(np.unique(rows, axis=0))
        if n_distinct < len(rows):
            raise DataError(
                f"{len(rows) - n_distinct} of {len(rows)} canaries are copies of others, so their coins cannot be told "
                "apart. Use fewer canaries, or another kind."
            )


def make_record_canaries(
    kind: str,
    *,
    n_canaries: int,
    features: ArrayLike,
    labels: ArrayLike,
    n_classes: int,
    seed: int,
    label: int | None = None,
) -> RecordCanaries:
    """Make canaries that look like, or unlike, the records they are put among.

    Args:
        kind: ``mislabelled`` (records with another class), ``random`` (each feature drawn evenly between its least and
            largest value), ``blank`` (all features 0, one canary per class) or ``clipbkd`` (along the principal
            directions in which records vary least, as long as the mean record).
        n_canaries: how many.
        features: ``(n_records, ...)`` records they are put among.
        labels: ``(n_records,)`` their classes, 0..n_classes-1.
        n_classes: number of classes.
        seed: root seed.
        label: the class of all canaries, where the kind leaves it open; by default drawn (``blank``: each class once).

    Raises:
        ConfigError: if the kind is unknown, or there cannot be so many.
        DataError: if features are no finite numbers, a label is no class, or two canaries would be the same record.

    Source: Nasr et al., S&P 2021 (mislabelled, blank); Jagielski, Ullman, Oprea, NeurIPS 2020 (ClipBKD); Steinke, Nasr,
        Jagielski, NeurIPS 2023 (many canaries in one run).

    >>> x, y = np.eye(4), np.array([0, 1, 0, 1])
    >>> canaries = make_record_canaries("mislabelled", n_canaries=2, features=x, labels=y, n_classes=2, seed=0)
    >>> canaries.keys.tolist(), canaries.features.shape
    (['canary-00000', 'canary-00001'], (2, 4))
    """
    records, classes = float_features(features), _class_numbers(labels)
    if kind not in KINDS:
        raise ConfigError(
            f"kind of canaries must be one of {', '.join(KINDS)}; got {kind!r}.{nearest(kind, KINDS)}",
            key="canaries.kind",
        )
    if n_canaries < 1 or not len(records):
        raise ConfigError(
            f"n_canaries must be at least 1 and there must be records; got {n_canaries}.", key="n_canaries"
        )
    check_same_length(features=records, labels=classes)
    check_finite_features(records)
    if classes.min() < 0 or classes.max() >= n_classes:
        raise DataError(
            f"labels must lie in 0..{n_classes - 1}; got {classes.min()}..{classes.max()}. Number the classes."
        )
    if label is not None and not 0 <= label < n_classes:
        raise ConfigError(f"label must lie in 0..{n_classes - 1}; got {label}.", key="label")
    rng = stream_generator(seed, "canaries")
    made, own = KINDS[kind](records, classes, n_canaries, n_classes, label, rng)
    keys = np.array([f"canary-{number:05d}" for number in range(n_canaries)])
    return RecordCanaries(features=made, labels=own, keys=keys, kind=kind)


def _class_numbers(labels: ArrayLike) -> NDArray[np.int64]:
    given = np.asarray(labels)
    if given.dtype.kind not in "biu":
        raise DataError(f"labels must be whole class numbers; got {given.dtype}. Number the classes from 0.")
    return given.astype(np.int64)


def _mislabelled(
    records: NDArray[np.float32],
    classes: NDArray[np.int64],
    n: int,
    n_classes: int,
    label: int | None,
    rng: np.random.Generator,
) -> Records:
    """Copies of distinct records, each with a class that is not its own."""
    if n_classes < 2:
        raise ConfigError("mislabelled canaries need at least 2 classes; got 1. Use another kind.", key="canaries.kind")
    usable = np.arange(len(records)) if label is None else np.flatnonzero(classes != label)
    rows = _distinct(records, rng.permutation(usable), n)
    _check_enough(n, len(rows), "mislabelled")
    shift = rng.integers(1, n_classes, n)
    wrong = (classes[rows] + shift) % n_classes if label is None else np.full(n, label)
    return records[rows], wrong


def _distinct(records: NDArray[np.float32], order: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the first ``n`` rows of an order whose records differ: copies of one record would be one canary."""
    found: dict[bytes, int] = {}
    for row in order.tolist():
        found.setdefault((records[row] + np.float32(0)).tobytes(), row)  # -0.0 equals 0.0
        if len(found) == n:
            break
    return np.array(list(found.values()), dtype=np.int64)


def _random(
    records: NDArray[np.float32],
    classes: NDArray[np.int64],
    n: int,
    n_classes: int,
    label: int | None,
    rng: np.random.Generator,
) -> Records:
    low, high = records.min(axis=0), records.max(axis=0)
    made = low + rng.random((n, *records.shape[1:]), dtype=np.float32) * (high - low)
    return made.astype(np.float32), _labels(n, n_classes, label, rng)


def _blank(
    records: NDArray[np.float32],
    classes: NDArray[np.int64],
    n: int,
    n_classes: int,
    label: int | None,
    rng: np.random.Generator,
) -> Records:
    if n > (n_classes if label is None else 1):
        raise ConfigError(
            f"blank canaries of one class are copies of each other: at most one per class; got {n} for "
            f"{n_classes if label is None else 1}. Use fewer, or mislabelled canaries.",
            key="canaries.n_canaries",
        )
    own = rng.permutation(n_classes)[:n] if label is None else np.array([label])
    return np.zeros((n, *records.shape[1:]), dtype=np.float32), own.astype(np.int64)


def _clipbkd(
    records: NDArray[np.float32],
    classes: NDArray[np.int64],
    n: int,
    n_classes: int,
    label: int | None,
    rng: np.random.Generator,
) -> Records:
    flat = records.reshape(len(records), -1).astype(np.float64)
    _check_enough(n, flat.shape[1], "clipbkd")
    length = float(np.linalg.norm(flat, axis=1).mean())
    flat = flat - flat.mean(axis=0)
    made = length * _least_directions(flat, n, rng)
    return made.reshape(n, *records.shape[1:]).astype(np.float32), _labels(n, n_classes, label, rng)


def _least_directions(centred: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return ``(n, n_features)`` orthonormal rows along which records vary least, in that order."""
    n_records, n_features = centred.shape
    if n_features <= max(n_records, SMALL):
        return np.asarray(np.linalg.eigh(centred.T @ centred)[1].T[:n])  # its columns go from the least variance up
    # with more features than records most directions have no variance at all; no square matrix of the features is formed
    _, spread, rows = np.linalg.svd(centred, full_matrices=False)
    rows = rows[spread > spread.max(initial=0.0) * 1e-10]
    drawn = rng.normal(size=(min(n, n_features - len(rows)), n_features))
    free = np.linalg.qr((drawn - (drawn @ rows.T) @ rows).T)[0].T
    return np.concatenate([free, rows[::-1][: n - len(free)]])


def _labels(n: int, n_classes: int, label: int | None, rng: np.random.Generator) -> NDArray[np.int64]:
    drawn = rng.integers(0, n_classes, n) if label is None else np.full(n, label)
    return drawn.astype(np.int64)


def _check_enough(n: int, n_there: int, kind: str) -> None:
    if n > n_there:
        raise ConfigError(
            f"there can be at most {n_there} {kind} canaries of these records; got {n}. Use fewer, or add records.",
            key="canaries.n_canaries",
        )


Maker = Callable[
    [NDArray[np.float32], NDArray[np.int64], int, int, int | None, np.random.Generator],
    Records,
]
KINDS: dict[str, Maker] = {"mislabelled": _mislabelled, "random": _random, "blank": _blank, "clipbkd": _clipbkd}
