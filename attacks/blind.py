"""The blind baseline: a classifier that sees the records' features and no model.

Where it tells members from non-members, they differ by themselves, and an attack's success says little about the model.

Blocks are scored in turn, each by a classifier fitted to the blocks before it. If membership has nothing to do with the
features, the labels of a block are exchangeable given everything its classifier has seen, so the deviations of the
blocks' AUCs from 1/2 are martingale differences: uncorrelated, and their variances add up. The AUCs of K-fold
cross-validation are positively correlated (each fold's labels train the other folds' classifiers); an interval that
adds up their variances misses 1/2 two to four times as often as it says.
"""

import warnings
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.validate import check_both_worlds, check_finite_features, check_same_length

Classifier = Literal["logistic", "trees", "both"]

N_BLOCKS = 5
UNSCORED = 0  # the block that is only trained on


class BlindScores(NamedTuple):
    """Scores of a classifier that never saw a model.

    Attributes:
        scores: ``(n,)`` log-odds of membership; 0 in block ``UNSCORED``.
        block: ``(n,)`` the block of each record; scores of different blocks must not be pooled.
    """

    scores: NDArray[np.float64]
    block: NDArray[np.int64]


def blind_scores(
    features: NDArray[np.floating[Any]],
    is_member: NDArray[Any],
    *,
    seed: int = 0,
    classifier: Classifier = "both",
    n_blocks: int = N_BLOCKS,
) -> BlindScores:
    """Score records by classifiers that were fitted to other records.

    Args:
        features: ``(n, d)`` finite numbers.
        is_member: ``(n,)`` 1 or True for members.
        seed: of the blocks and the classifiers.
        classifier: ``logistic`` regression, boosted ``trees``, or the sum of the log-odds of ``both``.
        n_blocks: number of blocks, each with members and non-members in the proportion of the whole.

    Returns:
        Scores and blocks.

    Raises:
        UnsupportedError: if there are fewer members or non-members than twice the blocks.
        DataError: if a feature is not finite, or the arrays do not fit.
        ConfigError: if there is no such classifier.

    Source: Das, Zhang, Tramer, "Blind Baselines Beat Membership Inference Attacks for Foundation Models", 2024; the
    order of fitting is that of Dawid, "Statistical Theory: The Prequential Approach", JRSS A 1984.
    """
    member = check_both_worlds(is_member)
    check_same_length(features=features, is_member=member)
    check_finite_features(features)
    if classifier not in ("logistic", "trees", "both"):
        raise ConfigError(f"classifier must be logistic, trees or both; got {classifier!r}.", key="classifier")
    smaller = min(int(member.sum()), int((~member).sum()))
    # With a single pair in a block the interval of its AUC would exclude 1/2 by chance more often than it may.
    if smaller < 2 * n_blocks:
        raise UnsupportedError(
            f"the blind baseline needs {2 * n_blocks} members and as many non-members; the smaller side has {smaller}."
        )
    block = _blocks(member, n_blocks, seed)
    columns, scores = _standardised(features), np.zeros(len(member))
    if not columns.shape[1]:
        return BlindScores(scores, block)
    with one_thread():
        for current in range(1, n_blocks):
            known, fresh = block < current, block == current
            scores[fresh] = _log_odds(columns[known], member[known], columns[fresh], classifier, seed)
    return BlindScores(scores, block)


def _blocks(member: NDArray[np.bool_], n_blocks: int, seed: int) -> NDArray[np.int64]:
    """Deal members and non-members out at random, each evenly."""
    rng = np.random.default_rng([seed, 1])
    block = np.empty(len(member), dtype=np.int64)
    for side in (member, ~member):
        block[side] = rng.permutation(np.arange(side.sum()) % n_blocks)
    return block


def _standardised(features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Columns of mean 0 and variance 1, without the constant ones; looks at no label."""
    values = np.asarray(features, dtype=np.float64)
    values = values[:, values.min(axis=0) < values.max(axis=0)]
    values = values / np.abs(values).max(axis=0, initial=1e-300)  # so that squares of huge numbers stay finite
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0))[:, spread > 0] / spread[spread > 0])


def one_thread() -> AbstractContextManager[Any]:
    """On a busy machine the trees' threads wait for each other a hundred times longer than they work."""
    import sklearn.ensemble  # noqa: F401 - only libraries that are loaded by now are limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits


def _log_odds(
    known: NDArray[np.float64],
    member: NDArray[np.bool_],
    fresh: NDArray[np.float64],
    classifier: Classifier,
    seed: int,
) -> NDArray[np.float64]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    score = np.zeros(len(fresh))
    if classifier != "trees":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # any classifier will do; a better one finds more
            score += LogisticRegression(max_iter=200).fit(known, member).decision_function(fresh)
    if classifier != "logistic":
        from sklearn.ensemble import HistGradientBoostingClassifier

        trees = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, early_stopping=False, random_state=seed)
        score += trees.fit(known, member).decision_function(fresh)
    return score
