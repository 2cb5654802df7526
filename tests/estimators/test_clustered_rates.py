"""Rates of groups over records and models: what outcomes are worth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from privaudit.errors import ConfigError, ShapeError
from privaudit.estimators.clustered_rates import GroupRate, difference_interval, effective_interval, group_rates
from privaudit.estimators.rates import rate_interval

SIZES = (12, 40, 98)
LABEL = np.repeat(np.arange(3), SIZES)
GROUPS = [group == LABEL for group in range(3)]


def outcomes(rng, n_models, base, record_sd, model_sd):
    """Called and members: a record's and a model's own shift make their outcomes alike."""
    shift = rng.normal(size=len(LABEL)) * record_sd + rng.normal(size=(n_models, 1)) * model_sd
    called = rng.random((n_models, len(LABEL))) < norm.cdf(norm.ppf(base) + shift)
    return called, rng.random(called.shape) < 0.5


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 200), st.data())
def test_whole_numbers_give_clopper_and_pearson(n, data):
    k = data.draw(st.integers(0, n))
    got, wanted = effective_interval(k / n, float(n), confidence=0.95), rate_interval(k, n, confidence=0.95)
    assert np.allclose(got, wanted, atol=1e-7)


def test_one_model_counts_records_as_independent():
    called, member = outcomes(np.random.default_rng(0), 1, 0.2, 1.0, 0.0)
    for rate, rows in zip(group_rates(called, member, GROUPS), GROUPS, strict=True):
        n = int(member[:, rows].sum())
        assert rate == GroupRate(int((called & member)[:, rows].sum()), n, float(n))


def test_repeated_outcomes_are_worth_as_many_records_or_models():
    """Each record says the same in all of 16 models, or each model the same of all records."""
    rng = np.random.default_rng(1)
    everyone, everything = np.ones((16, 150), dtype=bool), [np.ones(150, dtype=bool)]
    by_record = np.broadcast_to(rng.random(150) < 0.3, (16, 150))
    by_model = np.broadcast_to(np.arange(16)[:, None] < 5, (16, 150))
    assert group_rates(by_record, everyone, everything)[0].n_effective <= 150
    assert group_rates(by_record, everyone, everything)[0].n_effective > 80
    assert group_rates(by_model, everyone, everything)[0].n_effective <= 16
    # a group without a single call is judged by what all records have in common
    never = by_record.copy()
    never[:, :12] = False
    assert group_rates(never, everyone, GROUPS)[0].n_effective < 16


def test_where_few_records_are_called_or_missed_outcomes_count_as_one_each():
    """Two of 40 records always, the others never, or the other way round; everybody else without likeness."""
    rng, group = np.random.default_rng(2), np.arange(1000) < 40
    called, member = rng.random((16, 1000)) < 0.01, rng.random((16, 1000)) < 0.5
    called[:, :40] = np.arange(40) < 2
    few, (missed,) = group_rates(called, member, [group])[0], group_rates(~called, member, [group])
    assert few.n > 200 and few.n_effective <= 40 and missed.n_effective == pytest.approx(few.n_effective)
    called[:, :40] = rng.random((16, 40)) < 0.3  # many records are called, and many are not
    assert group_rates(called, member, [group])[0].n_effective > 40


def test_a_group_without_outcomes_says_so():
    called, nobody = np.ones((3, 150), dtype=bool), np.zeros((3, 150), dtype=bool)
    (rate, *_), nothing = group_rates(called, nobody, GROUPS), GroupRate(0, 0, 0.0)
    assert rate == nothing and rate.value is None and rate.interval(confidence=0.95) == (0.0, 1.0)


def test_hostile_input():
    with pytest.raises(ShapeError, match="one shape"):
        group_rates(np.ones((2, 3)), np.ones((2, 4)), [])
    with pytest.raises(ConfigError, match="rate must lie"):
        effective_interval(1.2, 5.0, confidence=0.95)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("n_models", "base", "record_sd", "model_sd"),
    [(1, 0.01, 0.7, 0.0), (12, 0.05, 0.7, 0.3), (12, 0.01, 1.5, 0.1)],
)
def test_intervals_hold_for_all_groups_at_once(n_models, base, record_sd, model_sd):
    """2,000 runs with groups of 12, 40 and 98 records whose true rate is one: at most 5 % of the runs have an interval that
    misses the rate, or a difference that misses 0 (binomial limits at 1e-6 each).
    """
    rng, n_runs, missed, differ = np.random.default_rng(5), 2000, 0, 0
    truth = norm.cdf(norm.ppf(base) / np.sqrt(1 + record_sd**2 + model_sd**2))
    each = 1 - 0.05 / len(SIZES)
    for _ in range(n_runs):
        called, member = outcomes(rng, n_models, base, record_sd, model_sd)
        rates = group_rates(called, member, [*GROUPS, *(~rows for rows in GROUPS)])
        ends = [rate.interval(confidence=each) for rate in rates[:3]]
        missed += any(not low <= truth <= high for low, high in ends)
        apart = [difference_interval(rates[g], rates[g + 3], confidence=each) for g in range(3)]
        differ += any(not low <= 0 <= high for low, high in apart)
    limit = binom.ppf(1 - 1e-6, n_runs, 0.05)
    assert missed <= limit and differ <= limit


@pytest.mark.statistical
@pytest.mark.parametrize("missed_instead", [False, True])
def test_a_group_with_a_few_records_that_are_always_found(missed_instead):
    """400 runs of 16 models and 30 records among 1,000: a record is always found with probability .02, else at .002. The
    interval misses the rate in at most 5 % of the runs (binomial limit at 1e-6); without the limit it would in 30 %.
    """
    rng, n_runs, missed, group = np.random.default_rng(1), 400, 0, np.arange(1030) < 30
    truth = 0.02 + 0.98 * 0.002
    for _ in range(n_runs):
        rates = np.full(1030, 0.002)
        rates[:30][rng.random(30) < 0.02] = 1.0
        called, member = rng.random((16, 1030)) < rates, rng.random((16, 1030)) < 0.5
        low, high = group_rates(called ^ missed_instead, member, [group])[0].interval(confidence=0.95)
        missed += not low <= (1 - truth if missed_instead else truth) <= high
    assert missed <= binom.ppf(1 - 1e-6, n_runs, 0.05)


@pytest.mark.statistical
def test_outcomes_taken_as_independent_would_miss():
    """What the design effect is for: 500 runs of records with outcomes of their own in 16 models. Clopper-Pearson on plain
    counts misses in over 20 % of the runs (Hoeffding: a rate of .3 comes out below .2 with less than 5e-5).
    """
    rng, missed = np.random.default_rng(6), 0
    truth = norm.cdf(norm.ppf(0.01) / np.sqrt(1 + 1.5**2))
    for _ in range(500):
        called, member = outcomes(rng, 16, 0.01, 1.5, 0.0)
        low, high = rate_interval(int((called & member).sum()), int(member.sum()), confidence=0.95)
        missed += not low <= truth <= high
    assert missed > 100
