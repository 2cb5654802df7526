"""Sets of records at risk and rankings over runs: definitions, ties, and what chance alone would show."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from privaudit.errors import ConfigError, DegenerateScoresError, ShapeError, UnsupportedError
from privaudit.estimators.rates_by_record import RecordRates, record_rates
from privaudit.estimators.risk_sets import at_risk, expected_jaccard, overlap
from privaudit.estimators.run_rankings import rank_stability, top_weights

PROFILE = settings(max_examples=60, deadline=None, derandomize=True)


def test_support_and_false_positives_define_the_set():
    rates = RecordRates(*(np.array(part) for part in ([0, 1, 2, 3], [3, 3, 3, 3], [0, 0, 1, 0], [3, 3, 3, 3])))
    assert at_risk(rates).tolist() == [False, True, True, True]
    assert at_risk(rates, support=2).tolist() == [False, False, True, True]
    assert at_risk(rates, support=2, without_false_positives=True).tolist() == [False, False, False, True]
    with pytest.raises(ConfigError, match="support"):
        at_risk(rates, support=0)


@PROFILE
@given(st.integers(2, 5), st.integers(1, 12), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_the_overlap_is_that_of_sets(n_runs, n_records, share, seed):
    found = np.random.default_rng(seed).random((n_runs, n_records)) < share
    for k in range(2, n_runs + 1):
        groups = [
            [set(np.flatnonzero(found[run])) for run in runs] for runs in itertools.combinations(range(n_runs), k)
        ]
        common, any_of = [len(set.intersection(*g)) for g in groups], [len(set.union(*g)) for g in groups]
        indices = [a / b for a, b in zip(common, any_of, strict=True) if b]
        result = overlap(found, k)
        assert result.jaccard == (pytest.approx(np.mean(indices)) if indices else None)
        assert (result.n_empty, result.n_subsets) == (any_of.count(0), math.comb(n_runs, k))
        assert (result.intersection, result.union) == pytest.approx((np.mean(common), np.mean(any_of)))
        assert (result.jaccard_by_chance is None) == (not indices)


@PROFILE
@given(st.integers(3, 7), st.lists(st.integers(0, 7), min_size=2, max_size=3))
def test_the_overlap_by_chance_is_that_of_all_sets(n_records, sizes):
    """Enumerates every choice of sets of these sizes; the second-order inverse is within 2 %."""
    sizes = [min(size, n_records) for size in sizes]
    every = [[frozenset(c) for c in itertools.combinations(range(n_records), size)] for size in sizes]
    first = every[0][:1]  # by symmetry the first set may be fixed
    indices = [
        len(frozenset.intersection(*sets)) / max(len(frozenset.union(*sets)), 1)
        for sets in itertools.product(first, *every[1:])
    ]
    assert expected_jaccard([sizes], n_records)[0] == pytest.approx(np.mean(indices), rel=0.02, abs=1e-12)


@pytest.mark.statistical
@pytest.mark.parametrize(("sizes", "n_records"), [((40, 90), 1000), ((200, 300, 250), 800), ((30, 30, 30, 30), 100)])
def test_the_overlap_by_chance_is_that_of_random_sets(sizes, n_records):
    """4,000 draws; five standard errors and .5 % for the second-order inverse."""
    rng, draws = np.random.default_rng(1), []
    for _ in range(4000):
        found = np.zeros((len(sizes), n_records), dtype=bool)
        for row, size in zip(found, sizes, strict=True):
            row[rng.permutation(n_records)[:size]] = True
        draws.append(found.all(axis=0).sum() / found.any(axis=0).sum())
    error = 5 * np.std(draws) / math.sqrt(len(draws))
    assert expected_jaccard([sizes], n_records)[0] == pytest.approx(np.mean(draws), abs=error, rel=0.005)


@pytest.mark.statistical
def test_a_stable_set_beats_chance_falls_with_the_number_of_runs_and_rises_with_support():
    """Records with unequal true positive rates, 8 runs of 30 targets. Differences are many times their noise."""
    rng, n = np.random.default_rng(5), 3000
    rate = np.where(rng.random(n) < 0.05, 0.5, 0.01)
    runs = []
    for _ in range(8):
        is_in = rng.integers(0, 2, (30, n))
        runs.append(record_rates(rng.random((30, n)) < np.where(is_in, rate, 0.001), is_in))
    by_support = {x: overlap([at_risk(run, support=x) for run in runs]) for x in (1, 3)}
    assert by_support[1].jaccard < by_support[3].jaccard - 0.3
    for found in by_support.values():
        assert found.jaccard > found.jaccard_by_chance + 0.1
    falling = [overlap([at_risk(run) for run in runs], k).jaccard for k in (2, 4, 8)]
    assert falling[0] > falling[1] > falling[2]
    noise = overlap(rng.random((8, n)) < 0.05)
    assert noise.jaccard == pytest.approx(noise.jaccard_by_chance, abs=0.01)


def test_hostile_sets_are_refused():
    with pytest.raises(ShapeError, match="n_runs, n_records"):
        overlap([True, False])
    with pytest.raises(ConfigError, match="k must lie"):
        overlap([[True], [True]], 3)
    with pytest.raises(UnsupportedError, match="too many"):
        overlap(np.ones((30, 2), dtype=bool), 15)
    with pytest.raises(ConfigError, match="sizes"):
        expected_jaccard([[4, 1]], 3)


@PROFILE
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.3]))
def test_rank_agreement_is_scipys_and_counts_top_records(seed, top):
    values = np.random.default_rng(seed).normal(size=(3, 40))
    found = rank_stability(values, top=top)
    pairs = list(itertools.combinations(values, 2))
    assert found.spearman == pytest.approx(np.mean([spearmanr(a, b).statistic for a, b in pairs]))
    best = [set(np.argsort(row)[-found.n_top :]) for row in values]
    shared = [len(a & b) / found.n_top for a, b in itertools.combinations(best, 2)]
    assert found.top_overlap == pytest.approx(np.mean(shared))
    assert found.top_overlap_by_chance == found.n_top / 40
    same = rank_stability(np.stack([values[0], 3 * values[0] + 1]), top=top)
    assert (same.top_overlap, same.spearman) == pytest.approx((1.0, 1.0))


def test_ties_at_the_cut_make_no_agreement():
    """Two runs with one clear record each and all others tied agree in the top ten no more than chance allows."""
    values = np.zeros((2, 100))
    values[0, 3] = values[1, 60] = 1.0
    found = rank_stability(values, top=0.1)
    weight = 9 / 99
    assert found.top_overlap == pytest.approx((2 * weight + 98 * weight**2) / 10)
    assert found.top_overlap == pytest.approx(0.1, abs=0.01)
    assert top_weights(np.array([2.0, 1.0, 1.0]), 1).tolist() == [1.0, 0.0, 0.0]


def test_hostile_rankings_are_refused():
    with pytest.raises(ShapeError, match="both at least 2"):
        rank_stability([[1.0, 2.0]])
    with pytest.raises(DegenerateScoresError, match="run 1 gives all"):
        rank_stability([[1.0, 2.0], [3.0, 3.0]])
    with pytest.raises(DegenerateScoresError, match="NaN"):
        rank_stability([[1.0, np.nan], [3.0, 1.0]])
    with pytest.raises(ConfigError, match="top"):
        rank_stability([[1.0, 2.0], [3.0, 1.0]], top=1.0)
    assert rank_stability([[1.0, math.inf, -math.inf], [0.0, 2.0, -1.0]]).spearman == pytest.approx(1.0)
