"""What the batched trainer is measured against: one model after the other, by PyTorch and by Opacus.

Every candidate is called as ``train(job, models)`` and returns the trained networks.
"""

import warnings

import numpy as np
import torch
from opacus import PrivacyEngine
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from privaudit.training.batches import poisson_batches
from privaudit.training.networks import build_network
from privaudit.training.randomness import isolated_random_state, seeds_of_model
from tests.benchmarks.training_workloads import tensors_of

OPACUS_MODES = ("hooks", "functorch", "ew", "ghost")  # the first is Opacus' default


class CannotRun(Exception):
    """A candidate cannot train this network; the text says why."""


def new_network(job, model):
    """Build a model with its own initial weights."""
    device = torch.device(job.device)
    with isolated_random_state(seeds_of_model(job.seed, model).weights, device):
        return build_network(job.spec, record_shape=job.record_shape, n_classes=job.n_classes).to(device)


def sgd(network, recipe, **options):
    """PyTorch's own optimizer for a recipe."""
    return torch.optim.SGD(network.parameters(), lr=recipe.optimizer.lr, momentum=recipe.optimizer.momentum, **options)


def data_loader_loop(job, models):
    """Train as a tutorial does: a DataLoader and the default optimizer."""
    return [_data_loader_model(job, model) for model in models]


def _data_loader_model(job, model):
    recipe, network = job.recipe(model), new_network(job, model)
    rows = job.members(model)
    records = TensorDataset(torch.from_numpy(job.features[rows]), torch.from_numpy(job.labels[rows]))
    loader = DataLoader(records, batch_size=recipe.batch_size, shuffle=True)
    optimizer = sgd(network, recipe)
    for _ in range(recipe.epochs):
        for batch, wanted in loader:
            optimizer.zero_grad()
            cross_entropy(network(batch.to(job.device)), wanted.to(job.device)).backward()
            optimizer.step()
    return network


def tensor_loop(job, models):
    """Train as somebody who cares does: tensors on the device, one gather per epoch, a fused optimizer."""
    return [_tensor_model(job, model) for model in models]


def _tensor_model(job, model):
    recipe, network = job.recipe(model), new_network(job, model)
    features, labels = tensors_of(job)
    members = torch.from_numpy(job.members(model)).to(job.device)
    optimizer = sgd(network, recipe, fused=True)
    for _ in range(recipe.epochs):
        order = members[torch.randperm(len(members), device=members.device)]
        batches = features[order].split(recipe.batch_size), labels[order].split(recipe.batch_size)
        for batch, wanted in zip(*batches, strict=True):
            optimizer.zero_grad()
            cross_entropy(network(batch), wanted).backward()
            optimizer.step()
    return network


def opacus_loop(mode):
    """Return the candidate that trains by Opacus with per-record gradients of a mode."""

    def train(job, models):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on secure_mode and hooks, once per model
                return [_opacus_model(job, model, mode) for model in models]
        except Exception as error:
            raise CannotRun(f"{type(error).__name__}: {str(error).splitlines()[0]}") from error

    return train


def _opacus_model(job, model, mode):
    """Take tensors by Poisson batches drawn beforehand: faster than Opacus' own loader, in every mode."""
    recipe, network = job.recipe(model), new_network(job, model)
    (features, labels), members = tensors_of(job), job.members(model)
    rng = np.random.default_rng(seeds_of_model(job.seed, model).batches)
    drawn = poisson_batches(len(members), sample_rate=recipe.sample_rate, steps=recipe.steps, rng=rng)
    network.train()
    private, optimizer, criterion = _make_private(network, recipe, TensorDataset(features, labels), mode)
    for rows in drawn:
        picked = torch.from_numpy(members[rows]).to(job.device)
        optimizer.zero_grad()
        criterion(private(features[picked]), labels[picked]).backward()
        optimizer.step()
    if mode != "ew":
        private.remove_hooks()
    return network


def _make_private(network, recipe, records, mode):
    criterion = nn.CrossEntropyLoss()
    private, optimizer, *others = PrivacyEngine(accountant="rdp").make_private(
        module=network,
        optimizer=sgd(network, recipe),
        criterion=criterion,
        data_loader=DataLoader(records, batch_size=64),
        noise_multiplier=recipe.dp.noise_multiplier,
        max_grad_norm=recipe.dp.max_grad_norm,
        poisson_sampling=False,  # the batches are Poisson samples already
        grad_sample_mode=mode,
    )
    optimizer.expected_batch_size = recipe.expected_batch_size
    return private, optimizer, others[0] if mode == "ghost" else criterion
