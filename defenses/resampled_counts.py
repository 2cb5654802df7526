"""How many records with and without a property re-sampling leaves."""

from collections.abc import Iterable
from typing import Literal

from privaudit.errors import ConfigError, DataError
from privaudit.validate import check_probability

Kind = Literal["under", "over"]
KINDS: tuple[Kind, ...] = ("under", "over")


def check_kind(kind: str) -> None:
    """Refuse a kind that does not exist.

    Raises:
        ConfigError: if it is neither ``under`` nor ``over``.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.", key="kind")


def resampled_counts(n_with: int, n_without: int, ratio: float, kind: str) -> tuple[int, int]:
    """Return the counts of both groups after re-sampling to a ratio, where the size is left to vary.

    One group stays as it is; the other shrinks (``under``) or grows (``over``) until the ratio is right.

    Args:
        n_with: records with the property, 1 at least.
        n_without: records without it, 1 at least.
        ratio: share of the records with the property afterwards, in (0, 1).
        kind: ``under`` or ``over``.

    Returns:
        records with the property, and without it.

    Raises:
        ConfigError: if the ratio or the kind is not legal.
        DataError: if a group is empty, or would be: no share of it can be reached then.

    Source: Suri, Lu, Chen and Evans, SaTML 2023 (the defense; the counts follow from the ratio. The authors' published
    code takes d / (1 - d) in both branches, which is right for d = 1/2 alone).

    >>> resampled_counts(300, 700, 0.25, "over"), resampled_counts(300, 700, 0.5, "under")
    ((300, 900), (300, 300))
    """
    check_probability("ratio", ratio)
    check_kind(kind)
    if n_with < 1 or n_without < 1:
        raise DataError(
            f"re-sampling needs records with and without the property; got {n_with} and {n_without}. Leave these worlds out."
        )
    is_low = n_with < ratio * (n_with + n_without)
    if is_low == (kind == "under"):
        counts = n_with, round(n_with * (1.0 - ratio) / ratio)
    else:
        counts = round(n_without * ratio / (1.0 - ratio)), n_without
    if 0 in counts:
        raise DataError(
            f"re-sampling {n_with} and {n_without} records to {ratio:g} leaves a group empty; it gives {counts}."
        )
    return counts


def group_sizes(size: int, ratio: float) -> tuple[int, int]:
    """Return the counts of both groups at a fixed size: with the property, and without it.

    Raises:
        ConfigError: if a group would be empty.

    >>> group_sizes(10, 0.25)
    (2, 8)
    """
    n_with = round(size * check_probability("ratio", ratio))
    if not 0 < n_with < size:
        raise ConfigError(f"size {size} leaves a group empty at ratio {ratio:g}; raise it.", key="size")
    return n_with, size - n_with


def fixed_size(counts: Iterable[tuple[int, int]], ratio: float, kind: str) -> int:
    """Return the size to fix, so that it is the same for all training sets.

    Args:
        counts: records with and without the property, of every training set there may be.
        ratio: share of the records with the property afterwards, in (0, 1).
        kind: ``under``: the size of the smallest of them after re-sampling, which all can give; ``over``: that of the
            largest, at which none of them loses a record.

    Raises:
        ConfigError: if the ratio or kind is not legal, or there is no such size.
        DataError: if a group is empty.

    Source: privaudit's own; a size that depends on the original ratio tells it.

    >>> fixed_size([(500, 500), (200, 800)], 0.5, "under"), fixed_size([(500, 500), (200, 800)], 0.5, "over")
    (400, 1600)
    """
    rows = list(counts)
    if not rows:
        raise ConfigError("counts must hold one training set at least; got none.", key="size")
    sizes = [sum(resampled_counts(n_with, n_without, ratio, kind)) for n_with, n_without in rows]
    size, step = (min(sizes), -1) if kind == "under" else (max(sizes), 1)
    while size > 0 and not all(_fits(row, size, ratio, kind) for row in rows):  # rounding may take a record or two
        size += step
    group_sizes(size, ratio)
    return size


def _fits(row: tuple[int, int], size: int, ratio: float, kind: str) -> bool:
    wanted = round(size * ratio)
    each = ((wanted, row[0]), (size - wanted, row[1]))
    return all(want <= have if kind == "under" else want >= have for want, have in each)
