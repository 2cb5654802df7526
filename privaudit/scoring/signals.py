"""From logits to the built-in signals; each is oriented so that higher = more member-like."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privaudit.numerics import is_correct, log_modified_entropy, log_probability, logit_margin
from privaudit.types import AuditDesign
from privaudit.types.design import CONTROL, TARGET

SIGNALS = ("logit_margin", "negative_loss", "correct", "negative_loss_t2", "negative_log_modified_entropy")
ALWAYS = frozenset({"logit_margin", "negative_loss", "correct"})  # of every model, whatever attacks read
LOSS_TRACE, AUGMENTED_MARGIN = "negative_loss_trace", "augmented_logit_margin"  # each by a collector of its own
AVERAGED_MARGIN = "averaged_logit_margin"  # so is this
AUGMENTED_CORRECT, NOISY_CORRECT = "augmented_correct", "noisy_correct_share"  # from hard labels alone, as those below
DIRECTION_DISTANCE, BOUNDARY_DISTANCE = "direction_distance", "boundary_distance"
REPEATED_CORRECT = "repeated_correct"
LABEL_SIGNALS = (AUGMENTED_CORRECT, NOISY_CORRECT, DIRECTION_DISTANCE, BOUNDARY_DISTANCE, REPEATED_CORRECT)
POISON_SIGNALS = ("poisoned_agreement", "kept_neighbour", "poison_copies", "poisoned_out_confidence")
OF_TARGETS = frozenset({BOUNDARY_DISTANCE, *POISON_SIGNALS})  # too dear for every model: see `measured_rows`
SHIFT = 1  # pixels between the views of an image


def is_image(shape: Sequence[int]) -> bool:
    """Tell whether records of a shape can be mirrored and shifted.

    Args:
        shape: of one record: ``(channels, height, width)`` or ``(height, width)``.

    >>> is_image((3, 32, 32)), is_image((28, 28)), is_image((784,)), is_image((5, 1))
    (True, True, False, False)
    """
    return len(shape) in (2, 3) and min(shape[-2:]) > SHIFT


def measured_rows(name: str, design: AuditDesign) -> NDArray[np.int64]:
    """Return the rows of the models on which a signal is measured: all, or targets and the control that plays one.

    Args:
        name: the signal.
        design: of the audit.
    """
    base = name.partition("@")[0]  # what follows says with which settings
    if base not in OF_TARGETS:
        return np.arange(design.n_models)
    targets = design.models_with_role(TARGET)
    if base in POISON_SIGNALS:
        return targets
    return np.concatenate([targets, design.models_with_role(CONTROL)[:1]])


def signals_from_logits(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Compute every built-in signal of one model.

    Args:
        logits: ``(n_records, n_classes)`` or ``(n_records, 1)``.
        labels: ``(n_records,)`` true classes.

    Returns:
        name -> ``(n_records, 1)`` float64. ``negative_loss`` is the log-probability of the true class, i.e. the
        cross-entropy loss with its sign turned; ``negative_loss_t2`` the same with all logits halved (temperature 2);
        ``negative_log_modified_entropy`` orders records as the negative modified entropy does, and does not saturate.

    Raises:
        DataError: if a logit is not finite.
    """
    margin = logit_margin(logits, labels)
    at_temperature_2 = log_probability(logit_margin(np.asarray(logits, dtype=np.float64) / 2, labels))
    entropy = -log_modified_entropy(logits, labels)
    columns = (margin, log_probability(margin), is_correct(logits, labels), at_temperature_2, entropy)
    return {name: values[:, None] for name, values in zip(SIGNALS, columns, strict=True)}
