"""Models trained side by side against the same models trained one after the other."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from privaudit.config import OptimizerConfig, ScheduleConfig
from privaudit.training.dpsgd import train_private
from privaudit.training.ensemble import ModelStream, train_ensemble
from privaudit.training.loop import train_plain
from privaudit.training.randomness import one_thread
from privaudit.training.recipe import DpRecipe, Recipe

FEATURES = torch.from_numpy(np.random.default_rng(1).normal(size=(40, 5))) * 2.0
LABELS = torch.from_numpy(np.random.default_rng(2).integers(0, 2, 40))
# models of 23, 12, 30 and 4 records; record 0 and some others are in none
SIZES = (23, 12, 30, 4)
STREAMS = [
    ModelStream(
        members=np.sort(np.random.default_rng(n).choice(np.arange(1, 36), n, replace=False)), batches=10 + n, noise=n
    )
    for n in SIZES
]


class Squeezed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))

    def forward(self, x):
        return self.layers(x).squeeze()


NETWORKS = {
    "mlp": lambda: nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2)),
    "one output": lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)),
    "squeezed": Squeezed,
    "root": lambda: nn.Linear(5, 2),
    "frozen": lambda: nn.Sequential(nn.Linear(5, 6).requires_grad_(False), nn.Tanh(), nn.Linear(6, 2)),
    "conv": lambda: nn.Sequential(
        *(nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 4, 2), nn.GroupNorm(2, 4), nn.ReLU(), nn.Conv1d(4, 3, 2)),
        *(nn.Flatten(), nn.Linear(9, 2)),
    ),
}


def settings_of(*, epochs=None, batch_size=None, clip=None, **changes):
    """Poisson batches of mean 8 of the 40 records' half, unless epochs are given."""
    steps = 14 if epochs is None else None
    values = {
        "steps": steps,
        "sample_rate": None if epochs else 0.2,
        "epochs": epochs,
        "batch_size": batch_size,
        "expected_batch_size": None if epochs else 4.0,
        "schedule_steps": steps or 12,
        "optimizer": OptimizerConfig(lr=0.3),
        "dp": None if clip is None else DpRecipe(noise_multiplier=0.0, max_grad_norm=clip, delta=1e-5),
    }
    return Recipe(**{**values, **changes})


SGD = OptimizerConfig(lr=0.2, momentum=0.9, weight_decay=0.01)
ADAM, ADAMW = (OptimizerConfig(name=name, lr=0.03, weight_decay=0.05) for name in ("adam", "adamw"))
COSINE = ScheduleConfig(name="cosine", warmup=0.2)
STEP = ScheduleConfig(name="step", milestones=(0.3, 0.6), gamma=0.3)
RECIPES = {
    "shuffled": settings_of(epochs=3, batch_size=4),
    "shuffled, sgd": settings_of(epochs=3, batch_size=5, optimizer=SGD, schedule=COSINE, label_smoothing=0.2),
    "shuffled, adam": settings_of(epochs=2, batch_size=7, optimizer=ADAM, schedule=STEP, schedule_steps=4),
    "shuffled, one batch": settings_of(epochs=4, batch_size=100, optimizer=ADAMW),
    "Poisson, sgd": settings_of(optimizer=SGD, label_smoothing=0.1),
    "Poisson, adamw": settings_of(optimizer=ADAMW, schedule=COSINE),
    "Poisson, often empty": settings_of(sample_rate=0.02, optimizer=SGD),
    "clipped": settings_of(clip=0.5),
    "clipped, sgd": settings_of(clip=0.5, optimizer=SGD, schedule=STEP, label_smoothing=0.2),
    "clipped, adam": settings_of(clip=0.5, optimizer=ADAM, schedule=COSINE, schedule_steps=9),
    "clipped, often empty": settings_of(clip=0.5, sample_rate=0.02, optimizer=SGD),
}


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread(), torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def models(name="mlp", dtype=torch.float64):
    return [NETWORKS[name]().to(dtype) for _ in STREAMS]


def together(networks, settings, *, streams=STREAMS, features=FEATURES, most_records=None):
    networks = copy.deepcopy(networks)
    train_ensemble(networks, features, LABELS, streams=streams, recipe=settings, most_records=most_records)
    return networks


def one_by_one(networks, settings, *, streams=STREAMS, features=FEATURES):
    networks = copy.deepcopy(networks)
    for network, stream in zip(networks, streams, strict=True):
        own, rng = torch.from_numpy(stream.members), np.random.default_rng(stream.batches)
        if settings.dp is None:
            train_plain(network, features[own], LABELS[own], recipe=settings, rng=rng)
        else:
            train_private(network, features[own], LABELS[own], recipe=settings, rng=rng, noise_seed=0)
    return networks


def flat(network):
    return torch.cat([weight.detach().reshape(-1) for weight in network.parameters()])


def assert_same(found, wanted, before, tolerance=1e-9):
    """Every model is the same one up to a share of how far training moved it."""
    for one, other, start in zip(found, wanted, before, strict=True):
        moved = (flat(other) - flat(start)).norm()
        assert moved > 1e-3
        assert (flat(one) - flat(other)).norm() < tolerance * moved


@pytest.mark.parametrize("case", RECIPES)
def test_every_model_is_the_loops(case):
    networks = models()
    wanted = one_by_one(networks, RECIPES[case])
    assert_same(together(networks, RECIPES[case]), wanted, networks)
    assert_same(together(networks, RECIPES[case], most_records=3), wanted, networks)


@pytest.mark.parametrize("case", ["shuffled, sgd", "Poisson, adamw", "clipped, sgd"])
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_is_the_loops(network, case):
    networks = models(network)
    assert_same(together(networks, RECIPES[case]), one_by_one(networks, RECIPES[case]), networks)


@pytest.mark.parametrize("case", ["shuffled, sgd", "Poisson, sgd", "clipped, sgd"])
def test_every_model_is_the_loops_in_float32(case):
    networks = models(dtype=torch.float32)
    wanted = one_by_one([copy.deepcopy(network).double() for network in networks], RECIPES[case])
    found = [network.double() for network in together(networks, RECIPES[case], features=FEATURES.float())]
    before = [network.double() for network in networks]
    # 15 to 24 steps of some 10 roundings of 2**-24 each: 1.4e-5 if all went one way
    assert_same(found, wanted, before, tolerance=1.5e-5)


NOISY = settings_of(dp=DpRecipe(noise_multiplier=1.0, max_grad_norm=0.5, delta=1e-5), optimizer=SGD)


@pytest.mark.parametrize("settings", [RECIPES["shuffled, adam"], RECIPES["Poisson, sgd"], NOISY])
def test_a_model_does_not_depend_on_its_neighbours(settings):
    networks = models()
    group = together(networks, settings)
    for order in ([1], [3, 1], [2, 1, 0], [1, 2, 2, 2]):
        found = together([networks[k] for k in order], settings, streams=[STREAMS[k] for k in order])
        wanted, before = [group[k] for k in order], [networks[k] for k in order]
        assert_same(found, wanted, before, tolerance=1e-12)


def test_same_seeds_same_bytes_and_other_seeds_other_models():
    networks = models()
    first, again = together(networks, NOISY), together(networks, NOISY)
    assert all(torch.equal(flat(one), flat(other)) for one, other in zip(first, again, strict=True))
    for changed in ({"noise": 99}, {"batches": 99}):
        values = {"members": STREAMS[1].members, "batches": STREAMS[1].batches, "noise": STREAMS[1].noise, **changed}
        found = together(networks, NOISY, streams=[STREAMS[0], ModelStream(**values), *STREAMS[2:]])
        same = [torch.equal(flat(one), flat(other)) for one, other in zip(first, found, strict=True)]
        assert same == [True, False, True, True]


@pytest.mark.parametrize("case", ["shuffled, sgd", "Poisson, sgd", "clipped, sgd"])
@pytest.mark.parametrize("cause", ["record", "weight"])
def test_a_model_that_overflows_leaves_the_others_alone(case, cause):
    networks, features = models(), FEATURES.clone()
    others = np.concatenate([STREAMS[k].members for k in (0, 1, 3)])
    own = np.setdiff1d(STREAMS[2].members, others)[0]  # a record of the third model alone
    wanted = together(networks, RECIPES[case])
    if cause == "record":
        features[own] = torch.inf
    else:
        with torch.no_grad():
            networks[2][0].weight.fill_(1e308)
    found = together(networks, RECIPES[case], features=features)
    assert not flat(found[2]).isfinite().all()
    for k in (0, 1, 3):
        assert flat(wanted[k]).isfinite().all()
        assert torch.equal(flat(found[k]), flat(wanted[k]))


@pytest.mark.parametrize("value", [7.0, torch.inf, torch.nan])
@pytest.mark.parametrize("settings", [RECIPES["shuffled, sgd"], RECIPES["Poisson, sgd"], NOISY])
def test_a_record_of_no_model_changes_not_one_bit(settings, value):
    networks, features = models(), FEATURES.clone()
    absent = np.setdiff1d(np.arange(40), np.concatenate([stream.members for stream in STREAMS]))
    assert 0 in absent and 39 in absent
    features[absent] = value
    found, wanted = together(networks, settings, features=features), together(networks, settings)
    assert all(torch.equal(flat(one), flat(other)) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("settings", [RECIPES["shuffled, sgd"], RECIPES["Poisson, sgd"], NOISY])
def test_another_models_record_changes_not_one_bit(settings):
    networks, features = models(), FEATURES.clone()
    others = np.setdiff1d(np.arange(40), STREAMS[1].members)
    features[others] = 3.0 - features[others]
    found, wanted = together(networks, settings, features=features), together(networks, settings)
    assert torch.equal(flat(found[1]), flat(wanted[1]))
    assert not any(torch.equal(flat(found[k]), flat(wanted[k])) for k in (0, 2))
