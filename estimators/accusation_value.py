"""Positive predictive value: how much an accusation is worth at a given prior."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from privaudit.estimators.rates import rate_interval
from privaudit.types import ConfusionCounts
from privaudit.validate import check_probability


class PredictiveValue(NamedTuple):
    """Share of members among the records called members.

    Attributes:
        value: ``None`` where no record was called a member: there is nothing to be right about.
        lower: lower end.
        upper: upper end.
    """

    value: float | None
    lower: float
    upper: float


class MeanPredictiveValue(NamedTuple):
    """Mean over models, conditional on there being something to be right about.

    Attributes:
        value: mean over the models that called a record a member, ``None`` if none did.
        n_defined: how many did.
        n_undefined: how many did not; they say neither that the value is high nor that it is low.
    """

    value: float | None
    n_defined: int
    n_undefined: int


def positive_predictive_value(true_positive_rate: float, false_positive_rate: float, prior: float) -> float | None:
    """Return the chance that a record called a member is one.

    Args:
        true_positive_rate: of the attack.
        false_positive_rate: of the attack.
        prior: chance that a record is a member before it was looked at, in (0, 1).

    Returns:
        prior TPR / (prior TPR + (1 - prior) FPR), or ``None`` where both rates are 0.

    Raises:
        ConfigError: if a rate or the prior is no probability.

    Source: Bayes' theorem; asked for by Jayaraman et al., "Revisiting Membership Inference Under Realistic
    Assumptions", PoPETs 2021.

    >>> round(positive_predictive_value(0.9, 0.01, 0.01), 3)
    0.476
    """
    true = check_probability("prior", prior) * check_probability("TPR", true_positive_rate, open_ends=False)
    false = (1.0 - prior) * check_probability("FPR", false_positive_rate, open_ends=False)
    return None if true + false == 0 else true / (true + false)


def predictive_value(counts: ConfusionCounts, prior: float, *, confidence: float) -> PredictiveValue:
    """Return a model's positive predictive value with an interval.

    The value rises with the true and falls with the false positive rate, so their Clopper-Pearson intervals, at half
    the error each, give its ends.

    Args:
        counts: outcomes at a threshold that was set without them.
        prior: chance that a record is a member, in (0, 1).
        confidence: of the interval, where outcomes are independent; those of one model's records are not.

    Raises:
        ConfigError: if members or non-members are missing, or a probability is not legal.

    Source: Clopper and Pearson, Biometrika 1934, joined by the union bound.

    >>> value, lower, upper = predictive_value(ConfusionCounts(tp=90, fn=10, fp=1, tn=99), 0.5, confidence=0.95)
    >>> round(value, 3), round(lower, 2), round(upper, 3)
    (0.989, 0.93, 1.0)
    """
    n_in, n_out = counts.tp + counts.fn, counts.fp + counts.tn
    each = 1.0 - (1.0 - check_probability("confidence", confidence)) / 2
    true = rate_interval(counts.tp, n_in, confidence=each)
    false = rate_interval(counts.fp, n_out, confidence=each)
    value = positive_predictive_value(counts.tp / n_in, counts.fp / n_out, prior)
    # Neither is undefined: the upper ends of both rates are above 0.
    lower, upper = (positive_predictive_value(true[i], false[1 - i], prior) for i in (0, 1))
    return PredictiveValue(value, 0.0 if lower is None else lower, 1.0 if upper is None else upper)


def mean_predictive_value(values: Iterable[float | None]) -> MeanPredictiveValue:
    """Return the mean over the models for which it is defined, with the number of those for which it is not.

    Args:
        values: one per model, ``None`` where the model called no record a member.

    >>> mean_predictive_value([0.5, None, 1.0])
    MeanPredictiveValue(value=0.75, n_defined=2, n_undefined=1)
    """
    every = list(values)
    defined = [value for value in every if value is not None]
    mean = math.fsum(defined) / len(defined) if defined else None
    return MeanPredictiveValue(mean, len(defined), len(every) - len(defined))
