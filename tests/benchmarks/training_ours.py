"""Privaudit's batched trainer as the training benchmark calls it; the one place that knows its entry."""

import torch

from privaudit.training.group_training import trained_networks
from privaudit.training.groups import groups_of
from privaudit.training.one_model import trained_network
from tests.benchmarks.training_workloads import job_of


def ours(job, models):
    """Train models in whole groups of the plan, in this process; those that fill up a group are thrown away."""
    models = list(models)
    if job.plan.trainer == "loop":
        return [trained_network(job, model) for model in models]
    trained = {}
    for group in groups_of(job.variant, models, size=job.plan.group_size):
        trained.update(zip(group, trained_networks(job, group), strict=True))
    return [trained[model] for model in models]


def train_in_worker(workload, private, length, models):
    """Train one group in a worker process; the records are read there, once."""
    torch.set_num_threads(1)
    ours(job_of(workload, private, length=length), models)
    return len(models)
