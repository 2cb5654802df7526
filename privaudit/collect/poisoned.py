"""Answers what Chameleon asks for: models trained anew with planted copies, measured and thrown away."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.collect.stages import Keep, TrainPoisoned
from privaudit.interfaces import Executor, ProgressHook
from privaudit.numerics import logit_margin
from privaudit.scoring.candidates import SHIFT, image_candidates, read_agreement, table_candidates
from privaudit.scoring.label_oracle import label_oracle_of
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import is_image
from privaudit.store.folder import AuditFolder
from privaudit.training.group_training import trained_networks
from privaudit.training.job import TrainingJob
from privaudit.training.one_model import Outcome, describe_failure, trained_network
from privaudit.training.poisoned_job import poisoned_job
from privaudit.training.pool import run_outcomes
from privaudit.training.randomness import full_precision, one_thread
from privaudit.training.store_model import why_diverged

Candidates = NDArray[np.float32]
Reader = Callable[[nn.Module, Candidates, NDArray[np.int64], torch.device], NDArray[np.float64]]


def train_poisoned(
    job: TrainingJob, request: TrainPoisoned, *, executor: Executor, progress: ProgressHook | None = None
) -> list[int]:
    """Train and measure the models that are not measured yet.

    They are trained in groups of the plan's size in the order of the request. A group with one model to measure is trained
    whole: the last bits of a model depend on who is trained beside it.

    Args:
        job: the audit's job.
        request: what to plant and what to read.
        executor: where to train.
        progress: called after every group.

    Returns:
        rows of the models that diverged.
    """
    numbers = {model: job.number(model) for model in request.models}
    unmeasured = set(AuditFolder(job.folder).missing_signals(request.signals.values(), numbers.values()))
    missing = [model for model, number in numbers.items() if number in unmeasured]
    size, models = job.plan.group_size, tuple(request.models)
    groups = [models[start : start + size] for start in range(0, len(models), size)]
    return run_outcomes(
        partial(poisoned_group, job, request),
        [group for group in groups if set(group).intersection(missing)],
        missing,
        name=job.name,
        executor=executor,
        progress=progress,
        stage="training with planted copies",
        n_total=len(models),
    )


def poisoned_group(job: TrainingJob, request: TrainPoisoned, rows: Sequence[int]) -> list[Outcome]:
    """Train a group with the copies, read what is asked for off each model, and store that."""
    try:
        job.check_code()
        planted = poisoned_job(
            job, np.repeat(request.records, request.copies), np.repeat(request.labels, request.copies)
        )
        shown = candidates_of(job, request.records, request.n_candidates)
        with one_thread():
            networks = (
                [trained_network(planted, row) for row in rows]
                if job.plan.trainer == "loop"
                else trained_networks(planted, rows)
            )
            return [_measured(job, request, shown, *each) for each in zip(rows, networks, strict=True)]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's model may raise anything
        return [Outcome(row, describe_failure(job, error)) for row in rows]


def _measured(job: TrainingJob, request: TrainPoisoned, shown: Candidates, row: int, network: nn.Module) -> Outcome:
    reason = why_diverged(network, None)
    if reason:
        return Outcome(row, reason, diverged=True)
    folder, device, labels = AuditFolder(job.folder), torch.device(job.device), job.labels[request.records]
    with full_precision(device):
        for reading, name in request.signals.items():
            values = POISON_READERS[reading](network, shown, labels, device)
            folder.write_signal(name, job.number(row), values, request.records)
    return Outcome(row)


def candidates_of(job: TrainingJob, records: NDArray[np.int64], n_candidates: int) -> Candidates:
    """Return ``(n, n_candidates + 1, ...)`` records and their varied copies, the same for every model of an audit.

    Args:
        job: whose seed they are drawn by.
        records: ``(n,)`` which records.
        n_candidates: copies of each.
    """
    clean = job.features[records]
    if not is_image(job.record_shape) or min(job.record_shape[-2:]) <= 2 * SHIFT:  # too narrow to be shifted
        return table_candidates(clean, n_candidates, seed=job.seed, reference=job.features)
    darkest, brightest = float(job.features.min()), float(job.features.max())
    return image_candidates(clean, n_candidates, seed=job.seed, value_range=(darkest, brightest))


def keep(job: TrainingJob, request: Keep) -> None:
    """Store what was decided with each model, and forget what was measured under other decisions."""
    folder = AuditFolder(job.folder)
    for number in (job.number(model) for model in request.models):
        names = list(request.values)
        if not folder.missing_signals(names, [number]) and _is_stored(folder, number, request):
            continue
        for name in (*names, *request.stale):
            folder.signal(name, number).unlink(missing_ok=True)
        for name, values in request.values.items():
            folder.write_signal(name, number, values, request.records)


def _is_stored(folder: AuditFolder, number: int, request: Keep) -> bool:
    tables = {name: folder.read_signal(name, {0: number}) for name in request.values}
    return all(
        np.array_equal(table.record_index, request.records) and np.array_equal(table.values[0], request.values[name])
        for name, table in tables.items()
    )


def _logits(
    network: nn.Module, shown: Candidates, labels: NDArray[np.int64], device: torch.device
) -> NDArray[np.float64]:
    """``(n, n_outputs)`` at the records themselves."""
    return query_logits(network, torch.from_numpy(np.ascontiguousarray(shown[:, 0])).to(device))


def _margins(
    network: nn.Module, shown: Candidates, labels: NDArray[np.int64], device: torch.device
) -> NDArray[np.float64]:
    """``(n, n_candidates + 1)`` margins of the true class."""
    n, n_queries = shown.shape[:2]
    every = torch.from_numpy(shown.reshape(n * n_queries, *shown.shape[2:])).to(device)
    return logit_margin(query_logits(network, every), np.repeat(labels, n_queries)).reshape(n, n_queries)


def _agreement(
    network: nn.Module, shown: Candidates, labels: NDArray[np.int64], device: torch.device
) -> NDArray[np.float64]:
    """``(n, n_candidates + 1)`` of hard labels alone."""
    n, n_queries = shown.shape[:2]
    return read_agreement(label_oracle_of(network, device=device, n_records=n, budget=n_queries), shown, labels)


POISON_READERS: Mapping[str, Reader] = {"logits": _logits, "margins": _margins, "agreement": _agreement}
