"""Thresholds set on other models, and what an accusation is worth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from privaudit.data.design import paired_coins
from privaudit.errors import ConfigError, DegenerateScoresError, UnsupportedError
from privaudit.estimators import tpr_at_fpr
from privaudit.estimators.accusation_value import (
    mean_predictive_value,
    positive_predictive_value,
    predictive_value,
)
from privaudit.estimators.clopper_pearson_bound import counts_at
from privaudit.estimators.thresholds_from_shadows import floor_threshold, median_threshold, shadow_threshold
from privaudit.types import ConfusionCounts

PROFILE = settings(max_examples=80, deadline=None, derandomize=True)
VALUES = st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 2.0, math.inf])


@PROFILE
@given(st.lists(st.tuples(VALUES, st.integers(0, 1)), min_size=2, max_size=20), st.floats(0, 1))
def test_the_own_threshold_gives_the_point_of_the_floor_rule(case, fpr):
    scores, label = np.array([s for s, _ in case]), np.array([y for _, y in case], dtype=np.uint8)
    if not 0 < label.sum() < len(label):
        return
    threshold = floor_threshold(scores, label, fpr)
    counts = counts_at(scores, label, threshold)
    if threshold == math.inf and not (scores == math.inf).any():
        assert (counts.tp, counts.fp) == (0, 0)
    admitted = [t for t in np.unique(scores) if counts_at(scores, label, t).fp / (label == 0).sum() <= fpr]
    assert threshold == (min(admitted) if admitted else math.inf)
    metric = tpr_at_fpr(scores, label, fpr, confidence=0.95)
    if metric.value is not None and admitted:
        assert (counts.tp / label.sum(), counts.fp / (label == 0).sum()) == (metric.value, metric.achieved_fpr)


def test_the_median_is_of_the_others_thresholds_only():
    rng = np.random.default_rng(0)
    scores, is_in, pair = rng.normal(size=(10, 300)), paired_coins(10, 300, 0), np.arange(10) ^ 1
    own = [floor_threshold(row, inside, 0.05) for row, inside in zip(scores, is_in, strict=True)]
    found = shadow_threshold(scores, is_in, pair, 4, 0.05)
    assert found.value == pytest.approx(np.median([own[row] for row in range(10) if row not in (4, 5)]), abs=1e-15)
    assert found.n_models == 8 and found.counts == counts_at(scores[4], is_in[4], found.value)
    changed = scores.copy()
    changed[[4, 5]] = 1000 * rng.normal(size=(2, 300))
    assert shadow_threshold(changed, is_in, pair, 4, 0.05).value == found.value


def test_thresholds_that_call_nobody_are_infinite_and_stay_so():
    tied, is_in = np.zeros((4, 6)), paired_coins(4, 6, 0)
    assert floor_threshold(tied[0], is_in[0], 0.01) == math.inf
    found = shadow_threshold(tied, is_in, [1, 0, 3, 2], 0, 0.01)
    assert found.value == math.inf and (found.counts.tp, found.counts.fp) == (0, 0)
    one_of_two = np.array([[1.0, 1.0], [4.0, 3.0]])
    assert median_threshold(one_of_two, [[1, 0], [1, 0]], 0.0) == math.inf  # the higher of 4 and infinity
    with pytest.raises(UnsupportedError, match="there is none"):
        shadow_threshold(tied[:2], is_in[:2], [1, 0], 0, 0.01)
    with pytest.raises(DegenerateScoresError, match="both members"):
        median_threshold(np.zeros((1, 3)), np.zeros((1, 3)), 0.1)
    with pytest.raises(ConfigError, match="fpr"):
        floor_threshold([1.0, 2.0], [0, 1], 1.5)


@pytest.mark.statistical
def test_the_rate_reached_on_another_model_is_about_the_one_asked_for():
    """N(1, 1) against N(0, 1): the median of 20 thresholds of 2,000 non-members is within .025 (five standard errors)
    of the quantile, its rate within 5e-4 + binomial noise of 2,000 non-members at five standard deviations.
    """
    rng = np.random.default_rng(4)
    is_in = paired_coins(22, 4000, 3)
    found = shadow_threshold(rng.normal(size=is_in.shape) + is_in, is_in, np.arange(22) ^ 1, 0, 0.05)
    assert found.value == pytest.approx(norm.isf(0.05), abs=0.06)
    rate = found.counts.fp / (found.counts.fp + found.counts.tn)
    assert rate == pytest.approx(0.05, abs=5 * math.sqrt(0.05 * 0.95 / 2000) + 0.006)


def test_the_value_of_an_accusation():
    assert positive_predictive_value(0.9, 0.01, 0.01) == pytest.approx(0.476, abs=5e-4)
    assert positive_predictive_value(0.3, 0.3, 0.1) == pytest.approx(0.1)  # guessing gives the prior back
    assert positive_predictive_value(0.2, 0.0, 0.01) == 1.0
    assert positive_predictive_value(0.0, 0.2, 0.5) == 0.0
    assert positive_predictive_value(0.0, 0.0, 0.5) is None
    with pytest.raises(ConfigError, match="prior"):
        positive_predictive_value(0.1, 0.1, 0.0)


@PROFILE
@given(st.integers(0, 30), st.integers(0, 30), st.floats(0.001, 0.999))
def test_the_interval_holds_the_value_and_rises_with_the_prior(tp, fp, prior):
    counts = ConfusionCounts(tp=tp, fn=30 - tp, fp=fp, tn=30 - fp)
    value, lower, upper = predictive_value(counts, prior, confidence=0.95)
    assert 0 <= lower <= upper <= 1
    assert (value is None) == (tp == fp == 0)
    if value is not None:
        assert lower <= value <= upper
        higher = predictive_value(counts, (1 + prior) / 2, confidence=0.95)
        assert higher.lower >= lower and higher.upper >= upper


@pytest.mark.statistical
def test_the_interval_covers_the_true_value():
    """2,000 runs at 90 %: a correct interval misses more often than the limit with probability at most 1e-6."""
    rng, runs, prior = np.random.default_rng(7), 2000, 0.1
    true, missed = positive_predictive_value(0.2, 0.02, prior), 0
    for tp, fp in zip(rng.binomial(80, 0.2, runs), rng.binomial(120, 0.02, runs), strict=True):
        found = predictive_value(ConfusionCounts(tp=tp, fn=80 - tp, fp=fp, tn=120 - fp), prior, confidence=0.9)
        missed += not found.lower <= true <= found.upper
    assert missed <= binom.ppf(1 - 1e-6, runs, 0.1)


def test_models_that_accuse_nobody_are_counted_and_not_averaged():
    assert mean_predictive_value([0.25, None, 0.75, None]) == (0.5, 2, 2)
    assert mean_predictive_value([None]) == (None, 0, 1)
    assert mean_predictive_value([]) == (None, 0, 0)
