"""Rates of a group of records over several models, with intervals that count records and models as they come: in clusters.

A record's outcomes in several models are alike (some records are easier to find), and so are a model's (some models give
away more). Outcomes are therefore fewer than they seem; the rates' intervals are exact for the number they are worth.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri, stdtrit

from privaudit.errors import ShapeError
from privaudit.estimators.played_models import Bools, Floats, check_coins
from privaudit.validate import check_probability

FEWEST_RECORDS = 5  # that are called, and that are not; with fewer, how alike a record's outcomes are is not known


class GroupRate(NamedTuple):
    """A group's rate.

    Attributes:
        n_called: outcomes called "member".
        n: outcomes, over records and models.
        n_effective: independent outcomes that they are worth; 0 where there is none.
    """

    n_called: int
    n: int
    n_effective: float

    @property
    def value(self) -> float | None:
        """The rate, ``None`` without outcomes."""
        return self.n_called / self.n if self.n else None

    def interval(self, *, confidence: float) -> tuple[float, float]:
        """Return the Clopper-Pearson interval of the rate for the effective number of outcomes; (0, 1) without any."""
        return effective_interval(self.value or 0.0, self.n_effective, confidence=confidence)


def effective_interval(rate: float, n_effective: float, *, confidence: float) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a rate whose number of independent outcomes need not be whole.

    Args:
        rate: the observed rate.
        n_effective: number of independent outcomes; below 1 nothing is known. The lower end is 0 where fewer than one of them
            is called.
        confidence: of the interval.

    Raises:
        ConfigError: if a probability is none.

    Source: Korn and Graubard, Survey Methodology 1998.

    >>> [round(end, 4) for end in effective_interval(0.0, 20.0, confidence=0.95)]
    [0.0, 0.1684]
    """
    tail = (1.0 - check_probability("confidence", confidence)) / 2
    count = check_probability("rate", rate, open_ends=False) * n_effective
    if n_effective < 1.0:
        return 0.0, 1.0
    lower = 0.0 if count < 1.0 else float(betaincinv(count, n_effective - count + 1, tail))
    return lower, 1.0 if rate >= 1.0 else float(betaincinv(count + 1, n_effective - count, 1.0 - tail))


def difference_interval(one: GroupRate, other: GroupRate, *, confidence: float) -> tuple[float, float]:
    """Return an interval of one rate less another, from the distances of both to the ends of their own intervals.

    Args:
        one: the first rate.
        other: the second, of other records; what both have in common, such as models that give away more of everybody,
            makes the interval wider than it need be.
        confidence: of the interval.

    Source: Newcombe, Statistics in Medicine 1998 (square and add); Zou and Donner, Statistics in Medicine 2008.

    >>> low, high = difference_interval(GroupRate(5, 10, 10.0), GroupRate(5, 10, 10.0), confidence=0.95)
    >>> round(low, 4), round(high, 4)
    (-0.4425, 0.4425)
    """
    (low, high), (other_low, other_high) = (rate.interval(confidence=confidence) for rate in (one, other))
    first, second = one.value or 0.0, other.value or 0.0
    below, above = math.hypot(first - low, other_high - second), math.hypot(high - first, second - other_low)
    return max(first - second - below, -1.0), min(first - second + above, 1.0)


def group_rates(called: ArrayLike, counted: ArrayLike, groups: Sequence[ArrayLike]) -> tuple[GroupRate, ...]:
    """Return each group's rate and what its outcomes are worth.

    The design effect adds, to the variance of independent outcomes, what those of one record and those of one model have in
    common; each correlation is the larger of the group's own and that of all records, so that a group with few outcomes
    does not look certain by chance. Where fewer than 5 of the group's records are called in any model, or fewer than 5 are
    not called in some, they do not show how alike a record's outcomes are: its outcomes count as one at most. Of few models,
    their number enters by the quantiles of t.

    Args:
        called: ``(n_models, n_records)`` True where a record was called a member.
        counted: ``(n_models, n_records)`` True for the outcomes that count: the members for a true positive rate.
        groups: arrays ``(n_records,)``, True for the records of the group.

    Returns:
        One rate per group. For one model the rate is about other records like these and this model; for several, trained
        independently of each other, about other records and other trainings. Asymptotic in the numbers of both.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a value is neither 0 nor 1.

    Source: two-way clusters: Cameron, Gelbach and Miller, Journal of Business and Economic Statistics 2011; counts:
        Korn and Graubard, Survey Methodology 1998; correlations from design effects: Kish, "Survey Sampling", 1965.

    >>> group_rates([[1, 0, 0]], [[1, 1, 0]], [[True, True, True]])[0]
    GroupRate(n_called=1, n=2, n_effective=2.0)
    """
    hits, counts = check_coins(called), check_coins(counted)
    if hits.shape != counts.shape:
        raise ShapeError(f"called and counted must have one shape; got {hits.shape} and {counts.shape}.")
    hits &= counts
    everybody = _correlations(hits, counts)
    return tuple(_rate(hits[:, rows], counts[:, rows], everybody) for rows in map(_members, groups))


def _members(group: ArrayLike) -> Bools:
    return np.asarray(group, dtype=np.bool_)


def _rate(hits: Bools, counts: Bools, everybody: tuple[float, float]) -> GroupRate:
    n = int(counts.sum())
    if not n:
        return GroupRate(0, 0, 0.0)
    own = _correlations(hits, counts)
    effect = 1.0
    for axis in (0, 1):
        effect += (_mean_size(counts, axis) - 1.0) * max(own[axis], everybody[axis])
    return GroupRate(int(hits.sum()), n, min(n / effect / _few_models(counts), _most_outcomes(hits, counts)))


def _most_outcomes(hits: Bools, counts: Bools) -> float:
    """One per record where few records are called, or few are not: they may be always the same."""
    n_called, n_missed = int(hits.any(axis=0).sum()), int((counts & ~hits).any(axis=0).sum())
    return float(counts.any(axis=0).sum()) if min(n_called, n_missed) < FEWEST_RECORDS else math.inf


def _few_models(counts: Bools, at: float = 0.995) -> float:
    """By how much t with a degree of freedom less than there are models is wider than the normal, squared."""
    n_models = int(counts.any(axis=1).sum())
    return 1.0 if n_models < 2 else float((stdtrit(n_models - 1, at) / ndtri(at)) ** 2)


def _mean_size(counts: Bools, axis: int) -> float:
    """Size of the cluster of a mean outcome: of a record (axis 0) or a model (axis 1)."""
    sizes = counts.sum(axis=axis, dtype=np.int64)
    return float((sizes**2).sum() / sizes.sum())


def _correlations(hits: Bools, counts: Bools) -> tuple[float, float]:
    """How alike the outcomes of one record, and of one model, are: in [0, 1], 0 where it cannot be told."""
    n, total = int(counts.sum()), int(hits.sum())
    if total in (0, n):
        return 0.0, 0.0
    rate = total / n
    return _correlation(hits, counts, rate, 0), _correlation(hits, counts, rate, 1)


def _correlation(hits: Bools, counts: Bools, rate: float, axis: int) -> float:
    size, sizes = _mean_size(counts, axis), counts.sum(axis=axis, dtype=np.int64)
    n_clusters = int((sizes > 0).sum())
    if n_clusters < 2 or size <= 1.0:
        return 0.0
    between: Floats = hits.sum(axis=axis, dtype=np.int64) - rate * sizes
    spread = float((between**2).sum()) * n_clusters / (n_clusters - 1)
    effect = spread / (int(counts.sum()) * rate * (1.0 - rate))
    return min(max((effect - 1.0) / (size - 1.0), 0.0), 1.0)
