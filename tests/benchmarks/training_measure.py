"""Clocks of the training benchmark: candidates side by side, each warmed up, minimum over rounds."""

import gc
import time
from dataclasses import asdict, dataclass

import torch

from privaudit.scoring.query import query_logits
from tests.benchmarks.training_ours import ours
from tests.benchmarks.training_rivals import OPACUS_MODES, CannotRun, data_loader_loop, opacus_loop, tensor_loop
from tests.benchmarks.training_workloads import job_of

OURS = "ours"
DATA_LOADER, TENSORS = "DataLoader loop", "tensor loop, fused optimizer"
OPACUS = {f"Opacus, {mode}": mode for mode in OPACUS_MODES}
SERIES = (1, 4, 16, 64, 256)
QUICK_MODELS = 16
PAIR = 2


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What one model costs.

    Attributes:
        cpu: seconds of the process.
        wall: seconds on the clock.
        accuracy: on the models' own records, to show that they were trained.
    """

    cpu: float
    wall: float
    accuracy: float | None = None


def seconds(function, device):
    """Run a function; return its CPU time, its wall time and its result."""
    gc.collect()
    synchronise(device)
    cpu, wall = time.process_time(), time.perf_counter()
    result = function()
    synchronise(device)
    return time.process_time() - cpu, time.perf_counter() - wall, result


def synchronise(device):
    """Wait for an accelerator."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def accuracy_of(job, networks, models):
    """Mean accuracy of models on the records that they were trained on."""
    shares = []
    for network, model in zip(networks, models, strict=True):
        rows = job.members(model)[:5000]
        logits = query_logits(network, torch.from_numpy(job.features[rows]).to(job.device))
        shares.append((logits.argmax(axis=1) == job.labels[rows]).mean())
    return float(sum(shares) / len(shares))


def candidates(private):
    """Return name -> function ``train(job, models)`` of all candidates."""
    rivals = {name: opacus_loop(mode) for name, mode in OPACUS.items()}
    return {**(rivals if private else {DATA_LOADER: data_loader_loop, TENSORS: tensor_loop}), OURS: ours}


def compare(workload, private, *, length, rounds, device):
    """Time all candidates, a pair of each rival's models and a group of ours in every round.

    A pair has each record once, so that pairs and groups of pairs train on as many records per model.

    Returns:
        name -> timing, and name -> reason for those that cannot train this network.
    """
    job, short = (job_of(workload, private, length=part, device=device) for part in (length, "short"))
    trainers, skipped = candidates(private), {}
    models = {name: range(max(PAIR, job.plan.group_size) if name == OURS else PAIR) for name in trainers}
    for name, train in list(trainers.items()):
        try:
            train(short, models[name])
        except CannotRun as error:
            skipped[name] = str(error)
            del trainers[name]
    runs = {name: [] for name in trainers}
    for _ in range(rounds):
        for name, train in trainers.items():
            runs[name].append(seconds(lambda train=train, name=name: train(job, models[name]), device))
    return {name: _best(job, models[name], of_name) for name, of_name in runs.items()}, skipped


def _best(job, models, runs):
    cpu, wall = (min(run[clock] for run in runs) / len(models) for clock in (0, 1))
    return Timing(cpu=cpu, wall=wall, accuracy=accuracy_of(job, runs[-1][2], models))


def cost_of_many(workload, private, *, quick, rounds, device):
    """Return K -> CPU and wall seconds per model, for K models in the planner's groups."""
    job = job_of(workload, private, length="quick" if quick else "series", device=device)
    ours(job_of(workload, private, length="short", device=device), range(job.plan.group_size))
    runs = {k: [] for k in SERIES if not quick or k <= QUICK_MODELS}
    for _ in range(rounds):
        for k, of_k in runs.items():
            of_k.append(seconds(lambda k=k: ours(job, range(k)), device)[:2])
    return {k: Timing(cpu=min(run[0] for run in runs[k]) / k, wall=min(run[1] for run in runs[k]) / k) for k in runs}


def as_numbers(timings):
    """Return timings as JSON-able numbers."""
    return {str(name): asdict(timing) for name, timing in timings.items()}
