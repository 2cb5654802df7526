"""Normal curves per query: against the best possible accuracy, refits, and the bias of unequal numbers."""

import numpy as np
import pytest
from scipy.stats import norm

from privaudit.attacks.distribution.gauss import (
    GaussianQueries,
    Prior,
    fit_queries,
    gaussian_scores,
    left_out_scores,
    variance_prior,
)


def draw(n_models, mean, rng, spread):
    return mean + spread * rng.normal(size=(n_models, len(spread)))


def test_a_score_by_hand():
    """One query, means 0 and 2, residual 4 of 2 degrees, prior of strength 2 and scale 1: precision 4 / 6."""
    fit = fit_queries(np.array([[-1.0], [1.0]]), np.array([[1.0], [3.0]]))
    scores = gaussian_scores(np.array([[2.5], [1.0]]), fit, Prior(2.0, 1.0))
    np.testing.assert_allclose(scores, [2 * 1.5 * 4 / 6, 0.0])


@pytest.mark.statistical
def test_the_best_possible_accuracy_is_met():
    """Independent queries: the best is Phi(sqrt(sum gap^2 / variance) / 2); within 4.9 standard errors and 0.02 for the fit."""
    rng = np.random.default_rng(0)
    gap, spread = rng.normal(0.0, 0.3, 30), np.exp(rng.normal(0.0, 0.5, 30))
    best = norm.cdf(np.sqrt(np.square(gap / spread).sum()) / 2)
    shadows = [draw(300, world * gap, rng, spread) for world in (0, 1)]
    fit = fit_queries(*shadows)
    prior = variance_prior(fit)
    scores = [gaussian_scores(draw(4000, world * gap, rng, spread), fit, prior) for world in (0, 1)]
    accuracy = ((scores[0] < 0).mean() + (scores[1] >= 0).mean()) / 2
    error = 4.9 * np.sqrt(best * (1 - best) / 8000)
    assert 0.7 < best < 0.9
    assert best - 0.02 - error < accuracy < best + error


def test_left_out_scores_are_refits():
    rng = np.random.default_rng(1)
    log_odds, world = rng.normal(size=(9, 40)), np.array([0, 1, 0, 1, 1, 0, 1, 1, 1])
    prior = Prior(3.0, 0.7)
    scores = left_out_scores(log_odds, world, fit_queries(log_odds[world == 0], log_odds[world == 1]), prior)
    for one in range(9):
        rest = np.arange(9) != one
        fit = fit_queries(log_odds[rest & (world == 0)], log_odds[rest & (world == 1)])
        assert scores[one] == pytest.approx(gaussian_scores(log_odds[one : one + 1], fit, prior)[0], rel=1e-9, abs=1e-9)


@pytest.mark.statistical
@pytest.mark.parametrize("numbers", [(2, 9), (9, 2), (2, 3), (5, 5)])
def test_unequal_numbers_lean_to_neither_world(numbers):
    """Worlds alike, variances from the prior: scores are 0 in the mean. 1,500 draws, |z| below 4.9: fails once in a million."""
    rng, strength = np.random.default_rng(3), 6.0
    means, plain = [], []
    for _ in range(1500):
        spread = np.sqrt(strength / rng.chisquare(strength, 40))
        fit = fit_queries(*(draw(n, np.zeros(40), rng, spread) for n in numbers))
        victims = draw(20, np.zeros(40), rng, spread)
        means.append(gaussian_scores(victims, fit, Prior(strength, 1.0)).mean())
        plain.append(
            gaussian_scores(
                victims, fit._replace(n_0=sum(numbers) // 2, n_1=sum(numbers) // 2), Prior(strength, 1.0)
            ).mean()
        )

    def z(values):
        return np.mean(values) / (np.std(values) / np.sqrt(len(values)))

    assert abs(z(means)) < 4.9
    if abs(numbers[0] - numbers[1]) > 5:
        assert abs(z(plain)) > 10  # what the correction is there for


def test_the_prior_is_read_off_the_queries():
    rng = np.random.default_rng(4)
    spread = np.sqrt(0.5 * 6.0 / rng.chisquare(6.0, 20_000))
    fit = fit_queries(*(draw(5, np.zeros(20_000), rng, spread) for _ in (0, 1)))
    prior = variance_prior(fit)
    assert prior.strength == pytest.approx(6.0, rel=0.15) and prior.scale == pytest.approx(0.5, rel=0.05)


def test_without_spread_there_is_a_prior_all_the_same():
    flat = fit_queries(np.zeros((3, 40)), np.ones((3, 40)))
    assert variance_prior(flat) == Prior(4.0, 1.0)
    few = fit_queries(np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]]))
    assert variance_prior(few) == Prior(4.0, 0.5)
    assert gaussian_scores(np.ones((1, 40)), flat, variance_prior(flat))[0] > 0


@pytest.mark.statistical
def test_three_shadow_models_already_help(make_worlds, accuracy):
    """Victims at 3 standard errors above one half; expected is 0.9."""
    inputs, world = make_worlds(shift=1.0, n_shadows=(3, 3), n_victims=150, n_queries=100)
    assert accuracy(GaussianQueries().run(inputs).scores, world) > 0.75


def test_a_calibration_that_finds_nothing_leaves_the_sign(make_worlds):
    inputs, _ = make_worlds(n_shadows=(2, 2), n_queries=4)
    for seed in range(40):
        inputs, _ = make_worlds(n_shadows=(2, 2), n_queries=4, seed=seed)
        result = GaussianQueries(decision="calibrated").run(inputs)
        if "no threshold" in result.notes[0]:
            np.testing.assert_array_equal(result.scores, GaussianQueries().run(inputs).scores)
            return
    raise AssertionError("no draw without a threshold")
