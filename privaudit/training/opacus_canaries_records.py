"""Record canaries in a user's own Opacus script: put among its records, and looked for in its trained weights."""

import warnings
from collections.abc import Sequence, Sized
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import ConcatDataset, Dataset, TensorDataset

from privaudit.errors import UnsupportedError
from privaudit.training.loss import classification_loss
from privaudit.training.randomness import isolated_random_state

NUMBERS_TOGETHER = 2**24  # of per-record gradients: 64 MiB


def arrays_of(dataset: "Dataset[Any]") -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read all records of a data set.

    Args:
        dataset: of pairs of a tensor, as the model takes it, and a class; of known length.

    Returns:
        ``(n, ...)`` features and ``(n,)`` classes.

    Raises:
        UnsupportedError: if it has no length or no records, or features are no floating-point numbers.
    """
    if not isinstance(dataset, Sized) or not len(dataset):
        raise UnsupportedError("the training set must have a length and hold pairs of a tensor and a class.")
    try:
        first = torch.as_tensor(dataset[0][0])
        int(dataset[0][1])
    except (KeyError, IndexError, TypeError, ValueError):
        raise UnsupportedError(
            "the training set must give pairs of a tensor and a class by number, dataset[0] being the first; wrap it in one that "
            "does, or take gradient canaries."
        ) from None
    if not first.is_floating_point():
        raise UnsupportedError(
            f"features must be floating-point numbers as the model takes them; got {first.dtype}. Scale them in the data set, "
            "not in the training loop, or take gradient canaries."
        )
    pairs = [dataset[row] for row in range(len(dataset))]
    features = np.stack([np.asarray(pair[0], dtype=np.float32) for pair in pairs])
    return features, np.array([int(pair[1]) for pair in pairs])


def with_records(
    dataset: "Dataset[Any]", features: NDArray[np.float32], labels: NDArray[np.int64]
) -> "ConcatDataset[Any]":
    """Append records, in the types of those that are there.

    Args:
        dataset: of pairs of a tensor and a class.
        features: ``(m, ...)`` of the new records.
        labels: ``(m,)`` their classes.
    """
    like, label = dataset[0]
    added = TensorDataset(torch.tensor(features).to(torch.as_tensor(like).dtype), torch.tensor(labels))
    return ConcatDataset([dataset, cast(Any, _LikeLabels(added, label))])


class _LikeLabels:
    """Records whose labels are of the type of the user's own."""

    def __init__(self, pairs: TensorDataset, label: Any) -> None:
        self._pairs, self._is_plain = pairs, isinstance(label, int)
        self._dtype = getattr(label, "dtype", None)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, row: int) -> tuple[Any, Any]:
        features, label = self._pairs[row]
        if self._is_plain:
            return features, int(label)
        return features, label.to(self._dtype) if isinstance(self._dtype, torch.dtype) else label


def flat_weights(weights: Sequence[nn.Parameter]) -> torch.Tensor:
    """Return ``(n_weights,)`` a copy of all weights in a row."""
    return torch.cat([weight.detach().reshape(-1) for weight in weights]).clone()


def displacement_along_records(
    model: nn.Module,
    weights: Sequence[nn.Parameter],
    start: torch.Tensor,
    features: torch.Tensor,
    labels: torch.Tensor,
) -> NDArray[np.float64]:
    """Project how far training moved the weights on each record's gradient at the start: descent goes against it.

    Args:
        model: Opacus's ``GradSampleModule``, as trained; it is left as it was.
        weights: its trained weights.
        start: ``(n_weights,)`` their values before training.
        features: ``(n, ...)`` records.
        labels: ``(n,)`` their classes.

    Returns:
        ``(n,)`` minus the projection on the gradient of norm 1, higher = more member-like.

    Source: Nasr et al., "Adversary Instantiation: Lower Bounds for Differentially Private Machine Learning", S&P 2021
        (white-box access to the final model).
    """
    end = flat_weights(weights)
    moved, scores = end - start, []
    was_training = model.training
    _set_weights(weights, start)
    try:
        # Opacus forms gradients of records in training mode alone; dropout must not disturb what the script draws next
        model.train()
        size = max(1, NUMBERS_TOGETHER // len(start))
        with isolated_random_state(0, start.device), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Opacus's note on hooks
            for part, wanted in zip(torch.split(features, size), torch.split(labels, size), strict=True):
                rows = _record_gradients(model, weights, part, wanted).double()
                lengths = rows.norm(dim=1).clamp(min=torch.finfo(torch.float32).tiny)
                scores.append(-(rows @ moved.double()) / lengths)
    finally:
        _set_weights(weights, end)
        model.train(was_training)
    return np.asarray(torch.cat(scores).numpy(force=True))


def _record_gradients(
    model: nn.Module, weights: Sequence[Any], features: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return ``(n, n_weights)`` gradients up to one factor, and put back what the user's last step left."""
    kept = [(weight.grad, weight.grad_sample) for weight in weights]
    try:
        for weight in weights:
            weight.grad, weight.grad_sample = None, None
        classification_loss(model(features), labels).backward()  # type: ignore[no-untyped-call]
        return torch.cat([weight.grad_sample.reshape(len(features), -1) for weight in weights], dim=1)
    finally:
        for weight, (grad, rows) in zip(weights, kept, strict=True):
            weight.grad, weight.grad_sample = grad, rows


def _set_weights(weights: Sequence[nn.Parameter], values: torch.Tensor) -> None:
    with torch.no_grad():
        for weight, own in zip(weights, torch.split(values, [weight.numel() for weight in weights]), strict=True):
            weight.copy_(own.reshape(weight.shape))
