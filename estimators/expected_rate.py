"""The true positive rate at a false positive rate where a block of equal scores is accepted by lot."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from privaudit.estimators.roc import roc_curve
from privaudit.estimators.tpr_bounds import tpr_interval
from privaudit.types import Metric, RocCurve
from privaudit.validate import check_probability

EXPECTED = "expected_tpr_at_fpr"
EXPECTED_RULE = (
    "expected true positive rate when the block of equal scores at the threshold is accepted by lot, with the probability that gives "
    "this false positive rate (linear interpolation of the curve); the floor rule counts nobody of a block that does not fit whole. "
    "The interval is that of the floor rule on the interpolated curve; descriptive only: the records of one model are taken as a sample, its training is not"
)


def untied_curve(roc: RocCurve) -> RocCurve:
    """Return the expected ROC curve at whole numbers of false positives, for intervals.

    Args:
        roc: a measured curve with ``n_out``, one point per distinct score.

    Returns:
        one point per number of false positives; between the points of ``roc`` it runs straight.

    >>> untied_curve(RocCurve(fpr=[0.0, 1.0], tpr=[0.0, 1.0], n_in=4, n_out=2)).tpr.tolist()
    [0.0, 0.5, 1.0]
    """
    fpr = np.arange((roc.n_out or 0) + 1) / (roc.n_out or 1)
    # of points that stand above each other the last one counts: it is the floor rule's
    last = np.append(roc.fpr[1:] != roc.fpr[:-1], True)
    first = np.append(True, last[:-1])
    below = np.searchsorted(roc.fpr[last], fpr + 1e-12, side="right") - 1
    start, height = roc.fpr[last][below], roc.tpr[last][below]
    after = np.minimum(below + 1, int(last.sum()) - 1)
    end, reached = roc.fpr[first][after], roc.tpr[first][after]
    width = np.where(end > start, end - start, 1.0)
    tpr = height + np.where(end > start, (fpr - start) / width, 0.0) * (reached - height)
    return RocCurve(fpr=fpr, tpr=np.clip(tpr, 0.0, 1.0), n_in=roc.n_in, n_out=roc.n_out)


def accepted_by_lot(roc: RocCurve, fpr: float) -> float:
    """Return the true positive rate where the block of equal scores at the threshold is accepted by lot.

    Above the threshold everybody is accepted; of the block that crosses the false positive rate asked for, as large a share as
    reaches it in the mean. Where scores differ, a block is one record: a non-member adds nothing, and the floor rule's rate stands.

    Args:
        roc: a measured curve, one point per distinct score.
        fpr: the false positive rate.

    >>> accepted_by_lot(RocCurve(fpr=[0.0, 0.0, 1.0], tpr=[0.0, 0.5, 1.0], n_in=4, n_out=2), 0.1)
    0.55
    """
    row = int((roc.fpr <= fpr).sum()) - 1
    if row + 1 >= len(roc.fpr):
        return float(roc.tpr[row])
    share = (fpr - roc.fpr[row]) / (roc.fpr[row + 1] - roc.fpr[row])
    return float(roc.tpr[row] + share * (roc.tpr[row + 1] - roc.tpr[row]))


def expected_tpr(scores: ArrayLike, is_member: ArrayLike, fpr: float) -> float:
    """Return the expected true positive rate at a false positive rate, equal scores accepted by lot.

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like.
        is_member: ``(n,)`` 1 or True for members.
        fpr: the false positive rate.

    Raises:
        DegenerateScoresError: if a score is NaN, or members or non-members are missing.
        ConfigError: if ``fpr`` is no probability.

    Source: Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 2006, section 6 (interpolation).

    >>> expected_tpr([1.0, 1.0, 1.0, 1.0], [1, 1, 0, 0], 0.01)
    0.01
    """
    check_probability("fpr", fpr, open_ends=False)
    return accepted_by_lot(roc_curve(scores, is_member), fpr)


def expected_tpr_metric(scores: ArrayLike, is_member: ArrayLike, fpr: float, *, confidence: float) -> Metric:
    """Return the expected true positive rate at a false positive rate with its interval.

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like.
        is_member: ``(n,)`` 1 or True for members.
        fpr: the false positive rate asked for.
        confidence: of the descriptive interval.

    Returns:
        The metric; ``value`` is ``None`` where ``fpr * n_out < 1``, because one non-member weighs more than that.

    Raises:
        DegenerateScoresError: if a score is NaN, or members or non-members are missing.
        ConfigError: if ``fpr`` or the confidence is no probability.

    >>> expected_tpr_metric([1, 1, 1, 0], [1, 0, 0, 0], 0.5, confidence=0.95).value
    0.75
    """
    check_probability("fpr", fpr, open_ends=False)
    roc = roc_curve(scores, is_member)
    n_out = roc.n_out or 1
    if fpr * n_out < 1:
        return Metric(name=EXPECTED, at=fpr, value=None, rule=f"not measurable with {n_out} non-members")
    curve = untied_curve(roc)
    lower, upper = tpr_interval(curve, fpr, confidence=confidence)
    value = accepted_by_lot(roc, fpr)
    lower, upper = min(lower, value), max(upper, value)
    return Metric(
        name=EXPECTED, at=fpr, value=value, lower=lower, upper=upper, confidence=confidence, rule=EXPECTED_RULE
    )


def expected_tpr_metrics(
    scores: ArrayLike, is_member: ArrayLike, fprs: Sequence[float], *, confidence: float
) -> tuple[Metric, ...]:
    """Return the expected true positive rate at those of some rates at which equal scores matter.

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like.
        is_member: ``(n,)`` 1 or True for members.
        fprs: the false positive rates asked for.
        confidence: of the descriptive intervals.

    Returns:
        One metric for each rate that a block of several equal scores reaches across; where one non-member weighs more than the
        rate, or the scores that decide are distinct, there is none.

    Raises:
        DegenerateScoresError: if a score is NaN, or members or non-members are missing.

    >>> [metric.at for metric in expected_tpr_metrics([1, 1, 1, 0], [1, 0, 0, 0], [0.1, 0.5], confidence=0.95)]
    [0.5]
    """
    roc = roc_curve(scores, is_member)
    return tuple(
        expected_tpr_metric(scores, is_member, fpr, confidence=confidence) for fpr in fprs if is_tied_at(roc, fpr)
    )


def is_tied_at(roc: RocCurve, fpr: float) -> bool:
    """Whether the scores that decide at a false positive rate are a block of several equal ones.

    Args:
        roc: a measured curve with ``n_in`` and ``n_out``.
        fpr: the rate.
    """
    n_in, n_out = roc.n_in or 1, roc.n_out or 1
    row = int((roc.fpr <= fpr).sum()) - 1
    if fpr * n_out < 1 or row + 1 >= len(roc.fpr):
        return False
    size = round((roc.fpr[row + 1] - roc.fpr[row]) * n_out) + round((roc.tpr[row + 1] - roc.tpr[row]) * n_in)
    return bool(size > 1)
