"""Re-sample a training set so that a fixed share of its records has a property.

The size has to be fixed too: where it depends on the original ratio, it gives that ratio away. Repeats do not vanish in
training: an over-sampled group is learned better, so what was repeated may still be told from what was not.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.data.world_draws import largest_remainder
from privaudit.defenses.resampled_counts import check_kind, group_sizes, resampled_counts
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.validate import check_probability

Size = int | Literal["varying"]


def resample(
    has_property: ArrayLike,
    *,
    ratio: float,
    kind: str,
    size: Size,
    rng: np.random.Generator,
    labels: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Choose records so that a fixed share of them has the property.

    Each group is cut and grown class by class, so that it keeps its own class shares as far as whole numbers allow.
    Where both groups have the same shares to within one record, as draws with fixed label balance do, that one record is
    taken for rounding: the class counts of the whole are the same for all training sets of a size, and tell nothing.

    Args:
        has_property: ``(n,)`` bool, of the training set's records.
        ratio: share of the records with the property afterwards, in (0, 1).
        kind: ``under``: without replacement, records are left out; ``over``: of a group that is too small every record
            is taken at least once, and what is missing is drawn again with replacement. A group that is large enough is
            never drawn with replacement.
        size: number of records afterwards, a public number that does not depend on the training set; ``varying`` leaves
            it to the counts, and so gives the original ratio away.
        rng: of this training set alone.
        labels: ``(n,)`` classes, ``None`` = one class.

    Returns:
        Places in the training set, ascending; with repeats where ``over`` had to.

    Raises:
        ConfigError: if an option is not legal, or the training set is too small for the size; the largest one is named.
        DataError: if a group is empty.
        ShapeError: if there is not one class per record.

    Source: Suri, Lu, Chen and Evans, SaTML 2023; the fixed size and the classes are privaudit's own.

    >>> mask = np.arange(10) < 3
    >>> resample(mask, ratio=0.5, kind="under", size=4, rng=np.random.default_rng(0)).shape
    (4,)
    >>> resample(mask, ratio=0.5, kind="over", size="varying", rng=np.random.default_rng(0)).shape
    (14,)
    """
    mask, classes = _check_set(has_property, labels)
    check_kind(kind)
    n_with = int(mask.sum())
    n_without = len(mask) - n_with
    varying = resampled_counts(n_with, n_without, ratio, kind)  # refuses an empty group in any case
    wanted = varying if size == "varying" else _fixed(n_with, n_without, ratio, kind, size)
    codes = mask * (int(classes.max()) + 1) + classes
    there = np.bincount(codes, minlength=2 * (int(classes.max()) + 1)).reshape(2, -1)
    cells = class_cells(there, np.array([wanted[1], wanted[0]])).ravel()
    chosen = [_take(np.flatnonzero(codes == code), int(cells[code]), rng) for code in np.flatnonzero(cells)]
    return np.sort(np.concatenate(chosen))


def _check_set(has_property: ArrayLike, labels: ArrayLike | None) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    mask = np.asarray(has_property)
    if mask.ndim != 1 or mask.dtype != np.bool_:
        raise DataError(f"has_property must be (n,) booleans; got {mask.dtype} of shape {mask.shape}.")
    classes = np.zeros(len(mask), dtype=np.int64) if labels is None else np.asarray(labels)
    if classes.shape != mask.shape:
        raise ShapeError(f"labels must have shape {mask.shape}, one per record; got {classes.shape}.")
    if classes.dtype.kind not in "iu" or (len(classes) and classes.min() < 0):
        raise DataError(f"labels must be whole numbers of at least 0; got {classes.dtype}.")
    return mask, classes.astype(np.int64)


def _fixed(n_with: int, n_without: int, ratio: float, kind: str, size: Size) -> tuple[int, int]:
    if isinstance(size, bool) or not isinstance(size, int | np.integer):
        raise ConfigError(f"size must be a whole number or 'varying'; got {size!r}.", key="size")
    wanted = group_sizes(int(size), ratio)
    if kind == "under" and (wanted[0] > n_with or wanted[1] > n_without):
        raise ConfigError(
            f"re-sampling to size {size} at ratio {ratio:g} needs {wanted[0]} records with and {wanted[1]} without the "
            f"property; there are {n_with} and {n_without}. The largest size that would do here is "
            f"{_largest(n_with, n_without, ratio, int(size))}.",
            key="size",
        )
    return wanted


def _largest(n_with: int, n_without: int, ratio: float, size: int) -> int:
    size = min(size, int(min((n_with + 1) / ratio, (n_without + 1) / (1.0 - ratio))) + 1)
    while round(size * ratio) > n_with or size - round(size * ratio) > n_without:
        size -= 1
    return size


def class_cells(there: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Say how many records of each class both groups keep or get.

    Args:
        there: ``(2, n_classes)`` records of each group and class.
        sizes: ``(2,)`` records that each group is to have.

    Returns:
        ``(2, n_classes)`` int64 whose rows sum to the sizes.

    >>> class_cells(np.array([[60, 20], [15, 5]]), np.array([10, 10])).tolist()
    [[7, 3], [8, 2]]
    """
    n = there.sum(axis=1)
    apart = np.stack([largest_remainder(row, int(size)) for row, size in zip(there, sizes, strict=True)])
    shares = there.sum(axis=0) / n.sum()
    if (np.abs(there - np.outer(n, shares)) >= 1.0).any():  # more than whole numbers explain
        return apart
    in_all = largest_remainder(shares, int(sizes.sum()))
    # a group that stays as it is decides; the other one gets the rest of each class
    first = 0 if sizes[0] == n[0] else 1
    row = there[first] if sizes[first] == n[first] else largest_remainder(in_all, int(sizes[first]))
    cells = np.stack([row, in_all - row] if first == 0 else [in_all - row, row])
    is_growing = (sizes >= n)[:, None]
    is_possible = (cells >= 0) & np.where(is_growing, cells >= there, cells <= there) & ((there > 0) | (cells == 0))
    return cells if is_possible.all() else apart


def _take(rows: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose n of some rows: without replacement if there are enough, else all of them and the rest drawn again."""
    if n <= len(rows):
        return np.asarray(rng.choice(rows, size=n, replace=False), dtype=np.int64)
    return np.concatenate([rows, rng.choice(rows, size=n - len(rows), replace=True)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """Re-sample every training set to a fixed ratio and a fixed size.

    Attributes:
        ratio: share of the records with the property afterwards, in (0, 1).
        kind: ``under`` or ``over``.
        size: records of every training set afterwards, see `privaudit.defenses.resampled_counts.fixed_size`; or
            ``varying``, which gives the original ratio away.
        keeps_classes: cut and grow each group class by class. Right where the class shares of both groups are fixed. Where
            classes were taken as they came, it would fix those of the group that is cut and not those of the other, and
            their spread would tell the original ratio: then each group is cut and grown at random.

    Raises:
        ConfigError: if an option is not legal.

    Source: see `resample`.
    """

    name: ClassVar[str] = "resampling"
    ratio: float = 0.5
    kind: str = "under"
    size: Size
    keeps_classes: bool = True

    def __post_init__(self) -> None:
        """Check the options."""
        check_probability("ratio", self.ratio)
        check_kind(self.kind)
        if not isinstance(self.keeps_classes, bool):
            raise ConfigError(f"keeps_classes must be true or false; got {self.keeps_classes!r}.", key="keeps_classes")
        if self.size != "varying":
            _fixed(0, 0, self.ratio, "over", self.size)

    def treat(
        self,
        positions: NDArray[np.int64],
        has_property: NDArray[np.bool_],
        labels: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Re-sample one training set.

        Args:
            positions: ``(n,)`` the training set's records.
            has_property: ``(n_records,)`` of all records of the data set.
            labels: ``(n_records,)`` classes of all records of the data set.
            rng: of this training set alone.

        Returns:
            positions and their true classes.

        Raises:
            ConfigError: if the training set is too small for the size.
            DataError: if no record has the property, or every one.
        """
        chosen = positions[
            resample(
                has_property[positions],
                ratio=self.ratio,
                kind=self.kind,
                size=self.size,
                rng=rng,
                labels=labels[positions] if self.keeps_classes else None,
            )
        ]
        return chosen, labels[chosen]
