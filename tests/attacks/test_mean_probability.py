"""Mean probabilities: against the plain sum of exponentials, at both ends, with gaps, and offline by its definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from privaudit.attacks import mean_probability
from privaudit.attacks.mean_probability import Workspace, log_mean_probability, log_offline_probability, sum_of_expm1
from privaudit.errors import UnsupportedError

PROFILE = settings(max_examples=60, deadline=None, derandomize=True)


def test_the_table_gives_expm1_to_a_few_units_in_the_last_place():
    """One value a column, over 27 decades, on the table's steps and between them."""
    x = -np.concatenate([np.geomspace(1e-25, 39.9, 40_000), np.arange(1, 40_000) / 1024, np.arange(1, 4000) / 2048])
    work = Workspace.of((1, len(x)))
    work.below[0] = x
    np.testing.assert_allclose(sum_of_expm1(work), np.expm1(x), rtol=2e-15)


def test_what_is_too_small_to_count_counts_as_nothing():
    log_p = np.array([[-3.0, -3.0], [-1e60, -43.5]])
    np.testing.assert_allclose(log_mean_probability(log_p), [-3.0 - math.log(2.0)] * 2, rtol=1e-15)


@PROFILE
@given(st.integers(0, 10**6), st.integers(1, 9), st.sampled_from([1e-12, 0.3, 5.0, 300.0]))
def test_means_equal_the_definition(seed, n_models, scale):
    rng = np.random.default_rng(seed)
    log_p = -rng.exponential(scale, (n_models, 30))
    is_used = rng.random(log_p.shape) < 0.5
    is_used[0] = True
    expected = logsumexp(log_p, axis=0, b=is_used) - np.log(is_used.sum(axis=0))
    np.testing.assert_allclose(log_mean_probability(log_p, is_used=is_used), expected, rtol=1e-12, atol=2e-15)
    models = rng.permutation(n_models)[: 1 + n_models // 2]
    expected = logsumexp(log_p[models], axis=0) - math.log(len(models))
    np.testing.assert_allclose(log_mean_probability(log_p, models=models), expected, rtol=1e-12, atol=2e-15)


def test_sure_models_keep_their_differences():
    """Sums of exponentials would give 0 here."""
    log_p = -np.array([[1e-20, 5e-18], [3e-20, 1e-18], [1.0, 2.0]])
    np.testing.assert_allclose(log_mean_probability(log_p, models=np.array([0, 1])), [-2e-20, -3e-18], rtol=1e-14)
    is_used = np.array([[True, True], [True, True], [False, False]])
    np.testing.assert_allclose(log_mean_probability(log_p, is_used=is_used), [-2e-20, -3e-18], rtol=1e-14)


def test_blocks_do_not_show(monkeypatch):
    rng = np.random.default_rng(1)
    log_p, is_used = -rng.exponential(2.0, (6, 101)), rng.random((6, 101)) < 0.7
    is_used[2] = True
    whole = log_mean_probability(log_p, is_used=is_used)
    monkeypatch.setattr(mean_probability, "BLOCK_NUMBERS", 60)
    np.testing.assert_array_equal(log_mean_probability(log_p, is_used=is_used), whole)


def test_arguments_stay_as_they_were():
    log_p, is_used = np.log([[0.5, 0.2], [0.1, 0.9]]), np.array([[True, False], [True, True]])
    before = log_p.copy(), is_used.copy()
    log_mean_probability(log_p, is_used=is_used)
    np.testing.assert_array_equal(log_p, before[0])
    np.testing.assert_array_equal(is_used, before[1])


def test_a_constant_has_itself_as_its_mean():
    """To the last digit, whichever models count: their coins must not show."""
    rng = np.random.default_rng(2)
    log_p = np.full((7, 500), math.log(0.3))
    is_used = rng.random(log_p.shape) < 0.5
    is_used[0] = True
    np.testing.assert_array_equal(log_mean_probability(log_p, is_used=is_used), log_p[0])


def test_a_record_without_a_reference_is_refused():
    is_used = np.array([[True, False, False], [True, False, True]])
    with pytest.raises(UnsupportedError, match="1 records"):
        log_mean_probability(np.zeros((2, 3)), is_used=is_used)


@PROFILE
@given(st.floats(1e-6, 1.0), st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0]))
def test_offline_probability_is_half_of_both_sides(p_out, a):
    p_in = a * p_out + 1 - a
    found = log_offline_probability(np.array([math.log(p_out)]), a)
    np.testing.assert_allclose(np.exp(found), (p_in + p_out) / 2, rtol=1e-12)


def test_offline_probability_at_both_ends():
    log_p = np.array([-1e-20, -1.0, -1.0000001, -2000.0])
    np.testing.assert_allclose(log_offline_probability(log_p, 1.0), log_p, rtol=1e-14)
    np.testing.assert_allclose(log_offline_probability(log_p[:1], 0.0), [-0.5e-20], rtol=1e-14)
    np.testing.assert_allclose(log_offline_probability(log_p[3:], 0.4), math.log(0.3), rtol=1e-14)
