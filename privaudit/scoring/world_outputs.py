"""What a model says about a record, all classes: the probabilities that attacks on the distribution compare."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.errors import DataError
from privaudit.numerics import log_sum_exp, two_class_logits
from privaudit.scoring.query import query_logits


def class_log_probabilities(network: nn.Module, features: torch.Tensor) -> NDArray[np.float64]:
    """Return the log-probability of every class, by one pass in evaluation mode.

    Args:
        network: the model, on the device of the records.
        features: ``(n, ...)`` records.

    Returns:
        ``(n, n_classes)`` float64, two columns for a model with a single output; never above 0, and never minus infinity.

    Raises:
        DataError: if a logit is not finite.
    """
    logits = two_class_logits(query_logits(network, features))
    if not np.isfinite(logits).all():
        raise DataError(f"outputs must be finite; {int((~np.isfinite(logits)).sum())} of {logits.size} are not.")
    # the largest logit is taken off first: sums of exponentials of what is left neither overflow nor vanish
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(np.minimum(shifted - log_sum_exp(shifted, axis=1)[:, None], 0.0))
