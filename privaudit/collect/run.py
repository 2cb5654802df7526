"""Answers a collector's requests with trainings and queries."""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import torch

from privaudit.collect.poisoned import keep, train_poisoned
from privaudit.collect.stages import (
    CollectContext,
    Collector,
    Keep,
    Measured,
    Query,
    Request,
    Train,
    TrainPoisoned,
    refuse_filter,
)
from privaudit.errors import DataError, ShapeError, UnsupportedError
from privaudit.interfaces import Executor, ProgressHook
from privaudit.scoring.measure import measure, negative_loss
from privaudit.scoring.signals import LOSS_TRACE
from privaudit.store.folder import AuditFolder
from privaudit.training.batches import trace_steps
from privaudit.training.job import TrainingJob
from privaudit.training.networks import build_network
from privaudit.training.one_model import Outcome, describe_failure
from privaudit.training.pool import run_outcomes, train_models
from privaudit.training.randomness import full_precision, isolated_random_state, one_thread, seeds_of_model
from privaudit.training.tracing import Tracing
from privaudit.training.weights import load_weights
from privaudit.types import AuditDesign

QUERIED_TOGETHER = 4  # models in one task: a query is short, and a task has its price
TRACINGS = {LOSS_TRACE: Tracing(signal=LOSS_TRACE, read=negative_loss)}


def collect_all(
    collectors: Iterable[Collector],
    job: TrainingJob,
    design: AuditDesign,
    *,
    executor: Executor,
    progress: ProgressHook | None = None,
    wanted: frozenset[str] | None = None,
) -> list[int]:
    """Run collectors one after the other; models that diverged before one are not asked of the next.

    Args:
        collectors: what to train and measure.
        job: the audit's job.
        design: its design.
        executor: where to train and query.
        progress: called after every model.
        wanted: names of the signals that attacks read, or ``None`` for all that collectors make.

    Returns:
        rows of the models that diverged.
    """
    diverged: frozenset[int] = frozenset()
    for collector in collectors:
        lost = collect(collector, job, design, executor=executor, progress=progress, wanted=wanted, diverged=diverged)
        diverged = diverged.union(lost)
    return sorted(diverged)


def collect(
    collector: Collector,
    job: TrainingJob,
    design: AuditDesign,
    *,
    executor: Executor,
    progress: ProgressHook | None = None,
    wanted: frozenset[str] | None = None,
    diverged: frozenset[int] = frozenset(),
) -> list[int]:
    """Run a collector to its end; every file it leaves is whole.

    Args:
        collector: what to train and measure.
        job: the audit's job.
        design: its design.
        executor: where to train and query.
        progress: called after every model.
        wanted: names of the signals that attacks read, or ``None`` for all that the collector makes.
        diverged: rows of models that diverged before.

    Returns:
        rows of the models that diverged now.

    Raises:
        UnsupportedError: if the collector asks for a signal that cannot be recorded in training.
    """
    found: set[int] = set()
    context = CollectContext(
        design=design,
        record_shape=job.record_shape,
        has_own_training=job.spec.train is not None,
        n_trace_points=len(trace_steps(job.recipes[0], len(job.labels))),
        wanted=wanted,
        diverged=diverged,
        labels=job.labels,
        n_classes=job.n_classes,
        is_filtered=job.release is not None,
    )
    stages = collector.stages(context)
    request = next(stages, None)
    while request is not None:
        lost = _answer(job, request, executor, progress)
        found.update(lost)
        measured = _measured(job, request, lost)
        try:
            request = stages.send(measured)
        except StopIteration:
            request = None
    return sorted(found)


def _answer(job: TrainingJob, request: Request, executor: Executor, progress: ProgressHook | None) -> list[int]:
    """Do what is asked; return the rows of the models that diverged."""
    if job.release is not None:
        _check_filtered(request)
    if isinstance(request, Train):
        tracing = _tracing_of(request)
        return train_models(job, request.models, executor=executor, progress=progress, tracing=tracing)
    if isinstance(request, TrainPoisoned):
        return train_poisoned(job, request, executor=executor, progress=progress)
    if isinstance(request, Keep):
        keep(job, request)
        return []
    return query_models(job, request, executor=executor, progress=progress)


def _check_filtered(request: Request) -> None:
    """Refuse what is read off models themselves, past the filter on their answers."""
    if isinstance(request, Train) and request.signals:
        refuse_filter(min(request.signals))
    if isinstance(request, TrainPoisoned):
        refuse_filter(min(request.signals.values()))


def _tracing_of(request: Train) -> Tracing | None:
    """Return what is read off the models in training; there is one thing at most."""
    unknown = sorted(request.signals - TRACINGS.keys())
    if unknown or len(request.signals) > 1:
        raise UnsupportedError(
            f"one signal can be recorded in training, of {', '.join(sorted(TRACINGS))}; the collector asks for "
            f"{', '.join(sorted(request.signals))}. Query for the others once the models are trained."
        )
    return next((TRACINGS[name] for name in request.signals), None)


def _measured(job: TrainingJob, request: Request, lost: list[int]) -> Measured:
    models = tuple(model for model in request.models if model not in lost)
    numbers = {model: job.number(model) for model in models}
    return Measured(models=models, read=lambda name: AuditFolder(job.folder).read_signal(name, numbers))


def query_models(
    job: TrainingJob, request: Query, *, executor: Executor, progress: ProgressHook | None = None
) -> list[int]:
    """Query models for the signals that are not on disk yet; return the rows of those whose outputs are not finite."""
    numbers = {model: job.number(model) for model in request.models}
    unmeasured = set(AuditFolder(job.folder).missing_signals(request.signals, numbers.values()))
    missing = [model for model, number in numbers.items() if number in unmeasured]
    size = max(QUERIED_TOGETHER, job.plan.group_size)
    return run_outcomes(
        partial(query_many, job, tuple(sorted(request.signals))),
        [tuple(missing[start : start + size]) for start in range(0, len(missing), size)],
        missing,
        name=job.name,
        executor=executor,
        progress=progress,
        stage="querying",
        n_total=len(request.models),
    )


def query_many(job: TrainingJob, signals: tuple[str, ...], models: Sequence[int]) -> list[Outcome]:
    """Query the models of some rows, one after the other."""
    return [query_one(job, signals, model) for model in models]


def query_one(job: TrainingJob, signals: tuple[str, ...], model: int) -> Outcome:
    """Load the model of a row, run every record through it and store those of the signals that are not on disk yet."""
    try:
        job.check_code()
        number = job.number(model)
        device = torch.device(job.device)
        seed = seeds_of_model(job.seed, number).weights
        folder = AuditFolder(job.folder)
        missing = [name for name in signals if folder.missing_signals([name], [number])]
        with one_thread(), isolated_random_state(seed, device), full_precision(device):
            network = build_network(job.spec, record_shape=job.record_shape, n_classes=job.n_classes)
            load_weights(folder.model(number), network)
            features = torch.tensor(job.features).to(device)
            values = measure(
                network.to(device), features, job.labels, missing, seed=job.seed, release=job.release, number=number
            )
        for name in missing:
            folder.write_signal(name, number, values[name], np.arange(len(job.labels)))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's forward() may raise anything
        is_infinite = isinstance(error, DataError) and not isinstance(error, ShapeError)
        reason = "its outputs are not finite: " if is_infinite else ""
        return Outcome(model, reason + describe_failure(job, error), diverged=is_infinite)
    return Outcome(model)
