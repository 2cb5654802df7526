"""The attribute tracker: distances against a plain loop, no trace in the training run, Opacus, records, refusals."""

import copy
import math

import numpy as np
import pytest
import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privaudit.errors import ConfigError, ShapeError, TrainingError, UnsupportedError
from privaudit.estimators.attribute_bound import attribute_clt_mu_squared, gradient_diameter
from privaudit.estimators.bayes_security_bound import bayes_security
from privaudit.training import attribute
from privaudit.training.attribute import AttributeTracker
from privaudit.training.randomness import one_thread
from privaudit.types import DpSgdParams

FEATURES = torch.from_numpy(np.random.default_rng(1).normal(size=(30, 5)).astype(np.float32)) * 2.0
LABELS = torch.from_numpy(np.random.default_rng(2).integers(0, 2, 30))
COLUMNS, VALUES = [1, 3], [[0.0, 1.0], [1.0, 0.0], [-2.0, 0.5], [3.0, 3.0]]
LOSS = nn.CrossEntropyLoss()


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def _params(*, noise=1.1, rate=0.3, steps=6, clip=0.8):
    return DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps, max_grad_norm=clip)


def _tracker(model, **changes):
    settings = {"columns": COLUMNS, "values": VALUES, "params": _params()} | changes
    return AttributeTracker(model, LOSS, **settings)


def _by_loop(network, features, labels, params):
    """One record, one value, one backward pass after the other, in float64."""
    network = copy.deepcopy(network).double()
    found = []
    for record, label in zip(features.double(), labels, strict=True):
        rows = []
        for value in VALUES:
            changed = record.clone()
            changed[COLUMNS] = torch.tensor(value, dtype=torch.float64)
            loss = LOSS(network(changed[None]), label[None])
            weights = [weight for weight in network.parameters() if weight.requires_grad]
            gradient = torch.cat([part.reshape(-1) for part in torch.autograd.grad(loss, weights)]).numpy()
            rows.append(gradient / max(1.0, np.linalg.norm(gradient) / params.max_grad_norm))
        found.append(np.array(rows))
    return found


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("clip", [0.3, 1.5, 100.0])
@pytest.mark.parametrize("freeze", [False, True])
def test_distances_are_those_of_a_plain_loop(toy_network, exact, clip, freeze):
    network = toy_network()
    network[0].bias.requires_grad_(not freeze)
    params = _params(clip=clip)
    gradients = _by_loop(network, FEATURES, LABELS, params)
    wanted = [min(gradient_diameter(rows, exact=exact), 2 * clip) for rows in gradients]
    tracker = _tracker(network, records="tracked", exact=exact, params=params)
    tracker.track(FEATURES, LABELS)
    tracker.step()
    assert tracker.distances.shape == (1, 30) and tracker.distances.dtype == np.float64
    np.testing.assert_allclose(tracker.distances[0], wanted, rtol=2e-6, atol=1e-6)
    terms = np.array([float(attribute_clt_mu_squared(rows @ rows.T, params=params)) for rows in gradients])
    if exact:
        np.testing.assert_allclose(tracker.mu_squared[0], terms, rtol=1e-5, atol=1e-7)
    else:  # a bound, at most four times the truth
        assert (tracker.mu_squared[0] >= terms * (1 - 1e-5)).all()
        assert (tracker.mu_squared[0] <= 4 * terms * (1 + 1e-5)).all()


def test_a_batch_counts_as_its_worst_record_and_an_empty_one_as_nothing(toy_network):
    network = toy_network()
    params = _params(steps=3)
    each = [gradient_diameter(rows, exact=True) for rows in _by_loop(network, FEATURES, LABELS, params)]
    tracker = _tracker(network, exact=True, params=params)
    tracker.step(FEATURES[:7], LABELS[:7])
    tracker.step(FEATURES[:0], LABELS[:0])
    tracker.step(FEATURES[20:], LABELS[20:])
    np.testing.assert_allclose(tracker.distances, [max(each[:7]), 0.0, max(each[20:])], atol=1e-6)
    assert tracker.mu_squared.shape == (3,) and tracker.mu_squared[1] == 0.0
    security = tracker.security()
    assert security.records == "batch" and security.n_steps == 3 and security.per_record.shape == (1,)
    assert 0.0 < security.value_by_clt < 1.0 and 0.0 < security.value < 1.0


def test_chunks_change_nothing(toy_network, monkeypatch):
    network = nn.Sequential(*toy_network(), nn.Dropout(0.5))  # the same masks in every chunk
    whole, cut = (_tracker(network, records="all") for _ in range(2))
    whole.track(FEATURES, LABELS)
    whole.step()
    monkeypatch.setattr(attribute, "CHUNK_BYTES", 1)
    cut.track(FEATURES, LABELS)
    cut.step()
    np.testing.assert_allclose(cut.distances, whole.distances, rtol=1e-5, atol=1e-7)


def test_dropout_masks_are_shared_by_all_values():
    """Values that change nothing must be at distance 0, whatever is dropped."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 16), nn.Dropout(0.5), nn.Linear(16, 2))
    tracker = _tracker(network, values=[[1.0, 2.0]] * 5, exact=True)
    tracker.step(FEATURES, LABELS)
    assert network.training and tracker.distances[0] == 0.0 and tracker.mu_squared[0] == 0.0


def _train(records, *, seed=0, mode="hooks", exact=False):
    """A run with Opacus and a model that draws random numbers; ``records=None`` tracks nothing."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Dropout(0.3), nn.Linear(6, 2))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.3, momentum=0.9)
    loader = DataLoader(TensorDataset(FEATURES, LABELS), batch_size=2)
    private, optimizer, loader = PrivacyEngine(accountant="rdp").make_private(
        module=network,
        optimizer=optimizer,
        data_loader=loader,
        noise_multiplier=1.1,
        max_grad_norm=0.8,
        noise_generator=torch.Generator().manual_seed(5),
        grad_sample_mode=mode,
    )
    params = _params(rate=loader.sample_rate, steps=2 * len(loader))
    tracker = None if records is None else _tracker(private, records=records, params=params, exact=exact)
    if records in ("tracked", "all"):
        tracker.track(FEATURES[:4] if records == "tracked" else FEATURES, LABELS[: 4 if records == "tracked" else None])
    sizes = []
    for _ in range(2):
        for features, labels in loader:
            sizes.append(len(labels))
            optimizer.zero_grad()
            LOSS(private(features), labels).backward() if len(labels) else _empty(private)
            if tracker is not None:  # after backward: gradients, grad_sample and Opacus's stores are full
                before = _traces(private, optimizer)
                tracker.step(*((features, labels) if records == "batch" else ()))
                _assert_same(before, _traces(private, optimizer))
            optimizer.step()
    return network, tracker, sizes


def _empty(private):
    for weight in private.parameters():
        weight.grad_sample = weight.new_zeros((0, *weight.shape))


def _traces(private, optimizer):
    weights = list(private.parameters())
    hooks = [
        list(registry)
        for layer in private.modules()
        for registry in (
            layer._forward_hooks,
            layer._backward_hooks,
            layer._forward_pre_hooks,
            layer._backward_pre_hooks,
        )
    ]
    return {
        "weights": [weight.detach().clone() for weight in weights],
        "grad": [None if weight.grad is None else weight.grad.clone() for weight in weights],
        "grad_sample": [copy.deepcopy(getattr(weight, "grad_sample", None)) for weight in weights],
        "activations": [len(getattr(layer, "activations", [])) for layer in private.modules()],
        "momentum": [copy.deepcopy(state) for state in optimizer.state_dict()["state"].values()],
        "random": [torch.get_rng_state(), torch.tensor(np.random.get_state()[1].astype(np.int64))],
        "mode": [layer.training for layer in private.modules()],
        "hooks": hooks,
    }


def _assert_same(a, b):
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            _assert_same(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            _assert_same(one, other)
    else:
        assert a == b


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # Opacus's and torch's own
@pytest.mark.parametrize("records", ["batch", "tracked", "all"])
def test_an_opacus_run_is_the_same_with_and_without(records):
    plain, _, sizes = _train(None)
    watched, tracker, _ = _train(records)
    for a, b in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(a, b)
    n_records = {"batch": (), "tracked": (4,), "all": (30,)}[records]
    assert tracker.distances.shape == (len(sizes), *n_records)
    assert 0 in sizes  # seeded: an empty Poisson batch is among them
    assert (tracker.distances <= 2 * 0.8).all() and (tracker.distances.max(axis=0) > 0).all()
    if records == "batch":
        assert [distance == 0.0 for distance in tracker.distances] == [size == 0 for size in sizes]
    security = tracker.security()
    assert security.records == records and len(security.notes) == 2  # all steps of the run were seen
    worst = bayes_security(security.params, method="closed_form").value
    assert worst <= security.value < 1.0 and security.value_by_clt < 1.0


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_other_ways_of_opacus_work_too():
    network, tracker, _ = _train("batch", mode="functorch")
    plain, _, _ = _train(None, mode="functorch")
    assert tracker.distances.max() > 0
    for a, b in zip(plain.parameters(), network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_opposite_gradients_reach_the_membership_value():
    """A linear loss w * x with values +-10: gradients +-C at each step, the worst case of replace-one."""
    network = nn.Linear(1, 1, bias=False)
    params = _params(steps=5, clip=0.5)
    tracker = AttributeTracker(
        network,
        lambda output, labels: output.sum(),
        columns=[0],
        values=[[-10.0], [10.0]],
        params=params,
        records="tracked",
    )
    tracker.track(torch.zeros(2, 1), torch.zeros(2))
    for _ in range(5):
        tracker.step()
    np.testing.assert_allclose(tracker.distances, 1.0, atol=1e-6)
    security = tracker.security()
    assert security.value == pytest.approx(bayes_security(params, method="closed_form").value, abs=1e-6)
    assert security.value_by_clt == pytest.approx(bayes_security(params, method="sinh").value, abs=1e-6)


def test_images_embeddings_and_buffers():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 2))
    tracker = AttributeTracker(network, LOSS, columns=[4], values=[[0.0], [5.0]], params=_params())
    tracker.step(torch.zeros(3, 1, 3, 3), torch.zeros(3, dtype=torch.int64))
    assert tracker.distances[0] > 0.0

    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.out = nn.Embedding(4, 3), nn.Linear(3, 2)
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, codes):
            self.calls += 1
            return self.out(self.table(codes).sum(dim=1))

    network = Counting()
    tracker = AttributeTracker(network, LOSS, columns=[0], values=[[0], [3]], params=_params())
    tracker.step(torch.ones(3, 2, dtype=torch.int64), torch.zeros(3, dtype=torch.int64))
    assert tracker.distances[0] > 0.0 and float(network.calls) == 0.0
    half = AttributeTracker(network, LOSS, columns=[0], values=[[0.5]], params=_params())
    with pytest.raises(ConfigError, match="whole numbers"):
        half.step(torch.ones(3, 2, dtype=torch.int64), torch.zeros(3, dtype=torch.int64))


def test_works_without_gradients_enabled(toy_network):
    on, off = (_tracker(toy_network()) for _ in range(2))
    on.step(FEATURES, LABELS)
    with torch.no_grad():
        off.step(FEATURES, LABELS)
    assert on.distances[0] == off.distances[0] > 0.0


def test_divergence_is_an_error(toy_network):
    network = toy_network()
    with torch.no_grad():
        network[2].weight.fill_(math.nan)
    with pytest.raises(TrainingError, match="diverged"):
        _tracker(network).step(FEATURES, LABELS)


def test_models_that_mix_records_are_refused():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(5, 2)

        def forward(self, x):
            return self.linear(x) * (2.0 if x.sum().item() > 0 else 1.0)

    for network in (Reads(), nn.Sequential(nn.Linear(5, 2), nn.BatchNorm1d(2, affine=False, momentum=None))):
        with pytest.raises((UnsupportedError, ValueError)):
            _tracker(network).step(FEATURES, LABELS)


def test_refusals(toy_network):
    network = toy_network()
    for values in ([[0.0]], [0.0, 1.0], [], [[math.nan, 0.0]]):
        with pytest.raises(ConfigError, match="values"):
            _tracker(network, values=values)
    with pytest.raises(ConfigError, match="records"):
        _tracker(network, records="some")
    batch, tracked = _tracker(network), _tracker(network, records="tracked")
    with pytest.raises(ConfigError, match="follows each batch"):
        batch.track(FEATURES, LABELS)
    with pytest.raises(ConfigError, match="needs features"):
        batch.step()
    with pytest.raises(ShapeError, match="go together"):
        batch.step(FEATURES, LABELS[:3])
    with pytest.raises(ShapeError, match="columns"):
        _tracker(network, columns=[0, 5]).step(FEATURES, LABELS)
    with pytest.raises(ShapeError, match="columns"):
        _tracker(network, columns=[0, -1]).step(FEATURES, LABELS)
    with pytest.raises(ShapeError, match="distances"):
        batch.security()
    with pytest.raises(ConfigError, match="track"):
        tracked.step()
    with pytest.raises(ShapeError, match="at least one"):
        tracked.track(FEATURES[:0], LABELS[:0])
    tracked.track(FEATURES, LABELS)
    with pytest.raises(ConfigError, match="without data"):
        tracked.step(FEATURES, LABELS)
    tracked.step()
    with pytest.raises(ConfigError, match="same for all steps"):
        tracked.track(FEATURES, LABELS)
    every = AttributeTracker(
        network, nn.CrossEntropyLoss(reduction="none"), columns=COLUMNS, values=VALUES, params=_params()
    )
    every.step(FEATURES, LABELS)  # one number for one record
    pairs = AttributeTracker(network, lambda out, label: out, columns=COLUMNS, values=VALUES, params=_params())
    with pytest.raises(ConfigError, match="one number"):
        pairs.step(FEATURES, LABELS)
