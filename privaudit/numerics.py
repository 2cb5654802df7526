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


def log_modified_entropy(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return the log of the modified entropy, which is 0 for a right answer given with certainty.

    With softmax probabilities p and the true class y it is -(1 - p_y) log p_y - sum over c != y of p_c log(1 - p_c).
    Each term is s(x) log(1 + exp(x)) with s the sigmoid and x the logit of p_c, or of 1 - p_y for the true class, so
    that its logarithm can be had without forming a probability, and does not saturate.

    Args:
        logits: ``(n, n_classes)`` finite logits, or ``(n, 1)`` for one output.
        labels: ``(n,)`` true classes.

    Returns:
        ``(n,)`` float64, lower = more confident in the true class.

    Raises:
        ShapeError: if there is not one label per record, or a label has no column.
        DataError: if a logit is not finite.

    Source: Song, Mittal, "Systematic Evaluation of Privacy Risks of Machine Learning Models", USENIX Security 2021,
    section 3.2 (the quantity; the form in logarithms is derived here).

    >>> round(float(np.exp(log_modified_entropy([[0.0, 0.0]], [0])[0])), 6)
    0.693147
    >>> round(float(log_modified_entropy([[400.0, 0.0]], [0])[0]), 6)
    -799.306853
    """
    columns = two_class_logits(logits)
    own = logit_margin(columns, labels)
    margins = _class_margins(columns)
    margins[np.arange(len(columns)), np.asarray(labels, dtype=np.int64)] = -own
    return log_sum_exp(log_entropy_term(margins), axis=1)


def _class_margins(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each class's logit minus the log-sum-exp of the others, ``(n, n_classes)``."""
    rows, top = np.arange(len(columns)), columns.argmax(axis=1)
    below = columns - columns[rows, top][:, None]
    share = np.exp(below)
    total = share.sum(axis=1, keepdims=True)
    others = np.log(total - share, out=np.zeros_like(share), where=share < total)  # at least that of 1: nothing is lost
    margins = below - others
    margins[rows, top] = logit_margin(columns, top)  # here it would be
    return np.asarray(margins)


def log_entropy_term(x: ArrayLike) -> NDArray[np.float64]:
    """Return log(s(x) log(1 + exp(x))), s the sigmoid: the log of p * -log(1 - p) where p has the logit x.

    >>> log_entropy_term([-800.0, 0.0, 800.0]).round(6).tolist()
    [-1600.0, -1.05966, 6.684612]
    """
    logit = np.asarray(x, dtype=np.float64)
    rest = np.log1p(np.exp(-np.abs(logit)))
    log_p, softplus = np.minimum(logit, 0.0) - rest, np.maximum(logit, 0.0) + rest
    # below -37 log(1 + exp(x)) is exp(x) to rounding, and its logarithm x
    return np.asarray(log_p + np.where(logit < -37.0, logit, np.log(np.maximum(softplus, 1e-300))))


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
