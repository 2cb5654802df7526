"""What a comparison makes of two worlds that are told apart, and of two equal ones."""

import pytest

from privaudit.config import AuditConfig, parse
from privaudit.estimators import auc_interval
from privaudit.pipeline.defend.arms import arms_of
from privaudit.pipeline.defend.compare import Measured, defense_findings
from privaudit.types import AuditReport, Finding, Metric, Section, Subject

CONTENT = {
    "kind": "distribution",
    "recipe": {"epochs": 1, "batch_size": 8},
    "distribution": {"property": {"group": "sex", "value": "F"}, "ratios": [0.5, 0.2]},
    "defenses": [{"name": "label_noise", "share": 0.1}],
}


def worlds(accuracy, *, is_control=False, n=15):
    right = round(accuracy * n)
    low, high = auc_interval(accuracy, n, n, confidence=0.95)
    metrics = (
        Metric(name="accuracy", value=right / n, lower=0.0, upper=1.0, confidence=0.95),
        Metric(name="auc", value=accuracy, lower=low, upper=high, confidence=0.95),
    )
    counts = {"tp": right, "fn": n - right, "fp": n - right, "tn": right}
    params = {"world": 2 if is_control else 1, **counts, **({"is_control": True} if is_control else {})}
    name = "kl-control" if is_control else "kl-1"
    return Finding(id=name, method="kl", access="score", unit="model", n_in=n, n_out=n, params=params, metrics=metrics)


def test_two_equal_worlds_are_no_attack():
    """Else a control could be the strongest attack, and its intervals, which hold one by one, would stand for all."""
    section = Section(kind="distribution", title="d", findings=(worlds(0.6), worlds(0.9, is_control=True)))
    report = AuditReport(subject=Subject(name="s", model_digest="", data_digest=""), claim=None, sections=(section,))
    arms = arms_of(parse(AuditConfig, CONTENT, where="test"))
    findings = defense_findings([Measured(arm=arm, report=report) for arm in arms], confidence=0.95)
    assert [f.id for f in findings if f.method != "defense"] == ["none:kl-1", "label_noise:kl-1"]
    difference = next(m for m in findings[-1].metrics if m.name == "accuracy_difference")
    # areas and right answers are two differences, which hold together
    assert difference.confidence == pytest.approx(0.975) and difference.lower < 0.0 < difference.upper
