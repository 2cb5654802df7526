"""Which models an attack takes as references, and how offline attacks are tuned without the target's coins.

The target's complement holds exactly the records that the target does not, so tuning on it would be tuning on the
answer; a reference would be tuned on scores that it has a part in. The pair tuned on is neither. It is the last pair of
those left, and its coins were drawn independently of the target's: whatever is tuned on them, the target's scores
depend on the target's coins through the target alone.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.shadow_fit import left_out
from privaudit.errors import UnsupportedError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GRID = tuple(step / 10 for step in range(11))


class References(NamedTuple):
    """The parts that the models beside a target's pair play.

    Attributes:
        models: the reference models.
        tuning: the models of the pair to tune on; empty where none is left for it.
    """

    models: NDArray[np.int64]
    tuning: NDArray[np.int64]


def split_references(
    pair: NDArray[np.int64],
    usable: NDArray[np.int64],
    target: int,
    *,
    n_references: int | None = None,
    is_tuned: bool = False,
) -> References:
    """Choose reference models, and a pair to tune on that is neither the target's nor among them.

    Args:
        pair: ``(n_models,)`` the complement of each model, -1 = none: it counts as a pair of one.
        usable: ``(n,)`` models that may be used.
        target: number of the target; it and its complement play no part.
        n_references: number of reference models, taken pair by pair; ``None`` = all that are left.
        is_tuned: whether to keep the last pair for tuning, if there is more than one.

    Raises:
        UnsupportedError: if there are fewer models than references asked for, or none.

    >>> split_references(np.arange(8) ^ 1, np.arange(8), 1, is_tuned=True)
    References(models=array([2, 3, 4, 5]), tuning=array([6, 7]))
    """
    rest = np.setdiff1d(usable, left_out(pair, target, "pair"))
    if len(rest) < max(1, n_references or 1):
        raise UnsupportedError(
            f"this attack needs {n_references or 'a'} reference model(s) beside the target's pair; {len(rest)} are left. "
            "Train at least 4 models (design.n_models), two for each pair of references."
        )
    order = rest[np.argsort(np.where(pair[rest] >= 0, np.minimum(rest, pair[rest]), rest), kind="stable")]
    last = order[(order == order[-1]) | (pair[order] == order[-1])]
    models = order[: len(order) - len(last)] if is_tuned and len(last) < len(order) else order
    models = np.sort(models if n_references is None else order[:n_references])
    is_free = is_tuned and not np.isin(last, models).any()
    return References(models, last if is_free else last[:0])


def tuned(log_p: Floats, is_in: Bools, denominator: Callable[[float], Floats]) -> float:
    """Return the parameter with which the reference models attack the tuning models best: the largest mean AUC.

    Args:
        log_p: ``(n_tuning, n_records)`` log-probabilities under the tuning models.
        is_in: ``(n_tuning, n_records)`` their coins; population records left out.
        denominator: from a parameter to ``(n_records,)``, what the references take off the scores.

    Returns:
        The smallest of those values of ``GRID`` that do best.

    Source: Zarifzadeh, Liu, Shokri, ICML 2024, whose published code tunes on a pair of reference models.

    >>> tuned(np.array([[-1.0, -2.0]]), np.array([[False, True]]), lambda a: a * np.array([-1.0, -4.0]))
    0.4
    """
    merit = [
        sum(concordance(own - taken, coins) for own, coins in zip(log_p, is_in, strict=True))
        for taken in map(denominator, GRID)
    ]
    return GRID[int(np.argmax(merit))]


def concordance(scores: Floats, is_member: Bools) -> float:
    """Return the AUC, ties as halves, from whole counts: equal rankings give equal numbers; 0.5 without two classes.

    >>> concordance(np.array([3.0, 1.0, 1.0]), np.array([True, True, False]))
    0.75
    """
    inside, outside = np.sort(scores[is_member]), np.sort(scores[~is_member])
    if not (len(inside) and len(outside)):
        return 0.5
    twice = np.searchsorted(outside, inside, "left").sum() + np.searchsorted(outside, inside, "right").sum()
    return float(twice) / (2 * len(inside) * len(outside))


def tuning_note(name: str, value: float, tuning: NDArray[np.int64]) -> str:
    """Say what a tuned parameter is and where it comes from, or why it was not tuned."""
    if not len(tuning):
        return f"{name} = {value:g}, not tuned: no pair is left beside the target's and the references"
    models = " and ".join(map(str, tuning.tolist()))
    return f"{name} = {value:g}, tuned on model {models}, neither the target's pair nor references"
