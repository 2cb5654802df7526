"""Scales: from shadow models alone, by the spread within a world, and without loss."""

import numpy as np
import pytest

from privaudit.training.meta_classifier.standardise import SMALLEST, fit_scale

RNG = np.random.default_rng(0)


def test_columns_are_divided_by_the_spread_within_worlds():
    group = np.repeat([0, 1], 200)
    rows = RNG.normal(size=(400, 3, 4)) * np.array([1.0, 2.0, 0.5, 1.0]) + 7.0
    rows[group == 1, :, 0] += 10.0  # what tells the worlds apart must not widen its own scale
    scale = fit_scale(rows, group, "units")
    assert scale.spread.shape == (1, 1, 4)
    np.testing.assert_allclose(scale.spread[0, 0], [1.0, 2.0, 0.5, 1.0], rtol=0.1)
    np.testing.assert_allclose(scale.centre[0, 0], [12.0, 7.0, 7.0, 7.0], atol=0.3)


def test_the_centre_lies_between_the_worlds_whatever_their_numbers():
    rows = np.concatenate([np.zeros((90, 1, 2)), np.ones((10, 1, 2))]) + RNG.normal(0, 1e-3, (100, 1, 2))
    scale = fit_scale(rows, np.repeat([0, 1], (90, 10)), "classes")
    np.testing.assert_allclose(scale.centre, 0.5, atol=1e-3)


def test_classes_have_scales_of_their_own_and_units_share_one():
    rows = RNG.normal(size=(300, 2, 3)) * np.array([1.0, 5.0])[:, None]
    group = np.arange(300) % 2
    np.testing.assert_allclose(fit_scale(rows, group, "classes").spread[0, :, 0], [1.0, 5.0], rtol=0.15)
    np.testing.assert_allclose(fit_scale(rows, group, "units").spread, np.sqrt(13.0), rtol=0.15)


def test_columns_that_are_hidden_units_share_one_scale_beside_the_bias():
    rows = RNG.normal(size=(200, 3, 5)) * np.array([1.0, 3.0, 1.0, 3.0, 40.0])
    scale = fit_scale(rows, np.arange(200) % 2, "layer")
    assert np.ptp(scale.spread[0, 0, :4]) == 0 and np.ptp(scale.centre[0, 0, :4]) == 0
    np.testing.assert_allclose(scale.spread[0, 0, [0, 4]], [np.sqrt(5.0), 40.0], rtol=0.15)


def test_directions_lose_nothing_of_shadow_models():
    rows = RNG.normal(size=(6, 2, 50))
    scale = fit_scale(rows, np.array([0, 0, 0, 1, 1, 1]), "classes")
    ours = scale.apply(rows)
    assert ours.dtype == np.float32 and ours.shape[2] <= 12
    np.testing.assert_allclose(np.square(ours).mean(), 1.0, rtol=1e-5)
    exact = ((rows - scale.centre) / scale.spread).reshape(12, 50) / scale.size
    np.testing.assert_allclose(ours.reshape(12, -1) @ ours.reshape(12, -1).T, exact @ exact.T, atol=1e-3)


@pytest.mark.parametrize("sharing", ["classes", "units", "layer"])
def test_a_column_in_which_shadow_models_do_not_differ_stays_small(sharing):
    rows = RNG.normal(size=(40, 2, 4))
    rows[:, :, 1] = 0.0
    scale = fit_scale(rows, np.arange(40) % 2, sharing)
    assert scale.spread.min() >= 0.99 * SMALLEST * np.sqrt(np.square(scale.spread).mean() / 4)
    victim = rows[:1].copy()
    victim[:, :, 1] = 1.0
    assert np.isfinite(scale.apply(victim)).all() and np.abs(scale.apply(victim)).max() < 30


@pytest.mark.parametrize("sharing", ["classes", "units", "layer"])
def test_shadow_models_that_are_all_the_same_give_zeros(sharing):
    rows = np.full((6, 2, 4), 3.0)
    found = fit_scale(rows, np.arange(6) % 2, sharing).apply(rows)
    assert (found == 0).all() and found.size


def test_where_every_model_has_a_ratio_of_its_own_the_whole_spread_counts():
    rows = RNG.normal(size=(300, 1, 2)) * 4.0
    np.testing.assert_allclose(fit_scale(rows, np.arange(300) / 300, "units").spread, 4.0, rtol=0.15)
