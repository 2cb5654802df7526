"""What stacked networks refuse, and the parts of them that a family of networks may not reach."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from privaudit.training import stacked_convolution
from privaudit.training.ensemble_step import EnsembleStep
from privaudit.training.randomness import one_thread
from privaudit.training.stacked_convolution import StackedConvolution
from privaudit.training.stacked_layers import NotBatchableError
from privaudit.training.stacked_network import StackedNetwork

LABELS, ROWS = torch.arange(12) % 3, torch.arange(12).view(3, 4)


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread(), torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def step_of(networks, features, settings):
    step = EnsembleStep(StackedNetwork(networks), features, LABELS, recipe=settings)
    step.add_gradients(ROWS, None, keep=False)
    return step.stacked.blocks


@pytest.fixture
def assert_clipped(by_autograd, recipe):
    """Compare a step's clipped gradients with those of single models; about half of the records are clipped."""

    def _assert_clipped(networks, features):
        parts = [(network, features[part], LABELS[part]) for network, part in zip(networks, ROWS, strict=True)]
        clip = 1.001 * float(torch.cat([by_autograd(*part)[1] for part in parts]).median())
        found = step_of(networks, features, recipe(noise=0.0, clip=clip, expected=4.0))
        for model, part in enumerate(parts):
            for name, total in by_autograd(*part, clip=clip)[0].items():
                torch.testing.assert_close(found[name][model], total / 4.0, rtol=1e-10, atol=1e-13)

    return _assert_clipped


@pytest.mark.parametrize(("length", "is_by_gram"), [(2, True), (4, True), (5, False), (9, False)])
@pytest.mark.parametrize("kind", ["linear", "convolution"])
def test_both_ways_of_the_norms_of_sequences(assert_clipped, monkeypatch, kind, length, is_by_gram):
    assert (2 * length**2 <= 5 * 8) == is_by_gram  # positions against the weights of 5 outputs of 8 inputs
    spied, gram = [], stacked_convolution.sequence_norms
    monkeypatch.setattr(stacked_convolution, "sequence_norms", lambda *parts: spied.append(parts) or gram(*parts))
    networks = [
        nn.Sequential(
            nn.Linear(8, 5) if kind == "linear" else nn.Conv1d(1, 5, 8, stride=8),
            *(nn.Tanh(), nn.Flatten(), nn.Linear(5 * length, 3)),
        ).double()
        for _ in range(3)
    ]
    assert_clipped(networks, torch.randn(12, *((length, 8) if kind == "linear" else (1, 8 * length))).double())
    assert bool(spied) == (is_by_gram and kind == "convolution")  # a Linear calls it for both ways


SETTINGS = [
    {},
    {"bias": False, "stride": 2},
    {"groups": 2, "padding": 1},
    {"groups": 4, "dilation": 2, "stride": (1, 2), "padding": (2, 0)},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_accelerators_convolution_equals_one_after_the_other(settings):
    singles = [nn.Conv2d(4, 8, 3, **settings).double() for _ in range(3)]
    layer = StackedConvolution(singles[0], 3)
    names = [name for name, _ in singles[0].named_parameters()]
    layer.bind({name: torch.stack([single.get_parameter(name) for single in singles]) for name in names}, {})
    images = torch.randn(3 * 5, 4, 9, 8, requires_grad=True, dtype=torch.float64)
    wanted = torch.cat([single(part) for single, part in zip(singles, images.split(5), strict=True)])
    at_output = torch.randn_like(wanted)
    for output in (layer._one_by_one(images), layer._grouped(images)):
        torch.testing.assert_close(output, wanted, rtol=1e-12, atol=1e-12)
        gradients = torch.autograd.grad(output, images, at_output)
        torch.testing.assert_close(gradients, torch.autograd.grad(wanted, images, at_output, retain_graph=True))


@pytest.mark.parametrize("flat", [True, False])
def test_gradients_by_the_accelerators_convolution(assert_clipped, monkeypatch, flat):
    monkeypatch.setattr(StackedConvolution, "_one_by_one", StackedConvolution._grouped)
    kind, shape = (nn.Conv1d, (2, 11)) if flat else (nn.Conv2d, (2, 7, 6))
    layers = [
        nn.Sequential(kind(2, 4, 3), nn.Tanh(), kind(4, 6, 2, groups=2, stride=2), nn.Flatten(), nn.LazyLinear(3))
        for _ in range(3)
    ]
    features = torch.randn(12, *shape)
    for network in layers:
        network(features)
    assert_clipped([network.double() for network in layers], features.double())


class Changed(nn.Module):
    """Changes the records in place before its first layer reads them."""

    def __init__(self, after=False):
        super().__init__()
        self.linear, self.last, self.after = nn.Linear(5, 4), nn.Linear(4, 3), after

    def forward(self, x):
        if not self.after:
            x.mul_(3.0).sub_(1.0)
        hidden = self.linear(x)
        if self.after:
            x += 1.0
        return self.last(torch.tanh(hidden))


def test_records_changed_in_place_before_the_first_layer(assert_clipped):
    assert_clipped([Changed().double() for _ in range(3)], torch.randn(12, 5).double())


def test_one_record_per_model_and_one_model(by_autograd, recipe):
    features = torch.randn(12, 2, 6, 6).double().contiguous(memory_format=torch.channels_last)
    layers = [
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).double()
        for _ in range(3)
    ]
    for networks, rows in ((layers, ROWS[:, :1]), (layers[:1], ROWS[:1]), (layers[:1], ROWS[:1, :1])):
        step = EnsembleStep(StackedNetwork(networks), features, LABELS, recipe=recipe(clip=1.0, expected=1.0))
        step.add_gradients(rows, None, keep=False)
        for model, network in enumerate(networks):
            for name, total in by_autograd(network, features[rows[model]], LABELS[rows[model]], clip=1.0)[0].items():
                torch.testing.assert_close(step.stacked.blocks[name][model], total, rtol=1e-10, atol=1e-13)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(5, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.middle(torch.tanh(self.middle(self.first(x)))))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.last(self.second(self.first(x)))


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.last = nn.Parameter(torch.ones(5)), nn.Linear(5, 3)

    def forward(self, x):
        return self.last(x * self.scale)


def hooked():
    network = nn.Linear(5, 3)
    network.register_forward_hook(lambda *parts: None)
    return network


def masked():
    network = nn.Linear(5, 3)
    network.weight.register_hook(lambda gradient: gradient * 0.0)
    return network


def partly_frozen():
    network = nn.Linear(5, 3)
    network.bias.requires_grad_(False)
    return network


REFUSED = {
    "used twice": (Twice, "Linear layer is used twice"),
    "tied weights": (Tied, "two places"),
    "a layer in two places": (lambda: nn.Sequential(*[nn.Linear(5, 5)] * 2, nn.Linear(5, 3)), "two places"),
    "input changed in place": (lambda: Changed(after=True), "input of a Linear layer is changed in place"),
    "bare weight": (Bare, "Bare has weights that cannot be stacked"),
    "hook": (hooked, "Linear has hooks"),
    "hook on a weight": (masked, "a weight has hooks"),
    "partly frozen": (partly_frozen, "frozen in part"),
    "weight norm": (lambda: parametrizations.weight_norm(nn.Linear(5, 3)), "cannot be stacked"),
    "BatchNorm": (lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)), r"BatchNorm1d \(1\)"),
    "circular": (lambda: nn.Conv1d(1, 3, 3, padding_mode="circular"), "padding_mode circular"),
    "even window": (lambda: nn.Conv1d(1, 3, 2, padding="same"), "even window"),
    "recurrent": (lambda: nn.GRU(5, 3), "GRU has weights that cannot be stacked"),
    "max_norm": (lambda: nn.Embedding(9, 3, max_norm=1.0), "max_norm"),
    "sparse": (lambda: nn.Embedding(9, 3, sparse=True), "sparse"),
    "rows of several records": (
        lambda: nn.Sequential(nn.Linear(5, 3), nn.Flatten(0), nn.Unflatten(0, (6, -1))),
        "one row",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_stacked_is_refused(recipe, case):
    build, text = REFUSED[case]
    with pytest.raises(NotBatchableError, match=text):
        step_of([build() for _ in range(3)], torch.randn(12, 5), recipe())


def test_models_of_different_shapes_are_refused():
    with pytest.raises(NotBatchableError, match=r"differ in their weights \(weight\)"):
        StackedNetwork([nn.Linear(5, 3), nn.Linear(5, 4)])


@pytest.mark.parametrize("number", [9, -1])
def test_a_number_out_of_range_does_not_read_another_models_row(recipe, number):
    networks = [nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 3)) for _ in range(3)]
    tokens = torch.randint(0, 9, (12, 2), generator=torch.Generator().manual_seed(0))
    step_of(networks, tokens, recipe(dp=False))
    tokens[int(ROWS[1, 0]), 1] = number  # a record of the second of three models
    with pytest.raises(IndexError):
        networks[1](tokens[ROWS[1]])
    with pytest.raises(IndexError):
        step_of(networks, tokens, recipe(dp=False))


def test_models_keep_their_weights_until_they_are_written_back():
    networks = [nn.Linear(5, 3) for _ in range(3)]
    before = copy.deepcopy([network.state_dict() for network in networks])
    stacked = StackedNetwork(networks)
    stacked.values.add_(1.0)
    assert all(torch.equal(network.weight, old["weight"]) for network, old in zip(networks, before, strict=True))
    assert stacked.write_back(1) is networks[1]
    assert torch.equal(networks[1].weight, before[1]["weight"] + 1.0)
    assert torch.equal(networks[1].bias, before[1]["bias"] + 1.0)
    assert torch.equal(networks[0].weight, before[0]["weight"])
    assert torch.equal(networks[2].bias, before[2]["bias"])
