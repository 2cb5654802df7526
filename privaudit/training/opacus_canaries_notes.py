"""What a reader of an audit must know about a script's loader and divisor."""

import warnings
from collections.abc import Sized
from typing import Any, NamedTuple

from opacus.utils.uniform_sampler import UniformWithReplacementSampler

from privaudit.estimators import pld_claim
from privaudit.types import DpSgdParams, Neighbouring

PRIVATE_SIZE = (
    "Warning: The noisy sum is divided by {size:g}, which is what Opacus computes from the number of records: under add/remove "
    "that number is private (Opacus issue 571). Set optimizer.expected_batch_size to a public constant."
)
NOT_POISSON = (
    "The loader does not draw Poisson samples, which is what the claim is computed for; batches are those of a {kind}. Let "
    "make_private replace it (poisson_sampling=True)."
)
UNKNOWN_SIZE = (
    "The loader does not say how many records there are, so the sizes of its batches could not be tested against the claimed "
    "sample rate."
)
TOO_SMALL = (
    "Warning: The engine's accountant ({name}) says epsilon {own:.4g}, which is no bound: the privacy loss distribution gives "
    "{exact:.4g}, and that is the claim here."
)
SMALLER = 0.02  # relative; accountants differ by that much


class Script(NamedTuple):
    """What was read off a user's optimizer and loader.

    Attributes:
        sample_rate: probability with which a batch holds a record.
        n_records: of the training set, or ``None`` where the loader does not say.
        notes: what a reader must know, in sentences.
        untested: what the claim says of sampling and the loader does not bear out.
        facts: JSON-able, for the report's provenance.
    """

    sample_rate: float
    n_records: int | None
    notes: tuple[str, ...]
    untested: tuple[str, ...]
    facts: dict[str, Any]


def read_script(optimizer: Any, loader: Any) -> Script:
    """Read what the audit must know of a script.

    Args:
        optimizer: as ``make_private`` returned it.
        loader: likewise.
    """
    rate = sample_rate_of(loader)
    return Script(
        sample_rate=rate,
        n_records=n_records_of(loader),
        notes=tuple(notes_on_divisor(optimizer, loader)),
        untested=tuple(untested_sampling(loader)),
        facts={
            "sample_rate": rate,
            "loader": type(loader).__name__,
            "expected_batch_size": optimizer.expected_batch_size,
        },
    )


def sample_rate_of(loader: Any) -> float:
    """Return the probability with which a loader's batch holds a record.

    Args:
        loader: as ``make_private`` returned it.
    """
    return float(loader.sample_rate if hasattr(loader, "sample_rate") else 1.0 / len(loader))


def n_records_of(loader: Any) -> int | None:
    """Return how many records a loader draws from, or ``None`` where it does not say.

    Args:
        loader: as ``make_private`` returned it.
    """
    dataset = getattr(loader, "dataset", None)
    return len(dataset) if isinstance(dataset, Sized) else None


def notes_on_divisor(optimizer: Any, loader: Any) -> list[str]:
    """Name a divisor that is computed from the private number of records.

    Args:
        optimizer: as ``make_private`` returned it.
        loader: likewise.
    """
    size, n_records = optimizer.expected_batch_size, n_records_of(loader)
    of_records = None if n_records is None else int(n_records * (1 / len(loader)))  # as Opacus rounds it
    if optimizer.loss_reduction == "mean" and size is not None and size == of_records:
        return [PRIVATE_SIZE.format(size=size)]
    return []


def note_on_accountant(engine: Any, params: DpSgdParams, delta: float) -> list[str]:
    """Name an accountant of the engine's that gives a smaller epsilon than exact composition does.

    Args:
        engine: the ``PrivacyEngine``.
        params: as it recorded them.
        delta: of the claim.
    """
    if not params.noise_multiplier or delta <= 0.0:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on its choice of orders, which is not the reader's business
        own = float(engine.get_epsilon(delta))
    exact = pld_claim(params, delta=delta, neighbouring=Neighbouring.ADD_REMOVE).epsilon
    if own >= exact * (1.0 - SMALLER):
        return []
    return [TOO_SMALL.format(name=engine.accountant.mechanism(), own=own, exact=exact)]


def untested_sampling(loader: Any) -> list[str]:
    """Name what the claim says of sampling and the loader does not bear out.

    Args:
        loader: as ``make_private`` returned it.
    """
    if sample_rate_of(loader) >= 1.0:
        return []
    if not isinstance(getattr(loader, "batch_sampler", None), UniformWithReplacementSampler):
        return [NOT_POISSON.format(kind=type(loader).__name__)]
    return [] if n_records_of(loader) is not None else [UNKNOWN_SIZE]
