"""Draw training sets in which a given share of the records has a property."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError
from privaudit.validate import check_probability

LABEL_BALANCES = ("fixed", "free")


def largest_remainder(weights: ArrayLike, total: int) -> NDArray[np.int64]:
    """Split a number into whole parts in given shares: each part is rounded down or up, and they sum to the number.

    Args:
        weights: ``(n_parts,)`` numbers of at least 0, not all 0; only their shares count.
        total: the number to split.

    Returns:
        ``(n_parts,)`` int64; among equal remainders the first part is rounded up.

    >>> largest_remainder([0.5, 0.3, 0.2], 9).tolist()
    [4, 3, 2]
    """
    shares = np.asarray(weights, dtype=np.float64)
    ideal = total * shares / shares.sum()
    parts = np.floor(ideal + 1e-9).astype(np.int64)  # 0.29 * 100 is 28.999999999999996
    up = np.argsort(-(ideal - parts), kind="stable")[: total - int(parts.sum())]
    parts[up] += 1
    return np.asarray(parts)


def cell_counts(n: int, ratio: float, class_shares: ArrayLike) -> NDArray[np.int64]:
    """Return how many records of each group and class make up a training set with fixed label balance.

    The class counts of the whole set come first, so they are the same at every ratio; the group with the property then
    gets its part of each class, and the other group the rest. Each cell is within one record of its exact size.

    Args:
        n: records of the training set.
        ratio: share of them with the property; the group has ``round(n * ratio)`` records.
        class_shares: ``(n_classes,)`` share of each class in both groups.

    Returns:
        ``(2, n_classes)`` int64; row 1 has the property.

    >>> cell_counts(10, 0.2, [0.5, 0.5]).tolist()
    [[4, 4], [1, 1]]
    """
    in_all = largest_remainder(class_shares, n)
    if n == 0:
        return np.stack([in_all, in_all])
    with_property = largest_remainder(in_all, round(n * ratio))
    return np.stack([in_all - with_property, with_property])


def available_counts(
    pool: NDArray[np.int64], has_property: NDArray[np.bool_], labels: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    """Count the records of a pool by group and class, ``(2, n_classes)``; row 1 has the property."""
    codes = has_property[pool].astype(np.int64) * n_classes + labels[pool]
    return np.asarray(np.bincount(codes, minlength=2 * n_classes).reshape(2, n_classes), dtype=np.int64)


def draw_ratio(
    pool: NDArray[np.int64],
    has_property: NDArray[np.bool_],
    labels: NDArray[np.int64],
    *,
    n: int,
    ratio: float,
    label_balance: str,
    class_shares: ArrayLike,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw records without replacement, exactly ``round(n * ratio)`` of them with the property.

    Args:
        pool: int64 positions to draw from.
        has_property: ``(n_records,)`` bool, of all records.
        labels: ``(n_records,)`` int64 classes, of all records.
        n: number of records to draw.
        ratio: share of the records with the property.
        label_balance: ``fixed``: each class has the same share in both groups, so that neither P(y) nor P(x | y,
            property) changes with the ratio; ``free``: a random subset of each group with the classes it happens to
            have, so that only P(property) changes, and P(y) with it where they depend on each other.
        class_shares: ``(n_classes,)`` shares of the classes in the whole data set, used where the balance is fixed.
        rng: where the draw comes from.

    Returns:
        ``(n,)`` int64 positions, sorted.

    Raises:
        ConfigError: if a cell of the pool has too few records; it says which, and the largest n that would do.

    Source: Suri and Evans, PETS 2022 (worlds that differ in the ratio of a property alone). There the class balance
    is reached by the best of many random tries, here exactly.

    >>> pool, sex, income = np.arange(40), np.arange(40) % 2 == 0, np.arange(40) // 20
    >>> rng = np.random.default_rng(0)
    >>> drawn = draw_ratio(pool, sex, income, n=10, ratio=0.2, label_balance="fixed", class_shares=[0.5, 0.5], rng=rng)
    >>> int(sex[drawn].sum()), int(income[drawn].sum())
    (2, 5)
    """
    shares = np.asarray(class_shares, dtype=np.float64)
    available = available_counts(pool, has_property, labels, len(shares))
    check_enough({"the pool": available}, n=n, ratios=[ratio], label_balance=label_balance, class_shares=shares)
    in_group = has_property[pool]
    groups = [pool[~in_group], pool[in_group]]
    if label_balance == "free":
        counts = (n - round(n * ratio), round(n * ratio))
        parts = [_some(group, count, rng) for group, count in zip(groups, counts, strict=True)]
    else:
        cells = cell_counts(n, ratio, shares)
        parts = [
            _some(group[labels[group] == label], int(count), rng)
            for group, row in zip(groups, cells, strict=True)
            for label, count in enumerate(row)
        ]
    return np.sort(np.concatenate(parts))


def check_enough(
    available: Mapping[str, NDArray[np.int64]],
    *,
    n: int,
    ratios: Sequence[float],
    label_balance: str,
    class_shares: NDArray[np.float64],
    key: str = "distribution.n_records",
) -> None:
    """Refuse draws that a pool cannot give.

    Args:
        available: name of each pool -> its ``(2, n_classes)`` counts, see `available_counts`.
        n: number of records to draw.
        ratios: shares of records with the property, each of which must be possible.
        label_balance: ``fixed`` or ``free``.
        class_shares: ``(n_classes,)`` shares of the classes in both groups.
        key: the option that sets ``n``.

    Raises:
        ConfigError: if an argument is illegal, or a cell has too few records: which one, how many there are, and the
            largest n that would do.
    """
    _check_options(n, ratios, label_balance, key)
    for where, table in available.items():
        for ratio in ratios:
            lacking = _first_lack(table, n, ratio, label_balance, class_shares)
            if lacking is None:
                continue
            most = _largest_n(list(available.values()), n, ratios, label_balance, class_shares)
            advice = (
                f"The largest {key} that would do is {most}." if most else "No size would do: leave this ratio out."
            )
            raise ConfigError(
                f"a draw of {n} records at ratio {ratio:g} from {where} needs {lacking}. {advice}", key=key
            )


def _check_options(n: int, ratios: Sequence[float], label_balance: str, key: str) -> None:
    if label_balance not in LABEL_BALANCES:
        raise ConfigError(
            f"label_balance must be one of {', '.join(LABEL_BALANCES)}; got {label_balance!r}.",
            key="distribution.class_balance",
        )
    if n < 1:
        raise ConfigError(f"{key} must be at least 1; got {n}.", key=key)
    for ratio in ratios:
        check_probability("ratio", ratio, open_ends=False)
        if _has_one_kind(n, ratio):
            raise ConfigError(
                f"a draw of {n} records at ratio {ratio:g} would hold records of one kind alone. Raise {key}.", key=key
            )


def _has_one_kind(n: int, ratio: float) -> bool:
    """Whether a ratio between 0 and 1 is rounded to one of them."""
    return 0.0 < ratio < 1.0 and round(n * ratio) in (0, n)


def _first_lack(
    table: NDArray[np.int64], n: int, ratio: float, label_balance: str, class_shares: NDArray[np.float64]
) -> str | None:
    """Name the first cell with too few records."""
    if label_balance == "free":
        needed, there = np.array([[n - round(n * ratio)], [round(n * ratio)]]), table.sum(axis=1, keepdims=True)
    else:
        needed, there = cell_counts(n, ratio, class_shares), table
    short = np.argwhere(needed > there)
    if not len(short):
        return None
    group, label = short[0]
    of_class = "" if label_balance == "free" else f" of class {label}"
    return (
        f"{needed[group, label]} records {'with' if group else 'without'} the property{of_class}; "
        f"there are {there[group, label]}"
    )


def _largest_n(
    available: Sequence[NDArray[np.int64]],
    n: int,
    ratios: Sequence[float],
    label_balance: str,
    class_shares: NDArray[np.float64],
) -> int:
    """Find the largest size below n that every pool can give at every ratio, 0 = none."""
    shares = np.ones(1) if label_balance == "free" else class_shares / class_shares.sum()
    most = n - 1
    for table in available:
        there = table.sum(axis=1, keepdims=True) if label_balance == "free" else table
        for ratio in ratios:
            cell = np.outer([1.0 - ratio, ratio], shares)
            # a cell needs n * cell - 3 records at least: no larger size can do, and few sizes below are left to try
            most = min(most, int(((there + 3.0)[cell > 0] / cell[cell > 0]).min()))
    while most > 0 and any(
        _has_one_kind(most, ratio) or _first_lack(table, most, ratio, label_balance, class_shares)
        for table in available
        for ratio in ratios
    ):
        most -= 1
    return most


def _some(group: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.asarray(rng.choice(group, size=count, replace=False), dtype=np.int64)
