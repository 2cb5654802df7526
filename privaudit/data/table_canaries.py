"""Canaries in a raw table: whole cells, as they stand in the file."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.seeds import stream_generator
from privaudit.errors import ConfigError, DataError, UnsupportedError
from privaudit.validate import nearest

Table = Mapping[str, NDArray[np.object_]]
MAX_CLASSES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    features: Table
    labels: NDArray[np.object_]
    classes: NDArray[np.object_]
    n: int


def make_table_canaries(
    kind: str, *, table: Table, label: str, n_canaries: int, seed: int
) -> dict[str, NDArray[np.object_]]:
    """Make canaries whose cells are texts of the table they are put among.

    Args:
        kind: ``mislabelled`` (copies of distinct rows, each with another class) or ``random`` (each column drawn evenly
            from its own distinct values, the class too).
        table: name -> ``(n_rows,)`` texts.
        label: the column of classes.
        n_canaries: how many.
        seed: root seed.

    Returns:
        name -> ``(n_canaries,)`` texts, no two rows alike.

    Raises:
        ConfigError: if the kind is unknown, or there cannot be so many.
        UnsupportedError: if the kind needs numbers.
        DataError: if the label is no class in every row, or a quantity, or two canaries would be the same row.

    Source: Nasr et al., S&P 2021 (mislabelled); Steinke, Nasr, Jagielski, NeurIPS 2023 (many canaries in one run).

    >>> table = {"age": np.array(["1", "2", "3"], dtype=object), "sick": np.array(["no", "yes", "no"], dtype=object)}
    >>> made = make_table_canaries("mislabelled", table=table, label="sick", n_canaries=3, seed=0)
    >>> sorted(zip(made["age"], made["sick"]))
    [('1', 'yes'), ('2', 'no'), ('3', 'yes')]
    """
    if kind not in TABLE_KINDS:
        raise _no_such_kind(kind)
    if n_canaries < 1:
        raise ConfigError(f"n must be at least 1; got {n_canaries}.", key="n")
    features = {name: cells for name, cells in table.items() if name != label}
    classes = np.unique(table[label])
    _check_classes(label, classes)
    wanted = _Request(features=features, labels=table[label], classes=classes, n=n_canaries)
    made, own = TABLE_KINDS[kind](wanted, stream_generator(seed, "canaries"))
    canaries = {name: own if name == label else made[name] for name in table}
    n_distinct = len(set(zip(*(cells.tolist() for cells in canaries.values()), strict=True)))
    if n_distinct < n_canaries:
        raise DataError(
            f"{n_canaries - n_distinct} of {n_canaries} canaries are copies of others, so their coins cannot be told apart. "
            "Use fewer canaries, or another kind."
        )
    return canaries


def _mislabelled(wanted: _Request, rng: np.random.Generator) -> tuple[Table, NDArray[np.object_]]:
    """Copy rows whose features differ, each with a class that is not its own."""
    columns = [cells.tolist() for cells in wanted.features.values()]
    found: dict[tuple[str, ...], int] = {}
    for row in rng.permutation(len(wanted.labels)).tolist():
        found.setdefault(tuple(cells[row] for cells in columns), row)
        if len(found) == wanted.n:
            break
    if len(found) < wanted.n:
        raise ConfigError(
            f"there can be at most {len(found)} mislabelled canaries of these rows; got {wanted.n}. Use fewer.", key="n"
        )
    rows = np.array(list(found.values()))
    shift = rng.integers(1, len(wanted.classes), wanted.n)
    wrong = (np.searchsorted(wanted.classes, wanted.labels[rows]) + shift) % len(wanted.classes)
    return {name: cells[rows] for name, cells in wanted.features.items()}, wanted.classes[wrong]


def _random(wanted: _Request, rng: np.random.Generator) -> tuple[Table, NDArray[np.object_]]:
    made = {name: rng.choice(np.unique(cells), wanted.n) for name, cells in wanted.features.items()}
    return made, rng.choice(wanted.classes, wanted.n)


def _check_classes(label: str, classes: NDArray[np.object_]) -> None:
    if "" in classes.tolist():
        raise DataError(f"column {label} is empty in some rows. Fill it, or drop those rows.")
    check_no_quantity(f"column {label}", classes)
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise DataError(
            f"column {label} must hold 2 to {MAX_CLASSES} classes; got {len(classes)}. Name the column of classes."
        )


def check_no_quantity(what: str, classes: NDArray[Any]) -> None:
    """Refuse numbers with fractions as classes: another value of a regression's target would hardly be a wrong label.

    Args:
        what: column or array, for the message.
        classes: ``(n_classes,)`` the distinct values, texts or numbers.

    Raises:
        DataError: if all are numbers, and one is not whole.
    """
    try:
        numbers = [float(value) for value in classes.tolist()]
    except (TypeError, ValueError):
        return  # names
    fraction = next((number for number in numbers if math.isfinite(number) and not number.is_integer()), None)
    if fraction is not None:
        raise DataError(
            f"{what} holds numbers with fractions ({fraction:g}): a quantity, not classes. Name a column of classes, or group "
            "it into a few, named by texts or whole numbers, and train on those."
        )


def _no_such_kind(kind: str) -> ConfigError | UnsupportedError:
    if kind in ("blank", "clipbkd"):
        return UnsupportedError(
            f"canaries of kind {kind} are made of numbers; the cells of a csv have none before they are encoded. Use "
            f"{' or '.join(TABLE_KINDS)}, or insert into encoded records (an npz with X and y)."
        )
    return ConfigError(
        f"kind of canaries must be one of {', '.join(TABLE_KINDS)}; got {kind!r}.{nearest(kind, TABLE_KINDS)}",
        key="kind",
    )


Maker = Callable[[_Request, np.random.Generator], tuple[Table, NDArray[np.object_]]]
TABLE_KINDS: dict[str, Maker] = {"mislabelled": _mislabelled, "random": _random}
