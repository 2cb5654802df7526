"""Where the accuracy of an attack lies if there is nothing to tell: two worlds of the same law.

An attack then says world 1 with the same chance q of every victim, so it is right with chance 1 - q in one world and q in
the other: 1/2 on average whatever q is.
"""

import math

from numpy.typing import ArrayLike
from scipy.special import bdtr

from privaudit.errors import ConfigError
from privaudit.estimators.world_accuracy import balanced_accuracy, world_counts
from privaudit.types import Metric
from privaudit.validate import check_probability

RULE = (
    "region that the accuracy keeps to if both worlds have the same law, whatever the attack, for all looks together "
    "(binomial on the victims; Bonferroni); outside it something other than the population tells these models apart"
)


def control_interval(
    n_victims: int, n_other_victims: int | None = None, *, level: float = 0.999, n_looks: int = 1
) -> tuple[float, float]:
    """Return the region that the accuracy lies in with at least the given chance if two worlds have the same law.

    Args:
        n_victims: victims of one world.
        n_other_victims: victims of the other world, ``None`` = as many.
        level: chance that the accuracies of all looks stay in their regions.
        n_looks: attacks, seeds and comparisons that the level is shared by.

    Returns:
        The lowest and the highest accuracy of the region, both part of it.

    Raises:
        ConfigError: if a number is below 1, or the level is no probability.

    Source: Hoeffding, Annals of Mathematical Statistics 1956 (equally many: the right answers are no more spread than a
    binomial count of 2 V trials of chance 1/2); Hoeffding's inequality, JASA 1963 (else).

    >>> [round(end, 4) for end in control_interval(60, level=0.999, n_looks=15)]
    [0.3167, 0.6833]
    """
    check_probability("level", level)
    other = n_victims if n_other_victims is None else n_other_victims
    for name, number in (("n_victims", n_victims), ("n_other_victims", other), ("n_looks", n_looks)):
        if number < 1:
            raise ConfigError(f"{name} must be at least 1; got {number}.", key=name)
    tail = (1.0 - level) / (2 * n_looks)
    if n_victims != other:
        half = math.sqrt(math.log(1.0 / tail) * (1.0 / n_victims + 1.0 / other) / 8.0)
        return max(0.0, 0.5 - half), min(1.0, 0.5 + half)
    n = n_victims + other
    too_few = 0  # counts below this one are outside
    while too_few < n_victims and bdtr(too_few, n, 0.5) <= tail:
        too_few += 1
    return too_few / n, (n - too_few) / n


def control_is_inside(scores: ArrayLike, is_world_1: ArrayLike, *, level: float = 0.999, n_looks: int = 1) -> bool:
    """Tell whether an attack is right no more and no less often than guessing on two worlds of the same law.

    Args:
        scores: ``(n_victims,)`` at least 0 says world 1.
        is_world_1: ``(n_victims,)`` 1 or True where the victim comes from world 1.
        level: chance that this is so for all looks together if the laws are the same.
        n_looks: attacks, seeds and comparisons that the level is shared by.

    Raises:
        DegenerateScoresError: if a score is NaN, or a world has no victim.
        ConfigError: if a number is below 1, or the level is no probability.

    >>> control_is_inside([1.0, -1.0, 1.0, -1.0], [1, 1, 0, 0])
    True
    """
    metric = control_metric(scores, is_world_1, level=level, n_looks=n_looks)
    assert metric.value is not None and metric.lower is not None and metric.upper is not None
    return metric.lower <= metric.value <= metric.upper


def control_metric(scores: ArrayLike, is_world_1: ArrayLike, *, level: float = 0.999, n_looks: int = 1) -> Metric:
    """Return an attack's accuracy on two worlds of the same law, with the region that guessing keeps to.

    Args:
        scores: ``(n_victims,)`` at least 0 says world 1.
        is_world_1: ``(n_victims,)`` 1 or True where the victim comes from the world called 1.
        level: chance that the accuracies of all looks stay in their regions if the laws are the same.
        n_looks: attacks, seeds and comparisons that the level is shared by.

    Returns:
        ``control_accuracy``; its ends are those of the region, around 0.5, and not of an interval around the value.

    Raises:
        DegenerateScoresError: if a score is NaN, or a world has no victim.
        ShapeError: if scores and worlds do not fit.
        ConfigError: if a number is below 1, or the level is no probability.

    Source: see `control_interval`.

    >>> control_metric([1.0, -1.0, 1.0, -1.0], [1, 1, 0, 0]).value
    0.5
    """
    counts = world_counts(scores, is_world_1)
    lower, upper = control_interval(counts.tn + counts.fp, counts.tp + counts.fn, level=level, n_looks=n_looks)
    value = balanced_accuracy(counts)
    return Metric(name="control_accuracy", value=value, lower=lower, upper=upper, confidence=level, rule=RULE)
