"""Pure formulas in log space: from logits to signals."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import DataError, ShapeError


def two_class_logits(logits: ArrayLike) -> NDArray[np.float64]:
    """Return logits with one column per class.

    Args:
        logits: ``(n, n_classes)``, or ``(n, 1)`` / ``(n,)`` for a model with one output, whose sigmoid is the
            probability of class 1.

    Returns:
        ``(n, n_classes)`` float64; a single output z becomes ``(0, z)``.

    >>> two_class_logits([[2.0], [-1.0]]).tolist()
    [[0.0, 2.0], [0.0, -1.0]]
    """
    array = np.asarray(logits, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ShapeError(f"logits must have shape (n, n_classes) or (n, 1); got {array.shape}.")
    if array.shape[1] == 1:
        return np.hstack([np.zeros_like(array), array])
    return array


def logit_margin(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return the logit of the true class minus the log-sum-exp of the others.

    This is log(p / (1 - p)) of the true class's softmax probability p, without forming p, so it does not saturate
    (Carlini et al. 2022, section VI-A; stable form).

    Args:
        logits: ``(n, n_classes)`` finite logits, or ``(n, 1)`` for one output.
        labels: ``(n,)`` true classes.

    Returns:
        ``(n,)`` float64, higher = more confident in the true class.

    Raises:
        ShapeError: if there is not one label per record, or a label has no column.
        DataError: if a logit is not finite.

    >>> round(float(logit_margin([[120.0, 0.0, 0.0]], [0])[0]), 6)
    119.306853
    """
    columns = two_class_logits(logits)
    label = _one_label_each(columns, labels)
    if label.size and (label.min() < 0 or label.max() >= columns.shape[1]):
        raise ShapeError(
            f"labels must lie in 0..{columns.shape[1] - 1} for a model with {columns.shape[1]} classes; "
            f"got {label.min()}..{label.max()}. Give the model one output per class."
        )
    if not np.isfinite(columns).all():
        raise DataError(f"logits must be finite; {int((~np.isfinite(columns)).any(axis=1).sum())} records have others.")
    rows = np.arange(len(columns))
    own = columns[rows, label]
    others = columns.copy()
    others[rows, label] = -np.inf
    return np.asarray(own - log_sum_exp(others, axis=1))


def _one_label_each(columns: NDArray[np.float64], labels: ArrayLike) -> NDArray[np.int64]:
    label = np.asarray(labels, dtype=np.int64)
    if label.shape != (len(columns),):
        raise ShapeError(f"labels must have shape ({len(columns)},), one per row of logits; got {label.shape}.")
    return label


def log_sum_exp(values: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """Return the log of the sum of exponentials along an axis; minus infinities count as zeros.

    >>> float(log_sum_exp(np.array([[-np.inf, 0.0]]), axis=1)[0])
    0.0
    """
    peak = values.max(axis=axis, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        summed = np.log(np.exp(values - peak).sum(axis=axis, keepdims=True))
    return np.asarray(np.squeeze(summed + peak, axis=axis))


def log_mean_exp(values: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """Return the log of the mean of exponentials along an axis, to full precision also where all values are near 0.

    >>> f"{log_mean_exp(np.array([-1e-20, -3e-20]), axis=0):.6g}"
    '-2e-20'
    """
    peak = values.max(axis=axis, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        mean = np.log1p(np.expm1(values - peak).mean(axis=axis, keepdims=True))
    return np.asarray(np.squeeze(mean + peak, axis=axis))


def log_probability(margin: ArrayLike) -> NDArray[np.float64]:
    """Return the log-probability of the true class from its logit margin, exact at both ends.

    Args:
        margin: logit margins of any shape.

    Returns:
        the negative cross-entropy loss, float64, at most 0.

    >>> round(float(log_probability(0.0)), 6)
    -0.693147
    """
    return np.asarray(-np.logaddexp(0.0, -np.asarray(margin, dtype=np.float64)))


def is_correct(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return 1.0 where the largest logit is the true class's (the first one at a tie), else 0.0.

    Raises:
        ShapeError: if there is not one label per record.

    >>> is_correct([[1.0, 2.0], [3.0, 0.0]], [1, 1]).tolist()
    [1.0, 0.0]
    """
    columns = two_class_logits(logits)
    return np.asarray(columns.argmax(axis=1) == _one_label_each(columns, labels), dtype=np.float64)


def logit_margin_of_loss(loss: ArrayLike) -> NDArray[np.float64]:
    """Return the logit margin log(p / (1 - p)) of a cross-entropy loss -log(p), without forming p.

    Args:
        loss: cross-entropies of any shape, at least 0.

    Returns:
        float64 margins, higher = more confident in the true class; infinite where the loss is 0 or infinite.

    Raises:
        DataError: if a loss is negative: it is no cross-entropy then.

    >>> round(float(logit_margin_of_loss(np.log(2.0))), 6), round(float(logit_margin_of_loss(1e-300)), 4)
    (0.0, 690.7755)
    """
    values = np.asarray(loss, dtype=np.float64)
    if (values < 0.0).any():
        raise DataError(
            f"a loss must be a cross-entropy, at least 0, to become a logit margin; got {values.min():g}. Give other "
            "losses negated, as scores."
        )
    with np.errstate(divide="ignore"):  # a loss of 0 is a probability of 1
        return np.asarray(-values - np.log(-np.expm1(-values)))
