"""Checks on arguments; every message says what was expected, what came and what to do."""

import difflib
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, DegenerateScoresError, ShapeError


def check_probability(name: str, value: float, *, open_ends: bool = True) -> float:
    """Return ``value`` if it is a probability.

    Args:
        name: the argument's name, for the message.
        value: the number to check.
        open_ends: refuse 0 and 1 as well.

    Raises:
        ConfigError: if it is not.

    >>> check_probability("confidence", 0.95)
    0.95
    """
    inside = 0.0 < value < 1.0 if open_ends else 0.0 <= value <= 1.0
    if not inside:
        span = "(0, 1)" if open_ends else "[0, 1]"
        hint = f" Did you mean {value / 100:g}?" if 1.0 < value < 100.0 else ""
        raise ConfigError(f"{name} must lie in {span}; got {value}.{hint}", key=name)
    return float(value)


def check_delta(delta: float) -> float:
    """Return ``delta`` if it lies in [0, 1).

    Raises:
        ConfigError: if it does not.
    """
    if not 0.0 <= delta < 1.0:
        raise ConfigError(f"delta must lie in [0, 1); got {delta}. A usual value is 1e-5.", key="delta")
    return float(delta)


def check_scores(scores: ArrayLike, *, name: str = "scores") -> NDArray[np.float64]:
    """Return scores as float64, refusing NaN with the rows that hold it.

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like; infinities are legal.
        name: what the scores are, for the message.

    Raises:
        ShapeError: if they are not one-dimensional.
        DegenerateScoresError: if any is NaN.
        DataError: if they are no numbers.
    """
    try:
        array = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} must be (n,) numbers; got something else. Convert them first.") from None
    if array.ndim != 1:
        raise ShapeError(f"{name} must have shape (n,); got {array.shape}.")
    bad = np.flatnonzero(np.isnan(array))
    if bad.size:
        rows = ", ".join(str(row) for row in bad[:5]) + (", ..." if bad.size > 5 else "")
        raise DegenerateScoresError(
            f"{name} must not be NaN; got {bad.size} NaN of {array.size} (records {rows}). "
            "Drop these records or mend the signal that scored them."
        )
    return array


def check_both_worlds(is_member: ArrayLike) -> NDArray[np.bool_]:
    """Return membership as booleans, refusing a vector with one world only.

    Args:
        is_member: ``(n,)`` 1 or True for members.

    Raises:
        DegenerateScoresError: if members or non-members are missing.
        DataError: if a value is neither 0 nor 1.
    """
    given = np.asarray(is_member)
    other = given[~np.isin(given, (0, 1))] if given.dtype.kind in "biuf" else given
    if other.size:
        raise DataError(f"membership must be 1 (member) or 0; got {other.flat[0]!s}. Recode it.")
    array = given.astype(bool)
    n_in = int(array.sum())
    if n_in in (0, array.size):
        raise DegenerateScoresError(
            f"both members and non-members are needed; got {n_in} members and {array.size - n_in} non-members."
        )
    return array


def check_same_length(**arrays: NDArray[np.generic]) -> int:
    """Return the common first length of named arrays.

    Raises:
        ShapeError: if the lengths differ.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listing = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise ShapeError(f"arrays must have the same number of rows; got {listing}.")
    return next(iter(lengths.values()))


def check_finite_features(features: NDArray[np.floating]) -> None:
    """Refuse features that hold NaN or infinity.

    Raises:
        DataError: names the first rows concerned.
    """
    flat = features.reshape(len(features), -1)
    bad = np.flatnonzero(~np.isfinite(flat).all(axis=1))
    if bad.size:
        raise DataError(
            f"features must be finite; {bad.size} records hold NaN or infinity (first rows {bad[:5].tolist()}). "
            "Fill or drop the missing values before the audit."
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the closest known words.

    >>> nearest("lria", ["lira", "rmia", "loss"])
    ' Did you mean lira?'
    """
    close = difflib.get_close_matches(word, list(known), n=2, cutoff=0.6)
    close = [other for other in close if sorted(other) == sorted(word)] or close  # two letters swapped: no second guess
    return f" Did you mean {' or '.join(close)}?" if close else ""
