"""The noise for a wanted epsilon, advantage or true positive rate."""

import math

import pytest
from scipy.stats import norm

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.calibrate import SMALLEST, noise_for_advantage, noise_for_epsilon, noise_for_tpr
from privaudit.estimators.privacy_loss import composed_privacy_loss, pld_claim
from privaudit.estimators.tradeoff import advantage_bound, tradeoff_bound
from privaudit.types import DpSgdParams, Neighbouring


@pytest.mark.parametrize(
    ("epsilon", "rate", "steps", "neighbouring"),
    [(1.0, 0.1, 50, Neighbouring.ADD_REMOVE), (8.0, 0.05, 100, Neighbouring.REPLACE_ONE)],
)
def test_noise_keeps_the_claim_and_is_the_smallest(epsilon, rate, steps, neighbouring):
    noise = noise_for_epsilon(epsilon, delta=1e-5, sample_rate=rate, steps=steps, neighbouring=neighbouring)

    def spent(multiplier):
        params = DpSgdParams(noise_multiplier=multiplier, sample_rate=rate, steps=steps)
        return pld_claim(params, delta=1e-5, neighbouring=neighbouring).epsilon

    assert spent(noise) <= epsilon < spent(noise * (1 - 1.1e-3))


@pytest.mark.parametrize(
    ("advantage", "rate", "steps", "neighbouring"),
    [(0.1, 0.01, 1000, Neighbouring.ADD_REMOVE), (0.9, 0.05, 100, Neighbouring.REPLACE_ONE)],
)
def test_noise_keeps_the_advantage_and_is_the_smallest(advantage, rate, steps, neighbouring):
    noise = noise_for_advantage(advantage, sample_rate=rate, steps=steps, neighbouring=neighbouring)

    def spent(multiplier):
        params = DpSgdParams(noise_multiplier=multiplier, sample_rate=rate, steps=steps)
        return advantage_bound(params=params, neighbouring=neighbouring)

    assert spent(noise) <= advantage < spent(noise * (1 - 1.1e-3))


@pytest.mark.parametrize(
    ("tpr", "fpr", "rate", "steps", "neighbouring"),
    [(0.02, 0.01, 0.01, 1000, Neighbouring.ADD_REMOVE), (0.5, 1e-3, 0.05, 100, Neighbouring.REPLACE_ONE)],
)
def test_noise_keeps_the_rate_in_either_world_and_is_the_smallest(tpr, fpr, rate, steps, neighbouring):
    noise = noise_for_tpr(tpr, fpr=fpr, sample_rate=rate, steps=steps, neighbouring=neighbouring)

    def spent(multiplier, null):
        params = DpSgdParams(noise_multiplier=multiplier, sample_rate=rate, steps=steps)
        return tradeoff_bound([fpr], params=params, neighbouring=neighbouring, null=null)[0]

    assert max(spent(noise, "out"), spent(noise, "in")) <= tpr < spent(noise * (1 - 1.1e-3), "either")


def test_full_batches_have_a_closed_form():
    mu = norm.ppf(0.1) - norm.ppf(0.01)
    noise = noise_for_tpr(0.1, fpr=0.01, sample_rate=1.0, steps=4)
    assert noise == pytest.approx(2 / mu, rel=1e-3) and noise >= 2 / mu
    replaced = noise_for_advantage(0.2, sample_rate=1.0, steps=4, neighbouring=Neighbouring.REPLACE_ONE)
    assert replaced == pytest.approx(4 / (2 * norm.ppf(0.6)), rel=1e-3)


def test_wishes_that_hardly_need_noise_get_the_smallest():
    assert noise_for_advantage(0.99, sample_rate=0.001, steps=1) == SMALLEST
    assert noise_for_tpr(0.99, fpr=0.5, sample_rate=0.001, steps=1) == SMALLEST


@pytest.mark.parametrize("neighbouring", list(Neighbouring)[:2])
def test_tiny_delta_is_no_obstacle(neighbouring):
    noise = noise_for_epsilon(5.0, delta=1e-12, sample_rate=0.01, steps=10_000, neighbouring=neighbouring)

    def spent(multiplier):
        params = DpSgdParams(noise_multiplier=multiplier, sample_rate=0.01, steps=10_000)
        return pld_claim(params, delta=1e-12, neighbouring=neighbouring).epsilon

    assert spent(noise) <= 5.0 < spent(noise * (1 - 1.1e-3))


def test_a_search_composes_the_full_grid_a_few_times_only():
    wishes = [
        lambda: noise_for_epsilon(8.0, delta=1e-5, sample_rate=0.004, steps=1000),
        lambda: noise_for_epsilon(1.0, delta=1e-7, sample_rate=0.02, steps=3000),
        lambda: noise_for_advantage(0.1, sample_rate=0.03, steps=500),
        lambda: noise_for_tpr(0.3, fpr=0.01, sample_rate=0.01, steps=2000, neighbouring=Neighbouring.REPLACE_ONE),
    ]
    for wish in wishes:
        before = composed_privacy_loss.cache_info().misses
        wish()
        assert composed_privacy_loss.cache_info().misses - before <= 4


@pytest.mark.parametrize(
    ("epsilon", "rate", "steps"), [(0.01, 0.1, 10), (0.02, 1e-4, 5), (300.0, 0.3, 50), (1e-3, 1e-5, 10_000)]
)
def test_noise_is_the_smallest_where_the_coarse_grid_is_far_off(epsilon, rate, steps):
    noise = noise_for_epsilon(epsilon, delta=1e-6, sample_rate=rate, steps=steps)

    def spent(multiplier):
        params = DpSgdParams(noise_multiplier=multiplier, sample_rate=rate, steps=steps)
        return pld_claim(params, delta=1e-6, neighbouring=Neighbouring.ADD_REMOVE).epsilon

    assert spent(noise) <= epsilon < spent(noise * (1 - 1.1e-3))


def test_no_noise_at_all_is_enough_for_a_record_that_is_hardly_drawn():
    assert noise_for_advantage(0.5, sample_rate=1e-6, steps=100) == SMALLEST
    assert noise_for_epsilon(0.1, delta=2e-4, sample_rate=1e-6, steps=100) == SMALLEST


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0.0, 1e-5), (-1.0, 1e-5), (math.nan, 1e-5), (math.inf, 1e-5), (1.0, 0.0)]
)
def test_impossible_epsilons_are_refused(epsilon, delta):
    with pytest.raises(ConfigError):
        noise_for_epsilon(epsilon, delta=delta, sample_rate=0.1, steps=10)


@pytest.mark.parametrize("advantage", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_impossible_advantages_are_refused(advantage):
    with pytest.raises(ConfigError, match="advantage"):
        noise_for_advantage(advantage, sample_rate=0.1, steps=10)


@pytest.mark.parametrize(
    ("tpr", "fpr"), [(0.1, 0.1), (0.05, 0.1), (1.0, 0.1), (0.5, -0.1), (math.nan, 0.1), (0.5, math.nan)]
)
def test_impossible_rates_are_refused(tpr, fpr):
    with pytest.raises(ConfigError, match="tpr"):
        noise_for_tpr(tpr, fpr=fpr, sample_rate=0.1, steps=10)


def test_a_tpr_without_false_positives_is_refused():
    with pytest.raises(ConfigError, match="fpr must be above 0"):
        noise_for_tpr(0.5, fpr=0.0, sample_rate=0.1, steps=10)


def test_wishes_beyond_the_largest_noise_are_refused():
    with pytest.raises(ConfigError, match="no noise multiplier up to 100000 gives advantage"):
        noise_for_advantage(1e-9, sample_rate=1.0, steps=100)
    with pytest.raises(ConfigError, match="no noise multiplier up to 100000 gives tpr"):
        noise_for_tpr(0.1 + 1e-9, fpr=0.1, sample_rate=1.0, steps=100)


def test_other_relations_are_refused():
    with pytest.raises(UnsupportedError, match="zero_out"):
        noise_for_advantage(0.1, sample_rate=0.1, steps=10, neighbouring=Neighbouring.ZERO_OUT)
