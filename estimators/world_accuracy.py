"""How often an attack tells rightly which of two worlds a model comes from.

A right answer about each victim is an independent trial, given the shadow models: with chance p0 in world 0 and p1 in
world 1. The accuracy (p0 + p1) / 2 weighs both worlds alike. With equally many victims per world the number of right
answers is a sum of trials of two chances, which is no more spread than one of as many trials of their mean (Hoeffding
1956), so the interval of a single chance holds; its outermost counts are mended below, where Hoeffding says nothing.
"""

import numpy as np
from numpy.typing import ArrayLike

from privaudit.errors import ConfigError, ShapeError
from privaudit.estimators.rates import lower_rate, rate_interval
from privaudit.types import ConfusionCounts, Metric
from privaudit.validate import check_both_worlds, check_probability, check_scores

NEW_DRAW = "each trained on a new draw from the same pool of records"  # not so where models train on graphs
RULE = (
    "an attack names the base where its score is below 0, else the other world; mean of both worlds' shares of right answers; "
    f"interval over fresh victims, {NEW_DRAW}, with these shadow models and queries held fixed"
)
LEAST_CONFIDENCE = 0.5  # below, an end of the interval may lie on the wrong side of its count's mean


def world_counts(scores: ArrayLike, is_world_1: ArrayLike) -> ConfusionCounts:
    """Count right and wrong answers of an attack; a score of at least 0 says world 1.

    Args:
        scores: ``(n_victims,)`` higher = more like world 1; infinities are legal.
        is_world_1: ``(n_victims,)`` 1 or True where the victim comes from world 1.

    Raises:
        DegenerateScoresError: if a score is NaN, or a world has no victim.
        ShapeError: if they do not fit.

    >>> world_counts([0.5, 0.0, -1.0], [1, 0, 0])
    ConfusionCounts(tp=1, fn=0, fp=1, tn=1)
    """
    values, truth = check_scores(scores), np.asarray(is_world_1)
    if values.shape != truth.shape:
        raise ShapeError(f"scores {values.shape} and is_world_1 {truth.shape} must have one entry per victim.")
    says, is_other = values >= 0.0, check_both_worlds(truth)
    tp, fp = int((says & is_other).sum()), int((says & ~is_other).sum())
    return ConfusionCounts(tp=tp, fn=int(is_other.sum()) - tp, fp=fp, tn=int((~is_other).sum()) - fp)


def balanced_accuracy(counts: ConfusionCounts) -> float:
    """Return the mean of both worlds' shares of right answers.

    >>> balanced_accuracy(ConfusionCounts(tp=8, fn=2, fp=5, tn=5))
    0.65
    """
    return _rate(counts.tp, counts.fn, counts.tn, counts.fp)


def accuracy_interval(counts: ConfusionCounts, *, confidence: float) -> tuple[float, float]:
    """Return an interval of the accuracy that covers it at every number of victims.

    Args:
        counts: outcomes, one per victim, at a threshold that was fixed without looking at them.
        confidence: at least 0.5; each end holds with half of what is left.

    Returns:
        With equally many victims per world the Clopper-Pearson interval of all right answers, else the means of two such
        intervals, one per world, at half the error each.

    Raises:
        ConfigError: if the confidence is no probability or below 0.5, or a world has no victim.

    Source: Clopper and Pearson, Biometrika 1934; Hoeffding, Annals of Mathematical Statistics 1956, theorem 5.

    >>> [round(end, 4) for end in accuracy_interval(ConfusionCounts(tp=60, fn=0, fp=0, tn=60), confidence=0.95)]
    [0.9697, 1.0]
    """
    check_probability("confidence", confidence)
    if confidence < LEAST_CONFIDENCE:
        raise ConfigError(f"confidence must be at least {LEAST_CONFIDENCE}; got {confidence}.", key="confidence")
    n_0, n_1 = counts.tn + counts.fp, counts.tp + counts.fn
    if n_0 < 1 or n_1 < 1:
        raise ConfigError(f"both worlds need a victim; got {n_0} and {n_1}.")
    if n_0 == n_1:
        right, tail = counts.tn + counts.tp, (1.0 - confidence) / 2
        return _pooled_lower(right, n_0, tail), 1.0 - _pooled_lower(2 * n_0 - right, n_0, tail)
    ends = [
        rate_interval(right, n, confidence=(1.0 + confidence) / 2) for right, n in ((counts.tn, n_0), (counts.tp, n_1))
    ]
    return (ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2


def _pooled_lower(right: int, n_each: int, tail: float) -> float:
    """Lower end for the mean of two chances.

    Let c be the right answers from which on the end passes the mean chance p. One chance p for all trials gives c or more
    with chance ``tail`` at most. Two chances do so even less often where c >= 2 n p + 1 (Hoeffding), which fails for c = 1
    alone: P(c or more) <= 1/4 is impossible for 2 <= c < 2 n p + 1. There 1 - (1-p0)^n (1-p1)^n is largest, at a given
    mean, if one of both is 0, and the end solves 1 - (1 - 2p)^n = tail instead.
    """
    if right == 1:
        return float(-np.expm1(np.log1p(-tail) / n_each) / 2)
    return lower_rate(right, 2 * n_each, tail)


def accuracy_metrics(scores: ArrayLike, is_world_1: ArrayLike, *, confidence: float) -> list[Metric]:
    """Return an attack's accuracy and its advantage, twice the accuracy minus 1, with intervals.

    Args:
        scores: ``(n_victims,)`` higher = more like world 1; a score of at least 0 says world 1.
        is_world_1: ``(n_victims,)`` 1 or True where the victim comes from world 1.
        confidence: of the interval, at least 0.5.

    Returns:
        ``accuracy`` and ``advantage``.

    Raises:
        DegenerateScoresError: if a score is NaN, or a world has no victim.
        ShapeError: if they do not fit.
        ConfigError: if the confidence is no probability or below 0.5.

    Source: Suri and Evans, PETS 2022 (the game); the interval: see `accuracy_interval`.

    >>> [round(metric.value, 2) for metric in accuracy_metrics([1.0, 2.0, -1.0, 3.0], [1, 1, 0, 0], confidence=0.95)]
    [0.75, 0.5]
    """
    counts = world_counts(scores, is_world_1)
    lower, upper = accuracy_interval(counts, confidence=confidence)
    accuracy = Metric(
        name="accuracy", value=balanced_accuracy(counts), lower=lower, upper=upper, confidence=confidence, rule=RULE
    )
    return [accuracy, advantage_of(accuracy)]


def advantage_of(accuracy: Metric) -> Metric:
    """Return the advantage, twice the accuracy minus 1; it is negative where an attack is wrong more often than right.

    >>> advantage_of(Metric(name="accuracy", value=0.75)).value
    0.5
    """
    value, lower, upper = (
        None if end is None else 2.0 * end - 1.0 for end in (accuracy.value, accuracy.lower, accuracy.upper)
    )
    rule = f"twice the accuracy minus 1; {accuracy.rule}"
    return Metric(name="advantage", value=value, lower=lower, upper=upper, confidence=accuracy.confidence, rule=rule)


def _rate(tp: int, fn: int, tn: int, fp: int) -> float:
    if tp + fn < 1 or tn + fp < 1:
        raise ConfigError(f"both worlds need a victim; got {tn + fp} and {tp + fn}.")
    if tp + fn == tn + fp:
        return (tp + tn) / (tp + fn + tn + fp)
    return (tp / (tp + fn) + tn / (tn + fp)) / 2
