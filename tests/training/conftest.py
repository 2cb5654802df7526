"""A small audit: 40 records, 6 models, a tiny network."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from privaudit.config import OptimizerConfig
from privaudit.data.dataset import dataset_from_arrays
from privaudit.data.design import make_design
from privaudit.store.folder import AuditFolder
from privaudit.training.job import make_job
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import DpRecipe, Recipe

USER_FILE = """
import torch
from torch import nn

def build(n_features, n_classes, width=4):
    return nn.Sequential(nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, n_classes))

def norm(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 4), nn.BatchNorm1d(4), nn.Linear(4, n_classes))

class Squeezed(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.linear = nn.Linear(n_features, 1)

    def forward(self, x):
        return self.linear(x.view(len(x), -1)).squeeze()

def squeezed(n_features, n_classes):
    return Squeezed(n_features)

def asleep(n_features, n_classes):
    return build(n_features, n_classes).eval()

def broken(n_features, n_classes):
    raise KeyError("first line\\nsecond line")

def quits(n_features, n_classes):
    raise SystemExit(0)

def frozen(n_features, n_classes):
    return build(n_features, n_classes).requires_grad_(False)
"""


def make_recipe(*, noise=1.0, clip=1.0, lr=0.5, momentum=0.0, name="sgd", steps=8, rate=0.25, expected=4.0, dp=True):
    return Recipe(
        steps=steps,
        sample_rate=rate,
        epochs=None,
        batch_size=None,
        expected_batch_size=expected,
        schedule_steps=steps,
        optimizer=OptimizerConfig(name=name, lr=lr, momentum=momentum),
        dp=DpRecipe(noise_multiplier=noise, max_grad_norm=clip, delta=1e-5) if dp else None,
    )


@pytest.fixture
def recipe():
    return make_recipe


@pytest.fixture(scope="session")
def dataset():
    rng = np.random.default_rng(0)
    return dataset_from_arrays(rng.normal(size=(40, 5)), np.arange(40) % 2, name="toy")


@pytest.fixture
def user_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(USER_FILE)
    return path


@pytest.fixture
def job_of(dataset, tmp_path):
    """A job in a folder of its own."""

    def _job_of(name="out", *, recipe=None, build="mlp", params=None, train=None, seed=0):
        design = make_design(
            kind="paired",
            n_models=6,
            n_records=40,
            targets=[0],
            population=0.1,
            seed=seed,
            record_codes=range(40),
        )
        if params is None and build == "mlp":
            params = {"hidden": [4]}
        spec = ModelSpec(build=build, params=params or {}, train=train, base=tmp_path)
        AuditFolder(tmp_path / name).create()
        recipes = (recipe or make_recipe(),)
        return make_job(dataset, design, spec=spec, recipes=recipes, device="cpu", folder=tmp_path / name)

    return _job_of


@pytest.fixture
def contents():
    """The bytes of every file of an audit, by name."""

    def _contents(job):
        return {
            str(path.relative_to(job.folder)): path.read_bytes() for path in sorted(job.folder.rglob("*.safetensors"))
        }

    return _contents


@pytest.fixture
def toy_network():
    def _network(seed=0, n_outputs=2):
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, n_outputs))

    with torch.random.fork_rng():
        yield _network


@pytest.fixture
def replaced():
    return dataclasses.replace


@pytest.fixture
def by_autograd():
    """Sums of the records' gradients by weight, each times Opacus's clipping factor, and their norms; one by one."""

    def _by_autograd(network, features, labels, *, clip=None, label_smoothing=0.0):
        network, norms = copy.deepcopy(network), []
        trained = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
        sums = {name: torch.zeros_like(weight) for name, weight in trained.items()}
        for row in range(len(labels)):
            loss = torch.nn.functional.cross_entropy(
                network(features[row : row + 1].clone()), labels[row : row + 1], label_smoothing=label_smoothing
            )
            gradients = torch.autograd.grad(loss, list(trained.values()))
            norms.append(float(torch.cat([part.flatten() for part in gradients]).norm()))
            factor = 1.0 if clip is None else min(1.0, clip / (norms[-1] + 1e-6))
            for total, part in zip(sums.values(), gradients, strict=True):
                total += factor * part
        return sums, torch.tensor(norms, dtype=torch.float64)

    return _by_autograd
