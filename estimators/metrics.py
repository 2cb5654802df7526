"""The numbers of a membership audit, each with its interval and the rule it was read off by."""

from numpy.typing import ArrayLike

from privaudit.estimators.rates import auc_interval
from privaudit.estimators.roc import auc, checked, curve_counts, roc_curve
from privaudit.estimators.tpr_bounds import tpr_interval
from privaudit.types import Metric
from privaudit.validate import check_probability

AUC_RULE = (
    "Mann-Whitney rank form, ties half; Wilson interval on the distribution-free variance bound, descriptive only: "
    "the records of one model are not independent trials"
)
FLOOR_RULE = (
    "floor rule: the largest true positive rate whose false positive rate is at most the one asked for; "
    "the interval covers the threshold's error and the members' (Clopper-Pearson, four tails); descriptive only: "
    "the records of one model are taken as a sample, its training is not"
)


def auc_metric(scores: ArrayLike, is_member: ArrayLike, *, confidence: float) -> Metric:
    """Return the AUC with its interval.

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like; infinities are legal.
        is_member: ``(n,)`` 1 or True for members.
        confidence: confidence of the interval.

    Raises:
        DegenerateScoresError: if a score is NaN, or members or non-members are missing.
        ConfigError: if the confidence is no probability.

    Source: see `privaudit.estimators.rates.auc_interval`.

    >>> auc_metric([3.0, 2.0, 1.0], [1, 1, 0], confidence=0.95).value
    1.0
    """
    values, members = checked(scores, is_member)
    n_in = int(members.sum())
    value = auc(values, members)
    lower, upper = auc_interval(value, n_in, len(members) - n_in, confidence=confidence)
    return Metric(name="auc", value=value, lower=lower, upper=upper, confidence=confidence, rule=AUC_RULE)


def tpr_at_fpr(scores: ArrayLike, is_member: ArrayLike, fpr: float, *, confidence: float) -> Metric:
    """Return the true positive rate at a false positive rate, by the floor rule.

    Args:
        scores: ``(n,)`` attack scores, higher = more member-like; infinities are legal.
        is_member: ``(n,)`` 1 or True for members.
        fpr: the false positive rate asked for.
        confidence: confidence of the descriptive interval.

    Returns:
        The metric; ``value`` is ``None`` where ``fpr * n_out < 1``, because one non-member weighs more than that.

    Raises:
        DegenerateScoresError: if a score is NaN, or members or non-members are missing.
        ConfigError: if ``fpr`` or the confidence is no probability.

    Source: Carlini et al., S&P 2022, section III (the metric); the floor rule never interpolates.

    >>> tpr_at_fpr([5.0, 4.0, 3.0, 2.0], [1, 0, 1, 0], 0.5, confidence=0.95).value
    1.0
    """
    values, members = checked(scores, is_member)
    check_probability("fpr", fpr, open_ends=False)
    check_probability("confidence", confidence)
    n_in = int(members.sum())
    n_out = len(members) - n_in
    if 1 / n_out > fpr:
        return Metric(name="tpr_at_fpr", at=fpr, value=None, rule=f"not measurable with {n_out} non-members")
    counts = curve_counts(values, members)
    row = int((counts.false_positives / n_out <= fpr).sum()) - 1
    hits = int(counts.true_positives[row])
    lower, upper = tpr_interval(roc_curve(values, members), fpr, confidence=confidence)
    return Metric(
        name="tpr_at_fpr",
        at=fpr,
        value=hits / n_in,
        lower=lower,
        upper=upper,
        confidence=confidence,
        rule=FLOOR_RULE,
        achieved_fpr=int(counts.false_positives[row]) / n_out,
    )
