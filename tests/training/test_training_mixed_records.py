import pytest
import torch
from torch import nn

from privaudit.errors import UnsupportedError
from privaudit.training.check import check_network
from privaudit.training.mixed_records import refuse_mixed_records
from privaudit.training.model_spec import ModelSpec


class Wrapped(nn.Module):
    """A small network, then whatever ``then`` does with its outputs."""

    def __init__(self, then, n_outputs=2, drop=0.0):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Dropout(drop), nn.Linear(6, n_outputs))
        self.then = then

    def forward(self, x):
        return self.then(self, x, self.inner(x))


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(8, 3), nn.Linear(15, 2)

    def forward(self, x):
        return self.out(self.table(x.abs().long().clamp(max=7)).flatten(1))


class Momentum(nn.Module):
    """Keeps a running mean in a plain attribute, which no check of buffers sees."""

    def __init__(self):
        super().__init__()
        self.out, self.mean = nn.Linear(5, 2), 0.0

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        return self.out(x - self.mean)


class AlwaysFloat32(nn.Module):
    """Casts its records, so that float64 weights cannot run."""

    def __init__(self, mixes):
        super().__init__()
        self.out, self.mixes = nn.Linear(5, 2), mixes

    def forward(self, x):
        x = x.float()
        return self.out(x - x.mean(0) if self.mixes else x)


def noise(self, x, y):
    return y + torch.randn_like(y)


HARMLESS = {
    "plain": lambda: Wrapped(lambda self, x, y: y),
    "dropout": lambda: Wrapped(lambda self, x, y: y, drop=0.5),
    "functional dropout": lambda: Wrapped(lambda self, x, y: nn.functional.dropout(y, 0.5, self.training)),
    "own dropout": lambda: Wrapped(lambda self, x, y: y * torch.bernoulli(torch.full_like(y, 0.5))),
    "noise": lambda: Wrapped(noise),
    "squeeze": lambda: Wrapped(lambda self, x, y: y.squeeze(), n_outputs=1),
    "cannot run one record": lambda: Wrapped(lambda self, x, y: torch.log_softmax(y.squeeze(), 1)),
    "group norm": lambda: nn.Sequential(nn.Linear(5, 6), nn.GroupNorm(2, 6), nn.LayerNorm(6), nn.Linear(6, 2)),
    "random slopes": lambda: nn.Sequential(nn.Linear(5, 6), nn.RReLU(), nn.Linear(6, 2)),
    "embedding": Embedded,
    "float32 only": lambda: AlwaysFloat32(mixes=False),
    "float32 output": lambda: Wrapped(lambda self, x, y: y.float()),
    "not a number": lambda: Wrapped(lambda self, x, y: y * torch.where(x[:, :1] > 0, float("nan"), float("inf"))),
    "zeros": lambda: Wrapped(lambda self, x, y: y * 0),
    "asleep": lambda: Wrapped(lambda self, x, y: y).eval(),
}
MIXING = {
    "mean": lambda: Wrapped(lambda self, x, y: y - y.mean(0)),
    "a trace of the mean": lambda: Wrapped(lambda self, x, y: y + 1e-6 * y.mean(0)),
    "deviation": lambda: Wrapped(lambda self, x, y: y / y.std(0)),
    "largest": lambda: Wrapped(lambda self, x, y: y - y.amax(0)),
    "softmax over records": lambda: Wrapped(lambda self, x, y: y.softmax(0)),
    "neighbour": lambda: Wrapped(lambda self, x, y: y + y.roll(1, 0)),
    "batch size": lambda: Wrapped(lambda self, x, y: y / len(x)),
    "in training only": lambda: Wrapped(lambda self, x, y: y - y.mean(0) if self.training else y),
    "with dropout": lambda: Wrapped(lambda self, x, y: y - y.mean(0), drop=0.5),
    "with noise": lambda: Wrapped(lambda self, x, y: noise(self, x, y) - y.mean(0)),
    "cannot run one record": lambda: Wrapped(lambda self, x, y: torch.log_softmax(y.squeeze() - y.mean(0), 1)),
    "batch size, cannot run one record": lambda: Wrapped(lambda self, x, y: y.squeeze()[:, :2] / len(x)),
    "running mean": Momentum,
    "float32 only": lambda: AlwaysFloat32(mixes=True),
}


def build(make):
    torch.manual_seed(0)
    return make(), torch.randn(4, 5)


@pytest.fixture(autouse=True)
def _random_state():
    with torch.random.fork_rng():
        yield


@pytest.mark.parametrize("name", HARMLESS)
def test_models_that_treat_records_one_by_one_pass(name):
    network, features = build(HARMLESS[name])
    before = {key: value.clone() for key, value in network.state_dict().items()}
    mode = [part.training for part in network.modules()]
    refuse_mixed_records(network, features)
    after = network.state_dict()
    assert {key: value.dtype for key, value in after.items()} == {key: value.dtype for key, value in before.items()}
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert [part.training for part in network.modules()] == mode


@pytest.mark.parametrize("name", MIXING)
def test_models_that_mix_records_are_refused(name):
    network, features = build(MIXING[name])
    with pytest.raises(UnsupportedError, match=r"changes with the other records.*GroupNorm") as caught:
        refuse_mixed_records(network, features)
    assert "\n" not in str(caught.value)
    assert network.training


def test_the_callers_random_state_is_left_alone():
    network, features = build(HARMLESS["noise"])
    before = torch.get_rng_state()
    refuse_mixed_records(network, features)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_check_before_training_refuses_them_under_dp_alone(dataset, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, n, k):\n"
        "        super().__init__()\n"
        "        self.out = nn.Linear(n, k)\n"
        "    def forward(self, x):\n"
        "        return self.out(x - x.mean(0))\n"
        "def train(model, features, labels, *, recipe, seed):\n"
        "    return model\n"
    )
    spec = ModelSpec(build="mine.py:Net", base=tmp_path)
    with pytest.raises(UnsupportedError, match="changes with the other records"):
        check_network(spec, dataset, is_private=True)
    check_network(spec, dataset, is_private=False)
    check_network(ModelSpec(build="mine.py:Net", train="mine.py:train", base=tmp_path), dataset, is_private=True)
