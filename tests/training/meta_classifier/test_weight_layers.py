"""From networks to stacked weights, and what cannot be read."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from privaudit.errors import DataError, ShapeError, UnsupportedError
from privaudit.training.graphs.networks import Gcn, Sgc
from privaudit.training.meta_classifier.weight_layers import WeightLayer, check_layers, read_layers
from privaudit.training.networks import linear, mlp
from tests.training.meta_classifier.toy_networks import convolutional, perceptrons


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.temperature = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.linear(x) / self.temperature


class OutOfOrder(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 2)
        self.first = nn.Linear(3, 4)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


def test_weights_and_biases_come_in_order():
    networks = perceptrons(3, (5, 4, 2))
    layers = read_layers(networks)
    assert [layer.weight.shape for layer in layers] == [(3, 4, 5, 1), (3, 2, 4, 1)]
    for model, network in enumerate(networks):
        for layer, module in zip(layers, (network[0], network[2]), strict=True):
            assert np.array_equal(layer.weight[model, :, :, 0], module.weight.detach().numpy())
            assert np.array_equal(layer.bias[model], module.bias.detach().numpy())
            assert layer.weight.dtype == layer.bias.dtype == np.float32


def test_a_linear_layer_after_a_convolution_has_an_edge_for_every_position():
    networks = convolutional(2)
    layers = read_layers(networks)
    assert [layer.weight.shape for layer in layers] == [(2, 4, 2, 9), (2, 3, 4, 9), (2, 5, 3, 4), (2, 3, 5, 1)]
    assert (layers[1].bias == 0).all()  # that convolution has none
    flat = networks[1][5].weight.detach().numpy()
    assert np.array_equal(layers[2].weight[1, :, 2], flat[:, 8:12])  # channel 2 of 3, four positions


def test_weights_are_copies_that_nobody_can_write_to():
    networks = perceptrons(1, (3, 2))
    (layer,) = read_layers(networks)
    before = layer.weight.copy()
    with torch.no_grad():
        networks[0][0].weight.zero_()
    assert np.array_equal(layer.weight, before)
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0] = 0


@pytest.mark.parametrize(
    ("network", "n_layers"),
    [
        (mlp(6, 3, hidden=(5, 4)), 3),
        (mlp(6, 2, single_output=True), 2),
        (linear(6, 2), 1),
        (Gcn(6, 3), 2),
        (Sgc(6, 3), 1),
        (nn.Sequential(nn.Conv1d(2, 3, 5), nn.Flatten(), nn.Dropout(), nn.Linear(3 * 4, 2)), 2),
    ],
)
def test_what_is_served(network, n_layers):
    check_layers(network)
    assert len(read_layers([network, network])) == n_layers


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), "BatchNorm1d"),
        (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)), "LayerNorm"),
        (nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 2)), "Embedding"),
        (nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Linear(4, 2)), "PReLU"),
        (nn.LSTM(3, 4), "LSTM"),
        (nn.ConvTranspose2d(2, 2, 3), "ConvTranspose2d"),
        (Bare(), "Bare"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), "Parametrization"),
        (nn.Sequential(nn.Conv2d(4, 4, 3, groups=2)), "groups"),
        (OutOfOrder(), "layer 2 .*takes 3 inputs, and the one before it has 2"),
        (nn.Sequential(nn.Linear(3, 4), nn.Linear(8, 2)), "takes 8 inputs"),  # no multiple after a linear layer
        (nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(10, 2)), "takes 10 inputs"),
        (nn.ReLU(), "has none"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_way_out(network, words):
    with pytest.raises(UnsupportedError, match=rf"{words}.*kl, gauss"):
        check_layers(network)
    with pytest.raises(UnsupportedError, match=words):
        read_layers([network])


def test_networks_of_other_sizes_or_none_are_refused():
    with pytest.raises(ShapeError, match="same sizes"):
        read_layers([*perceptrons(1, (3, 4, 2)), *perceptrons(1, (3, 5, 2))])
    with pytest.raises(ShapeError, match="one network at least"):
        read_layers([])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value):
    network = perceptrons(1, (3, 2))[0]
    with torch.no_grad():
        network[0].bias[0] = value
    with pytest.raises(DataError, match="finite"):
        read_layers([network])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="n_edge"):
        WeightLayer(weight=np.zeros((2, 3, 4)), bias=np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="bias"):
        WeightLayer(weight=np.zeros((2, 3, 4, 1)), bias=np.zeros((2, 4)))


def test_rows_and_pickles():
    (layer,) = read_layers(perceptrons(4, (3, 2)))
    some = pickle.loads(pickle.dumps(layer.rows([2, 0])))
    assert np.array_equal(some.weight, layer.weight[[2, 0]]) and np.array_equal(some.bias, layer.bias[[2, 0]])
    assert (some.n_models, some.n_out) == (2, 2)
