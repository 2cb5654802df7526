"""Scores turned into null p-values, each record by its own OUT distribution.

One threshold for all records has another false positive rate at each of them: the operating point read off pooled scores
is that of no single test. A record's own null distribution is known from the shadow models that played the target and
were not trained on it. Within a record the p-value falls with the score, so nothing of that record's power is lost.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr

from privaudit.errors import ConfigError, ShapeError
from privaudit.estimators.played_models import Bools, Floats, check_played, rows_beside
from privaudit.validate import check_scores

NullForm = Literal["t", "gaussian", "rank"]
ROUNDING = 4 * np.finfo(np.float64).eps


class NullPValues(NamedTuple):
    """P-values of one target's records, and how each was made.

    Attributes:
        p: ``(n_records,)`` in [0, 1]; small = more member-like than the record's OUT scores.
        n_out: ``(n_records,)`` int64 OUT scores that each was made from.
        by_rank: ``(n_records,)`` bool, True where the rank form was used.
    """

    p: Floats
    n_out: NDArray[np.int64]
    by_rank: Bools


def null_p_values(observed: ArrayLike, scores: ArrayLike, is_in: ArrayLike, *, form: NullForm = "t") -> NullPValues:
    """Return the chance of each record's score, or a higher one, had the record not been trained on.

    Args:
        observed: ``(n_records,)`` the target's scores.
        scores: ``(n_models, n_records)`` scores of other models that played the target; neither the target's row nor its
            complement's may be among them.
        is_in: ``(n_models, n_records)`` their coins; only the scores of OUT models are used.
        form: ``t`` (the predictive distribution: exact for Gaussian scores at every number of models), ``gaussian``
            (mean and variance taken as known: rejects too often where models are few) or ``rank``,
            (1 + #{OUT >= score}) / (n_out + 1), which is valid whatever the distribution and cannot fall below
            1 / (n_out + 1).

    Returns:
        The p-values. Where a record's OUT scores are fewer than two, all alike or infinite, or its own score is
        infinite, the rank form stands in; without an OUT score it gives 1.

    Raises:
        ConfigError: if the form is unknown.
        ShapeError: if the arrays do not fit together.
        DegenerateScoresError: if a score is NaN.

    Source: the need for it: Jälkö et al., arXiv 2605.25819 (reliability of efficient evaluation); the three forms are
    the textbook's: predictive t (Geisser, "Predictive Inference", 1993), ranks (Phipson and Smyth, Statistical
    Applications in Genetics and Molecular Biology 2010).

    >>> null_p_values([9.0], [[1.0], [2.0], [3.0]], [[0], [0], [0]], form="rank").p.tolist()
    [0.25]
    """
    if form not in get_args(NullForm):
        raise ConfigError(f"form must be one of {', '.join(get_args(NullForm))}; got {form!r}.", key="form")
    values, coins = check_played(scores, is_in)
    own = check_scores(observed, name="observed scores")
    if own.shape != values.shape[1:]:
        raise ShapeError(f"observed must have one score per record ({values.shape[1]}); got {own.shape}.")
    ranked = (1.0 + ((values >= own) & ~coins).sum(axis=0)) / (1.0 + (~coins).sum(axis=0))
    n_out = (~coins).sum(axis=0)
    if form == "rank":
        return NullPValues(ranked, n_out, np.ones(len(own), dtype=bool))
    distance, spread = _standardised(own, values, ~coins)
    is_smooth = spread > 0
    distance[~is_smooth], spread[~is_smooth] = 0.0, 1.0
    if form == "gaussian":
        smooth = ndtr(-distance / spread)
    else:
        smooth = stdtr(np.maximum(n_out - 1, 1), -distance / (spread * np.sqrt(1.0 + 1.0 / np.maximum(n_out, 1))))
    return NullPValues(np.where(is_smooth, smooth, ranked), n_out, ~is_smooth)


def _standardised(own: Floats, values: Floats, is_out: Bools) -> tuple[Floats, Floats]:
    """Distance from the OUT mean and OUT standard deviation, in units of the largest score; spread 0 asks for ranks."""
    finite = np.isfinite(own) & (np.isfinite(values) | ~is_out).all(axis=0)
    out = np.where(is_out & finite, values, 0.0)
    largest = np.abs(out).max(axis=0, initial=0.0)
    unit = np.where(largest > 0, largest, 1.0)  # squares of scaled scores stay finite
    n = np.maximum(is_out.sum(axis=0), 1)
    out /= unit
    mean = out.sum(axis=0) / n
    deviation = np.where(is_out, out - mean, 0.0)
    rest = deviation.sum(axis=0) / n  # what the mean lost by rounding
    variance = ((deviation**2).sum(axis=0) - n * rest * rest) / np.maximum(n - 1, 1)
    spread = np.sqrt(np.maximum(variance, 0.0))
    spread[~finite | (n < 2) | (spread <= ROUNDING)] = 0.0
    with np.errstate(over="ignore"):  # infinitely far is p = 0 or 1
        return np.where(finite, own, 0.0) / unit - mean - rest, spread


def record_p_values(
    scores: ArrayLike, is_in: ArrayLike, pair: ArrayLike, target: int, *, form: NullForm = "t"
) -> NullPValues:
    """Return the null p-values of one row from all rows but itself and its complement's.

    Args:
        scores: ``(n_models, n_records)`` each model's scores when it played the target, its pair left out.
        is_in: ``(n_models, n_records)`` the coins.
        pair: ``(n_models,)`` row of the model with the opposite coins, -1 where it is not among the rows.
        target: the row to judge.
        form: see `null_p_values`.

    Raises:
        ConfigError: if the form, the target or a pair is not legal.
        ShapeError: if the arrays do not fit together.
        DegenerateScoresError: if a score is NaN.

    Source: see `null_p_values`; leaving the complement out as well keeps n_out free of the target's own coins.

    >>> scores = [[0.0], [3.0], [1.0], [2.0]]
    >>> record_p_values(scores, [[0], [1], [0], [1]], [1, 0, 3, 2], 1, form="rank").p.tolist()
    [0.5]
    """
    values, coins = check_played(scores, is_in)
    others = rows_beside(pair, target, len(values))
    return null_p_values(values[target], values[others], coins[others], form=form)


def cross_fit_p_values(scores: ArrayLike, is_in: ArrayLike, pair: ArrayLike, *, form: NullForm = "t") -> Floats:
    """Return the null p-values of every row, each from the rows that are neither itself nor its complement.

    Args:
        scores: ``(n_models, n_records)`` each model's scores when it played the target, its pair left out.
        is_in: ``(n_models, n_records)`` the coins.
        pair: ``(n_models,)`` row of the model with the opposite coins, -1 where it is not among the rows.
        form: see `null_p_values`.

    Returns:
        ``(n_models, n_records)`` p-values; reject at ``p <= alpha``.

    Raises:
        ConfigError: if the form or a pair is not legal.
        ShapeError: if the arrays do not fit together.
        DegenerateScoresError: if a score is NaN.

    Source: see `null_p_values`.

    >>> cross_fit_p_values([[0.0], [3.0], [1.0], [2.0]], [[0], [1], [0], [1]], [1, 0, 3, 2], form="rank").T.tolist()
    [[1.0, 0.5, 0.5, 0.5]]
    """
    values, coins = check_played(scores, is_in)
    return np.stack([record_p_values(values, coins, pair, row, form=form).p for row in range(len(values))])
