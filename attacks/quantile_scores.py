"""Quantile regression of a model's confidence in records that it has not seen, made exact by split conformal inference.

Two quantiles of the logit margin, the median and a high one, are regressed on features and class over one part of the
population. A record's score is its margin's distance above its median, counted in the distance from median to high
quantile. Whatever the regression is worth, the scores of the other part of the population are exchangeable with those of
any other non-members, so their order statistics are thresholds whose false positive rate holds (split conformal inference).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.blind import one_thread
from privaudit.attacks.shadow_fit import Bools, Floats
from privaudit.errors import UnsupportedError
from privaudit.validate import check_finite_features, check_probability, check_same_length

HIGH = 0.9  # the distance from the median to it is the scale; further out few records would decide it
FEWEST_POPULATION = 40
N_TREES, N_LEAVES = 40, 8  # small, as half a population may be some twenty records; any fit is valid, a poor one weak
MOST_CATEGORIES = 255  # of the regression's own


class ConformalScores(NamedTuple):
    """Scores of all records, and those that thresholds are read off.

    Attributes:
        scores: ``(n_records,)``; of the records that the regression was fitted to they are too near 0.
        calibration: ``(n_calibration,)`` scores of population records that the regression has not seen.
    """

    scores: Floats
    calibration: Floats

    def threshold(self, level: float) -> float:
        """Return the score above which a record is called a member: at most a share ``level`` of non-members is.

        Args:
            level: nominal false positive rate in (0, 1).

        Returns:
            the k-th smallest calibration score with k = ceil((1 - level) (n + 1)), infinite where k exceeds n.

        Source: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005; Lei et al., JASA 2018, section 2.

        >>> ConformalScores(np.zeros(1), np.arange(99.0)).threshold(0.1)
        89.0
        """
        check_probability("level", level)
        n = len(self.calibration)
        rank = int(np.ceil((1.0 - level) * (n + 1) - 1e-9))
        return float("inf") if rank > n else float(np.partition(self.calibration, rank - 1)[rank - 1])


def quantile_scores(
    margin: Floats, features: NDArray[Any], labels: NDArray[np.int64], is_population: Bools, *, seed: int
) -> ConformalScores:
    """Regress quantiles on half of the population and score all records.

    Args:
        margin: ``(n_records,)`` the target's logit margins.
        features: ``(n_records, ...)`` what the model sees; flattened.
        labels: ``(n_records,)`` classes.
        is_population: ``(n_records,)`` records that were in no model.
        seed: which half; to be fixed before anything is seen.

    Raises:
        UnsupportedError: if there are fewer than 40 population records.
        DataError: if a feature is not finite, or the arrays do not fit.

    Source: Bertran et al., "Scalable Membership Inference Attacks via Quantile Regression", NeurIPS 2023, section 3;
    conformal quantiles: Romano, Patterson, Candès, NeurIPS 2019.
    """
    check_same_length(margin=margin, features=features, labels=labels, is_population=is_population)
    check_finite_features(features)
    population = np.flatnonzero(is_population)
    if len(population) < FEWEST_POPULATION:
        raise UnsupportedError(
            f"quantile regression needs {FEWEST_POPULATION} population records, half of them to calibrate on; there are "
            f"{len(population)}. Raise design.population."
        )
    order = np.random.default_rng([seed, 3]).permutation(population)
    fitted, calibration = order[: len(order) // 2], order[len(order) // 2 :]
    columns = np.hstack([np.asarray(features, dtype=np.float32).reshape(len(margin), -1), labels[:, None]])
    median, high = (_regressed(columns, margin, fitted, level) for level in (0.5, HIGH))
    spread = high - median
    usual = float(np.median(spread[fitted]))
    # crossed or nearly equal quantiles say nothing of the scale: no record counts for more than ten usual ones
    floor = 0.1 * usual if usual > 0 else 1.0
    scores = (margin - median) / np.maximum(spread, floor)
    return ConformalScores(scores, scores[calibration])


def _regressed(columns: NDArray[np.float32], margin: Floats, fitted: NDArray[np.int64], level: float) -> Floats:
    from sklearn.ensemble import HistGradientBoostingRegressor

    n_classes = int(columns[:, -1].max()) + 1
    is_category = np.arange(columns.shape[1]) == columns.shape[1] - 1
    model = HistGradientBoostingRegressor(
        loss="quantile",
        quantile=level,
        max_iter=N_TREES,
        max_leaf_nodes=N_LEAVES,
        categorical_features=is_category if n_classes <= MOST_CATEGORIES else None,
        early_stopping=False,
        random_state=0,
    )
    with one_thread():
        return np.asarray(model.fit(columns[fitted], margin[fitted]).predict(columns))
