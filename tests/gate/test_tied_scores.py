"""Attacks of few scores must not keep an audit open for ever."""

import numpy as np
import pytest

from privaudit.estimators.metrics import auc_metric, tpr_at_fpr
from privaudit.estimators.roc import roc_curve
from privaudit.gate import explain, judge, shipped_policy
from privaudit.types import AuditReport, Finding, Section, Subject

N = 4800
MEMBER = np.r_[np.ones(N, dtype=int), np.zeros(N, dtype=int)]


def report_of(scores):
    metrics = (auc_metric(scores, MEMBER, confidence=0.95), tpr_at_fpr(scores, MEMBER, 0.01, confidence=0.95))
    finding = Finding(
        id="gap-0",
        method="gap",
        access="label",
        game="membership",
        unit="record",
        params={"target": 0},
        n_in=N,
        n_out=N,
        metrics=metrics,
        roc=roc_curve(scores, MEMBER),
    )
    section = Section(kind="mia", title="m", findings=(finding,))
    return AuditReport(subject=Subject(name="s", model_digest="", data_digest=""), claim=None, sections=(section,))


@pytest.mark.parametrize(("right", "outcome"), [(0.85, "pass"), (0.01, "fail")])
def test_two_scores_are_judged_as_an_attacker_would_use_them(right, outcome):
    """Right about 85 % of both worlds finds nobody; right about 85 % of members and 1 % of others finds nearly all."""
    rng = np.random.default_rng(0)
    scores = np.r_[rng.random(N) < 0.85, rng.random(N) < right].astype(float)
    report, policy = report_of(scores), shipped_policy()
    result = judge(report, policy)
    assert result.verdicts[0].outcome == outcome
    assert "equal scores accepted by lot" in explain(report, policy, result)


@pytest.mark.statistical
def test_the_rate_by_lot_is_covered():
    """At 90 % a pass above the truth, and a fail below it, in at most 5 % of 400 audits each (bound at 1e-6)."""
    from scipy import stats

    from privaudit.gate.metrics import interval_of

    rng = np.random.default_rng(1)
    truth, low, high = 0.05 * 0.95 / 0.7, 0, 0
    for _ in range(400):
        scores = np.r_[rng.random(N) < 0.95, rng.random(N) < 0.7].astype(float)
        metrics = (tpr_at_fpr(scores, MEMBER, 0.05, confidence=0.9),)
        found = interval_of(
            Finding(id="g", method="gap", n_in=N, n_out=N, metrics=metrics, roc=roc_curve(scores, MEMBER)),
            "tpr_at_fpr",
            0.05,
            0.9,
        )
        low, high = low + (found.upper < truth), high + (found.lower > truth)
    assert max(low, high) <= stats.binom.ppf(1 - 1e-6, 400, 0.05)


@pytest.mark.parametrize("n_scores", [98, 102, 250])
def test_a_block_among_many_scores_keeps_no_audit_open(n_scores):
    """Confidences of two decimals: half of both worlds are told 1.00, and nobody is found."""
    rng = np.random.default_rng(0)
    below = rng.integers(0, n_scores - 1, 2 * N) / n_scores
    scores = np.where(rng.random(2 * N) < 0.5, 1.0, below)
    assert judge(report_of(scores), shipped_policy()).verdicts[0].outcome == "pass"


@pytest.mark.parametrize("seed", range(5))
def test_where_points_are_left_out_nothing_is_drawn_between(seed):
    """The stored curve's interval is never the narrower one."""
    from privaudit.gate.metrics import interval_of
    from privaudit.report.thin import thin_roc

    rng = np.random.default_rng(seed)
    scores = np.r_[rng.normal(0.8, 1, N), rng.normal(0, 1, N)]
    scores = np.where(scores > 2.6, 2.6, scores)  # a block at the top of a long curve
    whole = roc_curve(scores, MEMBER)
    for at in (0.002, 0.01, 0.03, 0.1):
        metrics = (tpr_at_fpr(scores, MEMBER, at, confidence=0.95),)
        ends = []
        for roc in (whole, thin_roc(whole)):
            finding = Finding(id="g", method="gap", n_in=N, n_out=N, metrics=metrics, roc=roc)
            one = interval_of(finding, "tpr_at_fpr", at, 0.95)
            ends.append((one.lower, one.upper))
        assert ends[1][0] <= ends[0][0] and ends[1][1] >= ends[0][1]
