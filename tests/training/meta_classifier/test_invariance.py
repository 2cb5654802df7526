"""Orders of hidden units: no code of the strict form knows them, and the published form's later codes do."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from privaudit.data.seeds import stream_generator
from privaudit.training.meta_classifier.fit import MetaSettings, world_log_odds
from privaudit.training.meta_classifier.inputs import prepare
from privaudit.training.meta_classifier.published import PublishedNetworks
from privaudit.training.meta_classifier.strict import StrictNetworks, summed
from privaudit.training.meta_classifier.weight_layers import read_layers
from tests.training.meta_classifier.toy_networks import convolutional, perceptrons, permuted

CPU = torch.device("cpu")
WORLD = np.array([0, 0, 0, 1, 1, 1])
FORMS = {"strict": StrictNetworks, "published": PublishedNetworks}
WIDTHS = st.lists(st.integers(2, 6), min_size=1, max_size=3)


def codes_of(form, networks, others, seed=0):
    """Return codes ``(n_networks, n_models, n_codes)`` of two lists of models, both scaled by the first."""
    ours, parts = prepare(form, read_layers(networks), WORLD, read_layers(others), CPU)
    (theirs,) = parts
    made = FORMS[form](ours, [stream_generator(seed, "meta_classifier", number) for number in range(2)], CPU)
    with torch.no_grad():
        return made.codes(ours).numpy(), made.codes(theirs).numpy()


@examples(max_examples=40)
@given(st.integers(0, 10**6), WIDTHS, st.integers(1, 4), st.integers(1, 4))
def test_the_order_of_hidden_units_leaves_the_strict_codes_unchanged(seed, hidden, n_inputs, n_classes):
    networks = perceptrons(6, (n_inputs, *hidden, n_classes), seed)
    moved = [permuted(network, seed + place) for place, network in enumerate(networks)]
    records = torch.randn(8, n_inputs, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(moved[0](records), networks[0](records), rtol=1e-4, atol=1e-5)  # the same function
    ours, theirs = codes_of("strict", networks, moved, seed)
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_channels_leaves_the_strict_codes_unchanged(seed):
    networks = convolutional(6, seed)
    moved = [permuted(network, seed + place) for place, network in enumerate(networks)]
    records = torch.randn(5, 2, 6, 6, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(moved[0](records), networks[0](records), rtol=1e-4, atol=1e-5)
    ours, theirs = codes_of("strict", networks, moved, seed)
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-4)


def test_scales_do_not_know_the_order_either():
    """Shadow models in another order give the same codes of models that nobody moved."""
    networks, victims = perceptrons(6, (4, 5, 3, 2)), perceptrons(4, (4, 5, 3, 2), 1)
    moved = [permuted(network, place) for place, network in enumerate(networks)]
    settings = MetaSettings()
    first, again = (
        world_log_odds(read_layers(own), WORLD, read_layers(victims), settings, CPU) for own in (networks, moved)
    )
    np.testing.assert_allclose(again, first, rtol=1e-2, atol=1e-2)  # rounding, through 150 steps


@pytest.mark.parametrize("widths", [(4, 5, 2), (3, 6, 4, 2)])
def test_of_the_published_form_the_first_code_is_invariant_and_later_ones_are_not(widths):
    networks = perceptrons(6, widths)
    ours, theirs = codes_of("published", networks, [permuted(network, 7) for network in networks])
    np.testing.assert_allclose(theirs[..., :8], ours[..., :8], rtol=1e-4, atol=1e-4)
    for layer in range(1, len(widths) - 1):
        later = slice(8 * layer, 8 * (layer + 1))
        assert np.abs(theirs[..., later] - ours[..., later]).max() > 0.05 * np.abs(ours[..., later]).max()


@pytest.mark.parametrize("form", FORMS)
def test_codes_do_tell_models_apart(form):
    """Codes that were constant would be invariant as well."""
    ours, theirs = codes_of(form, perceptrons(6, (4, 5, 2)), perceptrons(6, (4, 5, 2), 1))
    assert np.abs(ours - theirs).max() > 0.1
    assert np.abs(ours[:, 1:] - ours[:, :1]).max() > 0.1


def test_the_order_of_classes_counts():
    networks = perceptrons(6, (4, 5, 3))
    turned = copy.deepcopy(networks)
    for network in turned:
        with torch.no_grad():
            network[2].weight.copy_(network[2].weight.flip(0))
            network[2].bias.copy_(network[2].bias.flip(0))
    ours, theirs = codes_of("strict", networks, turned)
    assert np.abs(ours - theirs).max() > 0.1


def test_sums_over_edges_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    edges, codes = rng.normal(size=(3, 2, 4, 5)), rng.normal(size=(2, 3, 5, 6))
    found = summed(torch.from_numpy(edges), torch.from_numpy(codes)).numpy()
    wanted = np.concatenate([np.einsum("mji,emic->emjc", edges[:, sign], codes) for sign in (0, 1)], axis=3)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
