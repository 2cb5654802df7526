import numpy as np
import pytest
import torch
from torch import nn

from privaudit.config import OptimizerConfig
from privaudit.errors import ConfigError
from privaudit.training.batches import recipe_batches, shuffled_batches
from privaudit.training.device import resolve_device
from privaudit.training.loop import train_plain
from privaudit.training.recipe import Recipe

FEATURES = torch.from_numpy(np.random.default_rng(1).normal(size=(24, 5)).astype(np.float32))
LABELS = (FEATURES[:, 0] > 0).long()


def by_epoch(epochs, batch_size, lr=0.5):
    return Recipe(
        steps=None,
        sample_rate=None,
        epochs=epochs,
        batch_size=batch_size,
        expected_batch_size=None,
        schedule_steps=1,
        optimizer=OptimizerConfig(lr=lr),
        dp=None,
    )


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 9, [3]), (3, 1, [1] * 3)]
)
def test_shuffled_epochs_visit_every_record_once(n, batch_size, sizes):
    batches, count = recipe_batches(by_epoch(5, batch_size), n, np.random.default_rng(0))
    rows = list(batches)
    assert [len(batch) for batch in rows] == sizes * 5
    assert count == len(rows)
    epochs = [np.concatenate(rows[k * len(sizes) : (k + 1) * len(sizes)]).tolist() for k in range(5)]
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_one_record_left_over_joins_the_batch_before_it():
    batches, count = recipe_batches(by_epoch(2, 4), 9, np.random.default_rng(0))
    assert [len(batch) for batch in batches] == [4, 5, 4, 5]
    assert count == 4
    assert [len(batch) for batch in shuffled_batches(1, batch_size=4, epochs=1, rng=np.random.default_rng(0))] == [1]
    network = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    train_plain(network, FEATURES[:9], LABELS[:9], recipe=by_epoch(1, 4), rng=np.random.default_rng(0))


@pytest.mark.parametrize("n", [24, 11])
def test_poisson_batches_are_divided_by_the_public_size(toy_network, recipe, n):
    network = toy_network()
    before = [weight.detach().clone() for weight in network.parameters()]
    loss = nn.functional.cross_entropy(network(FEATURES[:n]), LABELS[:n], reduction="sum")
    wanted = torch.autograd.grad(loss, list(network.parameters()))
    settings = recipe(dp=False, steps=1, rate=1.0, expected=7.0, lr=0.5)
    train_plain(network, FEATURES[:n], LABELS[:n], recipe=settings, rng=np.random.default_rng(0))
    for old, new, gradient in zip(before, network.parameters(), wanted, strict=True):
        torch.testing.assert_close(old - new.detach(), 0.5 * gradient / 7.0, rtol=1e-4, atol=1e-6)


def test_shuffled_batches_are_divided_by_their_own_size(toy_network):
    network = toy_network()
    before = [weight.detach().clone() for weight in network.parameters()]
    wanted = torch.autograd.grad(nn.functional.cross_entropy(network(FEATURES), LABELS), list(network.parameters()))
    train_plain(network, FEATURES, LABELS, recipe=by_epoch(1, 24), rng=np.random.default_rng(0))
    for old, new, gradient in zip(before, network.parameters(), wanted, strict=True):
        torch.testing.assert_close(old - new.detach(), 0.5 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("by_rate", [True, False])
def test_loss_falls(toy_network, recipe, by_rate):
    network = toy_network()
    settings = recipe(dp=False, steps=100, rate=0.25, expected=6.0, lr=0.3) if by_rate else by_epoch(30, 6, lr=0.3)
    before = nn.functional.cross_entropy(network(FEATURES), LABELS)
    train_plain(network, FEATURES, LABELS, recipe=settings, rng=np.random.default_rng(0))
    after = nn.functional.cross_entropy(network(FEATURES), LABELS)
    assert after < 0.5 * before
    assert torch.isfinite(after)


def test_empty_poisson_batches_leave_weights_without_decay_alone(toy_network, recipe):
    network = toy_network()
    before = [weight.detach().clone() for weight in network.parameters()]
    train_plain(network, FEATURES, LABELS, recipe=recipe(dp=False, rate=1e-12), rng=np.random.default_rng(0))
    assert all(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_devices(monkeypatch):
    assert resolve_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    with pytest.raises(ConfigError, match=r"no CUDA device.*--device cpu"):
        resolve_device("cuda:1")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="mps"):
        resolve_device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == "cuda:0"
    assert resolve_device("cuda:1") == "cuda:1"
    with pytest.raises(ConfigError, match=r"cuda:7.*2 CUDA devices") as caught:
        resolve_device("cuda:7")
    assert caught.value.key == "device"
