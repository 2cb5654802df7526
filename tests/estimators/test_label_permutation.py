"""Whether groups differ: their labels dealt out anew among the records."""

import itertools

import numpy as np
import pytest
from scipy.stats import binom, fisher_exact, norm

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.estimators.false_discovery import benjamini_yekutieli
from privaudit.estimators.label_permutation import label_permutation_p_values, rate_residuals

SIZES = (12, 40, 98)
LABEL = np.repeat(np.arange(3), SIZES)
GROUPS = [group == LABEL for group in range(3)]


def outcomes(rng, n_models, base, record_sd, model_sd):
    """Called and members: a record's and a model's own shift make their outcomes alike."""
    shift = rng.normal(size=len(LABEL)) * record_sd + rng.normal(size=(n_models, 1)) * model_sd
    called = rng.random((n_models, len(LABEL))) < norm.cdf(norm.ppf(base) + shift)
    return called, rng.random(called.shape) < 0.5


def test_the_permutation_test_is_fishers_for_one_model():
    """All ways to deal the labels out, one model: the two-sided p-value of |difference| by enumeration."""
    called, member = np.array([[1, 1, 0, 0, 0, 0, 0, 1]]), np.ones((1, 8), dtype=int)
    residuals, rows = rate_residuals(called, member), np.array([0, 1, 7])
    exact = np.mean(
        [abs(residuals[list(s)].sum()) >= abs(residuals[rows].sum()) for s in itertools.combinations(range(8), 3)]
    )
    assert exact == pytest.approx(fisher_exact([[3, 0], [0, 5]])[1])
    drawn = label_permutation_p_values(residuals, [3], [residuals[rows].sum()], n_draws=20_000, seed=1)[0]
    assert abs(drawn - exact) < 5 * np.sqrt(exact / 20_000)


def test_the_same_seed_gives_the_same_p_values_in_any_split_of_the_work(monkeypatch):
    residuals = np.arange(100) - 50
    residuals[-1] -= residuals.sum()
    sums = [residuals[:30].sum(), residuals[:5].sum()]
    first = label_permutation_p_values(residuals, [30, 5], sums, n_draws=500, seed=3)
    monkeypatch.setattr("privaudit.estimators.label_permutation.CELLS_AT_A_TIME", 700)
    np.testing.assert_array_equal(first, label_permutation_p_values(residuals, [30, 5], sums, n_draws=500, seed=3))


@pytest.mark.statistical
def test_the_permutation_test_keeps_its_level_and_finds_what_is_there():
    """2,000 runs, outcomes alike within records and models. Where the group says nothing, p <= .05 in at most 5 % of the runs
    (binomial limit at 1e-6); where 40 records are found at 4 times the rate, more than 80 % of the runs see it.
    """
    rng, n_runs, false, found = np.random.default_rng(7), 2000, 0, 0
    for _ in range(n_runs):
        called, member = outcomes(rng, 8, 0.02, 0.7, 0.3)
        more = called | (GROUPS[1] & (rng.random(called.shape) < 0.12))
        p = []
        for hits in (called, more):
            residuals = rate_residuals(hits, member)
            p += [label_permutation_p_values(residuals, [40], [residuals[GROUPS[1]].sum()], n_draws=59, seed=0)[0]]
        false, found = false + (p[0] <= 0.05), found + (p[1] <= 0.05)
    assert false <= binom.ppf(1 - 1e-6, n_runs, 0.05)
    assert found > 0.8 * n_runs


@pytest.mark.statistical
def test_it_is_no_test_that_rates_are_equal():
    """Why no report says so: 300 runs with one rate for all, but a tenth of the group's 50 records always found and the 950
    others all at .1. p <= .05 in over 20 % of the runs.
    """
    rng, n_runs, called_different = np.random.default_rng(9), 300, 0
    for _ in range(n_runs):
        rates = np.full(1000, 0.1)
        rates[:50] = rng.random(50) < 0.1
        called, member = rng.random((16, 1000)) < rates, rng.random((16, 1000)) < 0.5
        residuals = rate_residuals(called, member)
        called_different += label_permutation_p_values(residuals, [50], [residuals[:50].sum()], n_draws=99)[0] <= 0.05
    assert called_different > 0.2 * n_runs


@pytest.mark.statistical
def test_few_groups_are_called_different_by_chance():
    """1,000 runs of 3 groups that do not differ: any adjusted p-value of at most .05 in no more than 5 % of the runs."""
    rng, n_runs, any_false = np.random.default_rng(8), 1000, 0
    for _ in range(n_runs):
        called, member = outcomes(rng, 4, 0.05, 0.7, 0.3)
        residuals = rate_residuals(called, member)
        sums = [residuals[rows].sum() for rows in GROUPS]
        p = label_permutation_p_values(residuals, SIZES, sums, n_draws=199, seed=1)
        any_false += bool((benjamini_yekutieli(p) <= 0.05).any())
    assert any_false <= binom.ppf(1 - 1e-6, n_runs, 0.05)


def test_hostile_input():
    with pytest.raises(DataError, match="1 "):
        rate_residuals(np.full((1, 3), 0.5), np.ones((1, 3)))
    with pytest.raises(ShapeError, match="one shape"):
        rate_residuals(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ConfigError, match="between 0 and 3"):
        label_permutation_p_values([1, 0, -1], [4], [0])
    with pytest.raises(ShapeError, match="size and a sum"):
        label_permutation_p_values([1, 0, -1], [1, 2], [0])
