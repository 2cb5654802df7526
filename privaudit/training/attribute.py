"""How far apart a record's gradients are for each value of one attribute, measured while a model trains.

Called before each optimizer step, it looks at the weights and leaves no trace: no gradient, optimizer state, random
number or mode of the training run changes. Gradients come from torch.func, all values of a chunk of records at once.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from privaudit.errors import ConfigError, ShapeError, TrainingError
from privaudit.estimators.attribute_bound import (
    AttributeSecurity,
    RecordRule,
    attribute_bayes_security,
    clt_mu_squared_of_pair,
)
from privaudit.training.attribute_gradients import LossFunction, bare_module, clipped_gradients, with_each_value
from privaudit.types import DpSgdParams

CHUNK_BYTES = 32 * 2**20  # of gradients at a time: what stays near the processor is several times faster
ON_ACCELERATOR = 16  # times as much
COPIES = 3  # of them: as computed, in float64, centred


class AttributeTracker:
    """Follows the gradient distances of one attribute through a DP-SGD run, by Opacus or by hand.

    With dropout, the masks are the same for all values and records of a step, drawn from the random state as it is and
    put back after; the step that follows may draw others. The gradient is clipped as a whole, not by layer.

    Args:
        model: what is trained; an Opacus module is looked through.
        loss_function: from outputs ``(1, ...)`` and labels ``(1,)`` of one record to a scalar, e.g.
            ``nn.CrossEntropyLoss()``.
        columns: the feature columns that encode the attribute (of the flattened features).
        values: ``(n_values, n_columns)`` what they hold for each value, on the scale of the features.
        params: of the run: noise, sample rate, clipping norm and the steps it will have.
        records: ``batch`` (largest distance in each batch, as published: no bound for one record), ``tracked`` (given
            records, at all steps: the sound number) or ``all`` (the same with the whole training set: costly).
        exact: compare all pairs of values; else bound the distance by twice the largest one from their mean, which
            costs less with many values and never understates the risk.

    Raises:
        ConfigError: if values do not fit the columns, or ``records`` is unknown.

    Source: Cherubin et al., "Closed-Form Bounds for DP-SGD against Record-level Inference", USENIX Security 2024,
    algorithm 4.

    >>> model = nn.Linear(2, 2)
    >>> params = DpSgdParams(noise_multiplier=2.0, sample_rate=0.1, steps=1)
    >>> tracker = AttributeTracker(
    ...     model, nn.CrossEntropyLoss(), columns=[0], values=[[0.0], [1.0]], params=params, exact=True
    ... )
    >>> tracker.step(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    >>> tracker.distances.shape, tracker.security().value > 0.9
    ((1,), True)
    """

    def __init__(
        self,
        model: nn.Module,
        loss_function: LossFunction,
        *,
        columns: Sequence[int],
        values: ArrayLike,
        params: DpSgdParams,
        records: RecordRule = "batch",
        exact: bool = False,
    ) -> None:
        """Check what was given; nothing is computed yet."""
        if records not in ("batch", "tracked", "all"):
            raise ConfigError(f"records must be batch, tracked or all; got {records!r}.", key="records")
        self.records: RecordRule = records
        self._columns = torch.as_tensor(list(columns), dtype=torch.int64)
        self._values = _checked_values(values, len(self._columns))
        self._model, self._loss, self._params, self._exact = model, loss_function, params, exact
        self._set: tuple[torch.Tensor, torch.Tensor] | None = None
        self._distances: list[NDArray[np.float64]] = []
        self._mu_squared: list[NDArray[np.float64]] = []

    def track(self, features: torch.Tensor, labels: torch.Tensor) -> None:
        """Give the records to follow, before the first step.

        Args:
            features: ``(n_records, ...)`` on the model's device.
            labels: ``(n_records,)``

        Raises:
            ConfigError: if the tracker follows batches, or has begun.
            ShapeError: if there is no record, or not one label each.
        """
        if self.records == "batch":
            raise ConfigError('records="batch" follows each batch; use records="tracked" to follow a set.')
        if self._distances:
            raise ConfigError("the records must stay the same for all steps; start another tracker.")
        if not len(features):
            raise ShapeError("at least one record must be tracked; got none.")
        self._check_shapes(features, labels)
        self._set = (features, labels)

    def step(self, features: torch.Tensor | None = None, labels: torch.Tensor | None = None) -> None:
        """Measure at the current weights; call it once before each optimizer step.

        Args:
            features: ``(n, ...)`` the whole batch of this step (not a part of it that fits the memory), possibly
                empty; only with ``records="batch"``.
            labels: ``(n,)``

        Raises:
            ConfigError: if a batch is missing, or given where a set is followed, or no set was given.
            ShapeError: if labels or columns do not fit the features.
            TrainingError: if a gradient is not finite.
            UnsupportedError: if torch.func cannot differentiate the model.
        """
        batch = self._records_of_step(features, labels)
        self._check_shapes(*batch)
        distances, mu_squared = self._measure(*batch)
        if self.records == "batch":
            distances, mu_squared = (np.atleast_1d(row.max(initial=0.0)) for row in (distances, mu_squared))
        self._distances.append(distances)
        self._mu_squared.append(mu_squared)

    @property
    def distances(self) -> NDArray[np.float64]:
        """``(n_steps,)`` for batches, else ``(n_steps, n_records)``; never above twice the clipping norm."""
        return self._stacked(self._distances)

    @property
    def mu_squared(self) -> NDArray[np.float64]:
        """What each step adds in the central limit theorem, shaped like ``distances``."""
        return self._stacked(self._mu_squared)

    def security(self) -> AttributeSecurity:
        """Return Bayes security against inference of the attribute, as of the steps so far."""
        return attribute_bayes_security(
            self.distances, params=self._params, clt_mu_squared=self.mu_squared, records=self.records
        )

    def _stacked(self, rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        n_records = len(self._set[0]) if self._set else 1
        table = np.array(rows, dtype=np.float64).reshape(len(rows), n_records)
        return table[:, 0] if self.records == "batch" else table

    def _records_of_step(
        self, features: torch.Tensor | None, labels: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.records == "batch":
            if features is None or labels is None:
                raise ConfigError('records="batch" needs features and labels of each batch; an empty one is legal.')
            return features, labels
        if features is not None or labels is not None:
            raise ConfigError(f'records="{self.records}" follows the records of track(); call step() without data.')
        if self._set is None:
            raise ConfigError("no record is tracked yet; call track(features, labels) before the first step.")
        return self._set

    def _check_shapes(self, features: torch.Tensor, labels: torch.Tensor) -> None:
        if len(features) != len(labels):
            raise ShapeError(f"features and labels must go together; got {len(features)} and {len(labels)} rows.")
        width = features[0].numel() if len(features) else math.inf
        if not 0 <= int(self._columns.min()) <= int(self._columns.max()) < width:
            raise ShapeError(f"columns must lie in 0..{width - 1}; got {self._columns.tolist()}.")
        if not features.is_floating_point() and bool((self._values % 1.0).any()):
            raise ConfigError(f"the features are whole numbers ({features.dtype}), and values are not.", key="values")

    def _measure(self, features: torch.Tensor, labels: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return distance and term of the central limit theorem of each record, ``(n,)`` both."""
        module = bare_module(self._model)
        n_weights = sum(weight.numel() for weight in module.parameters() if weight.requires_grad)
        budget = CHUNK_BYTES * (1 if features.device.type == "cpu" else ON_ACCELERATOR)
        size = max(1, budget // (COPIES * 8 * len(self._values) * max(1, n_weights)))
        spreads = []
        for start in range(0, len(features), size):
            copies = with_each_value(features[start : start + size], self._columns, self._values)
            wanted = labels[start : start + size]
            gradients = clipped_gradients(module, self._loss, copies, wanted, clip=self._params.max_grad_norm)
            spreads.append(_spread(gradients, self._params, exact=self._exact))
        joined = np.concatenate(spreads, axis=1) if spreads else np.zeros((2, 0))
        if not np.isfinite(joined[0]).all():
            raise TrainingError("a gradient is NaN or infinite; training diverged. Lower the learning rate.")
        return joined[0], joined[1]


def _checked_values(values: ArrayLike, n_columns: int) -> torch.Tensor:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != n_columns or not table.size or not np.isfinite(table).all():
        raise ConfigError(
            f"values must be finite, of shape (n_values, {n_columns}), one row per value of the attribute and one column "
            f"per feature column; got shape {table.shape}.",
            key="values",
        )
    return torch.from_numpy(table.copy())


def _spread(gradients: torch.Tensor, params: DpSgdParams, *, exact: bool) -> NDArray[np.float64]:
    """Return ``(2, n)``: largest distance, and largest term of the central limit theorem, over the values' pairs.

    Without ``exact`` both are bounded by twice the root of the largest value at the mean: the second is a squared
    distance as well, in the space of the kernel exp(g.h / (sigma C)^2).
    """
    centre = gradients.mean(dim=1, keepdim=True)
    offset = gradients - centre
    norm = (gradients**2).sum(dim=2)
    if exact:  # inner products of offsets: their error is relative to the diameter, not to the gradients
        inner = offset @ offset.mT
        own = inner.diagonal(dim1=1, dim2=2)
        distance = (own[:, :, None] + own[:, None, :] - 2.0 * inner).clamp(min=0.0)
        x, y, squares = (_numbers(part) for part in (norm[:, :, None], norm[:, None, :], distance))
    else:
        x, y, squares = (_numbers(part) for part in (norm, (centre**2).sum(dim=2), (offset**2).sum(dim=2)))
    factor, axes = (1.0, (1, 2)) if exact else (4.0, (1,))
    clip_squared = params.max_grad_norm**2
    most = float(clt_mu_squared_of_pair(clip_squared, clip_squared, 4.0 * clip_squared, params=params))
    terms = factor * clt_mu_squared_of_pair(x, y, squares, params=params).max(axis=axes)
    distances = np.sqrt(factor * squares.max(axis=axes))
    return np.stack([np.minimum(distances, 2.0 * params.max_grad_norm), np.minimum(terms, most)])


def _numbers(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.cpu().numpy().astype(np.float64)
