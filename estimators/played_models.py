"""Score matrices in which every row is a model that played the target: checks, and who may speak about whom."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, DegenerateScoresError, ShapeError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def check_coins(is_in: ArrayLike) -> Bools:
    """Return who was trained on what as booleans.

    Args:
        is_in: ``(n_models, n_records)`` 1 where the record was in the model's training set, else 0.

    Raises:
        ShapeError: if it is no matrix.
        DataError: if a value is neither 0 nor 1.
    """
    given = np.asarray(is_in)
    if given.ndim != 2:
        raise ShapeError(f"is_in must have shape (n_models, n_records); got {given.shape}.")
    if given.dtype.kind not in "biuf" or not np.isin(given, (0, 1)).all():
        raise DataError("is_in must be 1 (in the training set) or 0; other values came. Recode it.")
    return given.astype(bool)


def check_played(scores: ArrayLike, is_in: ArrayLike) -> tuple[Floats, Bools]:
    """Return the scores of played models and their coins as arrays.

    Args:
        scores: ``(n_models, n_records)`` attack scores, one row per played target; infinities are legal.
        is_in: ``(n_models, n_records)`` 1 where the record was in the model's training set.

    Raises:
        ShapeError: if they do not fit together.
        DataError: if a coin is neither 0 nor 1.
        DegenerateScoresError: if a score is NaN.
    """
    values, coins = np.asarray(scores, dtype=np.float64), check_coins(is_in)
    if values.shape != coins.shape:
        raise ShapeError(f"scores and is_in must have one shape; got {values.shape} and {coins.shape}.")
    bad = np.argwhere(np.isnan(values))
    if len(bad):
        raise DegenerateScoresError(
            f"scores must not be NaN; got {len(bad)} NaN of {values.size} (first: model {bad[0, 0]}, record {bad[0, 1]}). "
            "Drop these records or mend the signal that scored them."
        )
    return values, coins


def rows_beside(pair: ArrayLike, target: int, n_models: int) -> NDArray[np.int64]:
    """Return the rows that may say something about a target: all but its own and its complement's.

    Args:
        pair: ``(n_models,)`` row of the model with the opposite coins, -1 where it is not among the rows.
        target: row of the target.
        n_models: number of rows.

    Raises:
        ConfigError: if the target or a pair is no row.
        ShapeError: if ``pair`` has another length.

    >>> rows_beside([1, 0, 3, 2], 2, 4).tolist()
    [0, 1]
    """
    rows = np.asarray(pair)
    if rows.shape != (n_models,):
        raise ShapeError(f"pair must have shape ({n_models},), one row number per model; got {rows.shape}.")
    if not 0 <= target < n_models:
        raise ConfigError(f"target must be a row from 0 to {n_models - 1}; got {target}.", key="target")
    if rows.min() < -1 or rows.max() >= n_models:
        raise ConfigError(
            f"pair must hold rows from 0 to {n_models - 1}, or -1 for none; got {rows.tolist()}.", key="pair"
        )
    return np.setdiff1d(np.arange(n_models), [target, rows[target]])
