"""Reads signals off a model by name."""

from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.numerics import log_probability, logit_margin
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import AUGMENTED_MARGIN, signals_from_logits
from privaudit.scoring.views import views


def measure(
    network: nn.Module, features: torch.Tensor, labels: NDArray[np.int64], names: Collection[str]
) -> dict[str, NDArray[np.float64]]:
    """Run records through a model as often as its signals need.

    Args:
        network: the model, on the device of the records.
        features: ``(n_records, ...)``.
        labels: ``(n_records,)`` true classes.
        names: of the signals, built-in ones and ``augmented_logit_margin``.

    Returns:
        name -> ``(n_records, n_queries)`` float64.

    Raises:
        DataError: if a logit is not finite.
    """
    found = {}
    if set(names) - {AUGMENTED_MARGIN}:
        of_logits = signals_from_logits(query_logits(network, features), labels)
        found = {name: of_logits[name] for name in names if name != AUGMENTED_MARGIN}
    if AUGMENTED_MARGIN in names:
        columns = [logit_margin(query_logits(network, view), labels) for view in views(features)]
        found[AUGMENTED_MARGIN] = np.stack(columns, axis=1)
    return found


def negative_loss(network: nn.Module, features: torch.Tensor, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the negative loss of every record, by one pass in evaluation mode.

    Args:
        network: the model, on the device of the records.
        features: ``(n_records, ...)``.
        labels: ``(n_records,)`` true classes.

    Raises:
        DataError: if a logit is not finite.
    """
    return log_probability(logit_margin(query_logits(network, features), labels))
