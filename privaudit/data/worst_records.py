"""The records that models give away most, as canaries."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from privaudit.errors import ConfigError, DegenerateScoresError, ShapeError
from privaudit.validate import check_both_worlds


def choose_worst_records(signal: ArrayLike, is_in: ArrayLike, *, k: int) -> NDArray[np.int64]:
    """Choose the records whose membership shadow models show best.

    The models that choose must not be evaluated: a record that is worst by chance there would be certified by that chance.

    Args:
        signal: ``(n_models, n_records)`` of each record in each shadow model, higher = more member-like.
        is_in: ``(n_models, n_records)`` 1 where the model was trained on the record.
        k: how many.

    Returns:
        ``(k,)`` numbers of records, the largest AUC over the models first, equal ones in order. Records that every model,
        or none, was trained on have no AUC and are left out.

    Raises:
        ConfigError: if fewer than ``k`` records have an AUC.
        ShapeError: if the arrays do not fit together.
        DegenerateScoresError: if a signal is NaN.
        DataError: if a membership is neither 0 nor 1.

    Source: Mann and Whitney, Annals of Mathematical Statistics 1947 (AUC by ranks).

    >>> signal = [[0.1, 0.9], [0.2, 0.8], [0.3, 0.1], [0.1, 0.2]]
    >>> choose_worst_records(signal, [[0, 1], [1, 1], [0, 0], [1, 0]], k=1).tolist()
    [1]
    """
    values = np.asarray(signal, dtype=np.float64)
    given = np.asarray(is_in)
    if values.ndim != 2 or values.shape != given.shape:
        raise ShapeError(f"signal and is_in must be (n_models, n_records); got {values.shape} and {given.shape}.")
    bad = np.flatnonzero(np.isnan(values).any(axis=0))
    if bad.size:
        raise DegenerateScoresError(f"signal must not be NaN; it is for {bad.size} records (first: {bad[0]}).")
    area = _auc_per_record(values, check_both_worlds(given))
    n_measured = int(np.isfinite(area).sum())
    if not 1 <= k <= n_measured:
        raise ConfigError(
            f"k must lie in 1..{n_measured}, the records with models of both worlds; got {k}. Train more shadow models.",
            key="k",
        )
    return np.argsort(-area, kind="stable")[:k].astype(np.int64)


def _auc_per_record(values: NDArray[np.float64], member: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return each column's AUC; ``-inf`` where one world is missing."""
    n_in = member.sum(axis=0, dtype=np.float64)
    pairs = n_in * (len(member) - n_in)
    rank_sum = (rankdata(values, axis=0) * member).sum(axis=0)
    return np.where(pairs > 0, (rank_sum - n_in * (n_in + 1) / 2) / np.maximum(pairs, 1), -np.inf)
