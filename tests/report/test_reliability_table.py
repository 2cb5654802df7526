"""What an attack's rates are worth, as a table: every number with its baseline, nothing undefined averaged."""

import dataclasses
import json

import jsonschema
import pytest

from privaudit.report import report_to_json
from privaudit.report.html import render_html
from privaudit.report.reliability_table import reliability_table
from privaudit.report.schema import report_json_schema
from privaudit.types import Metric


def added(ppv=0.5, chance=0.25):
    rule = "" if ppv is not None else "undefined: no record of the target reaches the threshold"
    interval = {"lower": 0.01, "upper": 0.03, "confidence": 0.95}
    return (
        Metric(name="tpr_at_shadow_threshold", at=0.01, value=0.02, achieved_fpr=0.008, **interval),
        Metric(name="tpr_at_shadow_threshold", at=0.001, value=None, rule="not measurable"),
        Metric(name="ppv", at=0.01, value=ppv, rule=rule),
        Metric(name="calibrated_tpr", at=0.01, value=0.015, achieved_fpr=0.004, **interval),
        Metric(name="worst_record_fpr", at=0.01, value=0.4, lower=0.02, upper=0.99, achieved_fpr=0.01),
        Metric(name="worst_record_fpr_by_chance", at=0.01, value=chance),
    )


@pytest.fixture
def with_reliability(builder):
    """``with_reliability(targets, ppv=)``: a sample report whose attack findings hold the numbers."""

    def build(targets=(0,), ppv=(0.5,)):
        report = builder.sample_report(targets=targets)
        values = {target: ppv[number % len(ppv)] for number, target in enumerate(targets)}
        sections = [
            dataclasses.replace(
                section,
                findings=tuple(
                    dataclasses.replace(f, metrics=(*f.metrics, *added(values[f.params["target"]])))
                    if section.kind == "mia" and f.roc is not None
                    else f
                    for f in section.findings
                ),
            )
            for section in report.sections
        ]
        return dataclasses.replace(report, sections=tuple(sections))

    return build


def test_one_row_per_attack_and_target_with_the_baseline_beside_the_worst_record(with_reliability):
    table = reliability_table(with_reliability(targets=(0, 1)))
    assert table.head == (
        "attack",
        "target",
        "TPR, threshold from shadows at 0.1 % FPR",
        "TPR, threshold from shadows at 1 % FPR",
        "PPV at prior 1 %",
        "TPR, every record at 1 % FPR of its own",
        "worst record's FPR, one threshold at 1 %",
    )
    assert len(table.rows) == 6
    assert table.rows[0][2:] == (
        "not measurable",
        "2 % (1 % to 3 %)\nat 0.8 % FPR",
        "50 %",
        "1.5 % (1 % to 3 %)\nat 0.4 % FPR",
        "40 % (2 % to 99 %)\nat 1 % FPR\nby chance 25 %",
    )


def test_what_is_undefined_says_so_and_is_counted(with_reliability):
    assert reliability_table(with_reliability(ppv=(None,))).rows[0][4] == "undefined"
    report = with_reliability(targets=tuple(range(6)), ppv=(0.5, None, 0.7))
    table = reliability_table(report, many=True)
    assert len(table.rows) == 3 and table.rows[0][1] == "6"
    assert table.rows[0][4] == "60 % (50 % to 70 %; 2 undefined)"
    assert table.rows[0][2] == "6 not measurable"
    assert table.rows[0][-1].endswith("by chance 25 %")


def test_a_report_without_such_numbers_has_no_such_table(builder, with_reliability):
    report = builder.sample_report()
    assert reliability_table(report).rows == ()
    assert "What these rates are worth" not in render_html(report)
    assert "What these rates are worth" in render_html(with_reliability())


def test_the_numbers_follow_the_schema(with_reliability):
    content = json.loads(report_to_json(with_reliability(ppv=(None,))))
    jsonschema.validate(content, report_json_schema())
    found = {metric["name"]: metric for metric in content["sections"][0]["findings"][0]["metrics"]}
    assert found["ppv"]["value"] is None and found["worst_record_fpr"]["value"] == 0.4
