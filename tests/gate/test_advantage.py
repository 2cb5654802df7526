import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from privaudit.errors import ConfigError
from privaudit.estimators import advantage_interval, observed_advantage, roc_curve
from privaudit.estimators.largest_advantage import WHOLE_BELOW
from privaudit.gate import judge
from privaudit.report.thin import MAX_POINTS, thin_roc
from privaudit.types import RocCurve


def curve(scores_in, scores_out):
    return roc_curve(np.concatenate([scores_in, scores_out]), np.repeat([1, 0], [len(scores_in), len(scores_out)]))


scores = st.lists(st.integers(0, 8), min_size=1, max_size=12)


@given(scores, scores)
def test_it_is_the_largest_difference_over_all_thresholds(of_members, of_others):
    thresholds = [*range(10)]
    rates = [(np.mean(np.array(of_members) >= t), np.mean(np.array(of_others) >= t)) for t in thresholds]
    largest = max(tpr - fpr for tpr, fpr in rates)
    assert observed_advantage(curve(of_members, of_others)) == pytest.approx(max(largest, 0), abs=1e-12)


@pytest.mark.statistical
@pytest.mark.parametrize(("shift", "is_rounded"), [(0.0, False), (0.5, False), (2.0, False), (0.5, True)])
def test_the_interval_covers(shift, is_rounded):
    """At 80 %: 2,000 runs at exactly that coverage fall below .7642 with chance 3e-5; the band is wider still."""
    rng = np.random.default_rng(5)
    edges = np.linspace(-8, 12, 2001) if not is_rounded else np.arange(-8, 12) + 0.5
    truth = max(0.0, float((norm.sf(edges - shift) - norm.sf(edges)).max()))
    hits = 0
    for _ in range(2000):
        drawn = rng.normal(shift, 1, 150), rng.normal(0, 1, 90)
        low, high = advantage_interval(curve(*(np.round(x) if is_rounded else x for x in drawn)), confidence=0.8)
        hits += low <= truth <= high
    assert hits / 2000 >= 0.7642


def test_a_thinned_curve_never_narrows_it():
    """Of the whole curve the largest difference may have been left out; the upper end allows for it."""
    rng = np.random.default_rng(6)
    whole = curve(rng.normal(0.4, 1, 4000), rng.normal(0, 1, 4000))
    thin = thin_roc(whole)
    assert len(thin.fpr) <= MAX_POINTS < len(whole.fpr)
    low, high = advantage_interval(whole, confidence=0.99)
    thin_low, thin_high = advantage_interval(thin, confidence=0.99)
    assert thin_low <= low and high <= thin_high <= high + 0.02


@pytest.mark.parametrize("max_points", [MAX_POINTS])
def test_curves_that_were_thinned_are_never_taken_for_whole_ones(max_points):
    rng = np.random.default_rng(7)
    for n in (250, 400, 1000, 20000):
        whole = curve(rng.normal(0.4, 1, n), rng.normal(0, 1, n))
        thin = thin_roc(whole, max_points)
        assert len(thin.fpr) == len(whole.fpr) or len(thin.fpr) >= WHOLE_BELOW


def test_few_thresholds_are_read_as_they_are():
    """A yes/no attack has one threshold; nothing lies between its points."""
    roc = RocCurve(fpr=[0, 0.85, 1], tpr=[0, 0.95, 1], n_in=10**6, n_out=10**6)
    assert advantage_interval(roc, confidence=0.99) == pytest.approx((0.1, 0.1), abs=0.005)


def test_a_computed_curve_has_no_interval():
    with pytest.raises(ConfigError, match="measured curve"):
        advantage_interval(RocCurve(fpr=[0, 1], tpr=[0, 1]), confidence=0.9)


@pytest.mark.parametrize(("largest", "outcome"), [(0.05, "fail"), (0.2, "inconclusive"), (0.4, "pass")])
def test_the_gate_limits_it(sample, policy, largest, outcome):
    report = sample.sample_report(attacks=())
    import dataclasses

    finding = sample.attack_finding("lira", 0, separation=0.5)
    report = dataclasses.replace(report, sections=(dataclasses.replace(report.sections[0], findings=(finding,)),))
    result = judge(report, policy({"id": "a", "metric": "advantage", "max": largest}))
    assert result.verdicts[0].outcome == outcome
    assert result.verdicts[0].numbers["lower"] < 0.197 < result.verdicts[0].numbers["upper"]


def test_without_a_curve_there_is_nothing_to_limit(report_of, attack, policy):
    finding = attack([1.0] * 200, [0.0] * 200, roc=None)
    verdict = judge(report_of(finding), policy({"id": "a", "metric": "advantage", "max": 0.5})).verdicts[0]
    assert (verdict.outcome, verdict.reason) == (
        "inconclusive",
        "Not measured: lira-0 stores no curve to read the advantage off.",
    )
