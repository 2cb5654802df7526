"""Whether two runs of one audit rank the records alike."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from privaudit.errors import ConfigError, DegenerateScoresError, ShapeError
from privaudit.estimators.played_models import Floats
from privaudit.validate import check_probability


class RankStability(NamedTuple):
    """Agreement of rankings over all pairs of runs.

    Attributes:
        n_runs: runs compared.
        n_top: records counted as the top.
        top_overlap: mean share of one run's top that is in another's.
        top_overlap_by_chance: the same for rankings that have nothing to do with each other.
        spearman: mean rank correlation; 0 by chance.
        spearman_lowest: that of the pair of runs that agrees least.
    """

    n_runs: int
    n_top: int
    top_overlap: float
    top_overlap_by_chance: float
    spearman: float
    spearman_lowest: float


def rank_stability(vulnerability: ArrayLike, *, top: float = 0.01) -> RankStability:
    """Compare the rankings of all pairs of runs.

    Args:
        vulnerability: ``(n_runs, n_records)`` a number per record and run, higher = more at risk; infinities are legal.
        top: share of the records that counts as the top, rounded up to a whole number.

    Returns:
        The agreement. Records tied at the cut are in the top to an equal part each, so that ties make no agreement.

    Raises:
        ShapeError: if it is no matrix of at least two runs and two records.
        DegenerateScoresError: if a value is NaN, or a run gives every record the same: it ranks nothing.
        ConfigError: if ``top`` is no probability.

    Source: Spearman 1904; top overlap between runs: Jebreel et al., PoPETs 2026, arXiv 2603.07567.

    >>> rank_stability([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0]], top=0.3).spearman
    0.5
    """
    values = np.asarray(vulnerability, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ShapeError(f"vulnerability must have shape (n_runs, n_records), both at least 2; got {values.shape}.")
    if np.isnan(values).any():
        raise DegenerateScoresError("vulnerability must not be NaN; drop the records that have none in some run.")
    constant = np.flatnonzero((values == values[:, :1]).all(axis=1))
    if len(constant):
        raise DegenerateScoresError(f"every run must tell records apart; run {constant[0]} gives all the same number.")
    n_runs, n_records = values.shape
    n_top = max(int(np.ceil(check_probability("top", top) * n_records - 1e-9)), 1)
    ranks = rankdata(values, axis=1)
    correlation = np.corrcoef(ranks)
    weights = np.stack([top_weights(row, n_top) for row in values])
    pairs = list(itertools.combinations(range(n_runs), 2))
    spearman = [float(correlation[pair]) for pair in pairs]
    return RankStability(
        n_runs=n_runs,
        n_top=n_top,
        top_overlap=float(np.mean([weights[a] @ weights[b] / n_top for a, b in pairs])),
        top_overlap_by_chance=n_top / n_records,
        spearman=float(np.mean(spearman)),
        spearman_lowest=min(spearman),
    )


def top_weights(values: Floats, n_top: int) -> Floats:
    """Return how far each record is in the top: 1 above the cut, 0 below it, an equal part each among ties at it.

    Args:
        values: ``(n_records,)``, higher = nearer the top.
        n_top: size of the top, at most n_records.

    Returns:
        ``(n_records,)`` weights in [0, 1] that add up to ``n_top``.

    Raises:
        ConfigError: if ``n_top`` is not between 1 and the number of records.

    >>> top_weights(np.array([3.0, 1.0, 1.0, 0.0]), 2).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    if not 1 <= n_top <= len(values):
        raise ConfigError(f"n_top must lie between 1 and the number of records ({len(values)}); got {n_top}.")
    cut = np.sort(values)[-n_top]
    above, tied = values > cut, values == cut
    return np.where(above, 1.0, np.where(tied, (n_top - above.sum()) / tied.sum(), 0.0))
