"""ROC, AUC, rates and their intervals: definitions, symmetries, coverage, hostile inputs."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm, rankdata

from privaudit.errors import ConfigError, DegenerateScoresError, ShapeError
from privaudit.estimators import (
    auc,
    auc_interval,
    auc_metric,
    auc_null_variance,
    rate_interval,
    roc_curve,
    tpr_at_fpr,
)

PROFILE = settings(max_examples=80, deadline=None, derandomize=True)


@st.composite
def labelled(draw):
    """Small scores with many ties and both worlds."""
    n = draw(st.integers(2, 25))
    scores = draw(st.lists(st.sampled_from([-math.inf, -2.0, 0.0, 0.5, 1.0, 3.0, math.inf]), min_size=n, max_size=n))
    label = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda x: 0 < sum(x) < len(x)))
    return np.array(scores), np.array(label)


@PROFILE
@given(labelled())
def test_auc_is_the_share_of_pairs_won(case):
    scores, label = case
    pairs = itertools.product(scores[label == 1], scores[label == 0])
    assert auc(scores, label) == pytest.approx(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]), abs=1e-12)


@PROFILE
@given(labelled(), st.randoms(use_true_random=False))
def test_curve_is_invariant_under_increasing_maps_and_permutations(case, random):
    scores, label = case
    order = np.array(random.sample(range(len(scores)), len(scores)))
    plain = roc_curve(scores, label)
    for other in (roc_curve(np.arctan(scores), label), roc_curve(scores[order], label[order])):
        np.testing.assert_array_equal(plain.fpr, other.fpr)
        np.testing.assert_array_equal(plain.tpr, other.tpr)
    assert auc(np.arctan(scores), label) == auc(scores, label) == auc(scores[order], label[order])


@PROFILE
@given(labelled())
def test_curve_ends_rises_and_holds_the_auc(case):
    curve = roc_curve(*case)
    assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert (np.diff(curve.fpr) >= 0).all() and (np.diff(curve.tpr) >= 0).all()
    assert len(curve.fpr) == len(np.unique(case[0])) + 1
    assert np.trapezoid(curve.tpr, curve.fpr) == pytest.approx(auc(*case), abs=1e-12)


@PROFILE
@given(labelled())
def test_swapping_the_worlds_mirrors_the_auc(case):
    scores, label = case
    assert auc(scores, 1 - label) == pytest.approx(1.0 - auc(scores, label), abs=1e-12)


@PROFILE
@given(labelled(), st.sampled_from([0.01, 0.05, 0.1, 0.25, 1 / 3, 0.5, 0.9, 1.0]))
def test_floor_rule_equals_its_definition(case, fpr):
    scores, label = case
    n_out = int((label == 0).sum())
    metric = tpr_at_fpr(scores, label, fpr, confidence=0.95)
    if fpr < 1.0 / n_out:
        assert metric.value is None
        assert f"not measurable with {n_out} non-members" in metric.rule
        return
    rates = [(np.mean(scores[label == 0] >= t), np.mean(scores[label == 1] >= t)) for t in [*scores, np.inf]]
    best = max([tpr for out, tpr in rates if out <= fpr], default=0.0)
    assert metric.value == pytest.approx(best, abs=1e-12)
    assert metric.achieved_fpr <= fpr
    assert metric.lower <= metric.value <= metric.upper
    assert "floor rule" in metric.rule and "descriptive" in metric.rule


def test_floor_rule_reaches_rates_that_do_not_multiply_exactly():
    scores, label = np.arange(200.0), np.tile([0, 1], 100)
    assert tpr_at_fpr(scores, label, 0.29, confidence=0.95).achieved_fpr == 0.29


@pytest.mark.parametrize(("n_in", "n_out"), [(2, 3), (3, 3), (1, 5)])
@pytest.mark.parametrize("kind", ["distinct", "tied", "equal"])
def test_null_variance_equals_enumeration(n_in, n_out, kind):
    n = n_in + n_out
    scores = {"distinct": np.arange(n), "tied": np.arange(n) // 2, "equal": np.zeros(n)}[kind].astype(float)
    areas = []
    for members in itertools.combinations(range(n), n_in):
        label = np.zeros(n, dtype=int)
        label[list(members)] = 1
        areas.append(auc(scores, label))
    assert np.mean(areas) == pytest.approx(0.5)
    assert auc_null_variance(scores, n_in, n_out) == pytest.approx(np.var(areas), abs=1e-14)


def test_rate_interval_inverts_the_binomial_tails():
    for count, n in [(0, 7), (3, 10), (10, 10), (37, 1000)]:
        low, high = rate_interval(count, n, confidence=0.9)
        assert (low == 0.0) if count == 0 else binom.sf(count - 1, n, low) == pytest.approx(0.05, rel=1e-8)
        assert (high == 1.0) if count == n else binom.cdf(count, n, high) == pytest.approx(0.05, rel=1e-8)


@PROFILE
@given(st.floats(0, 1), st.integers(1, 500), st.integers(1, 500))
def test_auc_interval_holds_the_area_mirrors_and_never_degenerates(area, n_in, n_out):
    low, high = auc_interval(area, n_in, n_out, confidence=0.95)
    assert 0.0 <= low <= area <= high <= 1.0 and low < high
    mirrored = auc_interval(1.0 - area, n_out, n_in, confidence=0.95)
    assert mirrored == pytest.approx((1.0 - high, 1.0 - low), abs=1e-9)
    wide = auc_interval(area, n_in, n_out, confidence=0.99)
    assert wide[0] <= low and high <= wide[1]


@pytest.mark.statistical
@pytest.mark.parametrize(("mu", "n_in", "n_out"), [(0.0, 60, 60), (1.0, 40, 80), (2.5, 100, 50)])
def test_auc_interval_covers_on_binormal_scores(mu, n_in, n_out):
    """A method with 5 % misses fails with probability 1e-6 per setting."""
    rng, runs = np.random.default_rng(17), 2000
    truth = norm.cdf(mu / math.sqrt(2.0))
    scores = np.hstack([rng.normal(mu, 1.0, (runs, n_in)), rng.normal(0.0, 1.0, (runs, n_out))])
    ranks = rankdata(scores, axis=1)[:, :n_in].sum(axis=1)
    areas = (ranks - n_in * (n_in + 1) / 2) / (n_in * n_out)
    ends = np.array([auc_interval(float(a), n_in, n_out, confidence=0.95) for a in areas])
    misses = int(((truth < ends[:, 0]) | (truth > ends[:, 1])).sum())
    assert misses <= binom.ppf(1 - 1e-6, runs, 0.05)


def test_all_ties_and_perfect_scores():
    label = np.array([1, 0, 1, 0])
    assert auc(np.zeros(4), label) == 0.5
    assert tpr_at_fpr(np.zeros(4), label, 0.5, confidence=0.95).value == 0.0
    perfect = auc_metric(label.astype(float), label, confidence=0.95)
    assert perfect.value == 1.0 and perfect.lower < 1.0 and perfect.upper == 1.0


@pytest.mark.parametrize("function", [roc_curve, auc, lambda s, m: tpr_at_fpr(s, m, 0.5, confidence=0.95)])
def test_hostile_scores_are_refused(function):
    with pytest.raises(DegenerateScoresError, match="NaN"):
        function([0.0, math.nan], [0, 1])
    for label in ([1, 1], [0, 0]):
        with pytest.raises(DegenerateScoresError, match="members"):
            function([0.0, 1.0], label)
    with pytest.raises(DegenerateScoresError):
        function([0.0], [1])
    with pytest.raises(ShapeError):
        function([0.0, 1.0, 2.0], [0, 1])


def test_hostile_numbers_are_refused():
    for count, n in [(-1, 5), (6, 5), (0, 0)]:
        with pytest.raises(ConfigError):
            rate_interval(count, n, confidence=0.95)
    for area, n_in, confidence in [(1.5, 5, 0.95), (math.nan, 5, 0.95), (0.5, 0, 0.95), (0.5, 5, 1.0)]:
        with pytest.raises(ConfigError):
            auc_interval(area, n_in, 5, confidence=confidence)
    with pytest.raises(ConfigError):
        tpr_at_fpr([0.0, 1.0], [0, 1], 1.5, confidence=0.95)
