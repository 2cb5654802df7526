"""Reads signals off a model by name."""

import importlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.defenses.base import OutputDefense
from privaudit.errors import DataError
from privaudit.numerics import log_probability, logit_margin
from privaudit.scoring.filtered import FilteredAnswers
from privaudit.scoring.label_oracle import LabelOracle, label_oracle_of
from privaudit.scoring.moved_copies import moved_copies
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import (
    AUGMENTED_CORRECT,
    AUGMENTED_MARGIN,
    AVERAGED_MARGIN,
    BOUNDARY_DISTANCE,
    DIRECTION_DISTANCE,
    NOISY_CORRECT,
    REPEATED_CORRECT,
    signals_from_logits,
)
from privaudit.scoring.views import views

LabelReader = Callable[[LabelOracle, NDArray[np.float32], NDArray[np.int64], int], NDArray[np.float64]]
BY_LABELS: Mapping[str, str] = {  # module:function, imported when an audit asks for it
    AUGMENTED_CORRECT: "label_views:read_augmented_correct",
    NOISY_CORRECT: "label_noise:read_noisy_correct_share",
    DIRECTION_DISTANCE: "direction_distance:read_direction_distance",
    BOUNDARY_DISTANCE: "boundary_distance:read_boundary_distance",
    REPEATED_CORRECT: "label_repeats:read_repeated_correct",
}


def measure(
    network: nn.Module,
    features: torch.Tensor,
    labels: NDArray[np.int64],
    names: Collection[str],
    *,
    seed: int = 0,
    release: OutputDefense | None = None,
    number: int = 0,
) -> dict[str, NDArray[np.float64]]:
    """Run records through a model as often as its signals need.

    Args:
        network: the model, on the device of the records.
        features: ``(n_records, ...)``.
        labels: ``(n_records,)`` true classes.
        names: of the signals: built-in ones, ``augmented_logit_margin``, ``averaged_logit_margin``, and those that are read
            off hard labels.
        seed: of the noise in queries, the same for all models of an audit.
        release: the filter that users of the model see its answers through; ``None`` = they see everything.
        number: of the model, whose random numbers the filter draws.

    Returns:
        name -> ``(n_records, n_queries)`` float64.

    Raises:
        DataError: if a logit is not finite.
    """
    model = _Model(network, release, seed, number)
    found = {}
    built_in = [name for name in names if name not in (AUGMENTED_MARGIN, AVERAGED_MARGIN, *BY_LABELS)]
    if built_in:
        (logits,) = model.logits([features], "records")
        of_logits = signals_from_logits(logits, labels)
        found = {name: of_logits[name] for name in built_in}
    if AUGMENTED_MARGIN in names:
        columns = [logit_margin(logits, labels) for logits in model.logits(views(features), AUGMENTED_MARGIN)]
        found[AUGMENTED_MARGIN] = np.stack(columns, axis=1)
    if AVERAGED_MARGIN in names:
        copies = moved_copies(features.numpy(force=True), seed)
        sent = (torch.from_numpy(copy).to(features.device) for copy in copies)
        margins = [logit_margin(logits, labels) for logits in model.logits(sent, AVERAGED_MARGIN)]
        found[AVERAGED_MARGIN] = np.mean(margins, axis=0)[:, None]
    return {**found, **_by_labels(model, features, labels, names)}


class _Model(NamedTuple):
    """A model as its users meet it.

    Attributes:
        network: the model itself.
        release: the filter on its answers, if any.
        seed: the audit's root seed.
        number: of the model.
    """

    network: nn.Module
    release: OutputDefense | None
    seed: int
    number: int

    def answers(self, reading: str) -> FilteredAnswers | None:
        """Return what one reading sees its answers through."""
        if self.release is None:
            return None
        return FilteredAnswers(self.release, seed=self.seed, number=self.number, reading=reading)

    def logits(self, batches: Iterable[torch.Tensor], reading: str) -> Iterator[NDArray[np.float64]]:
        """Yield the logits of each batch of queries, or the logarithms of what is let out of them."""
        answers = self.answers(reading)
        for queries in batches:
            logits = query_logits(self.network, queries)
            if answers is None:
                yield logits
                continue
            _check_finite(logits)
            yield answers.logits(logits, queries.numpy(force=True))


def _check_finite(logits: NDArray[np.float64]) -> None:
    bad = int((~np.isfinite(logits)).any(axis=1).sum())
    if bad:
        raise DataError(f"logits must be finite; {bad} records have others.")


def _by_labels(
    model: _Model, features: torch.Tensor, labels: NDArray[np.int64], names: Collection[str]
) -> dict[str, NDArray[np.float64]]:
    """Read each signal through an oracle of its own, so that one's queries are not counted for another."""
    wanted = [name for name in BY_LABELS if name in names]
    if not wanted:
        return {}
    shown = features.numpy(force=True)  # an oracle takes arrays and sends them back to the device
    found = {}
    for name in wanted:
        answers = model.answers(name)
        oracle = label_oracle_of(model.network, device=features.device, answers=answers, n_records=len(labels))
        found[name] = label_reader(name)(oracle, shown, labels, model.seed)
    return found


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
