"""Gradients of stacked networks, plain and clipped, against those of single models."""

import copy
import warnings

import pytest
import torch
from opacus import GradSampleModule
from opacus.optimizers import DPOptimizer
from torch import nn

from privaudit.training.ensemble_step import EnsembleStep
from privaudit.training.randomness import one_thread
from privaudit.training.stacked_network import StackedNetwork

TOLERANCE = 1e-10  # relative, in float64
N_MODELS, N_RECORDS, SMOOTHING, EXPECTED = 3, 30, 0.1, 4.0


class Residual(nn.Module):
    """Two convolutions round a shortcut, with GroupNorm, as in a small ResNet."""

    def __init__(self, *, in_place=False):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.GroupNorm(2, 8), nn.GroupNorm(4, 8)])
        self.last, self.in_place = nn.Linear(8, 3), in_place

    def forward(self, x):
        identity = nn.functional.relu(self.norms[0](self.first(x)), inplace=self.in_place)
        out = self.norms[1](self.second(identity))
        if self.in_place:
            out += identity
            torch.relu_(out)
        else:
            out = torch.relu(out + identity)
        return self.last(out.mean((2, 3)))


class Sequence(nn.Module):
    """Tokens: Embedding, LayerNorm, Linear on a sequence, LayerNorm over two axes."""

    def __init__(self, width=6, padding_idx=None):
        super().__init__()
        self.embedding, self.norm = nn.Embedding(11, width, padding_idx=padding_idx), nn.LayerNorm(width)
        self.linear, self.last = nn.Linear(width, 5), nn.Linear(5, 3)
        self.both = nn.LayerNorm((7, 5))

    def forward(self, x):
        hidden = torch.tanh(self.linear(self.norm(self.embedding(x.long()))))
        return self.last(self.both(hidden).amax(1))


def cnn(*, pool, middle):
    layers = [nn.Conv2d(1, 4, 5, stride=2, padding=1), nn.ReLU(), pool, middle, nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.LazyLinear(6), nn.Dropout(0.0), nn.ReLU(), nn.Linear(6, 3))


def conv1d():
    layers = [nn.Conv1d(2, 4, 3, padding="same"), nn.Tanh(), nn.Conv1d(4, 6, 3, stride=2), nn.Tanh()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 3))


def half_frozen():
    network = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))
    network[2].requires_grad_(False)
    return network


FAMILIES = {
    "mlp": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 3)), (2, 3)),
    "no bias": (lambda: nn.Sequential(nn.Linear(5, 7, bias=False), nn.Tanh(), nn.Linear(7, 3, bias=False)), (5,)),
    "frozen": (half_frozen, (5,)),
    "max pool": (lambda: cnn(pool=nn.MaxPool2d(2, 1), middle=nn.Conv2d(4, 8, 3, stride=2)), (1, 14, 14)),
    "avg pool": (lambda: cnn(pool=nn.AvgPool2d(2), middle=nn.Conv2d(4, 8, (3, 2), bias=False)), (1, 14, 14)),
    "grouped": (lambda: cnn(pool=nn.Identity(), middle=nn.Conv2d(4, 8, 3, groups=2)), (1, 8, 8)),
    "depthwise": (lambda: cnn(pool=nn.Identity(), middle=nn.Conv2d(4, 4, 3, groups=4, padding=1)), (1, 8, 8)),
    "dilated": (lambda: cnn(pool=nn.Identity(), middle=nn.Conv2d(4, 6, 3, dilation=(2, 1), padding=2)), (1, 14, 14)),
    "conv1d": (conv1d, (2, 10)),
    "first conv grouped": (lambda: nn.Sequential(nn.Conv1d(4, 6, 3, groups=2), nn.Flatten(), nn.Linear(36, 3)), (4, 8)),
    "residual": (Residual, (3, 8, 8)),
    "sequence": (Sequence, (7,)),
    "channels last": (Residual, (3, 8, 8)),
}
# its hooks refuse in-place code, and its gradients of convolutions are wrong for tensors in channels_last order
UNFIT_FOR_OPACUS = ("in place", "channels last")
CASES = [*FAMILIES, "in place"]


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


@pytest.fixture
def networks_of():
    """Models of a family with weights of their own, all records and their labels, in float64."""

    def _networks(family):
        build, shape = FAMILIES.get(family, (lambda: Residual(in_place=True), (3, 8, 8)))
        torch.manual_seed(0)
        features = 2.0 * torch.randn(N_RECORDS, *shape).double()
        if family == "sequence":
            features = torch.randint(0, 11, (N_RECORDS, *shape)).double()
        if family == "channels last":
            features = features.contiguous(memory_format=torch.channels_last)
        networks = [build() for _ in range(N_MODELS)]
        with torch.no_grad():
            for network in networks:
                network(features[:2].float())  # lazy layers take their size
        return [network.double() for network in networks], features, torch.randint(0, 3, (N_RECORDS,))

    with torch.random.fork_rng():
        yield _networks


def by_opacus(network, features, labels, clip):
    """Opacus's clipped sums by weight, and the records' norms."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of hooks on layers whose input has no gradient
        private = GradSampleModule(copy.deepcopy(network), loss_reduction="sum")
        loss = nn.functional.cross_entropy(private(features), labels, reduction="sum", label_smoothing=SMOOTHING)
        loss.backward()
    trained = {name: weight for name, weight in private._module.named_parameters() if weight.requires_grad}
    norms = sum(weight.grad_sample.flatten(1).square().sum(1) for weight in trained.values()).sqrt()
    optimizer = DPOptimizer(
        torch.optim.SGD(trained.values(), lr=1.0),
        noise_multiplier=0.0,
        max_grad_norm=clip,
        expected_batch_size=1,
        loss_reduction="sum",
    )
    optimizer.clip_and_accumulate()
    return {name: weight.summed_grad for name, weight in trained.items()}, norms


def assert_close(found, wanted, divisor):
    """Blocks of K models agree with one model's gradients each, within 1e-10 of each weight's norm."""
    for model, sums in enumerate(wanted):
        assert sums.keys() == found.keys()
        for name, total in sums.items():
            error = (found[name][model] - total / divisor[model]).norm() / (total.norm() / divisor[model])
            assert error < TOLERANCE, (name, model, float(error))


def gradients_of(networks, features, labels, batches, settings, most_records=None):
    """Blocks of the buffer after one step; what it held before must not matter."""
    stacked = StackedNetwork(networks)
    step = EnsembleStep(stacked, features, labels, recipe=settings, most_records=most_records)
    stacked.gradients.fill_(torch.nan)
    step.add_gradients(*batches, keep=False)
    return stacked.blocks


@pytest.fixture(params=["padded", "full"])
def batches(request):
    """Records and sizes of the three models' batches, and the batches themselves."""
    rows = torch.randint(0, N_RECORDS, (N_MODELS, 9), generator=torch.Generator().manual_seed(5))
    if request.param == "full":
        return rows, None, list(rows)
    return rows, torch.tensor([9, 4, 7]), [rows[0], rows[1, :4], rows[2, :7]]


@pytest.mark.parametrize("family", CASES)
def test_clipped_sums_equal_opacus(networks_of, by_autograd, recipe, replaced, batches, family):
    networks, features, labels = networks_of(family)
    rows, sizes, own = batches

    def reference(*part, clip):
        if family in UNFIT_FOR_OPACUS:
            return by_autograd(*part, clip=clip, label_smoothing=SMOOTHING)
        return by_opacus(*part, clip)

    parts = [(network, features[part], labels[part]) for network, part in zip(networks, own, strict=True)]
    clip = 1.001 * float(torch.cat([reference(*part, clip=1.0)[1] for part in parts]).median())
    wanted, norms = zip(*(reference(*part, clip=clip) for part in parts), strict=True)
    assert 0.25 < (torch.cat(norms) > clip).double().mean() < 0.75
    settings = replaced(recipe(noise=0.0, clip=clip, expected=EXPECTED), label_smoothing=SMOOTHING)
    for most_records in (None, 4):
        found = gradients_of(networks, features, labels, (rows, sizes), settings, most_records)
        assert_close(found, wanted, [EXPECTED] * N_MODELS)


@pytest.mark.parametrize("family", CASES)
def test_plain_gradients_equal_autograd(networks_of, by_autograd, recipe, replaced, batches, family):
    networks, features, labels = networks_of(family)
    rows, sizes, own = batches
    wanted = [
        by_autograd(network, features[part], labels[part], label_smoothing=SMOOTHING)[0]
        for network, part in zip(networks, own, strict=True)
    ]
    for expected, divisor in ((EXPECTED, [EXPECTED] * N_MODELS), (None, [len(part) for part in own])):
        settings = replaced(recipe(dp=False, expected=expected), label_smoothing=SMOOTHING)
        for most_records in (None, 4):
            found = gradients_of(networks, features, labels, (rows, sizes), settings, most_records)
            assert_close(found, wanted, divisor)


def test_gradients_are_added_to_what_the_buffer_holds(networks_of, recipe):
    networks, features, labels = networks_of("residual")
    stacked = StackedNetwork(networks)
    step = EnsembleStep(stacked, features, labels, recipe=recipe(), most_records=4)
    rows = torch.arange(27).view(N_MODELS, 9)
    step.add_gradients(rows, None, keep=False)
    alone = stacked.gradients.clone()
    stacked.gradients.fill_(3.0)
    step.add_gradients(rows, None, keep=True)
    torch.testing.assert_close(stacked.gradients, alone + 3.0, rtol=1e-12, atol=1e-12)
    step.add_gradients(rows[:, :0], None, keep=True)
    torch.testing.assert_close(stacked.gradients, alone + 3.0, rtol=1e-12, atol=1e-12)
    step.add_gradients(rows[:, :0], None, keep=False)
    assert not stacked.gradients.any()


def test_padding_row_of_an_embedding_has_no_gradient_where_opacus_gives_it_one(
    networks_of, by_autograd, recipe, replaced
):
    _, features, labels = networks_of("sequence")
    torch.manual_seed(1)
    networks = [Sequence(padding_idx=3).double() for _ in range(N_MODELS)]
    rows = torch.arange(27).view(N_MODELS, 9)
    own = [(network, features[part], labels[part]) for network, part in zip(networks, rows, strict=True)]
    assert all((part == 3).any() for _, part, _ in own)
    for clip in (1e6, float(by_autograd(*own[0], label_smoothing=SMOOTHING)[1].median())):
        wanted = [by_autograd(*part, clip=clip, label_smoothing=SMOOTHING)[0] for part in own]
        settings = replaced(recipe(noise=0.0, clip=clip, expected=EXPECTED), label_smoothing=SMOOTHING)
        found = gradients_of(networks, features, labels, (rows, None), settings)
        assert_close(found, wanted, [EXPECTED] * N_MODELS)
        assert not found["embedding.weight"][:, 3].any()
    # without clipping, Opacus differs in that row and nowhere else
    opacus = by_opacus(*own[0], 1e6)[0]
    plain = by_autograd(*own[0], label_smoothing=SMOOTHING)[0]
    differs = {name: (opacus[name] - plain[name]).abs() > 1e-9 for name in plain}
    assert set(differs.pop("embedding.weight").any(1).nonzero().flatten().tolist()) == {3}
    assert not any(part.any() for part in differs.values())
