"""Many softmax heads on the same features, trained as one program.

All heads read the same records, so the logits of all of them are one matrix product, and so are the gradients. Who is
trained on what is a weight of 0 or 1. A linear head's gradient at a record is the outer product of its features and its
error, so its norm is the product of theirs, and clipping needs no gradient of a single record.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privaudit.errors import ConfigError, ShapeError
from privaudit.training.randomness import one_thread

TOGETHER = 64  # heads in one matrix product; those of one data set side by side need its records only
FIRST_DECAY, SECOND_DECAY, SMALLEST = 0.9, 0.999, 1e-8  # of Adam, its usual ones


class Heads(NamedTuple):
    """Who is trained on what and how, one row for each head.

    Attributes:
        is_in: ``(n_heads, n_records)`` bool, the records that a head may be trained on.
        learning_rate: ``(n_heads,)`` of Adam.
        sample_rate: ``(n_heads,)`` chance of each record to be in a batch (Poisson sampling).
        clip: ``(n_heads,)`` largest norm of a record's gradient, or ``None`` for training without privacy.
        noise_multiplier: ``(n_heads,)`` standard deviation of the noise in units of ``clip``, or ``None``.
    """

    is_in: NDArray[np.bool_]
    learning_rate: NDArray[np.float64]
    sample_rate: NDArray[np.float64]
    clip: NDArray[np.float64] | None = None
    noise_multiplier: NDArray[np.float64] | None = None


def with_constant(features: NDArray[np.floating]) -> NDArray[np.floating]:
    """Append a constant feature of 1, whose weight is a head's bias.

    Args:
        features: ``(n_records, n_features)``.

    >>> with_constant(np.zeros((1, 2))).tolist()
    [[0.0, 0.0, 1.0]]
    """
    return np.concatenate([features, np.ones((len(features), 1), dtype=features.dtype)], axis=1)


def train_heads(
    features: NDArray[np.floating],
    labels: NDArray[np.int64],
    heads: Heads,
    *,
    steps: int,
    expected_size: float,
    seed: int,
    device: str = "cpu",
) -> NDArray[np.floating]:
    """Train softmax heads from zero weights with Adam on Poisson batches.

    Args:
        features: ``(n_records, n_features)``, of the type to compute in; a bias is a constant feature.
        labels: ``(n_records,)`` classes from 0.
        heads: all of them.
        steps: of every head.
        expected_size: public number of records that a head is trained on in expectation; sums over a batch are divided
            by ``sample_rate * expected_size``, never by a number that depends on the records drawn.
        seed: of batches and noise; the same seed gives the same bytes on the same device.
        device: of torch; batches and noise are the same on all.

    Returns:
        ``(n_heads, n_features, n_classes)`` weights.

    Raises:
        ShapeError: if the arrays do not fit together.
        ConfigError: if a number is out of range, or only one of ``clip`` and ``noise_multiplier`` is given.

    Source: Kingma and Ba, ICLR 2015 (Adam); Abadi et al., CCS 2016, algorithm 1 (clip, sum, add noise); Goodfellow, "Efficient
    per-example gradient computations", 2015 (norms of a linear layer).

    >>> heads = Heads(np.array([[True, True]]), np.array([0.1]), np.array([1.0]))
    >>> train_heads(np.array([[1.0], [-1.0]]), np.array([0, 1]), heads, steps=1, expected_size=2, seed=0).round(3).tolist()
    [[[0.1, -0.1]]]
    """
    _check(features, labels, heads, steps, expected_size)
    generator = torch.Generator().manual_seed(seed)
    shared = torch.from_numpy(np.ascontiguousarray(features)).to(device)
    classes = torch.from_numpy(np.asarray(labels, dtype=np.int64)).to(device)
    parts = []
    with one_thread(), torch.no_grad():
        for start in range(0, len(heads.is_in), TOGETHER):
            rows = slice(start, start + TOGETHER)
            part = Heads(*(None if each is None else each[rows] for each in heads))  # type: ignore[arg-type]
            parts.append(_train_part(shared, classes, part, steps, expected_size, generator))
    return np.concatenate(parts)


def _train_part(
    features: Tensor, labels: Tensor, heads: Heads, steps: int, expected_size: float, generator: torch.Generator
) -> NDArray[np.floating]:
    """Train the heads of one matrix product, on the records that any of them may see."""
    n_heads, n_classes = len(heads.is_in), int(labels.max()) + 1
    seen = torch.from_numpy(heads.is_in.any(axis=0))
    features, labels = features[seen.to(features.device)], labels[seen.to(features.device)]
    rate, sample_rate = _column(heads.learning_rate, features), _column(heads.sample_rate, features)
    clip = None if heads.clip is None else _column(heads.clip, features)
    noise_size = None if heads.noise_multiplier is None else _column(heads.noise_multiplier, features)
    weights = features.new_zeros(features.shape[1], n_classes, n_heads)  # heads last: long rows in memory
    first, second = torch.zeros_like(weights), torch.zeros_like(weights)
    for step in range(1, steps + 1):
        gradient = _summed(features, labels, weights, draw_batches(heads, generator)[seen], clip)
        if clip is not None and noise_size is not None:
            noise = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype).to(gradient.device)
            gradient += noise * noise_size * clip
        gradient /= sample_rate * expected_size
        first.mul_(FIRST_DECAY).add_(gradient, alpha=1 - FIRST_DECAY)
        second.mul_(SECOND_DECAY).addcmul_(gradient, gradient, value=1 - SECOND_DECAY)
        root = (second / (1 - SECOND_DECAY**step)).sqrt_().add_(SMALLEST)
        weights -= rate * (first / (1 - FIRST_DECAY**step)) / root
    return np.asarray(weights.permute(2, 0, 1).contiguous().cpu().numpy())


def draw_batches(heads: Heads, generator: torch.Generator) -> Tensor:
    """Draw a Poisson batch for each head, in float64, so that the rate is exact to 2**-53.

    Args:
        heads: all of them.
        generator: on the CPU.

    Returns:
        ``(n_records, n_heads)`` bool: the record may be trained on, and was drawn.
    """
    chance = torch.rand(heads.is_in.shape[::-1], generator=generator, dtype=torch.float64)
    return (chance < torch.from_numpy(heads.sample_rate)) & torch.from_numpy(heads.is_in.T.copy())


def _summed(features: Tensor, labels: Tensor, weights: Tensor, batches: Tensor, clip: Tensor | None) -> Tensor:
    """Return each head's sum of its batch's (clipped) gradients, ``(n_features, n_classes, n_heads)``."""
    error = (features @ weights.flatten(1)).view(len(features), *weights.shape[1:]).softmax(dim=1)
    error[torch.arange(len(labels)), labels] -= 1
    share = batches.to(features.device, features.dtype)
    if clip is not None:
        norm = error.square().sum(dim=1).sqrt_() * features.norm(dim=1, keepdim=True)
        share *= (clip / norm).clamp_(max=1)  # no gradient: clip / 0 is infinite, and the share stays 1
    error *= share[:, None]
    return (features.T @ error.flatten(1)).view(weights.shape)


def _column(value: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(value.copy()).to(like.device, like.dtype)


def _check(
    features: NDArray[np.floating], labels: NDArray[np.int64], heads: Heads, steps: int, expected_size: float
) -> None:
    n_heads = len(heads.is_in)
    shapes = {"is_in": heads.is_in.shape, "labels": labels.shape}
    if features.ndim != 2 or shapes != {"is_in": (n_heads, len(features)), "labels": (len(features),)}:
        raise ShapeError(
            f"labels and is_in must have one number per record of features {features.shape}; got {shapes}."
        )
    if not np.isfinite(features).all():
        raise ConfigError("features must be finite; remove records with NaN or infinite ones.", key="features")
    if (heads.clip is None) != (heads.noise_multiplier is None):
        raise ConfigError("clip and noise_multiplier go together; got only one of them. State both.", key="clip")
    for name, values in zip(heads._fields[1:], heads[1:], strict=True):
        if values is not None and values.shape != (n_heads,):
            raise ShapeError(f"{name} must have one number per head, ({n_heads},); got {values.shape}.")
        least = 0.0 if name == "noise_multiplier" else np.finfo(np.float64).tiny
        if values is not None and not ((values >= least) & (values < np.inf)).all():
            raise ConfigError(f"{name} must be above 0 and finite; got {values.min()} to {values.max()}.", key=name)
    if (heads.sample_rate > 1).any() or not expected_size > 0 or steps < 1:
        raise ConfigError(
            f"sample_rate must be at most 1, expected_size above 0, steps at least 1; got {heads.sample_rate.max()}, "
            f"{expected_size}, {steps}.",
            key="sample_rate",
        )
