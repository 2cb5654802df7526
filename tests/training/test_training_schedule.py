import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from privaudit.config import ScheduleConfig
from privaudit.training.dpsgd import train_private
from privaudit.training.loop import train_plain
from privaudit.training.schedule import learning_rate_at, learning_rates

COSINE = ScheduleConfig(name="cosine")
STEP = ScheduleConfig(name="step", milestones=(0.3, 0.6), gamma=0.1)
FEATURES = torch.from_numpy(np.random.default_rng(1).normal(size=(24, 5)).astype(np.float32))
LABELS = torch.from_numpy(np.random.default_rng(2).integers(0, 2, 24))


def flat(network):
    return torch.cat([weight.detach().reshape(-1) for weight in network.parameters()]).double()


def train(network, recipe, *, private):
    rng = np.random.default_rng(0)
    if private:
        train_private(network, FEATURES, LABELS, recipe=recipe, rng=rng, noise_seed=7)
    else:
        train_plain(network, FEATURES, LABELS, recipe=recipe, rng=rng)
    return flat(network)


def by_torch(make_schedule, n_steps):
    """The rates of torch's own scheduler."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    schedule = make_schedule(optimizer)
    rates = []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize("n_steps", [1, 2, 7, 100])
def test_cosine_and_step_are_those_of_torch(n_steps):
    cosine = by_torch(lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps), n_steps)
    np.testing.assert_allclose(learning_rates(COSINE, lr=0.3, n_steps=n_steps), cosine, rtol=1e-10)
    milestones = [math.ceil(round(share * n_steps, 9)) for share in STEP.milestones]
    step = by_torch(lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, 0.1), n_steps)
    np.testing.assert_allclose(learning_rates(STEP, lr=0.3, n_steps=n_steps), step, rtol=1e-12)


def test_constant_is_the_rate_to_the_last_bit():
    assert learning_rates(ScheduleConfig(), lr=0.1, n_steps=5).tolist() == [0.1] * 5


@pytest.mark.parametrize(("n_steps", "rise"), [(100, 29), (3, 0), (4, 1), (1, 0)])
def test_warm_up_is_linear_and_rounded_down(n_steps, rise):
    """0.29 of 100 steps is 28.999999999999996 in floating point."""
    for schedule in (ScheduleConfig(warmup=0.29), ScheduleConfig(name="cosine", warmup=0.29)):
        rates = learning_rates(schedule, lr=2.0, n_steps=n_steps)
        np.testing.assert_allclose(rates[:rise], [2.0 * (step + 1) / rise for step in range(rise)], rtol=1e-15)
        rest = learning_rates(ScheduleConfig(name=schedule.name), lr=2.0, n_steps=n_steps - rise)
        np.testing.assert_allclose(rates[rise:], rest, rtol=1e-15)


def test_step_with_warm_up():
    schedule = ScheduleConfig(name="step", warmup=0.2, milestones=(0.5, 0.8), gamma=0.5)
    wanted = [0.5, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert learning_rates(schedule, lr=1.0, n_steps=10).tolist() == wanted


@given(
    st.sampled_from(["constant", "cosine", "step"]),
    st.floats(0.0, 0.9999999999999),
    st.floats(1e-6, 1e3),
    st.integers(1, 300),
)
def test_rates_rise_then_never_rise_again_and_stay_above_0(name, warmup, lr, n_steps):
    extra = {"milestones": (0.99999999999995,), "gamma": 0.3} if name == "step" else {}
    rates = learning_rates(ScheduleConfig(name=name, warmup=warmup, **extra), lr=lr, n_steps=n_steps)
    assert rates.shape == (n_steps,)
    assert rates.dtype == np.float64
    assert rates.min() > 0
    top = int(np.argmax(rates))
    assert rates[top] == pytest.approx(lr, rel=1e-12)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) <= 0).all()


def test_the_last_rate_holds():
    rates = np.array([0.4, 0.2, 0.1])
    assert [learning_rate_at(rates, step) for step in (0, 1, 2, 3, 1000)] == [0.4, 0.2, 0.1, 0.1, 0.1]
    assert type(learning_rate_at(rates, 0)) is float


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_each_step_is_made_with_its_rate(toy_network, recipe, monkeypatch, private, name):
    """Opacus's optimizer wraps the one that steps."""
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    used, inner = [], kind.step
    monkeypatch.setattr(
        kind, "step", lambda self, *a, **k: used.append(self.param_groups[0]["lr"]) or inner(self, *a, **k)
    )
    settings = recipe(name=name, lr=0.01, steps=9, rate=0.1, dp=private)
    settings = dataclasses.replace(settings, schedule=COSINE, schedule_steps=6)
    train(toy_network(), settings, private=private)
    wanted = learning_rates(COSINE, lr=0.01, n_steps=6).tolist()
    assert used == wanted + wanted[-1:] * 3


@pytest.mark.parametrize("private", [True, False])
def test_training_follows_schedule_and_label_smoothing(toy_network, recipe, private):
    """Gradient descent written out in float64, on full batches."""
    schedule = ScheduleConfig(name="step", warmup=0.3, milestones=(0.7,), gamma=0.25)
    settings = recipe(noise=0.0, clip=1e6, lr=0.8, steps=10, rate=1.0, expected=24.0, dp=private)
    settings = dataclasses.replace(settings, schedule=schedule, label_smoothing=0.2)
    network, reference = toy_network(), toy_network().double()
    for rate in [0.8 / 3, 1.6 / 3, *[0.8] * 5, *[0.2] * 3]:
        loss = nn.functional.cross_entropy(reference(FEATURES.double()), LABELS, label_smoothing=0.2)
        for weight, gradient in zip(
            reference.parameters(), torch.autograd.grad(loss, list(reference.parameters())), strict=True
        ):
            weight.data -= rate * gradient
    torch.testing.assert_close(train(network, settings, private=private), flat(reference), rtol=1e-4, atol=1e-5)


def test_noise_is_scaled_by_the_rate_of_its_step(toy_network, recipe):
    halved = ScheduleConfig(name="step", milestones=(0.5,), gamma=0.5)
    start = flat(toy_network())
    one, two, got = (
        start - train(toy_network(), dataclasses.replace(recipe(steps=n, rate=1e-12, lr=1.0), **keys), private=True)
        for n, keys in ((1, {}), (2, {}), (2, {"schedule": halved}))
    )
    torch.testing.assert_close(got, one + 0.5 * (two - one), rtol=1e-4, atol=1e-6)


def test_epochs_beyond_the_public_number_keep_the_last_rate(toy_network, monkeypatch, recipe):
    used, inner = [], torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD, "step", lambda self, *a, **k: used.append(self.param_groups[0]["lr"]) or inner(self, *a, **k)
    )
    settings = dataclasses.replace(
        recipe(dp=False, lr=1.0),
        steps=None,
        sample_rate=None,
        expected_batch_size=None,
        epochs=2,
        batch_size=8,
        schedule_steps=4,
        schedule=COSINE,
    )
    train(toy_network(), settings, private=False)  # 24 records: 6 batches
    assert used == pytest.approx([1.0, (1 + math.sqrt(0.5)) / 2, 0.5, *[(1 - math.sqrt(0.5)) / 2] * 3])
