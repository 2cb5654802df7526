"""Meta-classifiers on toy worlds: networks in whose weights the world is written, or is not."""

import numpy as np
import pytest
import torch

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.training.meta_classifier import inputs as inputs_module
from privaudit.training.meta_classifier.fit import MetaSettings, estimated_ratios, world_log_odds
from privaudit.training.meta_classifier.weight_layers import WeightLayer

CPU = torch.device("cpu")
FORMS = ("strict", "published")
N_INPUTS, N_HIDDEN = 6, 5


def toy(level, seed, *, hidden=True):
    """Return layers of models in random orders of hidden units, one model for each level.

    The level moves what the function gives its first two inputs, by the product of both layers' weights.
    """
    rng = np.random.default_rng(seed)
    level = np.asarray(level, dtype=float)
    n = len(level)
    effect = np.zeros((n, N_INPUTS))
    effect[:, 0], effect[:, 1] = level, -level
    if not hidden:
        weight = np.stack([-effect, effect], axis=1) + rng.normal(0, 0.3, (n, 2, N_INPUTS))
        return (WeightLayer(weight=weight[..., None], bias=rng.normal(0, 0.3, (n, 2))),)
    first, second = rng.normal(0, 0.3, (n, N_HIDDEN, N_INPUTS)), rng.normal(0, 1.0, (n, N_HIDDEN))
    first += np.sign(second)[..., None] * effect[:, None] / N_HIDDEN
    return (
        WeightLayer(weight=first[..., None], bias=rng.normal(0, 0.3, (n, N_HIDDEN))),
        WeightLayer(weight=np.stack([-second, second], axis=1)[..., None], bias=rng.normal(0, 0.3, (n, 2))),
    )


def accuracy(scores, world):
    return (np.mean(scores[world == 0] < 0) + np.mean(scores[world == 1] >= 0)) / 2


def worlds(n):
    return np.repeat([0, 1], n)


@pytest.mark.parametrize("form", FORMS)
def test_far_worlds_are_told_apart(form):
    """One layer: log-odds of the best rule are above 6 on average; both forms see them."""
    ours, theirs = worlds(15), worlds(40)
    layers = toy(2.0 * ours, 0, hidden=False), toy(2.0 * theirs, 1, hidden=False)
    assert accuracy(world_log_odds(layers[0], ours, layers[1], MetaSettings(form=form), CPU), theirs) > 0.97


def test_the_strict_form_reads_through_hidden_units():
    """The world is in products of two layers' weights: sums over rows of one layer are the same in both worlds."""
    ours, theirs = worlds(25), worlds(100)
    layers = toy(3.0 * ours, 0), toy(3.0 * theirs, 1)
    assert accuracy(world_log_odds(layers[0], ours, layers[1], MetaSettings(), CPU), theirs) > 0.9


@pytest.mark.statistical
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("hidden", [True, False])
def test_worlds_of_one_law_are_told_apart_by_nobody(form, hidden):
    """Given the shadow models each victim is a coin: |z| below 4.9 fails with probability 1e-6."""
    ours, theirs = worlds(10), worlds(300)
    layers = toy(0.0 * ours, 2, hidden=hidden), toy(0.0 * theirs, 3, hidden=hidden)
    found = accuracy(world_log_odds(layers[0], ours, layers[1], MetaSettings(form=form), CPU), theirs)
    assert abs(found - 0.5) < 4.9 * np.sqrt(0.25 / 600)


def test_both_worlds_count_alike_whatever_their_numbers():
    """One world's models four times: without weights the mean moves by 0.6 towards that world, with them by 0.1."""
    ours, theirs = worlds(10), worlds(100)
    layers, victims = toy(0.4 * ours, 4, hidden=False), toy(0.4 * theirs, 5, hidden=False)
    again = np.r_[np.tile(np.arange(10), 4), np.arange(10, 20)]
    equal = world_log_odds(layers, ours, victims, MetaSettings(), CPU)
    said = world_log_odds(tuple(layer.rows(again) for layer in layers), ours[again], victims, MetaSettings(), CPU)
    assert abs(said.mean() - equal.mean()) < 0.3


@pytest.mark.parametrize("form", FORMS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(form):
    ours, layers, victims = worlds(6), toy(worlds(6), 0), toy(worlds(5), 1)
    first, again, other = (
        world_log_odds(layers, ours, victims, MetaSettings(form=form, seed=seed), CPU) for seed in (0, 0, 1)
    )
    assert first.tobytes() == again.tobytes()
    assert first.dtype == np.float64 and not np.array_equal(first, other)


def test_global_random_states_are_neither_used_nor_moved():
    ours, layers, victims = worlds(4), toy(worlds(4), 0), toy(worlds(2), 1)
    found = []
    for seed in (1, 2):
        torch.default_generator.manual_seed(seed)
        before = torch.get_rng_state()
        found.append(world_log_odds(layers, ours, victims, MetaSettings(), CPU))
        assert torch.equal(torch.get_rng_state(), before)
    assert found[0].tobytes() == found[1].tobytes()


def test_what_is_said_of_a_victim_does_not_depend_on_the_others():
    ours, layers, victims = worlds(6), toy(worlds(6), 0), toy(worlds(20), 1)
    together = world_log_odds(layers, ours, victims, MetaSettings(), CPU)
    alone = world_log_odds(layers, ours, tuple(layer.rows([7]) for layer in victims), MetaSettings(), CPU)
    assert alone[0] == pytest.approx(together[7], abs=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_many_models_are_judged_part_by_part_in_their_order(monkeypatch, form):
    ours, layers, victims = worlds(6), toy(worlds(6), 0), toy(3.0 * worlds(4), 1)
    whole = world_log_odds(layers, ours, victims, MetaSettings(form=form), CPU)
    monkeypatch.setattr(inputs_module, "PART", 3)
    parts = world_log_odds(layers, ours, victims, MetaSettings(form=form), CPU)
    np.testing.assert_allclose(parts, whole, atol=1e-4)
    assert len(np.unique(whole)) == 8


@pytest.mark.parametrize("form", FORMS)
def test_ratios_are_estimated(form):
    """One half for everybody is wrong by 0.05."""
    ours, theirs = np.repeat([0.2, 0.4, 0.6, 0.8], 15), np.repeat([0.2, 0.4, 0.6, 0.8], 25)
    layers = toy(4 * ours, 0, hidden=False), toy(4 * theirs, 1, hidden=False)
    found = estimated_ratios(layers[0], ours, layers[1], MetaSettings(form=form), CPU)
    assert np.square(found - theirs).mean() < 0.01
    assert found.min() >= 0.0 and found.max() <= 1.0


def test_estimates_leave_no_ratio_out_of_reach_and_none_beyond():
    ours = np.repeat([0.0, 1.0], 15)
    found = estimated_ratios(
        toy(4 * ours, 0, hidden=False), ours, toy([-20.0, 30.0], 1, hidden=False), MetaSettings(), CPU
    )
    assert found.tolist() == [0.0, 1.0]


def test_hostile_inputs_are_refused():
    layers, victims, settings = toy(worlds(4), 0), toy(worlds(2), 1), MetaSettings()
    with pytest.raises(ShapeError, match="world or ratio"):
        world_log_odds(layers, worlds(3), victims, settings, CPU)
    with pytest.raises(ShapeError, match="same sizes"):
        world_log_odds(layers, worlds(4), toy(worlds(2), 1, hidden=False), settings, CPU)
    with pytest.raises(DataError, match="worlds 0 and 1"):
        world_log_odds(layers, np.zeros(8, dtype=np.int64), victims, settings, CPU)
    with pytest.raises(DataError, match="different ratios"):
        estimated_ratios(layers, np.full(8, 0.5), victims, settings, CPU)
    with pytest.raises(DataError, match=r"in \[0, 1\]"):
        estimated_ratios(layers, np.repeat([0.5, 1.5], 4), victims, settings, CPU)
    with pytest.raises(ConfigError, match="strict or published"):
        MetaSettings(form="sorted")


def test_shadow_models_that_are_all_the_same_say_nothing():
    layers = tuple(layer.rows([0] * 8) for layer in toy([0.0], 0))
    said = world_log_odds(layers, worlds(4), layers, MetaSettings(), CPU)
    assert np.abs(said).max() < 1e-3
