"""How often each record is planted with a wrong class: one more copy a round, until models without it forget its true one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.attacks.label_only.chameleon_settings import PoisonLabel
from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


class CopyCounts(NamedTuple):
    """Where the poisoning stands.

    Attributes:
        copies: ``(n,)`` planted copies of each record.
        is_done: ``(n,)`` True for records that get no more: a record once done is not looked at again, although the copies
            of other records still grow.
    """

    copies: Integers
    is_done: Bools


def no_copies(n_records: int) -> CopyCounts:
    """Return the start: nothing planted, nobody done.

    Args:
        n_records: number of challenge records.
    """
    return CopyCounts(np.zeros(n_records, dtype=np.int64), np.zeros(n_records, dtype=np.bool_))


def next_copies(counts: CopyCounts, out_confidence: ArrayLike, *, threshold: float, most: int) -> CopyCounts:
    """Give one more copy to each record whose true class is still too likely, and mark those that are done.

    All records that are not done have one number of copies, that of the rounds so far; hence ``most`` ends the rounds.

    Args:
        counts: copies that the models of this round were trained with.
        out_confidence: ``(n,)`` mean probability of the true class under models without the record, in [0, 1].
        threshold: above it a record gets one more copy.
        most: copies at most.

    Returns:
        the counts of the next round; where the copies are the same, no round is needed.

    Raises:
        ShapeError: if there is not one confidence per record.
        DataError: if a confidence is no probability.

    Source: Chaudhari et al., ICLR 2024, algorithm 2.

    >>> start = no_copies(3)
    >>> after = next_copies(start, [0.9, 0.1, 0.13], threshold=0.13, most=6)
    >>> after.copies.tolist(), after.is_done.tolist()
    ([1, 0, 0], [False, True, True])
    """
    confidence = np.asarray(out_confidence, dtype=np.float64)
    if confidence.shape != counts.copies.shape:
        raise ShapeError(f"out_confidence must have shape {counts.copies.shape}; got {confidence.shape}.")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise DataError(
            "out_confidence must lie in [0, 1]; some values do not. Give probabilities, not logits or losses."
        )
    grows = ~counts.is_done & (confidence > threshold) & (counts.copies < most)
    return CopyCounts(counts.copies + grows, counts.is_done | (confidence <= threshold))


def mean_out_confidence(log_probability: ArrayLike, is_in: ArrayLike) -> Floats:
    """Return each record's mean probability of the true class over the models that do not hold it.

    Args:
        log_probability: ``(n_models, n)`` of the true class, at the record itself.
        is_in: ``(n_models, n)`` 1 where the model was trained on the record.

    Returns:
        ``(n,)`` probabilities.

    Raises:
        UnsupportedError: if a record is in every model.

    >>> mean_out_confidence(np.log([[0.2, 0.9], [0.4, 0.5], [0.9, 0.1]]), [[0, 1], [0, 0], [1, 0]]).round(6).tolist()
    [0.3, 0.3]
    """
    is_out = ~np.asarray(is_in, dtype=np.bool_)
    n_out = is_out.sum(axis=0)
    if not n_out.all():
        raise UnsupportedError(
            f"every challenge record needs a shadow model without it; {int((n_out == 0).sum())} have none. Train more pairs."
        )
    confidence = np.exp(np.minimum(np.asarray(log_probability, dtype=np.float64), 0.0))
    return np.asarray((confidence * is_out).sum(axis=0) / n_out)


def poison_labels(
    labels: ArrayLike,
    n_classes: int,
    *,
    kind: PoisonLabel,
    seed: int = 0,
    class_probability: Floats | None = None,
) -> Integers:
    """Return the wrong class that each record is planted with.

    Args:
        labels: ``(n,)`` true classes.
        n_classes: number of classes, at least 2.
        kind: ``next``: one more than the true one, modulo their number. ``random``: any other one, equally likely.
            ``second_best``: the other one with the largest probability.
        seed: of ``random``.
        class_probability: ``(n, n_classes)`` mean over models that do not hold the record, for ``second_best``.

    Returns:
        ``(n,)`` classes, nowhere the true one.

    Raises:
        ConfigError: if there is one class only, or the probabilities are missing.

    >>> poison_labels([0, 2], 3, kind="next").tolist()
    [1, 0]
    >>> poison_labels([0, 2], 3, kind="second_best", class_probability=np.array([[0.8, 0, 0.2], [0.1, 0.3, 0.6]])).tolist()
    [2, 1]
    """
    true = np.asarray(labels, dtype=np.int64)
    if n_classes < 2:
        raise ConfigError(f"a wrong class needs at least 2 classes; got {n_classes}.", key="n_classes")
    if kind == "next":
        return np.asarray((true + 1) % n_classes)
    if kind == "random":
        shift = np.random.default_rng([seed, 11]).integers(1, n_classes, size=len(true))
        return np.asarray((true + shift) % n_classes)
    if class_probability is None or class_probability.shape != (len(true), n_classes):
        shape = None if class_probability is None else class_probability.shape
        raise ConfigError(
            f"second_best needs class_probability of shape ({len(true)}, {n_classes}); got {shape}.", key="poison_label"
        )
    others = class_probability.astype(np.float64)
    others[np.arange(len(true)), true] = -np.inf
    return np.asarray(others.argmax(axis=1), dtype=np.int64)
