"""Records judged by pairs of models: counts, exact intervals and tests, false discoveries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from privaudit.data.design import paired_coins
from privaudit.errors import DataError, DegenerateScoresError, ShapeError, UnsupportedError
from privaudit.estimators.false_discovery import benjamini_yekutieli
from privaudit.estimators.paired_models import PairWins, pair_wins, win_intervals, win_p_values


def pairs_of(n_models):
    return np.arange(n_models).reshape(-1, 2)


def test_counts_are_those_of_the_definition():
    rng, coins = np.random.default_rng(0), paired_coins(10, 50, 0)
    values = rng.integers(0, 4, size=(10, 50)).astype(float)
    found = pair_wins(values, coins, pairs_of(10))
    for record in range(50):
        pairs = [(a, b) if coins[a, record] else (b, a) for a, b in pairs_of(10)]
        assert found.wins[record] == sum(values[a, record] > values[b, record] for a, b in pairs)
        assert found.ties[record] == sum(values[a, record] == values[b, record] for a, b in pairs)
    np.testing.assert_array_equal(found.share, (found.wins + found.ties / 2) / 5)


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 40), st.data())
def test_intervals_and_p_values_are_the_binomial_ones(n, data):
    won = data.draw(st.integers(0, n))
    wins = PairWins(n, np.array([won]), np.array([0]))
    (low,), (high,) = win_intervals(wins, confidence=0.9)
    exact = binomtest(won, n, 0.5, alternative="greater")
    both = binomtest(won, n).proportion_ci(0.9, method="exact")
    assert np.allclose([low, high], both, atol=1e-9)
    assert np.isclose(win_p_values(wins)[0], exact.pvalue)


def test_ties_widen_the_interval_and_are_no_evidence():
    without, tied = PairWins(10, np.array([7]), np.array([0])), PairWins(10, np.array([7]), np.array([3]))
    ends = [win_intervals(wins, confidence=0.95) for wins in (without, tied)]
    assert ends[0][0] == ends[1][0] and ends[1][1] == 1.0 > ends[0][1]
    assert win_p_values(tied) == win_p_values(without)
    constant = pair_wins(np.zeros((8, 5)), paired_coins(8, 5, 0), pairs_of(8))
    assert (constant.share == 0.5).all() and (win_p_values(constant) == 1.0).all()


def test_hostile_input():
    coins = paired_coins(4, 6, 0)
    with pytest.raises(UnsupportedError, match="there is none"):
        pair_wins(np.zeros((4, 6)), coins, np.empty((0, 2)))
    with pytest.raises(ShapeError, match="rows from 0 to 3"):
        pair_wins(np.zeros((4, 6)), coins, [[0, 4]])
    with pytest.raises(DataError, match="opposite coins"):
        pair_wins(np.zeros((4, 6)), coins, [[0, 2]])
    values = np.zeros((4, 6))
    values[1, 2] = np.nan
    with pytest.raises(DegenerateScoresError, match="model 1, record 2"):
        pair_wins(values, coins, pairs_of(4))
    infinite = np.where(coins, np.inf, -np.inf)
    assert (pair_wins(infinite, coins, pairs_of(4)).share == 1.0).all()


@pytest.mark.statistical
def test_intervals_hold_for_all_records_at_once_where_the_models_of_a_pair_repel_each_other():
    """4,000 runs of 20 records, 12 pairs whose models' signals are correlated by -.9, as complementary training sets make
    them. The family of intervals misses in at most 5 % of the runs; a correct method exceeds the limit with 1e-6.
    """
    rng, n_runs, n_pairs, n = np.random.default_rng(1), 4000, 12, 20
    effect = np.linspace(0, 3, n)
    common = rng.normal(size=(n_runs, n_pairs, n)) * np.sqrt(0.9)
    own = rng.normal(size=(2, n_runs, n_pairs, n)) * np.sqrt(0.1)
    won = (effect + common + own[0] > -common + own[1]).sum(axis=1)
    truth = norm.cdf(effect / np.sqrt(4 * 0.9 + 0.2))
    low, high = win_intervals(PairWins(n_pairs, won, np.zeros_like(won)), confidence=1 - 0.05 / n)
    missed = ((truth < low) | (truth > high)).any(axis=1).sum()
    assert missed <= binom.ppf(1 - 1e-6, n_runs, 0.05)
    null = win_p_values(PairWins(n_pairs, won[:, 0], np.zeros(n_runs, dtype=int)))
    assert (null <= 0.05).sum() <= binom.ppf(1 - 1e-6, n_runs, 0.05)


@pytest.mark.statistical
def test_records_that_leak_are_found_and_few_others_are():
    """2,000 runs of 60 records, 10 of which win 97 % of 40 pairs. The mean share of false discoveries is at most 5 % (its mean
    over runs is below .05 + 5 standard errors, which a correct method exceeds with 3e-7); at least 9 of 10 are found.
    """
    rng, n_runs = np.random.default_rng(2), 2000
    chance = np.r_[np.full(10, 0.97), np.full(50, 0.5)]
    won = rng.binomial(40, chance, size=(n_runs, 60))
    found = np.stack(
        [benjamini_yekutieli(win_p_values(PairWins(40, row, np.zeros(60, dtype=int)))) <= 0.05 for row in won]
    )
    false = found[:, 10:].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    assert false.mean() <= 0.05 + 5 * false.std() / np.sqrt(n_runs)
    assert found[:, :10].mean() >= 0.9


def test_adjusted_p_values_are_those_of_the_definition():
    rng = np.random.default_rng(3)
    p = rng.uniform(size=37) ** 3
    adjusted, n = benjamini_yekutieli(p), len(p)
    factor = (1 / np.arange(1, n + 1)).sum()
    for q in (0.01, 0.05, 0.2, 0.9):
        ordered = np.sort(p)
        passing = np.flatnonzero(ordered <= np.arange(1, n + 1) / n * q / factor)
        k = passing[-1] + 1 if len(passing) else 0
        assert (adjusted <= q).sum() == k
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all() and (adjusted >= p).all()
    assert benjamini_yekutieli([]).tolist() == [] and benjamini_yekutieli([0.03]).tolist() == [0.03]
    for bad in ([-0.1], [1.1]):
        with pytest.raises(Exception, match="must lie in"):
            benjamini_yekutieli(bad)


@pytest.mark.statistical
def test_the_false_discovery_rate_holds_under_negative_dependence():
    """20,000 runs of 2 p-values p and 1 - p, both true nulls: every discovery is false. Benjamini-Hochberg would call in 5 %
    exactly; with the factor of 1.5 at most 5 % (binomial limit at 1e-6).
    """
    p = np.random.default_rng(4).uniform(size=20_000)
    called = sum(bool((benjamini_yekutieli([one, 1 - one]) <= 0.05).any()) for one in p)
    assert 0 < called <= binom.ppf(1 - 1e-6, 20_000, 0.05)
