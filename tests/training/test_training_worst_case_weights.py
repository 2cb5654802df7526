"""Weights that are pre-trained on records the audit does not hold."""

import numpy as np
import torch
from torch import nn

from privaudit.data.bundled import load_digits_dataset
from privaudit.training.networks import mlp
from privaudit.training.worst_case_weights import worst_case_weights


def records():
    digits = load_digits_dataset()
    return torch.tensor(digits.features), torch.tensor(digits.labels)


def pretrained(seed=0, epochs=3):
    torch.manual_seed(1)
    network = nn.Sequential(mlp(64, 10, hidden=(16,)), nn.Dropout(0.1))
    features, labels = records()
    worst_case_weights(network, features[:900], labels[:900], epochs=epochs, seed=seed)
    return network


def flat(network):
    return torch.cat([weight.detach().reshape(-1) for weight in network.parameters()]).numpy()


def test_records_that_were_held_out_have_much_smaller_gradients():
    features, labels = records()

    def loss(network):
        with torch.no_grad():
            return float(nn.functional.cross_entropy(network.eval()(features[900:]), labels[900:]))

    assert loss(pretrained(epochs=10)) < 0.5 * loss(pretrained(epochs=0))


def test_the_same_seed_gives_the_same_weights_and_leaves_the_random_state_alone():
    with torch.random.fork_rng():
        once = flat(pretrained(seed=3))
        state = torch.random.get_rng_state()
        np.testing.assert_array_equal(once, flat(pretrained(seed=3)))
        assert torch.equal(torch.random.get_rng_state(), state)
        assert (once != flat(pretrained(seed=4))).any()
