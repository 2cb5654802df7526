"""Trains one group of an audit's models side by side, and stores them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.data.design import coins_of_number
from privaudit.errors import TrainingError
from privaudit.training.ensemble import ModelStream, train_ensemble
from privaudit.training.job import TrainingJob
from privaudit.training.networks import build_network
from privaudit.training.one_model import Outcome, describe_failure, make_tracer, resident, train_one
from privaudit.training.randomness import full_precision, isolated_random_state, one_thread, seeds_of_model
from privaudit.training.stacked_layers import NotBatchableError
from privaudit.training.store_model import store_model, why_diverged
from privaudit.training.tracing import Tracer, Tracing


def train_group(job: TrainingJob, rows: Sequence[int], *, tracing: Tracing | None = None) -> list[Outcome]:
    """Train a group of models by the trainer of the plan; each is stored as soon as all are done.

    Args:
        job: the audit's job.
        rows: the whole group; models that are on disk are trained again and not written again.
        tracing: what to read off the models in training, if anything.

    Returns:
        an outcome for each row.
    """
    if job.plan.trainer == "loop":
        return [train_one(job, row, tracing) for row in rows]
    try:
        job.check_code()
        with one_thread():
            tracer = None if tracing is None else make_tracer(job, rows, tracing)
            networks = trained_networks(job, rows, tracer)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's model may raise anything
        return [Outcome(row, describe_failure(job, _with_remedy(error))) for row in rows]
    traces = [None] * len(rows) if tracer is None else tracer.values
    return [_stored(job, *each, tracing) for each in zip(rows, networks, traces, strict=True)]


def _with_remedy(error: BaseException) -> BaseException:
    if isinstance(error, NotBatchableError):
        return TrainingError(
            f"these models cannot be trained side by side after all: {error}. Set engine.trainer: loop."
        )
    if isinstance(error, torch.OutOfMemoryError):
        return TrainingError(
            "the device is out of memory. Lower engine.workers, or take a smaller engine.memory_gb and another --out."
        )
    return error


def _stored(
    job: TrainingJob, row: int, network: nn.Module, trace: NDArray[np.float64] | None, tracing: Tracing | None
) -> Outcome:
    reason = why_diverged(network, trace)
    if reason:
        return Outcome(row, reason, diverged=True)
    try:
        store_model(job, row, network, tracing=tracing, trace=trace)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - state_dict() is the user's as well
        return Outcome(row, describe_failure(job, error))
    return Outcome(row)


def trained_networks(job: TrainingJob, rows: Sequence[int], tracer: Tracer | None = None) -> list[nn.Module]:
    """Build and train the models of a group; a function of their numbers, coins and recipe only.

    Args:
        job: the audit's job.
        rows: the group, of one variant.
        tracer: reads these models in training.
    """
    device = torch.device(job.device)
    numbers, members = _filled(job, rows)
    seeds = [seeds_of_model(job.seed, number) for number in numbers]
    networks = []
    for seed in seeds:
        with isolated_random_state(seed.weights, device):
            network = build_network(job.spec, record_shape=job.record_shape, n_classes=job.n_classes)
            networks.append(network.to(device))
    streams = [
        ModelStream(members=own, batches=seed.batches, noise=seed.noise)
        for own, seed in zip(members, seeds, strict=True)
    ]
    features, labels = (resident(array, device) for array in (job.features, job.labels))
    with isolated_random_state(seeds[0].dropout, device), full_precision(device):
        train_ensemble(
            networks,
            features,
            labels,
            streams=streams,
            recipe=job.recipe(rows[0]),
            most_records=job.plan.most_records,
            precision=job.plan.precision,
            compiled=job.plan.compiled,
            tracer=tracer,
        )
    return networks[: len(rows)]


def _filled(job: TrainingJob, rows: Sequence[int]) -> tuple[list[int], list[NDArray[np.int64]]]:
    """Return numbers and records of a group, a short one filled up with the models that would come next.

    They are trained and thrown away: the last bits of a model depend on who is trained beside it, and must not depend
    on how many models the audit has. Only a paired design has coins for models to come, and only it can be added to.
    """
    numbers = [job.number(row) for row in rows]
    members = [job.members(row) for row in rows]
    n_missing = job.plan.group_size - len(rows) if job.design_kind == "paired" else 0
    for number in range(numbers[-1] + 1, numbers[-1] + 1 + n_missing):
        coins = coins_of_number(number, n_records=len(job.labels), is_population=job.is_population, seed=job.seed)
        own = np.flatnonzero(coins)
        numbers.append(number)
        members.append(own if len(own) else members[0])
    return numbers, members
