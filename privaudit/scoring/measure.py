"""Reads signals off a model by name."""

import importlib
from collections.abc import Callable, Collection, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.numerics import log_probability, logit_margin
from privaudit.scoring.label_oracle import LabelOracle, label_oracle_of
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import (
    AUGMENTED_CORRECT,
    AUGMENTED_MARGIN,
    BOUNDARY_DISTANCE,
    DIRECTION_DISTANCE,
    NOISY_CORRECT,
    signals_from_logits,
)
from privaudit.scoring.views import views

LabelReader = Callable[[LabelOracle, NDArray[np.float32], NDArray[np.int64], int], NDArray[np.float64]]
BY_LABELS: Mapping[str, str] = {  # module:function, imported when an audit asks for it
    AUGMENTED_CORRECT: "label_views:read_augmented_correct",
    NOISY_CORRECT: "label_noise:read_noisy_correct_share",
    DIRECTION_DISTANCE: "direction_distance:read_direction_distance",
    BOUNDARY_DISTANCE: "boundary_distance:read_boundary_distance",
}


def measure(
    network: nn.Module, features: torch.Tensor, labels: NDArray[np.int64], names: Collection[str], *, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Run records through a model as often as its signals need.

    Args:
        network: the model, on the device of the records.
        features: ``(n_records, ...)``.
        labels: ``(n_records,)`` true classes.
        names: of the signals: built-in ones, ``augmented_logit_margin``, and those that are read off hard labels.
        seed: of the noise in queries, the same for all models of an audit.

    Returns:
        name -> ``(n_records, n_queries)`` float64.

    Raises:
        DataError: if a logit is not finite.
    """
    found = {}
    built_in = [name for name in names if name != AUGMENTED_MARGIN and name not in BY_LABELS]
    if built_in:
        of_logits = signals_from_logits(query_logits(network, features), labels)
        found = {name: of_logits[name] for name in built_in}
    if AUGMENTED_MARGIN in names:
        columns = [logit_margin(query_logits(network, view), labels) for view in views(features)]
        found[AUGMENTED_MARGIN] = np.stack(columns, axis=1)
    return {**found, **_by_labels(network, features, labels, names, seed)}


def _by_labels(
    network: nn.Module, features: torch.Tensor, labels: NDArray[np.int64], names: Collection[str], seed: int
) -> dict[str, NDArray[np.float64]]:
    """Read each signal through an oracle of its own, so that one's queries are not counted for another."""
    wanted = [name for name in BY_LABELS if name in names]
    if not wanted:
        return {}
    shown = features.numpy(force=True)  # an oracle takes arrays and sends them back to the device
    oracles = {name: label_oracle_of(network, device=features.device, n_records=len(labels)) for name in wanted}
    return {name: label_reader(name)(oracle, shown, labels, seed) for name, oracle in oracles.items()}


def label_reader(name: str) -> LabelReader:
    """Return the function that reads a signal off hard labels.

    Args:
        name: the signal, one of ``BY_LABELS``.
    """
    module, _, function = BY_LABELS[name].partition(":")
    reader: LabelReader = getattr(importlib.import_module(f"privaudit.scoring.{module}"), function)
    return reader


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
