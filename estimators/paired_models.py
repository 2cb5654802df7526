"""How well one record's membership can be told: paired models, of which exactly one was trained on it.

In a paired design every record is in one model of each pair, by a fair coin. How often the model with the record is the
more confident one is a share of independent trials, one per pair, whatever the signal's distribution is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv
from scipy.stats import binom

from privaudit.errors import DataError, ShapeError, UnsupportedError
from privaudit.estimators.played_models import Floats, check_played
from privaudit.validate import check_probability


class PairWins(NamedTuple):
    """Outcomes of every record over pairs of models.

    Attributes:
        n_pairs: number of pairs.
        wins: ``(n_records,)`` pairs in which the model with the record has the higher signal.
        ties: ``(n_records,)`` pairs in which both have the same.
    """

    n_pairs: int
    wins: NDArray[np.int64]
    ties: NDArray[np.int64]

    @property
    def share(self) -> Floats:
        """``(n_records,)`` share of pairs won, ties one half; 0.5 is guessing."""
        return np.asarray((self.wins + 0.5 * self.ties) / self.n_pairs)


def pair_wins(values: ArrayLike, is_in: ArrayLike, pairs: ArrayLike) -> PairWins:
    """Count, for each record, the pairs in which the model trained on it has the higher signal.

    Args:
        values: ``(n_models, n_records)`` a raw signal, higher = more member-like; no score that was made with the help of
            the other pairs, which would make the pairs dependent.
        is_in: ``(n_models, n_records)`` the coins.
        pairs: ``(n_pairs, 2)`` rows of models with opposite coins.

    Raises:
        UnsupportedError: if there is no pair.
        ShapeError: if the arrays do not fit together.
        DataError: if a coin is neither 0 nor 1, or the models of a pair do not have opposite coins.
        DegenerateScoresError: if a value is NaN.

    Source: the two-alternative forced choice of Green and Swets, "Signal Detection Theory and Psychophysics", 1966.

    >>> pair_wins([[3.0, 1.0], [2.0, 1.0]], [[1, 0], [0, 1]], [[0, 1]]).share.tolist()
    [1.0, 0.5]
    """
    signal, coins = check_played(values, is_in)
    rows = np.asarray(pairs, dtype=np.int64)
    if rows.size == 0:
        raise UnsupportedError("a record's risk is measured on pairs of models with opposite coins; there is none.")
    if rows.ndim != 2 or rows.shape[1] != 2 or rows.min() < 0 or rows.max() >= len(signal):
        raise ShapeError(f"pairs must be (n_pairs, 2) rows from 0 to {len(signal) - 1}; got {rows.shape}.")
    inside, first, second = coins[rows[:, 0]], signal[rows[:, 0]], signal[rows[:, 1]]
    if (inside == coins[rows[:, 1]]).any():
        raise DataError("the models of a pair must have opposite coins at every record; some have the same.")
    won = np.where(inside, first > second, second > first).sum(axis=0, dtype=np.int64)
    return PairWins(len(rows), won, (first == second).sum(axis=0, dtype=np.int64))


def win_intervals(wins: PairWins, *, confidence: float) -> tuple[Floats, Floats]:
    """Return each record's interval of the chance that the model with it has the higher signal.

    Args:
        wins: the outcomes; a tie counts as lost for the lower end and as won for the upper one.
        confidence: of each interval. For all records at once give 1 - (1 - confidence) / n_records.

    Returns:
        lower and upper ends, each ``(n_records,)``: Clopper-Pearson, valid at every number of pairs, since pairs are
        trained independently with coins of their own.

    Raises:
        ConfigError: if the confidence is no probability.

    Source: Clopper and Pearson, Biometrika 1934.

    >>> low, high = win_intervals(PairWins(20, np.array([0]), np.array([0])), confidence=0.95)
    >>> low.tolist(), high.round(4).tolist()
    ([0.0], [0.1684])
    """
    tail, n = (1.0 - check_probability("confidence", confidence)) / 2, wins.n_pairs
    low, high = wins.wins.astype(np.float64), (wins.wins + wins.ties).astype(np.float64)
    lower = np.where(low == 0, 0.0, betaincinv(np.maximum(low, 1), n - low + 1, tail))
    upper = np.where(high == n, 1.0, betaincinv(high + 1, np.maximum(n - high, 1), 1.0 - tail))
    return np.asarray(lower), np.asarray(upper)


def win_p_values(wins: PairWins) -> Floats:
    """Return each record's p-value of "being trained on this record raises the signal in no more than half of the pairs".

    Args:
        wins: the outcomes; ties count as lost.

    Returns:
        ``(n_records,)``: the exact one-sided sign test.

    Source: Arbuthnott 1710; Conover, "Practical Nonparametric Statistics", 1999, section 3.4.

    >>> win_p_values(PairWins(4, np.array([4, 0]), np.array([0, 4]))).tolist()
    [0.0625, 1.0]
    """
    return np.asarray(binom.sf(wins.wins - 1, wins.n_pairs, 0.5))
