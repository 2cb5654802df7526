"""From logits to the built-in signals; each is oriented so that higher = more member-like."""

import numpy as np
from numpy.typing import NDArray

from privaudit.numerics import is_correct, log_modified_entropy, log_probability, logit_margin

SIGNALS = ("logit_margin", "negative_loss", "correct", "negative_loss_t2", "negative_log_modified_entropy")


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
