"""Small networks, and the same functions with their hidden units in another order."""

import copy
from itertools import pairwise

import numpy as np
import torch
from torch import nn


def perceptrons(n, widths, seed=0):
    """Return n perceptrons with ReLU; ``widths`` from the inputs to the classes."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        found = []
        for _ in range(n):
            layers = []
            for n_in, n_out in pairwise(widths):
                layers += [nn.Linear(n_in, n_out), nn.ReLU()]
            found.append(nn.Sequential(*layers[:-1]))
        return found


def convolutional(n, seed=0):
    """Return n networks of two convolutions and two linear layers for ``(2, 6, 6)`` images."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return [
            nn.Sequential(
                nn.Conv2d(2, 4, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(4, 3, 3, stride=2, bias=False),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(12, 5),
                nn.ReLU(),
                nn.Linear(5, 3),
            )
            for _ in range(n)
        ]


def permuted(network, seed=0):
    """Return the same function: units of every hidden layer, or channels, in a random order that is not the old one."""
    rng = np.random.default_rng(seed)
    found = copy.deepcopy(network)
    layers = [module for module in found if isinstance(module, nn.Linear | nn.Conv2d)]
    for layer, after in pairwise(layers):
        n_units = len(layer.weight)
        order = rng.permutation(n_units)
        while n_units > 1 and (order == np.arange(n_units)).all():
            order = rng.permutation(n_units)
        with torch.no_grad():
            layer.weight.copy_(layer.weight[order].clone())
            if layer.bias is not None:
                layer.bias.copy_(layer.bias[order].clone())
            inputs = after.weight.reshape(len(after.weight), n_units, -1)[:, order].clone()
            after.weight.copy_(inputs.reshape(after.weight.shape))
    return found
