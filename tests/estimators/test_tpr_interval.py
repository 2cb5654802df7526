"""The interval of the TPR knows that its threshold is estimated."""

import numpy as np
import pytest
from scipy import stats

from privaudit.errors import ConfigError
from privaudit.estimators import roc_curve, tpr_at_fpr, tpr_interval
from privaudit.types import RocCurve

N = 800


@pytest.mark.statistical
@pytest.mark.parametrize(("shift", "fpr"), [(0.0, 0.01), (1.0, 0.01), (2.0, 0.01), (1.0, 0.1), (2.0, 0.1)])
def test_coverage_with_an_estimated_threshold(shift, fpr):
    """2,000 audits at 95 %; a correct interval fails this test with probability at most 1e-6."""
    truth = stats.norm.sf(stats.norm.isf(fpr) - shift)
    rng = np.random.default_rng(7)
    label = np.repeat([1, 0], N)
    missed = np.zeros(2)
    for _ in range(2000):
        scores = rng.standard_normal(2 * N) + shift * label
        lower, upper = tpr_interval(roc_curve(scores, label), fpr, confidence=0.95)
        missed += (truth < lower, truth > upper)
    assert missed.sum() <= stats.binom.ppf(1 - 1e-6, 2000, 0.05)
    assert missed.max() <= stats.binom.ppf(1 - 1e-6, 2000, 0.025)


def test_power_the_interval_is_no_more_than_wide():
    """At 10 % FPR with 5,000 a side the interval is narrower than .1: a method that returns [0, 1] fails."""
    rng = np.random.default_rng(1)
    label = np.repeat([1, 0], 5000)
    lower, upper = tpr_interval(roc_curve(rng.standard_normal(10_000) + label, label), 0.1, confidence=0.95)
    assert lower < stats.norm.sf(stats.norm.isf(0.1) - 1) < upper
    assert upper - lower < 0.1


def test_a_tie_block_of_all_members_says_nothing_instead_of_zero():
    scores = np.concatenate([np.ones(1000), np.ones(30), np.linspace(-1, 0, 970)])
    label = np.repeat([1, 0], 1000)
    metric = tpr_at_fpr(scores, label, 0.01, confidence=0.99)
    assert (metric.value, metric.achieved_fpr) == (0.0, 0.0)
    assert (metric.lower, metric.upper) == (0.0, 1.0)


def test_the_value_lies_inside_and_thinning_only_widens():
    rng = np.random.default_rng(3)
    label = np.repeat([1, 0], 300)
    scores = np.round(rng.standard_normal(600) + label, 1)
    roc = roc_curve(scores, label)
    thin = RocCurve(fpr=roc.fpr[::3], tpr=roc.tpr[::3], n_in=300, n_out=300)
    for fpr in (0.01, 0.05, 0.1, 0.5, 1.0):
        lower, upper = tpr_interval(roc, fpr, confidence=0.9)
        value = tpr_at_fpr(scores, label, fpr, confidence=0.9).value
        assert lower <= value <= upper
        thin_lower, thin_upper = tpr_interval(thin, fpr, confidence=0.9)
        assert thin_lower <= lower
        assert upper <= thin_upper


def test_a_computed_curve_has_no_interval():
    with pytest.raises(ConfigError, match="how many records"):
        tpr_interval(RocCurve(fpr=[0, 1], tpr=[0, 1]), 0.1, confidence=0.95)
