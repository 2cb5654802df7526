"""Trains the model of one row of a job and stores it."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.data.user_code import load_function
from privaudit.errors import ConfigError, PrivauditError
from privaudit.training.buffers import check_buffers
from privaudit.training.job import TrainingJob
from privaudit.training.loop import train_plain
from privaudit.training.networks import build_network, describe
from privaudit.training.randomness import full_precision, isolated_random_state, one_thread, seeds_of_model
from privaudit.training.store_model import store_model, why_diverged
from privaudit.training.tracing import Tracer, Tracing


class Outcome(NamedTuple):
    """How the work on one row's model ended; errors travel as text, as not every exception survives a process border."""

    model: int
    error: str = ""
    diverged: bool = False


def train_one(job: TrainingJob, model: int, tracing: Tracing | None = None) -> Outcome:
    """Train one model on its own records with its own seeds, and store it when it is done.

    Args:
        job: the audit's job.
        model: row of the model.
        tracing: what to read off the model in training, if anything.

    Returns:
        the outcome; a model whose weights are not finite is reported and not stored.
    """
    try:
        job.check_code()
        tracer = None if tracing is None else make_tracer(job, [model], tracing)
        with one_thread():
            network = trained_network(job, model, tracer)
        trace = None if tracer is None else tracer.values[0]
        reason = why_diverged(network, trace)
        if reason:
            return Outcome(model, reason, diverged=True)
        store_model(job, model, network, tracing=tracing, trace=trace)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's model and training function may raise anything
        return Outcome(model, describe_failure(job, error))
    return Outcome(model)


def describe_failure(job: TrainingJob, error: BaseException) -> str:
    """Say in one line why a model's work failed."""
    if isinstance(error, PrivauditError):
        return str(error)
    spec = job.spec
    files = [name for name in (spec.build, spec.train) if name is not None and ":" in name]
    texts = [describe(error, name, spec.base) for name in files]
    return max(texts, key=len, default=describe(error))  # the one that names the line is the longer one


def make_tracer(job: TrainingJob, rows: Sequence[int], tracing: Tracing) -> Tracer:
    """Return what reads the models of some rows, of one variant, on all records of the audit.

    Args:
        job: the audit's job.
        rows: the models, in the order of their group.
        tracing: what to read.
    """
    features = resident(job.features, torch.device(job.device))
    sizes = [len(job.members(row)) for row in rows]
    return Tracer(tracing, features, job.labels, recipe=job.recipe(rows[0]), sizes=sizes)


def resident(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Return an array on the device, on a CPU without a copy: all models read the same records, and nobody writes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the array is read-only
        return torch.from_numpy(array).to(device)


def trained_network(job: TrainingJob, model: int, tracer: Tracer | None = None) -> nn.Module:
    """Build and train the model of a row; a function of its number, coins and recipe only.

    Args:
        job: the audit's job.
        model: the row.
        tracer: reads the model in training; not served by a training function of the user's.
    """
    device = torch.device(job.device)
    seeds = seeds_of_model(job.seed, job.number(model))
    rows = job.members(model)
    features = torch.from_numpy(job.features[rows]).to(device)
    labels = torch.from_numpy(job.labels[rows]).to(device)
    recipe = job.recipe(model)
    rng = np.random.default_rng(seeds.batches)
    with isolated_random_state(seeds.weights, device), full_precision(device):
        network = build_network(job.spec, record_shape=job.record_shape, n_classes=job.n_classes).to(device)
        if job.spec.train is not None:
            network = _train_with_user_code(job, network, features, labels, model)
        elif recipe.dp is not None:
            from privaudit.training.dpsgd import train_private  # Opacus: seconds that other workers need not spend

            buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
            train_private(
                network,
                features,
                labels,
                recipe=recipe,
                rng=rng,
                noise_seed=seeds.noise,
                after_step=_after_step(network, tracer),
            )
            check_buffers(buffers, network)
        else:
            train_plain(network, features, labels, recipe=recipe, rng=rng, after_step=_after_step(network, tracer))
    return network


def _after_step(network: nn.Module, tracer: Tracer | None) -> Callable[[int], None] | None:
    if tracer is None:
        return None

    def read(n_done: int) -> None:
        if tracer.due(n_done):
            tracer.read(0, n_done, network)

    return read


def _train_with_user_code(
    job: TrainingJob, network: nn.Module, features: torch.Tensor, labels: torch.Tensor, model: int
) -> nn.Module:
    """Call ``train(model, features, labels, recipe=..., seed=...)``; it may return another module."""
    assert job.spec.train is not None
    train = load_function(job.spec.train, job.spec.base)
    wanted = _shapes(network)
    seed = seeds_of_model(job.seed, job.number(model)).batches
    trained = train(network, features, labels, recipe=job.recipe(model), seed=seed)
    if not isinstance(trained, nn.Module):
        raise ConfigError(
            f"{job.spec.train} must return the trained torch.nn.Module; got {type(trained).__name__}.",
            key="model.train",
        )
    got = _shapes(trained)
    if got != wanted:
        name = min(name for name in {*got, *wanted} if got.get(name) != wanted.get(name))
        raise ConfigError(
            f"{job.spec.train} must return the model it was given, or one with the same weights; {name} has shape "
            f"{got.get(name)} instead of {wanted.get(name)}. Return the model itself, not a wrapper "
            "(Opacus: its _module).",
            key="model.train",
        )
    return trained


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}
