"""The set of records at risk, and how much of it another run of the same audit finds again."""

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from privaudit.errors import ConfigError, ShapeError, UnsupportedError
from privaudit.estimators.played_models import Bools, Floats
from privaudit.estimators.rates_by_record import RecordRates

MOST_SUBSETS = 20_000


class Overlap(NamedTuple):
    """How far the sets of several runs agree, averaged over all choices of k runs.

    Attributes:
        k: runs compared at a time.
        n_subsets: choices of k runs.
        jaccard: mean of the records in all k sets over those in any; ``None`` where no choice has a record in any.
        jaccard_by_chance: the same mean for random sets of the same sizes.
        n_empty: choices without a record in any set, left out of both means.
        intersection: mean number of records in all k sets.
        union: mean number of records in any.
    """

    k: int
    n_subsets: int
    jaccard: float | None
    jaccard_by_chance: float | None
    n_empty: int
    intersection: float
    union: float


def at_risk(rates: RecordRates, *, support: int = 1, without_false_positives: bool = False) -> Bools:
    """Return which records one run says are at risk.

    Args:
        rates: outcomes of every record over the targets of the run.
        support: true positives that a record needs.
        without_false_positives: and that it must never have been called a member by a model that was not.

    Returns:
        ``(n_records,)`` bool.

    Raises:
        ConfigError: if the support is below 1.

    Source: Jebreel et al., PoPETs 2026, arXiv 2603.07567 (highly vulnerable records by support).

    >>> one = np.array([2, 1]), np.array([2, 2]), np.array([0, 1]), np.array([2, 2])
    >>> at_risk(RecordRates(*one)).tolist(), at_risk(RecordRates(*one), without_false_positives=True).tolist()
    ([True, True], [True, False])
    """
    if support < 1:
        raise ConfigError(f"support must be at least 1; got {support}. At 0 every record is at risk.", key="support")
    enough = rates.true_positives >= support
    return enough & (rates.false_positives == 0) if without_false_positives else enough


def overlap(sets: ArrayLike, k: int = 2) -> Overlap:
    """Compare the sets of all choices of k runs, beside what random sets of the same sizes would give.

    Args:
        sets: ``(n_runs, n_records)`` True where a run says that a record is at risk.
        k: runs compared at a time, 2 to n_runs.

    Raises:
        ShapeError: if the sets are no matrix.
        ConfigError: if k is not legal.
        UnsupportedError: if there are more than 20,000 choices.

    Source: Jaccard 1912; over all choices of k runs: Jebreel et al., PoPETs 2026, arXiv 2603.07567.

    >>> overlap([[True, True, False, False], [True, False, True, False]]).jaccard
    0.3333333333333333
    """
    found = np.asarray(sets, dtype=bool)
    if found.ndim != 2:
        raise ShapeError(f"sets must have shape (n_runs, n_records); got {found.shape}.")
    n_runs, n_records = found.shape
    if not 2 <= k <= n_runs:
        raise ConfigError(f"k must lie between 2 and the number of runs ({n_runs}); got {k}.", key="k")
    if math.comb(n_runs, k) > MOST_SUBSETS:
        raise UnsupportedError(
            f"{math.comb(n_runs, k):,} choices of {k} of {n_runs} runs are too many; compare at most {MOST_SUBSETS:,}."
        )
    chosen = np.array(list(itertools.combinations(range(n_runs), k)))
    common = np.array([int(found[rows].all(axis=0).sum()) for rows in chosen])
    any_of = np.array([int(found[rows].any(axis=0).sum()) for rows in chosen])
    chance = expected_jaccard(found.sum(axis=1)[chosen], n_records)
    has = any_of > 0
    return Overlap(
        k=k,
        n_subsets=len(chosen),
        jaccard=float((common[has] / any_of[has]).mean()) if has.any() else None,
        jaccard_by_chance=float(chance[has].mean()) if has.any() else None,
        n_empty=int((~has).sum()),
        intersection=float(common.mean()),
        union=float(any_of.mean()),
    )


def expected_jaccard(sizes: ArrayLike, n_records: int) -> Floats:
    """Return the expected Jaccard index of random sets of given sizes, drawn independently of one another.

    By symmetry it is n_records times the chance that one record is in all sets, times the mean of 1 / union given that it
    is. The union's mean and variance are exact, its inverse is taken to second order in them.

    Args:
        sizes: ``(n_choices, k)`` sizes of the sets.
        n_records: records that they are drawn from.

    Returns:
        ``(n_choices,)``; 0 where a set is empty.

    Raises:
        ConfigError: if a size is negative or above the number of records.

    Source: derived here (inclusion and exclusion over one and two records; delta method).

    >>> expected_jaccard([[1, 1], [3, 3], [2, 0]], 3).tolist()
    [0.3333333333333333, 1.0, 0.0]
    """
    size = np.atleast_2d(np.asarray(sizes, dtype=np.float64))
    if size.min() < 0 or size.max() > n_records:
        raise ConfigError(
            f"sizes must lie between 0 and n_records = {n_records}; got {size.min():g} to {size.max():g}."
        )
    in_all = (size / n_records).prod(axis=1)
    others, left = np.maximum(size - 1, 0), n_records - 1
    missing_one = (1 - others / max(left, 1)).prod(axis=1)  # one other record is in no set
    missing_two = ((1 - others / max(left, 1)) * (1 - others / max(left - 1, 1)).clip(min=0)).prod(axis=1)
    union = 1 + left * (1 - missing_one)
    variance = left * missing_one * (1 - missing_one) + left * (left - 1) * (missing_two - missing_one**2)
    return np.where(in_all > 0, n_records * in_all / union * (1 + variance.clip(min=0) / union**2), 0.0)
