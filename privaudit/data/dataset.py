"""The records of an audit: features, labels, ids and groups that fit together."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import DataError, ShapeError, UnsupportedError
from privaudit.types.frozen import set_array
from privaudit.validate import check_finite_features


def encode_labels(labels: ArrayLike) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Number the classes 0..k-1 in the order of their sorted values.

    Args:
        labels: ``(n,)`` texts, whole numbers or booleans.

    Returns:
        ``(n,)`` int64 class numbers, and the name of each class.

    Raises:
        ShapeError: if they are not one-dimensional.
        DataError: if labels are missing, or of mixed types.
        UnsupportedError: if they are numbers that are not whole.

    >>> codes, names = encode_labels(["yes", "no", "yes"])
    >>> codes.tolist(), names
    ([1, 0, 1], ('no', 'yes'))
    """
    values, codes = np.unique(_comparable_labels(np.asarray(labels)), return_inverse=True)
    return codes.astype(np.int64), tuple(str(value) for value in values.tolist())


def _comparable_labels(labels: NDArray[Any]) -> NDArray[Any]:
    if labels.ndim != 1:
        raise ShapeError(f"labels must have shape (n,), one class per record; got {labels.shape}.")
    if labels.dtype.kind == "O":
        labels = _unboxed(labels)
    if labels.dtype.kind == "f":
        return _whole_numbers(labels)
    if labels.dtype.kind not in "biuU":
        raise DataError(f"labels must be texts, whole numbers or booleans; got {labels.dtype}. Convert them first.")
    return labels


def _unboxed(labels: NDArray[Any]) -> NDArray[Any]:
    """Turn an object array (what pandas hands over) into an array of one type."""
    kinds = {"text" if isinstance(label, str) else type(label).__name__ for label in labels.tolist()}
    if len(kinds) > 1 or kinds & {"NoneType", "NAType", "NaTType"}:
        raise DataError(
            f"labels must all be of one type and none missing; got {', '.join(sorted(kinds))}. "
            "Drop the records without a label, or write all labels as text."
        )
    return np.asarray(labels.tolist())


def _whole_numbers(labels: NDArray[np.floating]) -> NDArray[np.int64]:
    missing = int((~np.isfinite(labels)).sum())
    if missing:
        raise DataError(f"labels must be finite; {missing} are NaN or infinite. Drop the records without a label.")
    bad = labels[(labels != np.round(labels)) | (np.abs(labels) >= 2.0**53)]
    if bad.size:
        raise UnsupportedError(
            f"privaudit audits classifiers: labels must be classes; got {bad.size} numbers that are not whole "
            f"(first: {bad[0]:g}). Cut the target into classes first."
        )
    return labels.astype(np.int64)


def float_features(features: ArrayLike) -> NDArray[np.float32]:
    """Return features as float32.

    Raises:
        DataError: if they are no numbers.
    """
    array = np.asarray(features)
    if array.dtype.kind not in "biuf":
        raise DataError(f"features must be numbers; got {array.dtype}. Encode texts and categories first.")
    with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused as such
        return array.astype(np.float32)


def hash_text(values: NDArray[np.str_]) -> bytes:
    """Bytes of a text array that do not depend on the width numpy gave it."""
    return json.dumps(values.tolist()).encode("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Labelled records.

    Attributes:
        name: the data set's name.
        features: ``(n, ...)`` float32, finite.
        labels: ``(n,)`` int64 class numbers, 0..n_classes-1.
        record_ids: ``(n,)`` text, one distinct id per record.
        groups: name -> ``(n,)`` text, the group of each record.
        class_names: the name of each class.
        row: ``(n,)`` int64, each record's row in the source; kept through ``subset``.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if features are not finite, a label is out of range, there is one class only, or an id comes twice.
    """

    name: str
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    record_ids: NDArray[np.str_]
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    class_names: tuple[str, ...]
    row: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        features = set_array(self, "features", self.features, np.float32)
        if features.ndim < 2 or 0 in features.shape:
            raise ShapeError(f"features must have shape (n, ...) and not be empty; got {features.shape}.")
        for name, dtype in (("labels", np.int64), ("record_ids", np.str_), ("row", np.int64)):
            self._check_length(name, set_array(self, name, getattr(self, name), dtype))
        object.__setattr__(self, "groups", {name: self._group(name) for name in sorted(self.groups)})
        object.__setattr__(self, "class_names", tuple(self.class_names))
        check_finite_features(features)
        self._check_labels()
        self._check_ids()

    def _group(self, name: str) -> NDArray[np.str_]:
        array = np.array(self.groups[name], dtype=np.str_)
        array.flags.writeable = False
        self._check_length(f"group {name}", array)
        return array

    def _check_length(self, name: str, array: NDArray[Any]) -> None:
        if array.shape != (len(self.features),):
            raise ShapeError(f"{name} must have shape ({len(self.features)},), one per record; got {array.shape}.")

    def _check_labels(self) -> None:
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= self.n_classes:
            raise DataError(f"labels must lie in 0..{self.n_classes - 1}; got {low}..{high}.")
        if low == high:
            raise DataError(
                f"{self.name} is a data set with one class ({self.class_names[low]}); at least two are needed. "
                "Choose another label, or draw more records."
            )

    def _check_ids(self) -> None:
        values, counts = np.unique(self.record_ids, return_counts=True)
        if len(values) < len(self.record_ids):
            raise DataError(
                f"record ids must be distinct; {int((counts > 1).sum())} come more than once (first: "
                f"{values[counts > 1][0]}). Name another id column, or none."
            )

    @property
    def n_records(self) -> int:
        """Number of records."""
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def record_shape(self) -> tuple[int, ...]:
        """Shape of one record's features."""
        return self.features.shape[1:]

    def subset(self, index: ArrayLike) -> "Dataset":
        """Return the records at ``index`` (positions or a mask), with their source rows.

        Args:
            index: ``(m,)`` positions, or ``(n,)`` booleans.

        Raises:
            DataError: if fewer than two classes remain, or a record is taken twice.
        """
        chosen = np.arange(self.n_records)[np.asarray(index)]
        return Dataset(
            name=self.name,
            features=self.features[chosen],
            labels=self.labels[chosen],
            record_ids=self.record_ids[chosen],
            groups={name: values[chosen] for name, values in self.groups.items()},
            class_names=self.class_names,
            row=self.row[chosen],
        )

    def digest(self) -> str:
        """SHA-256 over shapes, types and values of features, labels, groups and ids."""
        total = hashlib.sha256()
        for array in (self.features, self.labels):
            total.update(f"{array.shape} {array.dtype.str}\n".encode())
            total.update(np.ascontiguousarray(array).tobytes())
        for name, values in (("", self.record_ids), *self.groups.items()):
            content = hash_text(values)
            total.update(f"{json.dumps(name)} {values.shape} text {len(content)}\n".encode() + content)
        return total.hexdigest()


def dataset_from_arrays(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    name: str,
    record_ids: ArrayLike | None = None,
    groups: Mapping[str, ArrayLike] | None = None,
) -> Dataset:
    """Make a data set of arrays, with any labels.

    Args:
        features: ``(n, ...)`` finite numbers.
        labels: ``(n,)`` texts, whole numbers or booleans; classes are numbered in sorted order.
        name: the data set's name.
        record_ids: ``(n,)`` distinct ids; row numbers if not given.
        groups: name -> ``(n,)`` group of each record.

    Returns:
        The data set.

    Raises:
        DataError: if the arrays do not fit together or cannot be audited.
        UnsupportedError: if the labels are numbers that are not whole.

    >>> data = dataset_from_arrays([[0.5], [1.5], [2.5]], ["b", "a", "b"], name="tiny")
    >>> data.labels.tolist(), data.class_names, data.record_ids.tolist()
    ([1, 0, 1], ('a', 'b'), ['0', '1', '2'])
    """
    codes, class_names = encode_labels(labels)
    rows = np.arange(len(codes))
    return Dataset(
        name=name,
        features=float_features(features),
        labels=codes,
        record_ids=np.asarray(rows if record_ids is None else record_ids).astype(np.str_),
        groups={group: np.asarray(values).astype(np.str_) for group, values in (groups or {}).items()},
        class_names=class_names,
        row=rows,
    )
