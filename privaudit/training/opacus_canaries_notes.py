"""What a reader of an audit must know about a script's loader and divisor."""

from typing import Any

from opacus.utils.uniform_sampler import UniformWithReplacementSampler

PRIVATE_SIZE = (
    "The noisy sum is divided by {size:g}, which is what Opacus computes from the number of records: under add/remove that "
    "number is private (Opacus issue 571). Set optimizer.expected_batch_size to a public constant."
)
NOT_POISSON = "The loader does not draw Poisson samples, which is what the claim is computed for; batches are {kind}."


def sample_rate_of(loader: Any) -> float:
    """Return the probability with which a loader's batch holds a record.

    Args:
        loader: as ``make_private`` returned it.
    """
    return float(getattr(loader, "sample_rate", 1.0 / len(loader)))


def notes_on_sampling(optimizer: Any, loader: Any) -> list[str]:
    """Name a divisor that is computed from the private number of records, and batches that are no Poisson samples.

    Args:
        optimizer: as ``make_private`` returned it.
        loader: likewise.
    """
    notes, size = [], optimizer.expected_batch_size
    n_records = len(loader.dataset) if hasattr(loader, "dataset") else None
    of_records = None if n_records is None else int(n_records * (1 / len(loader)))  # as Opacus rounds it
    if optimizer.loss_reduction == "mean" and size is not None and size == of_records:
        notes.append(PRIVATE_SIZE.format(size=size))
    is_poisson = isinstance(getattr(loader, "batch_sampler", None), UniformWithReplacementSampler)
    if not is_poisson and sample_rate_of(loader) < 1.0:
        notes.append(NOT_POISSON.format(kind=f"those of a {type(loader).__name__}"))
    return notes
