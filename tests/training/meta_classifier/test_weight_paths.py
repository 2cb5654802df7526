"""Paths: what a network of linear units would give its inputs, and what a softmax does not see."""

import numpy as np
import pytest
import torch
from torch import nn

from privaudit.training.meta_classifier.weight_layers import WeightLayer, read_layers
from privaudit.training.meta_classifier.weight_paths import chain_of, own_rows, path_rows
from tests.training.meta_classifier.toy_networks import convolutional, perceptrons


def without_relu(network):
    return nn.Sequential(*(module for module in network if isinstance(module, nn.Linear)))


def test_linear_paths_are_the_gradient_of_a_network_without_relu():
    networks = perceptrons(2, (4, 5, 3, 2))
    rows = path_rows(chain_of(read_layers(networks)))
    assert [row.shape for row in rows] == [(2, 5, 5), (2, 3, 9), (2, 2, 9)]
    gradient = torch.autograd.functional.jacobian(without_relu(networks[1]), torch.zeros(4)).numpy()
    np.testing.assert_allclose(rows[-1][1, :, :4], gradient - gradient.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(rows[0][1, :, 4], networks[1][0].bias.detach().numpy())


def test_absolute_paths_take_absolute_weights_after_the_first_layer():
    first, second = np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([[-1.0, 2.0]])
    layers = tuple(
        WeightLayer(weight=weight[None, :, :, None], bias=np.zeros((1, len(weight)))) for weight in (first, second)
    )
    last = path_rows(chain_of(layers))[-1][0, 0]
    assert last.tolist() == [5.0, 10.0, 7.0, 6.0, 0.0]  # -1 (1, -2) + 2 (3, 4), then |-1| (1, -2) + 2 (3, 4)


@pytest.mark.parametrize("read", [lambda layers: path_rows(chain_of(layers)), own_rows])
def test_what_all_classes_share_is_not_read(read):
    networks = perceptrons(2, (4, 5, 3))
    before = read(read_layers(networks))
    for network in networks:
        with torch.no_grad():
            network[2].weight.add_(torch.randn(5))
            network[2].bias.add_(3.0)
    for ours, theirs in zip(before, read(read_layers(networks)), strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-6)


def test_a_single_output_is_read_as_it_is():
    (layer,) = read_layers(perceptrons(2, (4, 1)))
    (rows,) = path_rows(chain_of((layer,)))
    assert np.array_equal(rows[:, :, :4], layer.weight[..., 0]) and np.array_equal(rows[:, :, 4], layer.bias)


def test_of_two_classes_the_published_form_reads_the_log_odds():
    layers = read_layers(perceptrons(2, (4, 3, 2)))
    rows = own_rows(layers)
    assert [row.shape for row in rows] == [(2, 3, 5), (2, 1, 4)]
    wanted = layers[1].weight[:, 1, :, 0] - layers[1].weight[:, 0, :, 0]
    np.testing.assert_allclose(rows[1][:, 0, :3], wanted, atol=1e-6)


def test_edges_of_convolutions_are_summed_over_their_positions():
    layers = read_layers(convolutional(2))
    chain = chain_of(layers)
    assert chain.first.shape == (2, 4, 18)
    assert [edges.shape for edges in chain.edges] == [(2, 2, 3, 4), (2, 2, 5, 3), (2, 2, 3, 5)]
    np.testing.assert_allclose(chain.edges[0][:, 1], np.abs(layers[1].weight).sum(axis=3), rtol=1e-5)
