"""Record canaries among a script's records, and their gradients in its trained weights."""

import warnings

import numpy as np
import pytest
import torch
from opacus import GradSampleModule
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from privaudit.errors import UnsupportedError
from privaudit.training.opacus_canaries_records import (
    arrays_of,
    displacement_along_records,
    flat_weights,
    with_records,
)

D_IN = 5


def records(n=6):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, D_IN)).astype(np.float32), rng.integers(0, 3, n)


class Pairs(Dataset):
    def __init__(self, label):
        self._label = label

    def __len__(self):
        return 2

    def __getitem__(self, row):
        return torch.full((D_IN,), float(row), dtype=torch.float64), self._label(row)


@pytest.mark.parametrize(
    ("label", "kind"),
    [(int, int), (torch.tensor, torch.Tensor), (lambda row: torch.tensor(row, dtype=torch.int32), torch.Tensor)],
)
def test_inserted_records_are_of_the_types_of_those_that_are_there(label, kind):
    features, labels = records()
    whole = with_records(Pairs(label), features, labels)
    assert len(whole) == 2 + 6
    own, wanted = whole[1]
    added, got = whole[3]
    np.testing.assert_array_equal(added.float().numpy(), features[1])
    assert int(got) == labels[1] and isinstance(got, kind)
    assert added.dtype == own.dtype and type(got) is type(wanted)
    assert getattr(got, "dtype", None) == getattr(wanted, "dtype", None)


def test_all_records_are_read():
    features, labels = records()
    got = arrays_of(TensorDataset(torch.tensor(features), torch.tensor(labels)))
    np.testing.assert_array_equal(got[0], features)
    np.testing.assert_array_equal(got[1], labels)


def test_a_stream_is_refused():
    with pytest.raises(UnsupportedError, match="length"):
        arrays_of(iter(()))


def test_pixels_that_the_loop_scales_are_refused():
    with pytest.raises(UnsupportedError, match="uint8"):
        arrays_of(TensorDataset(torch.zeros(3, 2, dtype=torch.uint8), torch.zeros(3)))


def unhooked(*layers):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(D_IN, 4), nn.Tanh(), *layers, nn.Linear(4, 3))


def private(*layers):
    network = unhooked(*layers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return network, GradSampleModule(network)


@pytest.mark.parametrize("together", [2**24, 90])
def test_displacements_are_projected_on_each_records_own_gradient(monkeypatch, together):
    monkeypatch.setattr("privaudit.training.opacus_canaries_records.NUMBERS_TOGETHER", together)  # 39 weights
    network, model = private()
    features, labels = map(torch.tensor, records(7))
    weights, plain = list(network.parameters()), unhooked()
    start = flat_weights(weights)
    gradients = torch.stack(
        [
            torch.cat(
                [
                    part.reshape(-1)
                    for part in torch.autograd.grad(
                        nn.functional.cross_entropy(plain(x[None]), y[None]), list(plain.parameters())
                    )
                ]
            )
            for x, y in zip(features, labels, strict=True)
        ]
    )
    moved = torch.randn(len(start), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for weight, own in zip(weights, torch.split(moved, [w.numel() for w in weights]), strict=True):
            weight += own.reshape(weight.shape)
    end = flat_weights(weights)
    got = displacement_along_records(model, weights, start, features, labels)
    expected = -(gradients @ (end - start)) / gradients.norm(dim=1)
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_the_model_and_the_random_state_are_left_as_they_were():
    network, model = private(nn.Dropout(0.5))
    model.eval()
    features, labels = map(torch.tensor, records())
    weights = list(network.parameters())
    before, state = flat_weights(weights), torch.random.get_rng_state()
    weights[0].grad, weights[0].grad_sample = torch.ones(4, D_IN), torch.zeros(2, 4, D_IN)
    displacement_along_records(model, weights, before * 0.5, features, labels)
    assert torch.equal(flat_weights(weights), before) and not model.training
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(weights[0].grad, torch.ones(4, D_IN)) and weights[0].grad_sample.shape == (2, 4, D_IN)
    assert weights[1].grad is None and getattr(weights[1], "grad_sample", None) is None
