import copy
import math
import random

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from privaudit.errors import UnsupportedError
from privaudit.training.batches import poisson_batches
from privaudit.training.buffers import check_buffers
from privaudit.training.check import check_network
from privaudit.training.dpsgd import train_private
from privaudit.training.loop import train_plain
from privaudit.training.loss import classification_loss
from privaudit.training.model_spec import ModelSpec
from privaudit.training.one_model import train_one, trained_network
from privaudit.training.randomness import seeds_of_model
from privaudit.training.weights import load_weights

ERROR = 1e-6  # of each statistical test here
FEATURES = torch.from_numpy(np.random.default_rng(1).normal(size=(24, 5)).astype(np.float32)) * 3.0
LABELS = torch.from_numpy(np.random.default_rng(2).integers(0, 2, 24))


def flat(network):
    return torch.cat([weight.detach().reshape(-1) for weight in network.parameters()])


def train(network, features, labels, recipe, *, seed=0, noise_seed=7):
    train_private(network, features, labels, recipe=recipe, rng=np.random.default_rng(seed), noise_seed=noise_seed)
    return network


def clipped_sum(network, features, labels, clip):
    """The sum of the records' clipped gradients, one record after the other, in float64."""
    network = copy.deepcopy(network).double()
    total, norms = torch.zeros(0, dtype=torch.float64), []
    for row in range(len(features)):
        loss = nn.functional.cross_entropy(network(features[row : row + 1].double()), labels[row : row + 1])
        gradient = torch.cat([part.reshape(-1) for part in torch.autograd.grad(loss, list(network.parameters()))])
        norms.append(float(gradient.norm()))
        gradient = gradient * min(1.0, clip / norms[-1])
        total = gradient if not len(total) else total + gradient
    return total, norms


@pytest.mark.parametrize("n", [24, 15])
@pytest.mark.parametrize("clip", [0.5, 1.5, 1e3])
def test_one_step_is_the_clipped_sum_over_the_public_constant(toy_network, recipe, n, clip):
    network = toy_network()
    before = flat(network).double()
    wanted, norms = clipped_sum(network, FEATURES[:n], LABELS[:n], clip)
    if clip == 1.5:
        assert min(norms) < clip < max(norms)  # some are clipped, some are not
    # the divisor is 7 for 24 records as for 15: neither the batch's nor the set's size
    train(network, FEATURES[:n], LABELS[:n], recipe(noise=0.0, clip=clip, lr=0.5, steps=1, rate=1.0, expected=7.0))
    update = (before - flat(network).double()).numpy()
    np.testing.assert_allclose(update, (0.5 * wanted / 7.0).numpy(), rtol=1e-4, atol=1e-6)


def test_a_step_uses_the_poisson_batch_of_the_generator(toy_network, recipe):
    network = toy_network()
    before = flat(network).double()
    rows = next(poisson_batches(24, sample_rate=0.4, steps=1, rng=np.random.default_rng(3)))
    wanted, _ = clipped_sum(network, FEATURES[rows], LABELS[rows], 1.0)
    train(network, FEATURES, LABELS, recipe(noise=0.0, lr=1.0, steps=1, rate=0.4, expected=4.8), seed=3)
    np.testing.assert_allclose((before - flat(network).double()).numpy(), (wanted / 4.8).numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n", [10, 20])
def test_noise_of_empty_batches_has_the_stated_deviation(recipe, n):
    torch.manual_seed(0)
    network = nn.Linear(500, 40)
    before = flat(network).double()
    noise, clip, expected, lr = 1.3, 0.7, 12.5, 0.2
    zeros = torch.zeros(n, 500)
    # at rate 1e-12 every batch is empty
    settings = recipe(noise=noise, clip=clip, lr=lr, steps=1, rate=1e-12, expected=expected)
    train(network, zeros, torch.zeros(n, dtype=torch.int64), settings)
    z = ((before - flat(network).double()) / (lr * noise * clip / expected)).numpy()
    low, high = stats.chi2.ppf([ERROR / 2, 1 - ERROR / 2], len(z))
    assert low < (z**2).sum() < high
    assert abs(z.mean()) < stats.norm.ppf(1 - ERROR / 2) / math.sqrt(len(z))
    assert stats.kstest(z, "norm").pvalue > ERROR


def test_noise_on_coordinates_without_gradient(recipe):
    torch.manual_seed(0)
    network = nn.Linear(5000, 2)
    features = torch.zeros(16, 5000)
    features[:, :10] = 1.0
    before = network.weight.detach().clone()
    settings = recipe(noise=2.0, clip=0.5, lr=1.0, steps=4, rate=0.5, expected=8.0)
    train(network, features, torch.arange(16) % 2, settings)
    z = ((before - network.weight.detach())[:, 10:].double() / (2.0 * 0.5 / 8.0 * math.sqrt(4))).numpy().ravel()
    low, high = stats.chi2.ppf([ERROR / 2, 1 - ERROR / 2], len(z))
    assert low < (z**2).sum() < high


def test_steps_are_exact_and_each_adds_noise(recipe, monkeypatch, toy_network):
    calls = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self, *a, **k: calls.append(1) or step(self, *a, **k))
    train(toy_network(), FEATURES, LABELS, recipe(steps=13, rate=0.05))  # some batches are empty
    assert len(calls) == 13


@pytest.mark.statistical
def test_poisson_batches_are_independent_at_the_stated_rate():
    n, steps, rate = 200, 2000, 0.03
    batches = list(poisson_batches(n, sample_rate=rate, steps=steps, rng=np.random.default_rng(0)))
    assert len(batches) == steps
    taken = np.zeros((steps, n), dtype=bool)
    for step, rows in enumerate(batches):
        assert len(set(rows.tolist())) == len(rows)
        taken[step, rows] = True
    low, high = stats.binom.ppf([ERROR / 2, 1 - ERROR / 2], n * steps, rate)
    assert low <= taken.sum() <= high
    per_record = stats.binom.ppf([ERROR / 2 / n, 1 - ERROR / 2 / n], steps, rate)
    assert per_record[0] <= taken.sum(axis=0).min()
    assert taken.sum(axis=0).max() <= per_record[1]
    # a record in two steps running, and two neighbouring records in one step: rate ** 2 each
    for both in (taken[::2] & taken[1::2], taken[:, ::2] & taken[:, 1::2]):
        low, high = stats.binom.ppf([ERROR / 2, 1 - ERROR / 2], both.size, rate**2)
        assert low <= both.sum() <= high
    sizes = taken.sum(axis=1)
    assert len(set(sizes.tolist())) > 5
    spread = (steps - 1) * sizes.var(ddof=1) / (n * rate * (1 - rate))
    low, high = stats.chi2.ppf([ERROR / 2, 1 - ERROR / 2], steps - 1)
    assert low * 0.9 < spread < high * 1.1  # the chi-square of binomial sizes is approximate


def test_poisson_batches_are_drawn_in_float64():
    class Recorder:
        def random(self, n):
            # 0.1 in float32 is above 0.1: float32 draws or rates would take these records
            return np.full(n, 0.1 + 1e-12)

    assert [len(rows) for rows in poisson_batches(5, sample_rate=0.1, steps=2, rng=Recorder())] == [0, 0]


@pytest.mark.parametrize("rate", [1e-9, 1.0])
def test_poisson_extremes(rate):
    sizes = {len(rows) for rows in poisson_batches(9, sample_rate=rate, steps=3, rng=np.random.default_rng(0))}
    assert sizes == ({9} if rate == 1.0 else {0})


def test_batch_norm_is_refused_before_training(dataset, user_file, recipe):
    spec = ModelSpec(build="mine.py:norm", base=user_file.parent)
    with pytest.raises(UnsupportedError, match=r"BatchNorm.*GroupNorm") as caught:
        check_network(spec, dataset, is_private=True)
    assert "\n" not in str(caught.value)
    check_network(spec, dataset, is_private=False)
    network = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    with pytest.raises(UnsupportedError, match="GroupNorm"):
        train(network, FEATURES, LABELS, recipe())


def test_a_model_built_in_evaluation_mode_can_be_trained(dataset, user_file, recipe, job_of):
    check_network(ModelSpec(build="mine.py:asleep", base=user_file.parent), dataset, is_private=True)
    assert train_one(job_of(build="mine.py:asleep"), 0).error == ""


def test_a_forward_that_cannot_run_0_or_1_records(user_file, job_of, recipe, dataset):
    """``view(len(x), -1)`` raises on an empty batch and ``squeeze()`` drops the axis of a batch of one."""
    check_network(ModelSpec(build="mine.py:squeezed", base=user_file.parent), dataset, is_private=True)
    for name, dp in (("private", True), ("plain", False)):
        job = job_of(name, build="mine.py:squeezed", recipe=recipe(rate=0.05, steps=60, expected=1.0, dp=dp))
        assert [train_one(job, model).error for model in range(2)] == ["", ""]


def test_same_seed_same_bytes_and_models_differ(job_of, contents):
    first, second, other = job_of("a"), job_of("b"), job_of("c", seed=1)
    for job in (first, second, other):
        assert [train_one(job, model).error for model in (0, 1, 2)] == ["", "", ""]
    assert contents(first) == contents(second)
    assert len({*contents(first).values(), *contents(other).values()}) == 6
    seeds = [seed for model in range(50) for seed in seeds_of_model(0, model)]
    assert len({seed % 2**32 for seed in seeds}) == 200  # all that torch's generator on a CPU heeds


def test_batches_noise_and_weights_differ_between_models(recipe, toy_network):
    settings = recipe(steps=1, rate=1e-12)
    start = flat(toy_network())
    noises = [flat(train(toy_network(), FEATURES, LABELS, settings, noise_seed=seed)) - start for seed in (1, 1, 2)]
    assert torch.equal(noises[0], noises[1])
    assert not torch.isclose(noises[0], noises[2]).any()
    quiet = recipe(noise=0.0, rate=0.3)
    ends = [flat(train(toy_network(), FEATURES, LABELS, quiet, seed=seed)) for seed in (1, 1, 2)]
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize("dp", [True, False])
def test_the_callers_random_states_and_threads_are_left_alone(job_of, recipe, dp):
    job = job_of(recipe=recipe(dp=dp))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        before = torch.get_rng_state(), np.random.get_state(), random.getstate()
        assert train_one(job, 0).error == ""
        after = torch.get_rng_state(), np.random.get_state(), random.getstate()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(before[0], after[0])
    assert all(np.array_equal(a, b) for a, b in zip(before[1], after[1], strict=True))
    assert before[2] == after[2]
    torch.manual_seed(99)  # nor do they leak in
    assert torch.equal(flat(trained_network(job, 0)), flat(trained_network(job, 0)))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("dp", [True, False])
def test_every_optimizer_trains(job_of, recipe, name, dp):
    job = job_of(recipe=recipe(name=name, momentum=0.9 if name == "sgd" else 0.0, lr=0.01, dp=dp))
    before = flat(trained_network(job, 0))
    job = job_of(recipe=recipe(name=name, momentum=0.9 if name == "sgd" else 0.0, lr=0.01, dp=dp, steps=9))
    assert not torch.equal(before, flat(trained_network(job, 0)))


def test_momentum_adds_up_the_noisy_steps(recipe, toy_network):
    plain = recipe(noise=1.0, steps=2, rate=1e-12, lr=1.0)
    start = flat(toy_network())
    one = start - flat(train(toy_network(), FEATURES, LABELS, recipe(noise=1.0, steps=1, rate=1e-12, lr=1.0)))
    two = start - flat(train(toy_network(), FEATURES, LABELS, plain))
    with_momentum = recipe(noise=1.0, steps=2, rate=1e-12, lr=1.0, momentum=0.5)
    got = start - flat(train(toy_network(), FEATURES, LABELS, with_momentum))
    torch.testing.assert_close(got, two + 0.5 * one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(24,), (24, 1)])
def test_one_output_is_binary_cross_entropy(shape):
    output = torch.linspace(-30, 30, 24).reshape(shape)
    wanted = nn.functional.binary_cross_entropy_with_logits(output.reshape(-1), LABELS.float(), reduction="sum")
    torch.testing.assert_close(classification_loss(output, LABELS), wanted)
    torch.testing.assert_close(
        classification_loss(torch.tensor(1.5), torch.tensor([1])), torch.tensor(math.log1p(math.exp(-1.5)))
    )


def test_one_output_trains_alike_with_and_without_an_axis(recipe, toy_network):
    class WithoutAxis(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x)[:, 0]

    settings = recipe(rate=0.5, expected=12.0)
    ends = [
        flat(train(wrap(toy_network(n_outputs=1)), FEATURES, LABELS, settings)) for wrap in (lambda x: x, WithoutAxis)
    ]
    torch.testing.assert_close(ends[0], ends[1])


def test_private_without_noise_and_clip_is_plain(recipe, toy_network):
    """The positive control differs from the private recipe in noise and clip alone."""
    private = recipe(noise=0.0, clip=1e6, rate=0.3, steps=5, momentum=0.9, lr=0.1)
    a, b = toy_network(), toy_network()
    train(a, FEATURES, LABELS, private)
    train_plain(b, FEATURES, LABELS, recipe=private.without_privacy(), rng=np.random.default_rng(0))
    torch.testing.assert_close(flat(a), flat(b), rtol=1e-4, atol=1e-6)


def test_no_trainable_weights(dataset, user_file):
    with pytest.raises(UnsupportedError, match="no weights to train"):
        check_network(ModelSpec(build="mine.py:frozen", base=user_file.parent), dataset, is_private=True)


def test_stored_weights_are_the_trained_ones(job_of):
    job = job_of()
    assert train_one(job, 3).error == ""
    wanted = trained_network(job, 3)
    empty = copy.deepcopy(wanted)
    nn.init.zeros_(empty[1].weight)
    load_weights(job.folder / "models" / "00003.safetensors", empty)
    assert torch.equal(flat(empty), flat(wanted))


@pytest.mark.parametrize(
    "layer",
    [
        "nn.BatchNorm1d(3, affine=False)",
        "frozen(nn.BatchNorm1d(3))",
        "nn.InstanceNorm1d(3, track_running_stats=True)",
    ],
)
def test_frozen_layers_that_mix_records_are_refused_too(dataset, tmp_path, layer):
    """Opacus looks at trained layers only; a frozen BatchNorm carries its batch statistics past the clipping."""
    (tmp_path / "mix.py").write_text(
        "from torch import nn\n"
        "def frozen(layer):\n"
        "    layer.requires_grad_(False)\n"
        "    return layer\n"
        f"def net(n, k): return nn.Sequential(nn.Linear(n, 3), {layer}, nn.Linear(3, k))\n"
    )
    with pytest.raises(UnsupportedError, match=r"GroupNorm|cannot run"):
        check_network(ModelSpec(build="mix.py:net", base=tmp_path), dataset, is_private=True)


def test_a_buffer_that_learns_is_refused(dataset, tmp_path):
    network = nn.Sequential(nn.Linear(2, 2))
    network.register_buffer("seen", torch.zeros(1))
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    check_buffers(before, network)
    network.seen += 1
    with pytest.raises(UnsupportedError, match="buffer seen changed"):
        check_buffers(before, network)
