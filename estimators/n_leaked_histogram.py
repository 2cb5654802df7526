"""How many nodes' degrees, or clustering coefficients, say as much about a graph's law as a model does.

The two laws are histograms of what was seen in both worlds' graphs, and their divergence is exact, so that no family of laws is
assumed. One draw is one node, taken as independent of the others, which the nodes of one graph are not.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.estimators.n_leaked_guesser import draws_at_divergence
from privaudit.estimators.zipf import check_degrees, fit_zipf, n_leaked_zipf
from privaudit.types import Metric
from privaudit.validate import check_probability

N_BINS = 20  # of clustering coefficients above 0; 0 has a bin of its own
OF_NODES = "draws are nodes, taken as independent, which those of one graph are not"
OF_COUNTS = (
    "1 added to each count: a bound for these histograms, and for the laws behind them as far as the graphs show them"
)
RULES = {
    "degree": "degrees that would let one be right as often, at least: exact Kullback-Leibler divergence of the histograms of "
    f"degrees in the audited graphs, {OF_COUNTS}; {OF_NODES}",
    "clustering": f"clustering coefficients, in {N_BINS} equal bins and one for 0, that would let one be right as often, at least: "
    f"exact Kullback-Leibler divergence of the histograms in the audited graphs, {OF_COUNTS}; this project's own, no published form "
    f"is known; {OF_NODES}",
    "zipf": "degrees that would let one be right as often, at least: the published bound on Zipf laws (Suri and Evans 2022), fitted "
    f"to the degrees in the audited graphs whether they follow one or not; {OF_NODES}",
}


def histogram_divergences(counts_0: ArrayLike, counts_1: ArrayLike) -> tuple[float, float]:
    """Return both Kullback-Leibler divergences of two histograms, 1 being added to every count.

    Args:
        counts_0: ``(n_bins,)`` counts in world 0.
        counts_1: likewise in world 1, of the same bins; bins that are empty in both are left out.

    Returns:
        KL(0 || 1) and KL(1 || 0); both 0 where no bin is left.

    Raises:
        ShapeError: if they do not fit together.
        DataError: if a count is no finite number of at least 0.

    Source: this project; the 1 (Laplace) keeps a value that one world happened not to show from telling all.

    >>> [round(divergence, 4) for divergence in histogram_divergences([3, 0, 1], [1, 0, 1])]
    [0.0566, 0.0589]
    """
    tables = [np.asarray(counts, dtype=np.float64) for counts in (counts_0, counts_1)]
    if tables[0].ndim != 1 or tables[0].shape != tables[1].shape:
        raise ShapeError(f"counts must both have shape (n_bins,); got {tables[0].shape} and {tables[1].shape}.")
    if not all(np.isfinite(table).all() and (table >= 0.0).all() for table in tables):
        raise DataError("counts must be finite and at least 0.")
    is_seen = (tables[0] > 0.0) | (tables[1] > 0.0)
    if not is_seen.any():
        return 0.0, 0.0
    smoothed = [table[is_seen] + 1.0 for table in tables]
    law_0, law_1 = (table / table.sum() for table in smoothed)
    ratio = np.log(law_0) - np.log(law_1)
    return max(0.0, float(law_0 @ ratio)), max(0.0, float(law_1 @ -ratio))


def n_leaked_draws(accuracy: float, draws_0: ArrayLike, draws_1: ArrayLike) -> float:
    """Return how many draws let a guesser be right as often, by the divergence of the histograms of two worlds' draws.

    Args:
        accuracy: share of right answers on two worlds of equal weight; 0.5 and below give 0, and 1 infinity.
        draws_0: ``(n,)`` whole numbers of at least 0 seen in world 0: degrees, or numbers of bins.
        draws_1: ``(m,)`` likewise in world 1.

    Returns:
        -ln(4w(1-w)) over the smaller divergence, a lower bound on what the best guesser of these histograms needs. Equal
        histograms give 0 at every accuracy, as equal ratios do: the worlds show no difference that could have leaked. Of few
        draws chance makes like laws differ, and this number too small (of equal laws it grows with the draws seen); the added 1
        brings unlike laws together, and makes it too large: it bounds the best guesser of the laws themselves where hundreds of
        draws of each were seen.

    Raises:
        ConfigError: if the accuracy is not in [0, 1].
        DataError: if a draw is no whole number of at least 0, or a world has none.

    Source: Bretagnolle and Huber 1979 with the exact divergence; as histograms, this project's.

    >>> round(n_leaked_draws(0.9, [1, 1, 1, 2], [1, 2, 2, 2]), 2)
    4.42
    """
    check_probability("accuracy", accuracy, open_ends=False)
    seen = [check_degrees(draws) for draws in (draws_0, draws_1)]
    values = np.unique(np.concatenate(seen))
    counts = [np.bincount(np.searchsorted(values, draws), minlength=len(values)) for draws in seen]
    return draws_at_divergence(accuracy, min(histogram_divergences(*counts)))


def clustering_bins(coefficients: ArrayLike) -> NDArray[np.int64]:
    """Return the bin of each clustering coefficient: 0 for 0, then 1..20 for (0, 0.05], (0.05, 0.1], ..., (0.95, 1].

    Args:
        coefficients: ``(n,)`` in [0, 1].

    Raises:
        DataError: if one is not, or there is none.

    >>> clustering_bins([0.0, 0.01, 0.05, 0.15, 1.0]).tolist()
    [0, 1, 1, 3, 20]
    """
    values = np.asarray(coefficients, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not ((values >= 0.0) & (values <= 1.0)).all():
        raise DataError(f"clustering coefficients must be (n,) numbers in [0, 1]; got shape {values.shape}.")
    bins = np.ceil(values * N_BINS - 1e-9).astype(np.int64)  # 0.15 * 20 is above 3 in floating point
    return np.where(values > 0.0, np.maximum(bins, 1), 0)


def n_leaked_draw_metrics(
    accuracy: Metric,
    draws_0: ArrayLike,
    draws_1: ArrayLike,
    *,
    property: Literal["degree", "clustering"],
    has_zipf: bool = False,
) -> list[Metric]:
    """Return n_leaked of a property of graphs, with the interval that the accuracy's gives.

    Args:
        accuracy: share of right answers, with or without an interval.
        draws_0: ``(n,)`` degrees (whole numbers), or clustering coefficients, of nodes of world 0's graphs.
        draws_1: ``(m,)`` likewise of world 1's.
        property: ``degree`` or ``clustering``.
        has_zipf: add the published number by Zipf laws, of degrees alone.

    Returns:
        ``n_leaked_degree_kl`` or ``n_leaked_clustering_kl``, then ``n_leaked_degree_zipf``; infinite values are meant.

    Raises:
        ConfigError: if the property does not exist, has no Zipf law, or the accuracy is not in [0, 1].
        DataError: if the draws are none of the property.

    Source: see `n_leaked_draws` and `privaudit.estimators.zipf.n_leaked_zipf`.

    >>> accuracy = Metric(name="accuracy", value=0.9)
    >>> found = n_leaked_draw_metrics(accuracy, [1, 1, 1, 2], [1, 2, 2, 2], property="degree", has_zipf=True)
    >>> [(metric.name, round(metric.value, 2)) for metric in found]
    [('n_leaked_degree_kl', 4.42), ('n_leaked_degree_zipf', 0.93)]
    """
    if property not in ("degree", "clustering") or (has_zipf and property != "degree"):
        raise ConfigError(
            f"property must be degree, or clustering without zipf; got {property!r}{' with zipf' * has_zipf}.",
            key="property",
        )
    seen = [np.asarray(draws) if property == "degree" else clustering_bins(draws) for draws in (draws_0, draws_1)]
    by_histogram = partial(n_leaked_draws, draws_0=seen[0], draws_1=seen[1])
    found = [_metric(accuracy, f"n_leaked_{property}_kl", RULES[property], by_histogram)]
    if has_zipf:
        by_zipf = partial(n_leaked_zipf, zipf_0=fit_zipf(seen[0]), zipf_1=fit_zipf(seen[1]))
        found.append(_metric(accuracy, "n_leaked_degree_zipf", RULES["zipf"], by_zipf))
    return found


def _metric(accuracy: Metric, name: str, rule: str, draws_of: Callable[[float], float]) -> Metric:
    value, lower, upper = (
        None if end is None else draws_of(end) for end in (accuracy.value, accuracy.lower, accuracy.upper)
    )
    return Metric(
        name=name,
        value=value,
        lower=lower,
        upper=upper,
        confidence=accuracy.confidence,
        rule=f"{rule}; {accuracy.rule}",
    )
