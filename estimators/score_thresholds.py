"""Which thresholds an audit of scores looks at, and how a part of the scores chooses one of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainccinv

from privaudit.types import ConfusionCounts

Scores = NDArray[np.float64]
# From false positives and false negatives at many thresholds, with both sample sizes, to how much each would certify.
Merit = Callable[[NDArray[np.int64], NDArray[np.int64], int, int], NDArray[np.float64]]
MAX_CANDIDATES = 2000


def counts_at_threshold(scores_in: Scores, scores_out: Scores, threshold: float) -> ConfusionCounts:
    """Count outcomes where ``score >= threshold`` guesses "member".

    Args:
        scores_in: ``(n_in,)`` scores of world 1.
        scores_out: ``(n_out,)`` scores of world 0.
        threshold: fixed without these scores.

    >>> counts_at_threshold(np.array([2.0, 1.0]), np.array([1.0, 0.0]), 1.0)
    ConfusionCounts(tp=2, fn=0, fp=1, tn=1)
    """
    tp, fp = int((scores_in >= threshold).sum()), int((scores_out >= threshold).sum())
    return ConfusionCounts(tp, len(scores_in) - tp, fp, len(scores_out) - fp)


def rank_thresholds(scores_out: Scores, n_candidates: int) -> Scores:
    """Return the scores at fixed ranks of world 0, half of them even in the rank and half in its logarithm.

    The ranks are a function of the two numbers alone. A threshold at a fixed rank may be certified on the scores that
    it was read off: with C(t) of n scores at or above t and G(t) the chance of that, the upper end U(C(t)) is below
    G(t) only where C(t) <= c(t) for the largest count c(t) with U(c) < G(t), which grows as t falls. If t is the
    score of rank k, such a miss needs c(t) >= k, and then C(s) <= c(s) at the highest s with c(s) >= k, whichever t
    came out; that has at most the stated chance at the fixed s. World 1 is independent of t.

    Args:
        scores_out: ``(n_out,)`` independent scores of world 0; ties are legal.
        n_candidates: how many ranks at most.

    Returns:
        at most ``n_candidates`` thresholds; their number depends on the two numbers alone.

    >>> sorted(rank_thresholds(np.arange(10.0), 4).tolist())
    [0.0, 9.0]
    """
    n = len(scores_out)
    even = np.linspace(1, n, n_candidates - n_candidates // 2)
    low = np.geomspace(1, n, n_candidates // 2)
    ranks = np.unique(np.rint(np.concatenate([even, low])).astype(np.int64))
    return np.asarray(np.sort(scores_out)[n - ranks])


def upper_rates(count: NDArray[np.int64], n: int, tail: float) -> NDArray[np.float64]:
    """Return one-sided Clopper-Pearson upper ends of many counts out of ``n``."""
    with np.errstate(invalid="ignore"):
        ends = betainccinv(count + 1.0, np.maximum(n - count, 0.5), tail)
    return np.asarray(np.where(count >= n, 1.0, ends), dtype=np.float64)


def epsilon_merit(delta: float, tail: float) -> Merit:
    """Return how large an epsilon Clopper-Pearson ends would certify; below 0 where they certify none."""

    def merit(fp: NDArray[np.int64], fn: NDArray[np.int64], n_out: int, n_in: int) -> NDArray[np.float64]:
        fpr, fnr = upper_rates(fp, n_out, tail), upper_rates(fn, n_in, tail)
        first = np.log(np.maximum(1.0 - fnr - delta, 1e-300)) - np.log(fpr)
        second = np.log(np.maximum(1.0 - fpr - delta, 1e-300)) - np.log(fnr)
        return np.asarray(np.maximum(first, second), dtype=np.float64)

    return merit


def balance_merit(fp: NDArray[np.int64], fn: NDArray[np.int64], n_out: int, n_in: int) -> NDArray[np.float64]:
    """Return how nearly equal both error rates are.

    Every threshold of a Gaussian mechanism speaks of the same mu, and the one in the middle is measured best; looking
    for the largest mu instead would pick a noisy tail.
    """
    return -np.abs(fp / n_out - fn / n_in)


def best_threshold(scores_in: Scores, scores_out: Scores, merit: Merit) -> float:
    """Return the candidate threshold with the largest merit, the middle one of several.

    Args:
        scores_in: ``(n_in,)`` scores of world 1, of the part that chooses.
        scores_out: ``(n_out,)`` scores of world 0, of that part.
        merit: what to make large.
    """
    candidates = _candidates(np.unique(np.concatenate([scores_in, scores_out])))
    fn = np.searchsorted(np.sort(scores_in), candidates, side="left")
    fp = len(scores_out) - np.searchsorted(np.sort(scores_out), candidates, side="left")
    value = merit(fp, fn, len(scores_out), len(scores_in))
    best = np.flatnonzero(value >= value.max())
    return float(candidates[best[len(best) // 2]])


def _candidates(distinct: Scores) -> Scores:
    """The scores themselves, so that an increasing transform changes nothing; thinned if many."""
    every = distinct[1:] if len(distinct) > 1 else distinct
    return every[np.unique(np.linspace(0, len(every) - 1, MAX_CANDIDATES).astype(np.int64))]
