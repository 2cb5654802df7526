"""The noise of models trained side by side, what the optimizers make of it, and dropout.

Every test with ``ERROR`` fails a correct program with at most that probability (over its seeds, which are fixed).
"""

import copy
import math
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from privaudit.config import OptimizerConfig
from privaudit.training.batches import poisson_batches
from privaudit.training.ensemble import ModelStream, train_ensemble
from privaudit.training.ensemble_noise import NoiseSource
from privaudit.training.randomness import one_thread
from privaudit.training.stacked_network import StackedNetwork

ERROR = 1e-6
SIGMA, CLIP, EXPECTED = 1.3, 0.7, 12.5
DEVIATION = SIGMA * CLIP / EXPECTED
TYPES = [torch.float32, torch.float64]


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread(), torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def noisy(recipe):
    def _noisy(**settings):
        return recipe(**{"noise": SIGMA, "clip": CLIP, "expected": EXPECTED, "lr": 1.0, **settings})

    return _noisy


def streams_of(seeds, n=16):
    return [ModelStream(members=np.arange(n), batches=seed, noise=100 + seed) for seed in seeds]


def assert_standard_normal(z, error):
    """Variance, mean and whole distribution of independent numbers; the three share the error."""
    z = np.asarray(z, dtype=np.float64).ravel()
    low, high = stats.chi2.ppf([error / 6, 1 - error / 6], len(z))
    assert low < (z**2).sum() < high
    assert abs(z.sum()) < stats.norm.ppf(1 - error / 6) * math.sqrt(len(z))
    assert stats.kstest(z, "norm").pvalue > error / 3


def assert_uncorrelated(parts, error):
    """Pairs of vectors of independent normals; Pearson's p-value is exact for these."""
    pairs = list(combinations([np.asarray(part, dtype=np.float64).ravel() for part in parts], 2))
    n = min(len(part) for pair in pairs for part in pair)
    assert all(stats.pearsonr(one[:n], other[:n]).pvalue > error / len(pairs) for one, other in pairs)


def zeroed(build, n_models, dtype):
    """Models with weights 0, so that what training adds is not rounded."""
    networks = [build().to(dtype) for _ in range(n_models)]
    for weight in (weight for network in networks for weight in network.parameters()):
        nn.init.zeros_(weight)
    return networks


def flat(network):
    return torch.cat([weight.detach().reshape(-1) for weight in network.parameters()])


@pytest.mark.statistical
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("most_records", [None, 3])
def test_empty_batches_add_the_stated_noise(noisy, dtype, most_records):
    networks = zeroed(lambda: nn.Sequential(nn.Linear(120, 40), nn.Tanh(), nn.Linear(40, 2)), 4, dtype)
    features, labels = torch.randn(16, 120, dtype=dtype), torch.arange(16) % 2
    settings = noisy(steps=3, rate=1e-12)
    train_ensemble(networks, features, labels, streams=streams_of(range(4)), recipe=settings, most_records=most_records)
    z = [flat(network).numpy() / (DEVIATION * math.sqrt(3)) for network in networks]
    for part in z:
        assert_standard_normal(part, ERROR / 5)
    assert_uncorrelated(z, ERROR / 5)


@pytest.mark.statistical
@pytest.mark.parametrize("dtype", TYPES)
def test_noise_on_coordinates_without_gradient(noisy, dtype):
    networks = zeroed(lambda: nn.Linear(3000, 2), 3, dtype)
    features = torch.zeros(16, 3000, dtype=dtype)
    features[:, :10] = torch.randn(16, 10, dtype=dtype)
    labels = torch.arange(16) % 2
    # many records in one batch: noise must not be divided by their number, or be added per record or per pass
    settings = noisy(steps=2, rate=0.8)
    train_ensemble(networks, features, labels, streams=streams_of(range(3)), recipe=settings, most_records=4)
    z = [network.weight.detach()[:, 10:].numpy() / (DEVIATION * math.sqrt(2)) for network in networks]
    for part in z:
        assert_standard_normal(part, ERROR / 4)
    assert_uncorrelated(z, ERROR / 4)


def network_of_every_layer():
    layers = [
        nn.Embedding(9, 6),
        nn.LayerNorm(6),
        nn.Conv1d(5, 4, 3, bias=False),
        nn.GroupNorm(2, 4),
        nn.Conv1d(4, 3, 2),
    ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(9, 3).requires_grad_(False), nn.Linear(3, 2))


@pytest.mark.statistical
@pytest.mark.parametrize("dtype", TYPES)
def test_every_weight_has_noise_of_the_same_scale_new_in_every_step(noisy, dtype):
    n_models, n_steps = 8, 400
    stacked = StackedNetwork([network_of_every_layer().to(dtype) for _ in range(n_models)])
    assert len(stacked.blocks) == 10  # all but those of the frozen layer
    source = NoiseSource(stacked.blocks, noisy(), list(range(n_models)))
    drawn = []
    for _ in range(n_steps):
        stacked.gradients.fill_(torch.nan)
        assert source.fill()
        drawn.append(stacked.gradients.numpy() / DEVIATION)
    steps = np.array(drawn, dtype=np.float64)  # (n_steps, n_numbers)
    start, blocks = 0, {}
    for name, block in stacked.blocks.items():
        blocks[name] = steps[:, start : start + block.numel()].reshape(n_steps, n_models, -1)
        start += block.numel()
    assert start == steps.shape[1]
    # 6,400 numbers or more of each weight: a deviation that is 10 % off fails
    for part in blocks.values():
        assert_standard_normal(part, ERROR / 20)
    assert_uncorrelated([part.transpose(1, 0, 2).ravel() for part in blocks.values()], ERROR / 8)  # between weights
    assert_uncorrelated(np.concatenate(list(blocks.values()), axis=2).transpose(1, 0, 2), ERROR / 8)  # between models
    assert_uncorrelated(steps[:20], ERROR / 8)  # between steps
    assert_uncorrelated([steps[:-1], steps[1:]], ERROR / 8)


def test_a_models_noise_is_its_seeds_and_not_its_groups(noisy):
    networks = [network_of_every_layer() for _ in range(3)]

    def drawn(seeds):
        stacked = StackedNetwork(networks[: len(seeds)])
        source = NoiseSource(stacked.blocks, noisy(), seeds)
        found = []
        for _ in range(2):
            source.fill()
            found.append(
                [torch.cat([block[k].flatten() for block in stacked.blocks.values()]) for k in range(len(seeds))]
            )
        return [torch.cat(parts) for parts in zip(*found, strict=True)]

    group, alone, other = drawn([7, 8, 9]), drawn([8]), drawn([9, 8])
    assert torch.equal(group[1], alone[0]) and torch.equal(group[1], other[1]) and torch.equal(group[2], other[0])
    assert not torch.equal(group[0], group[1])


def test_no_noise_leaves_the_buffer_alone(noisy):
    stacked = StackedNetwork([nn.Linear(5, 2)])
    stacked.gradients.fill_(3.0)
    for settings in (noisy(noise=0.0), noisy(dp=False)):
        assert not NoiseSource(stacked.blocks, settings, [0]).fill()
    assert (stacked.gradients == 3.0).all()


@pytest.mark.parametrize(("sigma", "clip", "expected"), [(2.0, 0.5, 8.0), (0.3, 3.0, 50.0)])
def test_noise_scales_with_multiplier_and_clip_over_the_public_batch_size(noisy, sigma, clip, expected):
    def drawn(settings):
        stacked = StackedNetwork([nn.Linear(50, 2).double()])
        NoiseSource(stacked.blocks, settings, [0]).fill()
        return stacked.gradients

    wanted = drawn(noisy()) / DEVIATION * (sigma * clip / expected)
    torch.testing.assert_close(drawn(noisy(noise=sigma, clip=clip, expected=expected)), wanted, rtol=1e-12, atol=0.0)


SGD = OptimizerConfig(lr=0.3, momentum=0.9, weight_decay=0.05)
ADAM, ADAMW = (OptimizerConfig(name=name, lr=0.05, weight_decay=0.1) for name in ("adam", "adamw"))


def stepped(weight, gradient, state, config, step):
    """One weight after a step of the optimizer, by its formula."""
    if config.name == "adamw":
        weight = weight * (1 - config.lr * config.weight_decay)
    else:
        gradient = gradient + config.weight_decay * weight
    if config.name == "sgd":
        state["m"] = gradient if step == 1 else config.momentum * state["m"] + gradient
        return weight - config.lr * state["m"]
    state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * gradient
    state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * gradient**2
    mean, square = state["m"] / (1 - 0.9**step), state["v"] / (1 - 0.999**step)
    return weight - config.lr * mean / (square.sqrt() + 1e-8)


@pytest.mark.parametrize("config", [SGD, ADAM, ADAMW], ids=lambda config: config.name)
def test_the_optimizer_sees_the_noisy_mean_of_clipped_gradients(noisy, replaced, by_autograd, config):
    networks = [nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 2)).double() for _ in range(2)]
    features, labels, streams = 3.0 * torch.randn(16, 5).double(), torch.arange(16) % 2, streams_of((3, 4))
    settings = replaced(noisy(steps=3, rate=0.3), optimizer=config)
    wanted, stacked = copy.deepcopy(networks), StackedNetwork(networks)
    batches = [
        poisson_batches(16, sample_rate=0.3, steps=3, rng=np.random.default_rng(part.batches)) for part in streams
    ]
    noise, states, norms = NoiseSource(stacked.blocks, settings, [part.noise for part in streams]), {}, []
    for step in (1, 2, 3):
        noise.fill()
        for model, network in enumerate(wanted):
            rows = torch.from_numpy(next(batches[model]))
            sums, of_records = by_autograd(network, features[rows], labels[rows], clip=CLIP)
            norms += of_records.tolist()
            for name, weight in network.named_parameters():
                gradient = sums[name] / EXPECTED + stacked.blocks[name][model]
                weight.data = stepped(weight.data, gradient, states.setdefault((model, name), {}), config, step)
    assert min(norms) < CLIP < max(norms)
    train_ensemble(networks, features, labels, streams=streams, recipe=settings)
    for found, other in zip(networks, wanted, strict=True):
        torch.testing.assert_close(flat(found), flat(other), rtol=1e-10, atol=1e-12)


@pytest.mark.statistical
def test_dropout_has_masks_of_its_own_for_every_model_and_record():
    n_models, n_records, rate = 3, 500, 0.3
    single = nn.Sequential(nn.Linear(20, 20, bias=False), nn.Dropout(rate))
    nn.init.eye_(single[0].weight)
    output = StackedNetwork([copy.deepcopy(single) for _ in range(n_models)]).forward(torch.ones(1500, 20))
    output = output.detach().view(n_models, n_records, 20)
    dropped = (output == 0).numpy()
    torch.testing.assert_close(
        output[~torch.from_numpy(dropped)], torch.tensor(1 / (1 - rate)).expand(int((~dropped).sum()))
    )
    low, high = stats.binom.ppf([ERROR / 20, 1 - ERROR / 20], n_records * 20, rate)
    assert all(low <= part.sum() <= high for part in dropped)
    # two records, or two models, drop the same number with probability rate ** 2: independent masks
    low, high = stats.binom.ppf([ERROR / 20, 1 - ERROR / 20], n_records * 20, rate**2)
    assert all(low <= (dropped[i] & dropped[j]).sum() <= high for i, j in combinations(range(n_models), 2))
    low, high = stats.binom.ppf([ERROR / 20, 1 - ERROR / 20], n_models * n_records // 2 * 20, rate**2)
    assert low <= (dropped[:, ::2] & dropped[:, 1::2]).sum() <= high
