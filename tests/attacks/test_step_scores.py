"""Scores of steps: the likelihood ratio by its definition, orders, extremes, what other scores find, refusals."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from privaudit.attacks.step_scores import energy_score, nearest_score, trajectory_scores
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.estimators import auc


@pytest.mark.parametrize("noise", [0.3, 1.0, 20.0])
@pytest.mark.parametrize("sample_rate", [0.01, 0.5])
def test_sampled_steps_are_scored_by_the_ratio_of_their_densities(sample_rate, noise):
    seen = np.random.default_rng(0).normal(0.3, noise, (15, 40))
    with_canary = (1 - sample_rate) * norm.pdf(seen, 0, noise) + sample_rate * norm.pdf(seen, 1, noise)
    expected = np.log(with_canary / norm.pdf(seen, 0, noise)).sum(axis=0)
    found = trajectory_scores(seen, sample_rate=sample_rate, noise_multiplier=noise)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_full_batches_are_scored_by_the_sum():
    seen = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
    found = trajectory_scores(seen, sample_rate=1.0, noise_multiplier=0.0)
    assert found == pytest.approx(seen.astype(np.float64).sum(axis=0)) and found.dtype == np.float64
    nearly = trajectory_scores(seen, sample_rate=1 - 1e-12, noise_multiplier=2.0)
    assert (np.argsort(nearly) == np.argsort(found)).all()


def test_extreme_steps_stay_finite():
    seen = np.array([[1e6, -1e6], [0.0, 0.0]])
    found = trajectory_scores(seen, sample_rate=1e-9, noise_multiplier=0.01)
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx((1e6 - 0.5) / 1e-4 + math.log(1e-9), rel=1e-9)
    assert found[1] == pytest.approx(2 * math.log1p(-1e-9))


@pytest.mark.statistical
def test_the_ratio_beats_the_sum_when_few_steps_hold_the_canary():
    """20,000 a side; the AUCs differ by more than ten standard errors of .003."""
    rng, shape = np.random.default_rng(2), (50, 20_000)
    out, member = rng.normal(0.0, 0.3, shape), rng.normal(0.0, 0.3, shape) + (rng.random(shape) < 0.05)
    is_in = np.arange(40_000) >= 20_000
    seen = np.hstack([out, member])
    ratio, total = (auc(trajectory_scores(seen, sample_rate=q, noise_multiplier=0.3), is_in) for q in (0.05, 1.0))
    assert ratio > total + 0.03


def test_nearest_score_finds_a_step_without_noise():
    rng = np.random.default_rng(3)
    seen = rng.normal(0.0, 5.0, (20, 200))
    is_in = np.arange(200) % 2 == 1
    seen[7, is_in], seen[7, ~is_in] = 1.0, 0.0
    assert auc(nearest_score(seen), is_in) == 1.0
    assert nearest_score(seen)[is_in].tolist() == [0.0] * 100


def test_energy_is_the_squared_length_of_a_column():
    seen = np.random.default_rng(4).normal(size=(30, 6))
    assert energy_score(seen) == pytest.approx(np.linalg.norm(seen, axis=0) ** 2)


@pytest.mark.parametrize(
    "score", [lambda seen: trajectory_scores(seen, sample_rate=0.1, noise_multiplier=1.0), nearest_score, energy_score]
)
def test_what_cannot_be_scored_is_refused(score):
    for bad in (math.nan, math.inf):
        seen = np.zeros((2, 3))
        seen[1, 2] = bad
        with pytest.raises(DataError, match="step 1, column 2"):
            score(seen)
    for shape in ((3,), (0, 3), (2, 2, 2)):
        with pytest.raises(ShapeError, match="n_canaries"):
            score(np.zeros(shape))
    with pytest.raises(DataError, match="numbers"):
        score([["a"]])


def test_steps_of_no_claim_are_refused():
    seen = np.zeros((2, 3))
    for rate in (0.0, 1.1, math.nan):
        with pytest.raises(ConfigError, match="sample_rate"):
            trajectory_scores(seen, sample_rate=rate, noise_multiplier=1.0)
    for noise in (0.0, math.inf, math.nan):
        with pytest.raises(ConfigError, match="claimed noise multiplier"):
            trajectory_scores(seen, sample_rate=0.1, noise_multiplier=noise)
