"""True and false positive rates of single records over many models, and how unequal they are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from privaudit.errors import ShapeError, UnsupportedError
from privaudit.estimators.played_models import check_coins
from privaudit.estimators.rates import lower_rate, upper_rate
from privaudit.validate import check_probability

Counts = NDArray[np.int64]
QUANTILES = (0.5, 0.9, 0.99)


class RecordRates(NamedTuple):
    """How often each record was called a member, each ``(n_records,)`` int64.

    Attributes:
        true_positives: among the models trained on it.
        n_in: number of those.
        false_positives: among the models not trained on it.
        n_out: number of those.
    """

    true_positives: Counts
    n_in: Counts
    false_positives: Counts
    n_out: Counts


class RateSpread(NamedTuple):
    """How false positive rates of records differ where all were judged by one rule.

    Attributes:
        pooled: false positive rate over all records and models.
        quantiles: level -> quantile of the observed rates of records, which scatter by counting alone.
        worst: the largest observed rate.
        worst_lower: lower end for the largest true rate.
        worst_upper: upper end for it; both hold together, for every record at once.
        worst_by_chance: the largest rate to be expected if the true rates of all records were equal.
        n_measured: records with an OUT model; others have no rate.
    """

    pooled: float
    quantiles: dict[float, float]
    worst: float
    worst_lower: float
    worst_upper: float
    worst_by_chance: float
    n_measured: int


def record_rates(is_called: ArrayLike, is_in: ArrayLike) -> RecordRates:
    """Count each record's true and false positives over models.

    Args:
        is_called: ``(n_models, n_records)`` True where the record was called a member.
        is_in: ``(n_models, n_records)`` the coins.

    Raises:
        ShapeError: if they do not fit together.
        DataError: if a coin is neither 0 nor 1.

    >>> record_rates([[True], [True], [False]], [[1], [0], [0]]).false_positives.tolist()
    [1]
    """
    coins, called = check_coins(is_in), np.asarray(is_called, dtype=bool)
    if called.shape != coins.shape:
        raise ShapeError(f"is_called and is_in must have one shape; got {called.shape} and {coins.shape}.")
    parts = (called & coins, coins, called & ~coins, ~coins)
    return RecordRates(*(part.sum(axis=0, dtype=np.int64) for part in parts))


def mean_true_positive_rate(rates: RecordRates) -> float:
    """Return the mean over records of their own true positive rate.

    Args:
        rates: counts over models; records without an IN model are left out of the mean.

    Raises:
        UnsupportedError: if no record has an IN model.

    >>> mean_true_positive_rate(record_rates([[True, False], [True, True]], [[1, 0], [1, 1]]))
    1.0
    """
    has = rates.n_in > 0
    if not has.any():
        raise UnsupportedError("no record is in the training set of any model; there is no true positive rate.")
    return float((rates.true_positives[has] / rates.n_in[has]).mean())


def false_positive_spread(
    rates: RecordRates, *, confidence: float, quantiles: Sequence[float] = QUANTILES
) -> RateSpread:
    """Return how false positive rates are spread over records.

    Args:
        rates: counts over models.
        confidence: chance that every record's true rate lies in its own Clopper-Pearson interval, and with that the
            largest true rate between the reported ends (Bonferroni over records).
        quantiles: levels to report.

    Returns:
        The spread. Models are taken as independent trials and, for ``worst_by_chance``, records too.

    Raises:
        UnsupportedError: if no record has an OUT model.
        ConfigError: if the confidence or a level is no probability.

    Source: Clopper and Pearson, Biometrika 1934, with Bonferroni's correction.

    >>> rates = record_rates([[True, False]] * 10, [[0, 0]] * 10)
    >>> spread = false_positive_spread(rates, confidence=0.95)
    >>> spread.worst, round(spread.worst_lower, 3)
    (1.0, 0.645)
    """
    tail = (1.0 - check_probability("confidence", confidence)) / 2
    levels = [check_probability("quantiles", level, open_ends=False) for level in quantiles]
    has = rates.n_out > 0
    if not has.any():
        raise UnsupportedError("every record is in the training set of every model; there is no false positive rate.")
    false, n = rates.false_positives[has], rates.n_out[has]
    kinds = np.unique(np.stack([false, n], axis=1), axis=0).tolist()
    observed, each = false / n, tail / len(n)
    pooled = float(false.sum() / n.sum())
    return RateSpread(
        pooled=pooled,
        quantiles={level: float(np.quantile(observed, level)) for level in levels},
        worst=float(observed.max()),
        worst_lower=max(lower_rate(k, of, each) for k, of in kinds),
        worst_upper=max(upper_rate(k, of, each) for k, of in kinds),
        worst_by_chance=expected_largest_rate(n, pooled),
        n_measured=len(n),
    )


def expected_largest_rate(n_trials: ArrayLike, rate: float) -> float:
    """Return the largest observed rate to be expected of many records that all have the same true rate.

    Args:
        n_trials: ``(n_records,)`` trials of each record, at least 1.
        rate: the true rate of all.

    Raises:
        ConfigError: if the rate is no probability.

    >>> expected_largest_rate([1, 1], 0.5)
    0.75
    """
    check_probability("rate", rate, open_ends=False)
    sizes, n_records = np.unique(np.asarray(n_trials, dtype=np.int64), return_counts=True)
    values = np.unique(np.concatenate([np.arange(size + 1) / size for size in sizes]))
    # the largest count whose share of the trials is at most the value
    counts = np.floor(values[:, None] * sizes * (1 + 1e-12))
    at_most = np.exp((n_records * binom.logcdf(counts, sizes, rate)).sum(axis=1))
    return float((values * np.diff(at_most, prepend=0.0)).sum())
