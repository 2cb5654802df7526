"""Rates of single records: counts, the interval of the worst one, and what chance makes of the largest of many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError
from privaudit.estimators.rates import rate_interval
from privaudit.estimators.rates_by_record import (
    expected_largest_rate,
    false_positive_spread,
    mean_true_positive_rate,
    record_rates,
)

PROFILE = settings(max_examples=60, deadline=None, derandomize=True)


@PROFILE
@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_counts_are_those_of_a_loop(n_models, n_records, seed):
    rng = np.random.default_rng(seed)
    called, is_in = rng.random((n_models, n_records)) < 0.4, rng.integers(0, 2, (n_models, n_records))
    rates = record_rates(called, is_in)
    for record in range(n_records):
        outcomes = list(zip(called[:, record], is_in[:, record], strict=True))
        expected = (
            sum(bool(hit) and inside == 1 for hit, inside in outcomes),
            sum(inside == 1 for _, inside in outcomes),
            sum(bool(hit) and inside == 0 for hit, inside in outcomes),
            sum(inside == 0 for _, inside in outcomes),
        )
        assert tuple(part[record] for part in rates) == expected


def test_records_never_in_or_never_out_have_no_rate_and_are_counted():
    called, is_in = np.ones((4, 3), dtype=bool), np.array([[1, 0, 1], [1, 0, 0], [1, 0, 1], [1, 0, 0]])
    called[1, 2] = False
    rates = record_rates(called, is_in)
    assert mean_true_positive_rate(rates) == 1.0
    spread = false_positive_spread(rates, confidence=0.95)
    assert spread.n_measured == 2 and spread.worst == 1.0 and spread.pooled == pytest.approx(5 / 6)
    with pytest.raises(UnsupportedError, match="training set of any"):
        mean_true_positive_rate(record_rates(called, np.zeros((4, 3))))
    with pytest.raises(UnsupportedError, match="every model"):
        false_positive_spread(record_rates(called, np.ones((4, 3))), confidence=0.95)


def test_hostile_input_is_refused():
    with pytest.raises(ShapeError, match="one shape"):
        record_rates(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ShapeError, match="n_models, n_records"):
        record_rates(np.ones(2), np.ones(2))
    with pytest.raises(DataError, match="1 \\(in the training set\\)"):
        record_rates(np.ones((2, 2)), [[0, 1], [2, 1]])
    with pytest.raises(ConfigError, match="confidence"):
        false_positive_spread(record_rates(np.ones((2, 2)), np.zeros((2, 2))), confidence=95)


def test_the_interval_of_the_worst_record_is_corrected_for_having_been_picked():
    is_in, called = np.zeros((50, 40)), np.zeros((50, 40), dtype=bool)
    called[:10, 0] = True
    spread = false_positive_spread(record_rates(called, is_in), confidence=0.95)
    alone = rate_interval(10, 50, confidence=0.95)
    corrected = rate_interval(10, 50, confidence=1 - 0.05 / 40)
    assert (spread.worst_lower, spread.worst_upper) == pytest.approx(corrected)
    assert corrected[0] < alone[0] and alone[1] < corrected[1]
    assert spread.quantiles == {0.5: 0.0, 0.9: 0.0, 0.99: pytest.approx(0.2 * 0.61)}


@pytest.mark.statistical
def test_the_interval_of_the_worst_record_covers_it():
    """2,000 runs with unequal true rates; at 90 % confidence a correct interval misses more often than the limit with
    probability at most 1e-6.
    """
    rng, runs = np.random.default_rng(0), 2000
    true = rng.beta(0.5, 20, 60)
    missed = 0
    for _ in range(runs):
        spread = false_positive_spread(record_rates(rng.random((30, 60)) < true, np.zeros((30, 60))), confidence=0.9)
        missed += not spread.worst_lower <= true.max() <= spread.worst_upper
    assert missed <= binom.ppf(1 - 1e-6, runs, 0.1)


@pytest.mark.statistical
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 1.0])
def test_the_largest_rate_by_chance_is_that_of_a_simulation(rate):
    """4,000 draws of the largest of 300 shares with 5 to 12 trials each; five standard errors."""
    rng = np.random.default_rng(3)
    n = rng.integers(5, 13, 300)
    largest = (rng.binomial(n, rate, (4000, 300)) / n).max(axis=1)
    assert expected_largest_rate(n, rate) == pytest.approx(largest.mean(), abs=5 * largest.std() / 4000**0.5 + 1e-12)
