"""Expected rates and curves over queries, as tables and as a figure."""

import dataclasses
import json

import jsonschema
import pytest

from privaudit.report import report_to_json
from privaudit.report.answer_leak import leak_answer
from privaudit.report.html import render_html
from privaudit.report.label_only_tables import expected_table, query_table
from privaudit.report.markdown import render_markdown
from privaudit.report.query_figure import query_figure
from privaudit.report.schema import report_json_schema
from privaudit.types import Metric


def added(shift=0.0, rate=0.02):
    interval = {"lower": 0.01, "upper": 0.09, "confidence": 0.95}
    return (
        Metric(name="expected_tpr_at_fpr", at=0.01, value=0.015 + shift, **interval),
        *(Metric(name="auc_at_queries", at=at, value=0.5 + at / 1000 + shift) for at in (1, 10, 100)),
        *(Metric(name="tpr_at_queries", at=at, value=None if rate is None else rate + shift) for at in (1, 10, 100)),
    )


@pytest.fixture
def with_labels(builder):
    """``with_labels(targets, rates)``: a sample report whose attack ``lira`` was limited in its queries."""

    def build(targets=(0,), rates=(0.02,)):
        report = builder.sample_report(targets=targets)
        findings = tuple(
            dataclasses.replace(
                f, metrics=(*f.metrics, *added(f.params["target"] / 100, rates[f.params["target"] % len(rates)]))
            )
            if f.method == "lira"
            else f
            for f in report.sections[0].findings
        )
        return dataclasses.replace(
            report, sections=(dataclasses.replace(report.sections[0], findings=findings), *report.sections[1:])
        )

    return build


def test_without_such_numbers_there_is_neither_table_nor_figure(builder):
    report = builder.sample_report()
    assert not expected_table(report).rows and not query_table(report).rows and query_figure(report) == ""
    assert "fewer queries" not in render_html(report)


def test_both_rules_stand_side_by_side(with_labels):
    table = expected_table(with_labels())
    assert table.head == ("attack", "target", "TPR at 1 % FPR, floor rule", "TPR at 1 % FPR, ties at random")
    ((attack, target, floor, expected),) = table.rows
    assert (attack, target) == ("LiRA", "0") and "at" in floor and expected.startswith("1.5 % (1 % to 9 %)")


def test_of_many_targets_the_means_are_shown(with_labels):
    report = with_labels(targets=(0, 2, 4))
    ((attack, n, _, expected),) = expected_table(report, many=True).rows
    assert (attack, n, expected) == ("LiRA", "3", "3.5 %")
    rows = query_table(report).rows
    assert [row[1] for row in rows] == ["1", "10", "100"]
    assert rows[-1] == ("LiRA", "100", "0.620", "4 %")


def test_a_rate_that_one_target_lacks_has_no_mean(with_labels):
    assert {row[3] for row in query_table(with_labels(targets=(0, 1), rates=(0.02, None))).rows} == {""}


def test_pages_hold_table_and_figure_and_the_report_keeps_its_schema(with_labels):
    report = with_labels(targets=(0, 1))
    page, text = render_html(report), render_markdown(report)
    assert page.count("<svg") == 4 and "What fewer queries reach" in page and "Scores that come in steps" in page
    assert "LiRA: AUC 0.605 with 100" in page
    assert "What fewer queries reach" in text
    jsonschema.validate(json.loads(report_to_json(report)), report_json_schema())


def test_a_figure_is_drawn_where_no_rate_could_be_measured(with_labels):
    assert query_figure(with_labels(rates=(None,))).startswith("<svg")


def test_the_first_screen_tells_the_rate_at_which_equal_scores_are_accepted_by_lot(builder):
    report = builder.sample_report(attacks=("gap",))
    (finding, *others) = report.sections[0].findings
    floor = Metric(name="tpr_at_fpr", at=0.01, value=0.0, lower=0.0, upper=0.87, confidence=0.95)
    by_lot = Metric(name="expected_tpr_at_fpr", at=0.01, value=0.0123, lower=0.002, upper=0.07, confidence=0.95)
    kept = tuple(m for m in finding.metrics if (m.name, m.at) != ("tpr_at_fpr", 0.01))
    finding = dataclasses.replace(finding, metrics=(*kept, floor, by_lot))
    section = dataclasses.replace(report.sections[0], findings=(finding, *others))
    said = leak_answer(dataclasses.replace(report, sections=(section, *report.sections[1:])))
    assert "finds 1.2 of 100 training records (0.2 to 7; guessing finds 1)" in said
