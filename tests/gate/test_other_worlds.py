"""Accuracies that are not about the law of the data alone are no evidence for a rule on distribution inference."""

import pytest

from privaudit.gate import judge
from privaudit.types import AuditReport, Finding, Metric, Section, Subject

POISON = {"poison": {"share": 0.02, "true_class": 1, "planted_class": 0}}
LIMITS = {"distribution_accuracy": 0.6, "n_leaked": 5}


def told(right, *, name="kl-1", game="distribution_inference", access="score", n=60, **params):
    counts = {"tp": right, "fn": n - right, "fp": n - right, "tn": right, "ratio_0": 0.5, "ratio_1": 0.3}
    return Finding(
        id=name,
        method="kl",
        params={**counts, **params},
        game=game,
        access=access,
        unit="model",
        n_in=n,
        n_out=n,
        metrics=(Metric(name="accuracy", value=right / n),),
    )


def verdict(policy, metric, *findings):
    section = Section(kind="distribution", title="worlds", findings=findings)
    report = AuditReport(subject=Subject(name="m", model_digest="", data_digest=""), claim=None, sections=(section,))
    rule = {"id": "worlds", "metric": metric, "max": LIMITS[metric]}
    return judge(report, policy(rule, confidence=0.95)).verdicts[0]


@pytest.mark.parametrize("metric", LIMITS)
@pytest.mark.parametrize("right", [31, 58])
def test_poisoned_worlds_are_not_judged(policy, metric, right):
    found = verdict(policy, metric, told(right, game="poisoned_distribution", **POISON))
    assert (found.outcome, found.numbers["lower"]) == ("inconclusive", None)
    assert "the audited models were trained with an attacker's records" in found.reason
    assert "without distribution.poison" in found.reason


@pytest.mark.parametrize("metric", LIMITS)
def test_parts_of_one_base_graph_are_not_judged(policy, metric):
    found = verdict(policy, metric, told(58, protocol="shared", graph_property="degree"))
    assert found.outcome == "inconclusive" and "one base graph (protocol: shared)" in found.reason


@pytest.mark.parametrize("metric", LIMITS)
@pytest.mark.parametrize("right", [31, 58])
def test_parts_of_two_base_graphs_are_not_judged(policy, metric, right):
    """Accuracies spread over base graphs by nearly three times what intervals over parts of two of them say."""
    found = verdict(policy, metric, told(right, protocol="independent", graph_property="degree"))
    assert (found.outcome, found.numbers["lower"]) == ("inconclusive", None)
    assert "two base graphs (protocol: independent)" in found.reason and "protocol: fresh" in found.reason


def test_fresh_graphs_are_judged(policy):
    found = verdict(policy, "distribution_accuracy", told(58, protocol="fresh"))
    assert found.outcome == "fail" and "query graphs held fixed" in found.reason
    assert "pools of records" not in found.reason
    assert "pools of records" in verdict(policy, "distribution_accuracy", told(58)).reason


def test_poison_beside_other_worlds_changes_nothing(policy):
    plain = verdict(policy, "distribution_accuracy", told(58))
    both = verdict(
        policy, "distribution_accuracy", told(58), told(60, name="snap-1", game="poisoned_distribution", **POISON)
    )
    assert plain.outcome == "fail" and both == plain


def test_weights_are_judged_as_scores_are(policy):
    scores, weights = (verdict(policy, "distribution_accuracy", told(58, access=a)) for a in ("score", "white_box"))
    assert scores == weights and scores.outcome == "fail"


def test_without_any_worlds_the_reason_is_another_one(policy):
    assert "holds no attack that tells two worlds apart" in verdict(policy, "distribution_accuracy").reason
    channel = told(60, access=None, **POISON)
    assert "holds no attack that tells two worlds apart" in verdict(policy, "distribution_accuracy", channel).reason
