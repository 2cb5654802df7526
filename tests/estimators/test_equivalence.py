"""Two one-sided tests and the exact signed-rank test, against SciPy, by all deals of the signs, and by simulation."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, rankdata, ttest_1samp, wilcoxon

from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError
from privaudit.estimators import equivalence_test, signed_rank_p_value

PROFILE = settings(max_examples=60, deadline=None, derandomize=True)


@PROFILE
@given(st.integers(0, 10**6), st.integers(2, 40), st.floats(0.01, 2.0), st.sampled_from([0.9, 0.95, 0.99]))
def test_both_tests_are_those_of_scipy(seed, n, margin, confidence):
    values = np.random.default_rng(seed).normal(0.1, 0.5, n)
    found = equivalence_test(values, margin, confidence)
    assert found.p_above == pytest.approx(ttest_1samp(values, -margin, alternative="greater").pvalue, rel=1e-9)
    assert found.p_below == pytest.approx(ttest_1samp(values, margin, alternative="less").pvalue, rel=1e-9)
    interval = ttest_1samp(values, 0.0).confidence_interval(2 * confidence - 1)
    assert (found.lower, found.upper) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.is_equivalent == (max(found.p_above, found.p_below) < 1 - confidence)
    assert (found.n, found.margin, found.confidence, found.mean) == (n, margin, confidence, values.mean())


@PROFILE
@given(st.integers(0, 10**6), st.integers(2, 40))
def test_signed_ranks_without_ties_are_those_of_scipy(seed, n):
    values = np.random.default_rng(seed).normal(0.3, 1.0, n)
    assert signed_rank_p_value(values) == pytest.approx(wilcoxon(values, method="exact").pvalue, rel=1e-9)


@PROFILE
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=9))
def test_signed_ranks_with_ties_and_zeros_count_all_deals(values):
    kept = np.array([value for value in values if value])
    ranks = rankdata(np.abs(kept)) if len(kept) else kept
    middle = ranks.sum() / 2
    deals = [abs(ranks @ np.array(deal) - middle) for deal in itertools.product([0, 1], repeat=len(kept))]
    wanted = np.mean([deal >= abs(ranks @ (kept > 0) - middle) for deal in deals])
    assert signed_rank_p_value(values) == pytest.approx(wanted, abs=1e-12)


def test_the_smallest_p_value_is_reached_and_needs_six_differences():
    for n in range(2, 12):
        found = equivalence_test(np.arange(1.0, n + 1), 0.1, 0.95)
        assert found.signed_rank_p == pytest.approx(found.smallest_signed_rank_p, rel=1e-12)
        assert found.smallest_signed_rank_p == 2.0 ** (1 - n)
        assert (found.smallest_signed_rank_p < 0.05) == (n >= 6)
    assert signed_rank_p_value(np.arange(1.0, 301)) == pytest.approx(2.0**-299, rel=1e-9)


@pytest.mark.statistical
def test_errors_are_as_frequent_as_they_may_be():
    """2,000 samples of eight whose true mean is the margin itself, with deviations far below it: "equivalent" is then wrong
    with probability 5 %, and the 90 % interval covers; the signed ranks of the deviations reject at 5 % less often than
    that. Each band is missed with probability 1e-6.
    """
    rng, n = np.random.default_rng(0), 2000
    low, high = binom.ppf([0.5e-6, 1 - 0.5e-6], n, 0.05)
    wrong = covers = rejected = 0
    for sign in (-1.0, 1.0) * (n // 2):
        values = rng.normal(sign, 0.05, 8)
        found = equivalence_test(values, 1.0, 0.95)
        wrong += found.is_equivalent
        covers += found.lower <= sign <= found.upper
        rejected += signed_rank_p_value(values - sign) <= 0.05
    assert low <= wrong <= high
    assert 0 < rejected <= high
    low, high = binom.ppf([0.5e-6, 1 - 0.5e-6], n, 0.1)
    assert low <= n - covers <= high


def test_equal_differences_have_no_spread():
    inside, outside, at = (equivalence_test([value] * 3, 0.3, 0.95) for value in (0.1, -0.4, 0.3))
    assert (inside.is_equivalent, inside.lower, inside.upper, inside.p_above, inside.p_below) == (True, 0.1, 0.1, 0, 0)
    assert (outside.is_equivalent, outside.p_above, outside.p_below) == (False, 1.0, 0.0)
    assert (at.is_equivalent, at.p_below) == (False, 1.0)
    nothing = equivalence_test(np.zeros(8), 0.02, 0.95)
    assert nothing.is_equivalent and nothing.signed_rank_p == 1.0


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([[0.1, 0.2]], 0.1, 0.95), ShapeError, "shape"),
        (([0.1], 0.1, 0.95), UnsupportedError, "2 to 300"),
        ((np.zeros(301), 0.1, 0.95), UnsupportedError, "2 to 300"),
        (([0.1, np.nan], 0.1, 0.95), DataError, "finite"),
        (([0.1, np.inf], 0.1, 0.95), DataError, "finite"),
        (([0.1, 0.2], 0.0, 0.95), ConfigError, "margin"),
        (([0.1, 0.2], -0.1, 0.95), ConfigError, "margin"),
        (([0.1, 0.2], np.nan, 0.95), ConfigError, "margin"),
        (([0.1, 0.2], 0.1, 95), ConfigError, "confidence"),
        (([0.1, 0.2], 0.1, 0.05), ConfigError, "confidence"),
    ],
)
def test_hostile_input_is_refused(arguments, error, words):
    with pytest.raises(error, match=words) as caught:
        equivalence_test(*arguments)
    assert "\n" not in str(caught.value)
