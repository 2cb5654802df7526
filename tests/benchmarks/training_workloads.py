"""What the training benchmark trains: records, network and recipe, as the same job for every candidate."""

import warnings
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from privaudit.config import DpConfig, EngineConfig, OptimizerConfig, RecipeConfig
from privaudit.data.design import make_design
from privaudit.training.choose_trainer import choose_trainer
from privaudit.training.job import make_job
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import resolve_recipe
from tests.benchmarks import training_data

MOST_MODELS = 256
BATCH_SIZE = 64  # of shuffled batches; expected size of Poisson batches
OPTIMIZER = OptimizerConfig(name="sgd", lr=0.1, momentum=0.9)
FEW_RECORDS = 320  # of each model, where a run is cut short


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Records, network and recipes.

    Attributes:
        name: how the command line calls it.
        network: in words.
        data: function that returns the records.
        spec: the network.
        epochs: passes over the records without DP.
        steps: steps with DP.
        is_large: one model takes long: series are measured on fewer records.
    """

    name: str
    network: str
    data: object
    spec: ModelSpec
    epochs: int
    steps: int
    is_large: bool = False


def _convolutional(function):
    return ModelSpec(build=f"training_networks.py:{function}", base=Path(__file__).parent)


def _perceptron(*hidden):
    return ModelSpec(build="mlp", params={"hidden": list(hidden)})


_ALL = (
    Workload(name="digits", network="64-128-10", data=training_data.digits, spec=_perceptron(128), epochs=30, steps=60),
    Workload(
        name="location30",
        network="446-64-30",
        data=training_data.location30,
        spec=_perceptron(64),
        epochs=30,
        steps=60,
    ),
    Workload(
        name="census100",
        network="456-256-100",
        data=training_data.census100,
        spec=_perceptron(256),
        epochs=1,
        steps=60,
        is_large=True,
    ),
    Workload(
        name="fashion-strided",
        network="conv 8x8/2 16, conv 4x4/2 32, linear 32, linear 10",
        data=training_data.fashion,
        spec=_convolutional("strided"),
        epochs=2,
        steps=20,
        is_large=True,
    ),
    Workload(
        name="fashion-3x3",
        network="conv 3x3 16, conv 3x3 32, linear 64, linear 10",
        data=training_data.fashion,
        spec=_convolutional("three_by_three"),
        epochs=1,
        steps=20,
        is_large=True,
    ),
)
WORKLOADS = MappingProxyType({workload.name: workload for workload in _ALL})


def scaled(workload, *, factor):
    """Return a workload with fewer passes and steps."""
    epochs, steps = max(1, round(workload.epochs * factor)), max(2, round(workload.steps * factor))
    return replace(workload, epochs=epochs, steps=steps)


@cache
def job_of(workload_name, private, *, length, device="cpu"):
    """Return the training job of a workload.

    Args:
        workload_name: its name.
        private: with DP.
        length: "full"; "series" for many models; "quick" for a smoke test; "short" to warm up.
        device: where to train.
    """
    workload, records = WORKLOADS[workload_name], _records(workload_name)
    factor, most_records = _length(workload, length)
    workload = scaled(workload, factor=factor)
    recipes = (recipe_of(workload, private, n_records=records.n_records),)
    plan = choose_trainer(EngineConfig(), spec=workload.spec, dataset=records, recipes=recipes, device=device)
    folder = Path("training-benchmark")  # nothing is written
    job = make_job(
        records, _design(workload_name), spec=workload.spec, recipes=recipes, device=device, folder=folder, plan=plan
    )
    if most_records is None or private:  # the number of Poisson steps does not depend on that of the records
        return job
    is_left_out = np.arange(records.n_records) >= 2 * most_records
    return replace(job, is_in=np.where(is_left_out, 0, job.is_in).astype(np.uint8), is_population=is_left_out)


def _length(workload, length):
    """Return the share of the passes and steps, and the most records per model."""
    few = FEW_RECORDS if workload.is_large else None
    return {
        "full": (1.0, None),
        "series": (0.2, few),
        "quick": (0.1, few),
        "short": (0.0, FEW_RECORDS),
    }[length]


@cache
def tensors_of(job):
    """Return all records and labels of a job on its device."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the arrays are read-only, and nobody writes
        return torch.from_numpy(job.features).to(job.device), torch.from_numpy(job.labels).to(job.device)


@cache
def _records(workload_name):
    return WORKLOADS[workload_name].data()


@cache
def _design(workload_name):
    records = _records(workload_name)
    return make_design(
        kind="paired",
        n_models=MOST_MODELS,
        n_records=records.n_records,
        targets=[0],
        population=0.0,
        seed=0,
        record_codes=records.row,
    )


def recipe_of(workload, private, *, n_records):
    """Return the recipe: shuffled epochs, or Poisson batches with clip 1 and noise 1."""
    if not private:
        config = RecipeConfig(epochs=workload.epochs, batch_size=BATCH_SIZE, optimizer=OPTIMIZER)
    else:
        config = RecipeConfig(
            steps=workload.steps,
            sample_rate=BATCH_SIZE / (n_records / 2),
            optimizer=OPTIMIZER,
            dp=DpConfig(noise_multiplier=1.0, max_grad_norm=1.0),
        )
    return resolve_recipe(config, n_canaries=n_records)


def records_per_model(job):
    """Return the mean of a pair."""
    return (len(job.members(0)) + len(job.members(1))) / 2


def describe(job):
    """Say in words how long a job's models are trained."""
    recipe, n = job.recipe(0), records_per_model(job)
    if recipe.dp is None:
        return f"{recipe.epochs} epochs, batches of {recipe.batch_size}, {n:g} records"
    dp = f"clip {recipe.dp.max_grad_norm:g}, noise {recipe.dp.noise_multiplier:g}"
    return f"{recipe.steps} Poisson batches of about {recipe.expected_batch_size:g}, {dp}, {n:g} records"
