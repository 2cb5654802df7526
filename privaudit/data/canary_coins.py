"""The coins of canaries, kept apart from the data, and joined to scores by key."""

import hashlib
import json
import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.data.seeds import stream_generator
from privaudit.errors import DataError, ShapeError
from privaudit.types.frozen import set_array

SHOWN = 3  # keys named in an error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CanaryCoins:
    """Which canary was put into training.

    Attributes:
        keys: ``(n,)`` text, distinct.
        is_in: ``(n,)`` uint8 fair, independent coins.

    Raises:
        ShapeError: if the lengths differ.
        DataError: if a key comes twice, or a coin is neither 0 nor 1.
    """

    keys: NDArray[np.str_]
    is_in: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        given = np.asarray(self.is_in)
        keys = set_array(self, "keys", self.keys, np.str_)
        if keys.ndim != 1 or keys.shape != given.shape or not len(keys):
            raise ShapeError(f"keys and is_in must be of one length, at least 1; got {keys.shape} and {given.shape}.")
        if not np.isin(given, (0, 1)).all():
            raise DataError("coins must be 0 or 1.")
        set_array(self, "is_in", given, np.uint8)
        _check_distinct(keys, "coins")

    @property
    def digest(self) -> str:
        """SHA-256 of keys and coins."""
        content = json.dumps([self.keys.tolist(), self.is_in.tolist()])
        return hashlib.sha256(content.encode("utf-8")).hexdigest()


def draw_canary_coins(keys: ArrayLike, *, seed: int | None) -> CanaryCoins:
    """Toss a fair coin for each canary.

    Args:
        keys: ``(n,)`` names of the canaries.
        seed: ``None`` draws from the system's entropy: coins are secret, and who knows the seed knows them.

    >>> draw_canary_coins(["a", "b"], seed=0).is_in.shape
    (2,)
    """
    names = np.asarray(keys, dtype=np.str_)
    root = secrets.randbits(127) if seed is None else seed
    coins = stream_generator(root, "canary_coins").integers(0, 2, len(names), dtype=np.uint8)
    return CanaryCoins(keys=names, is_in=coins)


def join_scores(
    coins: CanaryCoins, keys: ArrayLike, scores: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Find each canary's score by its key.

    Args:
        coins: of the canaries.
        keys: ``(n,)`` names beside the scores, in any order.
        scores: ``(n,)`` higher = more member-like.

    Returns:
        ``(n,)`` scores and coins in the order of the coins.

    Raises:
        ShapeError: if keys and scores differ in length.
        DataError: if a canary has no score, a score no canary, a key comes twice, or a score is no number; names them.

    >>> coins = CanaryCoins(keys=np.array(["a", "b"]), is_in=np.array([1, 0]))
    >>> join_scores(coins, ["b", "a"], [0.1, 0.9])[0].tolist()
    [0.9, 0.1]
    """
    names, values = np.asarray(keys, dtype=np.str_), _numbers(scores)
    if names.ndim != 1 or names.shape != values.shape:
        raise ShapeError(f"keys and scores must be of one length; got {names.shape} and {values.shape}.")
    _check_distinct(names, "scores")
    there, wanted = set(names.tolist()), coins.keys.tolist()
    missing = [key for key in wanted if key not in there]
    unknown = sorted(there - set(wanted))
    if missing or unknown:
        texts = [f"{len(missing)} canaries have no score ({_named(missing)})"] if missing else []
        texts += [f"{len(unknown)} scores belong to no canary ({_named(unknown)})"] if unknown else []
        raise DataError(
            f"scores and coins do not fit: {'; '.join(texts)}. Score exactly the canaries of this coins file."
        )
    bad = names[np.isnan(values)]
    if len(bad):
        raise DataError(f"scores must be numbers; {len(bad)} are NaN ({_named(bad.tolist())}). Look at that model.")
    place = {key: row for row, key in enumerate(names.tolist())}
    return values[[place[key] for key in wanted]], np.array(coins.is_in)


def _numbers(scores: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("scores must be (n,) numbers; got something else. Convert them first.") from None


def _check_distinct(keys: NDArray[np.str_], what: str) -> None:
    values, counts = np.unique(keys, return_counts=True)
    twice = values[counts > 1].tolist()
    if twice:
        raise DataError(f"keys of {what} must be distinct; {len(twice)} come twice ({_named(twice)}).")


def _named(keys: list[str]) -> str:
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")
