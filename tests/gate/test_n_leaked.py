import math

import pytest

from privaudit.estimators import accuracy_interval, n_leaked
from privaudit.gate import judge
from privaudit.types import AuditReport, ConfusionCounts, Finding, Metric, Section, Subject


def told(right, n=60, name="kl-1", **params):
    counts = {"tp": right, "fn": n - right, "fp": n - right, "tn": right, "ratio_0": 0.5, "ratio_1": 0.3} | params
    return Finding(
        id=name,
        method="kl",
        params={key: value for key, value in counts.items() if value is not None},
        game="distribution_inference",
        unit="model",
        n_in=n,
        n_out=n,
        metrics=(Metric(name="accuracy", value=right / n),),
    )


def verdict(policy, largest, *findings):
    section = Section(kind="distribution", title="worlds", findings=findings)
    report = AuditReport(subject=Subject(name="m", model_digest="", data_digest=""), claim=None, sections=(section,))
    return judge(report, policy({"id": "draws", "metric": "n_leaked", "max": largest}, confidence=0.95)).verdicts[0]


def test_its_ends_are_those_of_the_accuracy(policy):
    low, high = accuracy_interval(ConfusionCounts(tp=54, fn=6, fp=6, tn=54), confidence=0.95)
    found = verdict(policy, 5, told(54))
    assert found.numbers["lower"] == n_leaked(low, 0.5, 0.3, "exact")
    assert found.numbers["upper"] == n_leaked(high, 0.5, 0.3, "exact")


@pytest.mark.parametrize(
    ("right", "largest", "outcome"), [(54, 5, "fail"), (54, 39, "inconclusive"), (54, 200, "pass"), (6, 5, "fail")]
)
def test_it_is_judged_by_the_three_way_rule(policy, right, largest, outcome):
    assert verdict(policy, largest, told(right)).outcome == outcome


def test_an_attack_that_is_never_wrong_has_no_upper_end(policy):
    found = verdict(policy, 10**6, told(60))
    assert (found.outcome, found.numbers["upper"]) == ("inconclusive", math.inf)


def test_all_worlds_share_the_error(policy):
    one, two = (verdict(policy, 5, *findings).numbers for findings in ((told(54),), (told(54), told(40, name="kl-2"))))
    assert (one["n_looked_at"], two["n_looked_at"]) == (1, 2)
    assert two["upper"] > one["upper"]


@pytest.mark.parametrize("ratio", [None, 3.0, True, "half"])
def test_worlds_that_are_no_ratios_have_no_draws(policy, ratio):
    found = verdict(policy, 5, told(54, ratio_1=ratio))
    assert (found.outcome, "no ratio of a property" in found.reason) == ("inconclusive", True)


def test_it_says_how_many_models_would_do(policy):
    assert "audited models per world would be enough" in verdict(policy, 45, told(54)).reason
