"""Trains the models of every world and asks them about the query records; what is on disk is not done again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.data.seeds import stream_generator
from privaudit.defenses.base import Release
from privaudit.defenses.probabilities import EXACT
from privaudit.errors import DataError, ShapeError
from privaudit.interfaces import Executor, ProgressHook
from privaudit.scoring.world_outputs import class_log_probabilities
from privaudit.store.folder import AuditFolder
from privaudit.store.world_file import LOG_PROBABILITIES, PREDICTED
from privaudit.training.networks import build_network
from privaudit.training.one_model import Outcome, describe_failure
from privaudit.training.pool import run_outcomes, train_models
from privaudit.training.randomness import full_precision, isolated_random_state, one_thread, seeds_of_model
from privaudit.training.weights import load_weights
from privaudit.training.world_job import WorldJob

QUERIED_TOGETHER = 8  # models in one task


class Side(NamedTuple):
    """The models of one role.

    Attributes:
        job: trains them.
        rows: which of the design they are.
        labels_alone: whether they give the class only.
        release: what an output defense does to probabilities, ``None`` = nothing.
    """

    job: WorldJob
    rows: Sequence[int]
    labels_alone: bool
    release: Release | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reading:
    """How one model is asked, as one picklable value.

    Attributes:
        side: whose model it is.
        queries: ``(n_queries,)`` positions of the records.
        seed: root seed of what is random in released outputs.
    """

    side: Side
    queries: NDArray[np.int64]
    seed: int


def collect_worlds(
    sides: Sequence[Side],
    queries: NDArray[np.int64],
    *,
    executor: Executor,
    progress: ProgressHook | None = None,
) -> list[int]:
    """Train and query both sides; every file that is left is whole.

    Args:
        sides: shadow models and victims.
        queries: ``(n_queries,)`` positions of the records that every model is asked about.
        executor: where to train and query.
        progress: called after every group.

    Returns:
        rows of the models that diverged.
    """
    diverged: list[int] = []
    for side in sides:
        lost = train_models(side.job, side.rows, executor=executor, progress=progress)
        asked = [row for row in side.rows if row not in set(lost)]
        diverged += lost + _query(side, queries, asked, executor=executor, progress=progress)
    return sorted(diverged)


def _query(
    side: Side,
    queries: NDArray[np.int64],
    rows: Sequence[int],
    *,
    executor: Executor,
    progress: ProgressHook | None,
) -> list[int]:
    unmeasured = set(AuditFolder(side.job.folder).missing_signals(signals_of(side.labels_alone), rows))
    missing = [row for row in rows if row in unmeasured]
    reading = _Reading(side=side, queries=queries, seed=side.job.seed)
    return run_outcomes(
        partial(query_models, reading),
        [tuple(missing[start : start + QUERIED_TOGETHER]) for start in range(0, len(missing), QUERIED_TOGETHER)],
        missing,
        name=side.job.name,
        executor=executor,
        progress=progress,
        stage="querying",
        n_total=len(rows),
    )


def signals_of(labels_alone: bool) -> tuple[str, ...]:
    """Names of what is stored of a model."""
    return (PREDICTED,) if labels_alone else (LOG_PROBABILITIES, PREDICTED)


def query_models(reading: _Reading, rows: Sequence[int]) -> list[Outcome]:
    """Query the models of some rows, one after the other."""
    return [_query_one(reading, row) for row in rows]


def _query_one(reading: _Reading, row: int) -> Outcome:
    """Load a model, run the query records through it and store what it says."""
    side, job = reading.side, reading.side.job
    try:
        job.check_code()
        device = torch.device(job.device)
        seed = seeds_of_model(job.seed, job.number(row)).weights
        folder = AuditFolder(job.folder)
        with one_thread(), isolated_random_state(seed, device), full_precision(device):
            network = load_network(job, row)
            features = torch.tensor(job.features[reading.queries]).to(device)
            said = class_log_probabilities(network.to(device), features)
        if side.release is not None:
            said = released(said, side.release, seed=reading.seed, row=row)
        values = {LOG_PROBABILITIES: said, PREDICTED: said.argmax(axis=1).astype(np.float64)[:, None]}
        for name in signals_of(side.labels_alone):
            folder.write_signal(name, job.number(row), values[name], reading.queries)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's forward() may raise anything
        is_infinite = isinstance(error, DataError) and not isinstance(error, ShapeError)
        reason = "its outputs are not finite: " if is_infinite else ""
        return Outcome(row, reason + describe_failure(job, error), diverged=is_infinite)
    return Outcome(row)


def load_network(job: WorldJob, row: int) -> nn.Module:
    """Return a trained model, on the CPU.

    Args:
        job: trained it.
        row: of the model.

    Raises:
        StoreError: if it is not there.
    """
    network = build_network(job.spec, record_shape=job.record_shape, n_classes=job.n_classes)
    load_weights(AuditFolder(job.folder).model(job.number(row)), network)
    return network


def released(said: NDArray[np.float64], release: Release, *, seed: int, row: int) -> NDArray[np.float64]:
    """Return what an output defense lets out of log-probabilities, with random numbers of the model's own.

    Args:
        said: ``(n_queries, n_classes)`` log-probabilities.
        release: the defense, on probabilities.
        seed: root seed.
        row: of the model.
    """
    rng = stream_generator(seed, "released_outputs", row)
    return np.asarray(np.log(np.maximum(release(np.exp(said), rng), EXACT)))
