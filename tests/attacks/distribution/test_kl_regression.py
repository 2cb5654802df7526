"""The ratio itself: rules on divergences that are known, and the published weights, which are the wrong way round."""

from dataclasses import replace

import numpy as np
import pytest

from privaudit.attacks.distribution.kl_distance import mean_divergences
from privaudit.attacks.distribution.kl_regression import (
    KlRegression,
    choose_tau,
    decide_between,
    parabola_ratio,
    ratio_means,
    softmin_ratio,
)
from privaudit.errors import ConfigError, DegenerateScoresError, MissingSignalError, UnsupportedError

RATIOS = (0.1, 0.3, 0.5, 0.7, 0.9)


def worlds(make_worlds, **options):
    inputs, world = make_worlds(shift=0.5, n_shadows=(8,) * 5, n_victims=20, n_queries=200, **options)
    return replace(inputs, ratios=RATIOS), np.array(RATIOS)[world]


@pytest.mark.parametrize("truth", [0.0, 0.12, 0.5, 0.61, 1.0])
def test_a_parabola_is_found_exactly(truth):
    grid = np.array([0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
    assert parabola_ratio(3 * np.square(grid - truth)[None] + 2, grid)[0] == pytest.approx(truth, abs=1e-12)


def test_what_is_no_parabola_gives_the_nearest_ratio():
    grid = np.array([0.0, 0.5, 1.0])
    assert parabola_ratio(np.array([[0.0, 1.0, 1.5], [1.0, 1.0, 1.0], [2.0, 1.9, 0.0]]), grid).tolist() == [
        0.0,
        0.0,
        1.0,
    ]


def test_softmin_between_nearest_and_mean():
    divergences, grid = np.array([[0.3, 0.1, 0.4, 800.0]]), np.array([0.0, 0.2, 0.6, 1.0])
    assert softmin_ratio(divergences, grid, 1e-6)[0] == pytest.approx(0.2)
    assert softmin_ratio(divergences, grid, 1e9)[0] == pytest.approx(0.45, abs=1e-5)


@pytest.mark.parametrize("rule", ["softmin", "parabola"])
def test_ratios_are_estimated(make_worlds, rule):
    inputs, truth = worlds(make_worlds)
    estimates = KlRegression(rule=rule).run(inputs).scores
    assert np.square(estimates - truth).mean() < 0.01  # one half for everyone is wrong by 0.08
    assert (estimates >= 0.1).all() and (estimates <= 0.9).all()


def test_the_published_weights_fall_where_the_truth_rises(make_worlds):
    inputs, truth = worlds(make_worlds)
    means = ratio_means(mean_divergences(inputs.shadows, inputs.victims), inputs.shadow_world, 5)
    published = (means * RATIOS).sum(axis=1) / means.sum(axis=1)
    assert np.corrcoef(published, truth)[0, 1] < -0.8
    assert np.corrcoef(KlRegression().run(inputs).scores, truth)[0, 1] > 0.9


def test_names_of_worlds_do_not_matter(make_worlds):
    inputs, _ = worlds(make_worlds)
    place = np.array([3, 0, 4, 1, 2])
    turned = replace(inputs, shadow_world=place[inputs.shadow_world], ratios=tuple(np.array(RATIOS)[np.argsort(place)]))
    for rule in ("softmin", "parabola"):
        np.testing.assert_allclose(
            KlRegression(rule=rule).run(turned).scores, KlRegression(rule=rule).run(inputs).scores, atol=1e-9
        )


def test_worlds_of_one_ratio_are_put_together(make_worlds):
    """World 5 is another draw of world 2's law: its shadow models only make the average better."""
    inputs, _ = worlds(make_worlds)
    rows = np.flatnonzero(inputs.shadow_world == 2)
    world = inputs.shadow_world.copy()
    world[rows[::2]] = 5
    control = replace(inputs, shadow_world=world, ratios=(*RATIOS, 0.5))
    np.testing.assert_array_equal(KlRegression().run(control).scores, KlRegression().run(inputs).scores)


def test_a_victims_estimate_is_its_own(make_worlds):
    inputs, _ = worlds(make_worlds)
    rows = [4, 50, 0]
    some = replace(inputs, victims=inputs.victims[rows], victim_labels=inputs.victim_labels[rows])
    np.testing.assert_allclose(KlRegression().run(some).scores, KlRegression().run(inputs).scores[rows], atol=1e-9)


def test_tau_is_the_best_of_those_tried():
    rng = np.random.default_rng(0)
    grid = np.array(RATIOS)
    truth = np.repeat(grid, 6)
    divergences = np.square(truth[:, None] - grid) + 0.02 * rng.normal(size=(30, 5))
    tau = choose_tau(divergences, truth, grid)
    error = [np.square(softmin_ratio(divergences, grid, t) - truth).mean() for t in (tau / 2, tau, tau * 2)]
    assert error[1] <= min(error[0], error[2])


def test_binary_answers_of_estimates():
    np.testing.assert_allclose(decide_between([0.1, 0.4, 0.7], 0.2, 0.6), [-0.3, 0.0, 0.3], atol=1e-12)
    np.testing.assert_allclose(decide_between([0.1, 0.7], 0.6, 0.2), [0.3, -0.3], atol=1e-12)
    for pair in ((0.5, 0.5), (-0.1, 0.5), (0.5, float("nan"))):
        with pytest.raises(ConfigError, match="differ"):
            decide_between([0.1], *pair)
    with pytest.raises(DegenerateScoresError, match="estimates"):
        decide_between([np.nan], 0.1, 0.2)


def test_what_cannot_be_served_is_named(make_worlds):
    inputs, _ = worlds(make_worlds)
    for ratios in (None, (0.1, 0.2), (0.1, 0.2, 0.3, 0.4, 1.5), (0.1, 0.2, 0.3, 0.4, float("nan"))):
        with pytest.raises(ConfigError, match="ratios"):
            KlRegression().run(replace(inputs, ratios=ratios))
    with pytest.raises(UnsupportedError, match="needs 2 different"):
        KlRegression().run(replace(inputs, ratios=(0.5,) * 5))
    with pytest.raises(UnsupportedError, match="needs 3 different"):
        KlRegression(rule="parabola").run(replace(inputs, ratios=(0.5, 0.5, 0.5, 0.5, 0.1)))
    with pytest.raises(MissingSignalError):
        KlRegression().run(inputs.without_probabilities())
    for wrong in ({"rule": "published"}, {"clip": 0.7}):
        with pytest.raises(ConfigError):
            KlRegression(**wrong)


def test_models_that_all_say_the_same(make_worlds):
    inputs, _ = worlds(make_worlds)
    flat = replace(inputs, shadows=np.full_like(inputs.shadows, 0.5), victims=np.full_like(inputs.victims, 0.5))
    assert (
        np.isfinite(KlRegression().run(flat).scores).all()
        and np.isfinite(KlRegression(rule="parabola").run(flat).scores).all()
    )
