import dataclasses
import json
import math

import yaml

from privaudit.report.card import render_card
from privaudit.types import Finding, Metric, Section
from privaudit.types.report import GateResult


def tasks_of(text):
    card = yaml.safe_load(text)
    assert list(card) == ["model-index"]
    (model,) = card["model-index"]
    json.dumps(card, allow_nan=False)  # what the Hub stores
    for result in model["results"]:
        assert result["task"]["type"] and result["dataset"]["type"] and result["dataset"]["name"]
        assert result["metrics"]
        for metric in result["metrics"]:
            assert metric["type"] and metric["name"] and metric["value"] is not None
            assert metric["args"], "a number stands alone"
    return {result["task"]["type"]: result["metrics"] for result in model["results"]}


def test_every_shape_of_report(builder, hostile):
    for name, report in hostile.reports(builder).items():
        for result in (None, hostile.RESULT):
            text = render_card(report, result)
            tasks = tasks_of(text)
            assert ("privacy-gate" in tasks) == (result is not None), name
            assert render_card(report, result) == text


def test_attacks_carry_intervals(builder):
    metrics = tasks_of(render_card(builder.sample_report(attacks=("lira",))))["membership-inference"]
    auc, tpr = metrics[0], metrics[2]
    assert auc["type"] == "membership_auc" and tpr["type"] == "membership_tpr_at_fpr"
    assert auc["args"]["lower"] < auc["value"] < auc["args"]["upper"] and auc["args"]["confidence"] == 0.95
    assert tpr["args"]["at_fpr"] == 0.01 and tpr["args"]["achieved_fpr"] < 0.01
    assert auc["args"]["n_members"] == 1604 and auc["args"]["sees"] == "score"


def test_epsilon_carries_what_it_takes_to_read_it(builder):
    metrics = tasks_of(render_card(builder.sample_report()))["differential-privacy"]
    found = {metric["type"]: metric for metric in metrics}
    lower, upper, claim = (
        found[f"{name}"] for name in ("epsilon_lower_bound", "epsilon_upper_bound", "claimed_epsilon")
    )
    assert lower["args"]["ceiling"] == 4.4 and lower["args"]["confidence"] == 0.95
    assert lower["args"]["delta"] == 1e-5 and lower["args"]["neighbouring"] == "add_remove"
    assert upper["value"] == 5.076 and upper["args"]["confidence"] == "computed"
    assert claim["args"]["outcome"] == "too_weak" and "6,400 records" in claim["args"]["reason"]
    assert len(metrics) == 3, "a bound of another relation stands beside the claim"


def test_many_targets_are_summed_up(builder):
    report = builder.sample_report(targets=range(32))
    metrics = tasks_of(render_card(report))["membership-inference"]
    assert len(metrics) == 3 * 4
    assert all(metric["args"]["smallest"] <= metric["value"] <= metric["args"]["largest"] for metric in metrics)
    assert {metric["args"]["n_targets"] for metric in metrics} == {32}


def test_no_promise_no_claim(builder):
    metrics = tasks_of(render_card(builder.sample_report(epsilon=math.inf)))["differential-privacy"]
    assert "claimed_epsilon" not in {metric["type"] for metric in metrics}


def test_worlds_are_a_task_of_their_own(builder, hostile):
    (metric,) = tasks_of(render_card(hostile.reports(builder)["worlds"]))["distribution-inference"]
    assert metric["value"] == 0.8 and metric["args"]["worlds"] == "income or income"


def test_an_estimated_ratio_is_a_metric(builder):
    error = Metric(name="mean_squared_error", value=0.0077, rule="over all victims")
    params = {"property": "sex = Female", "ratios": [0.2, 0.5]}
    finding = Finding(id="r", method="kl_regression", game="ratio_regression", params=params, metrics=(error,))
    section = Section(kind="distribution", title="d", findings=(finding,))
    report = dataclasses.replace(builder.sample_report(with_claim=False), sections=(section,))
    (metric,) = tasks_of(render_card(report))["distribution-inference"]
    assert metric["type"] == "ratio_mean_squared_error" and metric["value"] == 0.0077
    assert metric["args"]["true_ratios"] == [0.2, 0.5] and metric["args"]["property"] == "sex = Female"


def test_the_gate_is_a_metric(builder, hostile):
    (metric,) = tasks_of(render_card(builder.sample_report(), hostile.RESULT))["privacy-gate"]
    assert metric["value"] == "fail"
    assert metric["args"]["rules"][1] == "tpr: fail. too large"


def test_paths_of_data_are_not_published(builder):
    report = builder.sample_report()
    config = {"data": {"source": "/home/someone/secret/patients.csv"}}
    text = render_card(dataclasses.replace(report, provenance={**report.provenance, "config": config}))
    assert "patients.csv" in text and "someone" not in text


def test_hostile_texts_stay_texts(builder, hostile):
    def shape(value):
        if isinstance(value, dict):
            return {key: shape(part) for key, part in value.items()}
        return [shape(part) for part in value] if isinstance(value, list) else type(value).__name__

    plain = yaml.safe_load(render_card(hostile.hostile_report(builder, "x"), hostile.hostile_result("x")))
    for name, text in hostile.TEXTS.items():
        shown = render_card(hostile.hostile_report(builder, text), hostile.hostile_result(text))
        assert tasks_of(shown)
        assert shape(yaml.safe_load(shown)) == shape(plain), name
        assert not [line for line in shown.splitlines() if line.startswith(("---", "..."))], name
        assert len(shown) < 200_000, name


def test_words_that_yaml_takes_for_values_stay_words(builder):
    for word in ("yes", "null", "1e5", "0x1f", "2027-01-01", "12:30", "~", "no", ".inf"):
        card = yaml.safe_load(render_card(builder.sample_report(name=word)))
        assert card["model-index"][0]["name"] == word


def test_an_empty_name(builder):
    result = GateResult(outcome="pass", verdicts=(), reason="")
    assert yaml.safe_load(render_card(builder.sample_report(name=""), result))["model-index"][0]["name"] == "model"
