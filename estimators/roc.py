"""The ROC curve and its area, with ties as one block.

Equal scores cannot be told apart by any threshold, so each distinct score is one point of the curve and a tie between
a member and a non-member counts one half in the area.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DegenerateScoresError
from privaudit.types import RocCurve
from privaudit.validate import check_both_worlds, check_same_length, check_scores


class CurveCounts(NamedTuple):
    """Records at or above each threshold; row 0 is the threshold above every score.

    ``false_positives`` and ``true_positives`` are ``(k + 1,)`` int64 for k distinct scores.
    """

    false_positives: NDArray[np.int64]
    true_positives: NDArray[np.int64]


def checked(scores: ArrayLike, is_member: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return scores and membership as arrays, refusing NaN, unequal lengths and one-world inputs."""
    values, members = check_scores(scores), check_both_worlds(is_member)
    check_same_length(scores=values, is_member=members)
    return values, members


def curve_counts(scores: NDArray[np.float64], is_member: NDArray[np.bool_]) -> CurveCounts:
    """Count both kinds of positives at every distinct threshold ``score >= t``.

    Args:
        scores: ``(n,)`` checked scores.
        is_member: ``(n,)`` checked membership.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    # Compared with != and not by differences: inf - inf is NaN.
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    true_positives = np.append(0, np.cumsum(is_member[order], dtype=np.int64)[ends])
    return CurveCounts(np.append(0, ends + 1) - true_positives, true_positives)


def roc_curve(scores: ArrayLike, is_member: ArrayLike) -> RocCurve:
    """Return the ROC curve, one point per distinct score, from (0, 0) to (1, 1).

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like; infinities are legal.
        is_member: ``(n,)`` 1 or True for members.

    Raises:
        DegenerateScoresError: if a score is NaN, or members or non-members are missing.
        ShapeError: if the lengths differ.

    Source: Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 2006, algorithm 1.

    >>> roc_curve([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0]).tpr.tolist()
    [0.0, 0.5, 1.0, 1.0]
    """
    values, members = checked(scores, is_member)
    counts = curve_counts(values, members)
    n_in = int(members.sum())
    n_out = len(members) - n_in
    return RocCurve(fpr=counts.false_positives / n_out, tpr=counts.true_positives / n_in, n_in=n_in, n_out=n_out)


def auc(scores: ArrayLike, is_member: ArrayLike) -> float:
    """Return the area under the ROC curve: the chance that a member outscores a non-member, ties one half.

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like; infinities are legal.
        is_member: ``(n,)`` 1 or True for members.

    Raises:
        DegenerateScoresError: if a score is NaN, or members or non-members are missing.
        ShapeError: if the lengths differ.

    Source: Mann and Whitney, Annals of Mathematical Statistics 1947 (the rank form).

    >>> auc([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0])
    0.875
    """
    values, members = checked(scores, is_member)
    n_in = int(members.sum())
    _, block, size = np.unique(values, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(size) - (size - 1) / 2
    rank_sum = float(middle_rank[block[members]].sum())
    return (rank_sum - n_in * (n_in + 1) / 2) / n_in / (len(members) - n_in)


def auc_null_variance(scores: ArrayLike, n_in: int, n_out: int) -> float:
    """Return the exact variance of the AUC when labels are permuted with both numbers fixed.

    Args:
        scores: ``(n_in + n_out,)`` attack scores; only their ties matter.
        n_in: number of members.
        n_out: number of non-members.

    Raises:
        DegenerateScoresError: if a score is NaN or one world is empty.
        ConfigError: if the numbers do not add up to the scores.

    Source: Lehmann, "Nonparametrics", 1975, appendix A.2 (ties as blocks).

    >>> round(auc_null_variance([1.0, 2.0, 3.0, 4.0], 2, 2), 6)
    0.104167
    """
    values = check_scores(scores)
    n = len(values)
    if n_in < 1 or n_out < 1:
        raise DegenerateScoresError(f"both worlds need a record; got n_in={n_in} and n_out={n_out}.")
    if n_in + n_out != n:
        raise ConfigError(f"n_in + n_out must equal the number of scores; got {n_in} + {n_out} for {n} scores.")
    blocks = np.unique(values, return_counts=True)[1].astype(np.float64)
    tied = float((blocks * (blocks - 1) * (blocks + 1)).sum()) / n / (n - 1)
    return (n + 1 - tied) / (12.0 * n_in * n_out)
