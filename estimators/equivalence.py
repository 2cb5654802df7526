"""Are two things the same up to a margin? Paired differences of a few repeats, tested for equivalence and for a difference.

A difference that is not significant shows nothing, with few repeats least of all: the two one-sided tests ask whether it
is smaller than what would matter. The signed-rank test stands beside them, with the smallest p-value that it can reach:
with four repeats it never falls below 1/8, whatever they say.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit
from scipy.stats import rankdata

from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError
from privaudit.validate import check_probability

MOST_DIFFERENCES = 300  # the exact distribution of their signed ranks has n (n + 1) + 1 values


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Paired differences against a margin.

    Attributes:
        mean: of the differences.
        lower: lower end of the two-sided t-interval at confidence 2 * confidence - 1; a lower bound at ``confidence``.
        upper: its upper end.
        p_above: one-sided p-value of "the true mean is at most -margin".
        p_below: of "the true mean is at least margin".
        is_equivalent: both are refuted at ``confidence``: the interval lies inside (-margin, margin).
        signed_rank_p: two-sided p-value of the exact signed-rank test for a difference.
        smallest_signed_rank_p: the smallest that so many differences can reach, 2^(1 - n).
        n: number of differences.
        margin: what would matter.
        confidence: of each one-sided test.
    """

    mean: float
    lower: float
    upper: float
    p_above: float
    p_below: float
    is_equivalent: bool
    signed_rank_p: float
    smallest_signed_rank_p: float
    n: int
    margin: float
    confidence: float


def equivalence_test(differences: ArrayLike, margin: float, confidence: float) -> Equivalence:
    """Test whether the mean of paired differences lies within a margin around 0, by two one-sided t-tests.

    "Equivalent" is wrong with probability at most 1 - confidence, for independent normal differences; differences of
    repeats on overlapping records are not quite independent. Where all are equal their spread counts as 0.

    Args:
        differences: ``(n,)`` one per independent repeat, at least two.
        margin: the smallest difference that would matter, positive, in the unit of the differences.
        confidence: of each one-sided test, above 1/2, e.g. 0.95: the interval's level is then 0.90.

    Raises:
        ShapeError: if the differences are not one-dimensional.
        DataError: if one is NaN or infinite.
        ConfigError: if margin or confidence is out of range.
        UnsupportedError: if there are fewer than two differences, or more than 300.

    Source: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 1987; Wilcoxon, Biometrics Bulletin 1945.

    >>> test = equivalence_test([0.01, -0.02, 0.0, 0.01], 0.05, 0.95)
    >>> test.is_equivalent, round(test.lower, 4), round(test.upper, 4), test.smallest_signed_rank_p
    (True, -0.0166, 0.0166, 0.125)
    """
    values = _checked(differences)
    if not (np.isfinite(margin) and margin > 0):
        raise ConfigError(f"margin must be a positive number; got {margin}. Take what would matter.", key="margin")
    level = check_probability("confidence", confidence)
    if level <= 0.5:
        raise ConfigError(f"confidence must lie above 0.5; got {confidence}. A usual value is 0.95.", key="confidence")
    n, is_constant = len(values), bool((values == values[0]).all())
    mean = float(values[0] if is_constant else values.mean())
    error = 0.0 if is_constant else float(values.std(ddof=1) / np.sqrt(n))
    reach = float(stdtrit(n - 1, level)) * error
    return Equivalence(
        mean=mean,
        lower=mean - reach,
        upper=mean + reach,
        p_above=_upper_tail(mean + margin, error, n - 1),
        p_below=_upper_tail(margin - mean, error, n - 1),
        is_equivalent=-margin < mean - reach and mean + reach < margin,
        signed_rank_p=signed_rank_p_value(values),
        smallest_signed_rank_p=2.0 ** (1 - n),
        n=n,
        margin=float(margin),
        confidence=level,
    )


def signed_rank_p_value(differences: ArrayLike) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test, exact with ties as well.

    The signs are dealt out anew: all 2^n deals are equally likely if differences are symmetric about 0. Zeros are dropped
    first; equal sizes share the mean of their ranks.

    Args:
        differences: ``(n,)`` at least two.

    Raises:
        ShapeError: if they are not one-dimensional.
        DataError: if one is NaN or infinite.
        UnsupportedError: if there are fewer than two, or more than 300.

    Source: Wilcoxon, Biometrics Bulletin 1945; ties: Pratt and Gibbons, Concepts of Nonparametric Theory, 1981.

    >>> signed_rank_p_value([1.0, 2.0, 3.0, 4.0]), signed_rank_p_value([0.0, 0.0])
    (0.125, 1.0)
    """
    values = _checked(differences)
    values = values[values != 0]
    if not len(values):
        return 1.0
    ranks = np.rint(2 * rankdata(np.abs(values))).astype(np.int64)  # twice the ranks are whole numbers
    chance = np.zeros(int(ranks.sum()) + 1)
    chance[0] = 1.0
    for rank in ranks.tolist():
        chance[rank:] = (chance[rank:] + chance[:-rank]) / 2
        chance[:rank] /= 2
    positive = int(ranks[values > 0].sum())
    smaller = min(positive, len(chance) - 1 - positive)  # the distribution is symmetric
    return min(1.0, 2.0 * float(chance[: smaller + 1].sum()))


def _upper_tail(distance: float, error: float, freedom: int) -> float:
    """Return the probability that Student's t exceeds distance / error; without error 0 or 1."""
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return float(stdtr(freedom, -distance / error))


def _checked(differences: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1:
        raise ShapeError(f"differences must have shape (n,); got {values.shape}.")
    if not 2 <= len(values) <= MOST_DIFFERENCES:
        raise UnsupportedError(f"2 to {MOST_DIFFERENCES} differences can be tested; got {len(values)}.")
    if not np.isfinite(values).all():
        raise DataError("differences must be finite; some are not. Look at the repeats that they come from.")
    return values
