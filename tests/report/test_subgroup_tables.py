"""Who is at risk, as people read it."""

import dataclasses
import json

import jsonschema
import pytest

from privaudit.report import report_from_dict, report_to_json
from privaudit.report.html import render_html
from privaudit.report.markdown import render_markdown
from privaudit.report.schema import report_json_schema
from privaudit.report.subgroup_figure import group_figure
from privaudit.report.subgroup_tables import (
    agreement_table,
    group_table,
    histogram_table,
    most_at_risk_table,
    who_sentences,
)
from privaudit.report.terminal import render_text
from privaudit.types import Finding, Metric, Section

HOSTILE = '<script>alert("x")</script>|`y` @you $\\frac{1}{2}$'


def group(name, tpr=0.02, difference=0.01, p=1.0, fpr=0.005, lowest=-0.02):
    ends = {"lower": 0.001, "upper": 0.09, "confidence": 0.95}
    return Finding(
        id=f"lira-{name}",
        method="lira",
        params={"group": name, "n_records": 40, "n_auc": 20, "n_effective_in": 100.0},
        n_in=320,
        n_out=320,
        metrics=(
            Metric(name="group_auc", value=0.55, lower=0.4, upper=0.7),
            Metric(name="group_tpr", at=0.01, value=tpr, **ends),
            Metric(name="group_fpr", at=0.01, value=fpr, lower=fpr / 1.5, upper=fpr * 1.5, confidence=0.95),
            Metric(name="tpr_difference", at=0.01, value=difference, lower=lowest, upper=0.03),
            Metric(name="tpr_difference_p", at=0.01, value=p),
        ),
    )


def records(found=2.0, *, listed=True):
    one = {"row": 4711, "n_won": 38.5, "share": 0.987, "lower": 0.8, "upper": 1.0, "is_found": True}
    params = {"n_pairs": 39, "n_records": 3200}
    params["histogram"] = [{"from": 0.9, "to": 1.0, "records": 7, "by_chance": 0.0}]
    if listed:
        params["most_at_risk"] = [{**one, "groups": {"label": "1", "sex": "Female"}}]
    metric = Metric(name="records_at_risk", at=0.05, value=found)
    return Finding(id="records", method="pair_wins", params=params, metrics=(metric,))


def agreement(value=0.3):
    matrix = [[1.0, value], [value, 1.0]]
    params = {"attacks": ["loss", "lira"], "spearman": matrix, "top_overlap": [[1.0, 0.5], [0.5, 1.0]]}
    return Finding(id="attacks", method="auc_shares", params={**params, "top_overlap_by_chance": 0.01})


@pytest.fixture
def with_groups(builder):
    def build(*findings):
        report = builder.sample_report()
        section = Section(kind="subgroups", title="Who is at risk", findings=findings, notes=("not why",))
        return dataclasses.replace(report, sections=(*report.sections, section))

    return build


def test_the_tables_say_what_was_measured(with_groups):
    report = with_groups(group("sex=Male", p=0.004), group("sex=Female", difference=-0.01), records(), agreement())
    table = group_table(report)
    assert table.head[3] == "TPR at 1 % FPR over all"
    assert table.rows[0] == (
        "sex=Male",
        "40",
        "0.550 (0.400 to 0.700)",
        "2 % (0.1 % to 9 %)",
        "0.5 % (0.33 % to 0.75 %)",
        "+1 % (-2 % to +3 %)\noutcomes distributed differently, p 0.004",
    )
    assert table.rows[1][-1] == "-1 % (-2 % to +3 %)\noutcomes not shown to be distributed differently, p 1"
    assert histogram_table(report).rows == (("90 % to 100 %", "7", "0"),)
    assert most_at_risk_table(report).rows == (
        ("4711", "38.5 of 39", "98.7 % (80 % to 100 %)", "yes", "label=1, sex=Female"),
    )
    assert agreement_table(report).rows == (("loss threshold and LiRA", "0.30", "50 % (by chance 1 %)"),)
    assert agreement_table(with_groups(agreement(None))).rows[0][1] == "undefined"


def test_the_sentences_name_groups_that_are_found_more_often_and_count_records(with_groups):
    more = group("sex=Male", p=0.004, lowest=0.002)
    assert who_sentences(with_groups(more, group("sex=Female"), records()))[0] == (
        "LiRA finds more members in sex=Male: the interval of the difference is above 0 (2 of 2 were large enough to test)."
    )
    held = who_sentences(with_groups(group("sex=Male", p=0.004)))[0]  # a small p, and an interval that holds 0
    assert held.startswith("No group of records was shown to be found more often by LiRA") and held.endswith(
        "In sex=Male outcomes are distributed differently from the rest's, but it is not shown that more members are found."
    )
    both = who_sentences(with_groups(more, group("label=1", p=0.004)))[0]
    assert "more members in sex=Male:" in both and " In label=1 outcomes are distributed differently" in both
    assert (
        who_sentences(with_groups(more, records()))[2]
        == "Shown to be at risk, each judged by itself: 2 of 3200 records."
    )
    assert who_sentences(with_groups(records(0.0)))[0] == "No single one of 3200 records is shown to be at risk."
    assert (
        "No group of records was shown to be found more often by LiRA; 2 of 2 were large enough to test."
        in who_sentences(with_groups(group("a=1"), group("a=2", -0.01, p=0.001, difference=-0.1)))[0]
    )
    shared = dataclasses.replace(records(), metrics=(*records().metrics, Metric(name="pair_win_share", value=0.524)))
    assert "more confident in 52.4 % of the pairs; 50 % is guessing" in who_sentences(with_groups(shared))[0]
    note = who_sentences(with_groups(more, records()))[1]
    assert "at the threshold that was used; the threshold's own error is not in the interval" in note
    assert "distributed differently, not that their rate is another" in note
    too = who_sentences(with_groups(group("sex=Male", p=0.004, fpr=0.02, lowest=0.002)))[0]
    assert too.endswith("In these false alarms are more frequent, too.")
    unsure = who_sentences(with_groups(group("sex=Male", p=0.004, fpr=0.012, lowest=0.002)))[0]
    assert "false alarms" not in unsure  # .008 to .018 holds the .01 of all


def test_what_is_not_measurable_says_so(with_groups):
    nothing = tuple(dataclasses.replace(metric, value=None, lower=None, upper=None) for metric in group("a=1").metrics)
    report = with_groups(dataclasses.replace(group("a=1"), metrics=nothing))
    assert group_table(report).rows[0][2:] == ("not measurable",) * 4
    assert who_sentences(report) == () and group_figure(report) == ""
    assert "Groups of records" in render_html(report)


def test_every_format_shows_the_section_and_names_are_inert(with_groups):
    report = with_groups(group(f"sex={HOSTILE}", p=0.01), records(), agreement())
    page, text = render_html(report), render_markdown(report)
    for words in ("<h2>Who is at risk</h2>", "Groups of records", "Single records", "4711", "Do the attacks point"):
        assert words in page
    assert page.count("<script") == 1 and "&lt;script&gt;" in page  # the page's own one
    assert "**Groups of records**" in text and "<script" not in text and "@you" not in text
    assert "4711" not in text and "4711" not in render_text(report)  # short formats name no records
    assert "2 of 3200 records" in render_text(report)


def test_without_such_findings_there_is_no_such_section(builder, with_groups):
    for report in (builder.sample_report(), with_groups()):
        assert "Who is at risk" not in render_html(report) and who_sentences(report) == ()
    assert "Most" not in render_html(with_groups(records(listed=False)))
    assert most_at_risk_table(with_groups(records(listed=False))).rows == ()


def test_a_page_made_from_the_file_has_the_same_bytes(with_groups):
    report = with_groups(group("sex=Male", p=0.004), group("sex=Female"), records(), agreement(None))
    content = json.loads(report_to_json(report))
    jsonschema.validate(content, report_json_schema())
    again = report_from_dict(content)
    assert render_html(again) == render_html(report) == render_html(report)
    assert render_markdown(again) == render_markdown(report) and report_to_json(again) == report_to_json(report)


def test_the_figure_marks_groups_that_differ(with_groups):
    svg = group_figure(with_groups(group("sex=Male", p=0.004), group("sex=Female")))
    assert 'id="groups-title"' in svg and "sex=Male" in svg and "sex=Female" in svg
