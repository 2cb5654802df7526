"""Thresholds set on other models, as an attacker must who does not know the target's coins."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from privaudit.errors import UnsupportedError
from privaudit.estimators.clopper_pearson_bound import counts_at
from privaudit.estimators.played_models import check_played, rows_beside
from privaudit.estimators.roc import checked, curve_counts
from privaudit.types import ConfusionCounts
from privaudit.validate import check_probability


class ShadowThreshold(NamedTuple):
    """A threshold from other models and what it did on the target.

    Attributes:
        value: ``score >= value`` calls a record a member; ``math.inf`` calls none.
        n_models: models whose thresholds it is the median of.
        counts: the target's outcomes.
    """

    value: float
    n_models: int
    counts: ConfusionCounts


def floor_threshold(scores: ArrayLike, is_member: ArrayLike, fpr: float) -> float:
    """Return the lowest score at which one model's false positive rate is at most ``fpr``, ties as one block.

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like.
        is_member: ``(n,)`` 1 or True for members.
        fpr: the false positive rate asked for, in [0, 1].

    Returns:
        The score of the last point of the curve that the floor rule of `tpr_at_fpr` admits; ``math.inf`` where it
        admits none but the empty one.

    Raises:
        DegenerateScoresError: if a score is NaN, or members or non-members are missing.
        ConfigError: if ``fpr`` is no probability.

    >>> floor_threshold([5.0, 4.0, 3.0, 2.0], [1, 0, 1, 0], 0.5), floor_threshold([1.0, 1.0], [1, 0], 0.5)
    (3.0, inf)
    """
    values, members = checked(scores, is_member)
    check_probability("fpr", fpr, open_ends=False)
    n_out = len(members) - int(members.sum())
    admitted = int((curve_counts(values, members).false_positives / n_out <= fpr).sum()) - 1
    return math.inf if admitted == 0 else float(np.unique(values)[-admitted])


def median_threshold(scores: ArrayLike, is_in: ArrayLike, fpr: float) -> float:
    """Return the median of the models' own thresholds.

    Args:
        scores: ``(n_models, n_records)`` scores of models that played the target.
        is_in: ``(n_models, n_records)`` the coins.
        fpr: the false positive rate asked for.

    Returns:
        The median; of an even number the mean of the middle two, or the higher one where either is infinite.

    Raises:
        UnsupportedError: if there is no model.
        DegenerateScoresError: if a score is NaN, or a model has members or non-members only.

    Source: Jebreel et al., PoPETs 2026, arXiv 2603.07567 (LiRA under realistic assumptions: shadow thresholds).

    >>> median_threshold([[2.0, 1.0], [4.0, 3.0]], [[1, 0], [1, 0]], 0.0)
    3.0
    """
    values, coins = check_played(scores, is_in)
    if not len(values):
        raise UnsupportedError("a threshold from shadow models needs a model beside the target's pair; there is none.")
    own = sorted(floor_threshold(row, inside, fpr) for row, inside in zip(values, coins, strict=True))
    low, high = own[(len(own) - 1) // 2], own[len(own) // 2]
    return low + (high - low) / 2 if math.isfinite(low) and math.isfinite(high) else high


def shadow_threshold(scores: ArrayLike, is_in: ArrayLike, pair: ArrayLike, target: int, fpr: float) -> ShadowThreshold:
    """Judge one model at the median threshold of the others; neither itself nor its complement takes part.

    Args:
        scores: ``(n_models, n_records)`` each model's scores when it played the target, its pair left out.
        is_in: ``(n_models, n_records)`` the coins.
        pair: ``(n_models,)`` row of the model with the opposite coins, -1 where it is not among the rows.
        target: the row to judge.
        fpr: the false positive rate that each of the others is held to.

    Raises:
        UnsupportedError: if no model is left.
        ConfigError: if the target, a pair or ``fpr`` is not legal.
        ShapeError: if the arrays do not fit together.
        DegenerateScoresError: if a score is NaN, or a model has members or non-members only.

    Source: see `median_threshold`.

    >>> scores = [[2.0, 1.0], [9.0, 9.0], [2.5, 0.0], [7.0, 8.0]]
    >>> shadow_threshold(scores, [[1, 0], [0, 1], [1, 0], [0, 1]], [1, 0, 3, 2], 0, 0.0).value
    5.25
    """
    values, coins = check_played(scores, is_in)
    others = rows_beside(pair, target, len(values))
    value = median_threshold(values[others], coins[others], fpr)
    return ShadowThreshold(value, len(others), counts_at(values[target], coins[target].astype(np.uint8), value))
