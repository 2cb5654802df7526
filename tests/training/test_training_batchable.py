"""What can be trained side by side is found out by computing, and all else is named."""

import numpy as np
import pytest
import torch

from privaudit.config import EngineConfig
from privaudit.data.dataset import dataset_from_arrays
from privaudit.errors import UnsupportedError
from privaudit.training.batchable import probe_network
from privaudit.training.choose_trainer import choose_trainer
from privaudit.training.model_spec import ModelSpec
from privaudit.training.stacked_layers import NotBatchableError

NETWORKS = """
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FIRST = ("mean of records", "largest of records", "mixup", "unit norm")

class Net(nn.Module):
    def __init__(self, n, k, trick=""):
        super().__init__()
        self.trick = trick
        self.norm = nn.BatchNorm1d(n, affine=False, track_running_stats=False) if trick == "bare" else nn.Identity()
        self.first, self.second, self.last = nn.Linear(n, 6), nn.Linear(6, 6), nn.Linear(6, k)
        if trick == "buffer":
            self.register_buffer("table", torch.randn(6))
        if trick == "counter":
            self.register_buffer("seen", torch.zeros(1))
        if trick == "attribute":
            self.scale = float(torch.rand(()))

    def forward(self, x):
        x = self.norm(x)
        h = None if self.trick in FIRST else torch.tanh(self.first(x))
        if self.trick == "batch mean":
            h = h - h.mean(0)
        if self.trick == "training mean" and self.training:
            h = h - h.mean(0)
        if self.trick == "batch size":
            h = h / len(x)
        if self.trick == "mean of records":
            h = torch.tanh(self.first(x - x.mean(0)))
        if self.trick == "largest of records":
            h = torch.tanh(self.first(x / x.abs().max()))
        if self.trick == "mixup":
            h = torch.tanh(self.first(0.7 * x + 0.3 * x.roll(1, 0)))
        if self.trick == "wide":
            h = h - h.mean(0) if len(x) > 64 else h
        if self.trick == "layer drop" and self.training and float(torch.rand(1)) < 0.01:
            h = h * 0.5
        if self.trick == "unit norm":
            x.data.div_(x.data.norm(dim=1, keepdim=True))
            h = torch.tanh(self.first(x))
        if self.trick == "buffer":
            h = h * self.table
        if self.trick == "counter":
            self.seen += len(x)
        if self.trick == "attribute":
            h = h * self.scale
        if self.trick == "twice":
            h = self.second(h)
        if self.trick == "weight":
            h = h @ self.second.weight
        if self.trick == "detached":
            return self.last(h + self.second(h.detach()))
        if self.trick == "numpy":
            h = h * torch.from_numpy(np.ones(6))
        if self.trick == "float32":
            h = F.linear(h, torch.ones(6, 6))
        if self.trick == "in place input":
            h = h.clone()
            z = self.second(h)
            h.add_(1.0)
            return self.last(z + h)
        if self.trick == "in place output":
            return self.last(self.second(h).mul_(2.0).relu_())
        h = self.second(h)
        if self.trick == "functional dropout":
            h = F.dropout(h, 0.5, training=self.training)
        return self.last(h)

def net(n, k, trick=""):
    return Net(n, k, trick)

def tied(n, k):
    model = Net(n, k)
    model.second.weight = nn.Parameter(torch.ones(6, 6))
    model.last = nn.Linear(6, k)
    model.extra = model.second
    return model

def norm(n, k):
    return nn.Sequential(nn.Linear(n, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, k))

def bare_norm(n, k):
    return nn.Sequential(nn.Linear(n, 6), nn.BatchNorm1d(6, affine=False), nn.ReLU(), nn.Linear(6, k))

class Own(nn.Module):
    def __init__(self, n, k):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n, k))

    def forward(self, x):
        return x @ self.weight

def own(n, k):
    return Own(n, k)

def dropout(n, k):
    return nn.Sequential(nn.Linear(n, 6), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(6, k))

def shared_relu(n, k):
    relu = nn.ReLU()
    return nn.Sequential(nn.Linear(n, 6), relu, nn.Linear(6, 6), relu, nn.Linear(6, k))

def squeezed(n, k):
    class Squeezed(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(n, 1)

        def forward(self, x):
            return self.linear(x).squeeze()

    return Squeezed()

def frozen(n, k):
    model = Net(n, k)
    model.first.requires_grad_(False)
    return model

def half_frozen(n, k):
    model = Net(n, k)
    model.first.bias.requires_grad_(False)
    return model

def lstm(n, k):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.last = nn.LSTM(1, 4, batch_first=True), nn.Linear(4, k)

        def forward(self, x):
            return self.last(self.lstm(x.unsqueeze(2))[0][:, -1])

    return Recurrent()

def train(model, features, labels, *, recipe, seed):
    return model
"""


@pytest.fixture
def probe(tmp_path, dataset, recipe):
    (tmp_path / "nets.py").write_text(NETWORKS)

    def _probe(function, *, dp=True, train=None, **params):
        spec = ModelSpec(build=f"nets.py:{function}", params=params, base=tmp_path, train=train)
        return probe_network(spec, dataset, recipe(dp=dp))

    return _probe


@pytest.mark.parametrize("dp", [True, False])
@pytest.mark.parametrize(
    ("function", "params"),
    [
        ("net", {}),
        ("net", {"trick": "functional dropout"}),
        ("net", {"trick": "in place output"}),
        ("net", {"trick": "detached"}),
        ("dropout", {}),
        ("shared_relu", {}),
        ("squeezed", {}),
        ("frozen", {}),
    ],
)
def test_what_can_be_trained_side_by_side(probe, function, params, dp):
    found = probe(function, dp=dp, **params)
    assert found.n_weights > 0 and not found.has_convolution
    assert 30 < found.memory.per_record < 10_000


@pytest.mark.parametrize("dp", [True, False])
@pytest.mark.parametrize(
    ("function", "params", "words"),
    [
        ("net", {"trick": "batch mean"}, "change with the other records"),
        ("net", {"trick": "training mean"}, "change with the other records"),
        ("net", {"trick": "batch size"}, "change with the other records"),
        ("net", {"trick": "mean of records"}, "change with the other records"),
        ("net", {"trick": "largest of records"}, "change with the other records"),
        ("net", {"trick": "mixup"}, "change with the other records"),
        ("net", {"trick": "bare"}, "change with the other records"),
        ("net", {"trick": "layer drop"}, "draws random numbers beside dropout"),
        ("net", {"trick": "buffer"}, "buffer table differs from model to model"),
        ("net", {"trick": "counter"}, "buffer seen changes|buffer seen differs"),
        ("net", {"trick": "attribute"}, "change with the other records"),
        ("net", {"trick": "twice"}, "used twice"),
        ("net", {"trick": "weight"}, "not one row per record"),
        ("net", {"trick": "float32"}, "cannot run two models as one .RuntimeError"),
        ("net", {"trick": "in place input"}, "changed in place|modified by an inplace"),
        ("tied", {}, "two places"),
        ("norm", {}, "BatchNorm1d .1. has weights that cannot be stacked"),
        ("bare_norm", {}, "change with the other records|buffer"),
        ("own", {}, "Own has weights that cannot be stacked"),
        ("half_frozen", {}, "frozen in part"),
        ("lstm", {}, "LSTM .lstm. has weights that cannot be stacked"),
    ],
)
def test_what_cannot_says_why(probe, function, params, words, dp):
    with pytest.raises(NotBatchableError, match=words) as caught:
        probe(function, dp=dp, **params)
    assert "\n" not in str(caught.value)


def test_records_that_forward_changes_unseen_would_pass_the_clip(probe):
    """``.data`` leaves no version behind: the norms laid by are those of other records."""
    with pytest.raises(NotBatchableError, match=r"gradient of first\.weight"):
        probe("net", trick="unit norm")


def test_a_users_training_function_is_not_batched(probe):
    with pytest.raises(NotBatchableError, match=r"nets.py:train trains the models itself"):
        probe("net", train="nets.py:train")


def test_memory_of_a_record_grows_with_the_network(dataset, recipe):
    small, large = (
        probe_network(ModelSpec(build="mlp", params={"hidden": [width]}), dataset, recipe()) for width in (8, 800)
    )
    assert small.memory.per_record < large.memory.per_record
    # per record: 800 hidden numbers before and after the ReLU and a gradient or two, in float32
    assert 4 * 800 * 2 < large.memory.per_record < 4 * 800 * 8


EMBEDDED = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, k, rows, dropout):
        super().__init__()
        self.table, self.drop, self.last = nn.Embedding(rows, 16), nn.Dropout(dropout), nn.Linear(16, k)

    def forward(self, x):
        return self.last(self.drop(self.table(x.long())).mean(1))

def net(n, k, rows=50, dropout=0.0):
    return Net(k, rows, dropout)

def attention(n, k):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v, self.last = nn.Linear(1, 4), nn.Linear(1, 4), nn.Linear(1, 4), nn.Linear(4, k)

        def forward(self, x):
            x = x.unsqueeze(2)
            return self.last((torch.softmax(self.q(x) @ self.k(x).mT, -1) @ self.v(x)).mean(1))

    return Net()
"""


@pytest.mark.parametrize("dp", [True, False])
def test_memory_that_autograd_does_not_keep_is_seen(tmp_path, recipe, dp):
    """The mean over 60 places keeps nothing, but the places lie in memory; so does a table for the sums."""
    (tmp_path / "embedded.py").write_text(EMBEDDED)
    records = dataset_from_arrays(np.random.default_rng(0).integers(0, 50, (16, 60)), np.arange(16) % 2, name="words")

    def probed(**params):
        spec = ModelSpec(build="embedded.py:net", params=params, base=tmp_path)
        return probe_network(spec, records, recipe(dp=dp)).memory

    assert probed().per_record > 4 * 60 * 16
    assert probed(rows=5000).per_model > 4 * 5000 * 16 > probed().per_model
    assert dp or probed(dropout=0.5).per_record > probed().per_record  # under DP the norms take more, later


@pytest.mark.parametrize("dp", [True, False])
def test_gradients_that_are_zero_in_truth_are_no_difference(tmp_path, dataset, recipe, dp):
    """A softmax cancels the bias of the keys: its gradient is rounding, and differs by rounding."""
    (tmp_path / "embedded.py").write_text(EMBEDDED)
    spec = ModelSpec(build="embedded.py:attention", base=tmp_path)
    for trainer in ("ensemble", "loop"):  # the loop is held against Opacus
        engine = EngineConfig(trainer=trainer)
        plan = choose_trainer(engine, spec=spec, dataset=dataset, recipes=(recipe(dp=dp),), device="cpu")
        assert plan.trainer == trainer


def test_convolutions_are_seen_and_cost_patches(tmp_path, recipe):
    (tmp_path / "conv.py").write_text(
        "from torch import nn\n"
        "def build(n, k):\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, k))\n"
    )
    rng = np.random.default_rng(0)
    images = dataset_from_arrays(rng.normal(size=(12, 1, 8, 8)), np.arange(12) % 2, name="images")
    found = probe_network(ModelSpec(build="conv.py:build", base=tmp_path), images, recipe())
    assert found.has_convolution
    assert found.memory.per_record > 4 * 36 * 9


def choose(engine, tmp_path, dataset, recipe, function="net", **params):
    (tmp_path / "nets.py").write_text(NETWORKS)
    spec = ModelSpec(build=f"nets.py:{function}", params=params, base=tmp_path)
    recipes = (recipe(), recipe(dp=False))
    return choose_trainer(EngineConfig(**engine), spec=spec, dataset=dataset, recipes=recipes, device="cpu")


def test_the_ensemble_is_the_default(tmp_path, dataset, recipe):
    plan = choose({}, tmp_path, dataset, recipe)
    assert plan.trainer == "ensemble" and plan.reason == "" and plan.group_size == 16
    assert plan.most_records is None and plan.memory_gb == 2.0


def test_the_loop_where_nothing_else_serves_and_it_says_why(tmp_path, dataset, recipe):
    plan = choose({}, tmp_path, dataset, recipe, trick="twice")
    assert plan.trainer == "loop" and "used twice" in plan.reason
    assert plan.group_size == 1 and plan.memory_gb is None  # no budget enters the digest of the loop


def test_code_that_mixes_records_in_large_batches_only(tmp_path, dataset, recipe):
    """Four records show nothing; the comparison at the width of training does."""
    plan = choose({}, tmp_path, dataset, recipe, trick="wide")
    assert plan.trainer == "loop" and "change with the other records" in plan.reason


def test_the_loop_on_demand(tmp_path, dataset, recipe):
    plan = choose({"trainer": "loop"}, tmp_path, dataset, recipe)
    assert plan.trainer == "loop" and "asks" in plan.reason


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ({"trainer": "ensemble"}, "trainer: ensemble"),
        ({"precision": "bfloat16"}, "bfloat16"),
        ({"compile": True}, "compile"),
    ],
)
def test_what_only_the_ensemble_can_do_is_refused_without_it(tmp_path, dataset, recipe, engine, words):
    with pytest.raises(UnsupportedError, match=f"{words}.*used twice.*Remove the key"):
        choose(engine, tmp_path, dataset, recipe, trick="twice")


def test_the_probe_leaves_the_callers_random_state_alone(probe):
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    probe("dropout")
    assert torch.equal(torch.rand(1), wanted)


IMAGES = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, k, swap):
        super().__init__()
        self.a, self.b, self.c, self.swap = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(64, k), swap

    def forward(self, x):
        x = torch.relu(self.a(x))
        x = x.contiguous(memory_format=torch.channels_last) if self.swap else x
        return self.c(self.b(x).flatten(1))

def net(n, k, swap=True):
    return Net(k, swap)
"""


@pytest.mark.parametrize("swap", [True, False])
def test_gradients_that_opacus_gets_wrong_are_refused_by_the_loop_only(tmp_path, recipe, swap):
    (tmp_path / "images.py").write_text(IMAGES)
    spec = ModelSpec(build="images.py:net", params={"swap": swap}, base=tmp_path)
    images = dataset_from_arrays(np.random.default_rng(0).normal(size=(8, 2, 8, 8)), np.arange(8) % 2, name="images")

    def chosen(trainer, **keys):
        engine = EngineConfig(trainer=trainer)
        return choose_trainer(engine, spec=spec, dataset=images, recipes=(recipe(**keys),), device="cpu").trainer

    assert chosen("auto") == "ensemble"
    assert chosen("loop", dp=False) == "loop"
    if swap:
        with pytest.raises(UnsupportedError, match=r"another gradient of b.weight .*channels_last"):
            chosen("loop")
    else:
        assert chosen("loop") == "loop"
