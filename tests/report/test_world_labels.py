"""Numbers that are not about the law of the data alone never stand without their label: poison, one shared base graph."""

import dataclasses
import json
import math

import pytest

from privaudit.report.annotations import render_annotations
from privaudit.report.answer_certainty import certainty_answer
from privaudit.report.card import render_card
from privaudit.report.defense_figure import defense_figure
from privaudit.report.defense_tables import defense_attack_table, defense_table
from privaudit.report.distribution_figure import distribution_figure
from privaudit.report.distribution_labels import audit_name, labelled, world_label
from privaudit.report.distribution_sentences import (
    distribution_sentences,
    draws_words,
    pairs_sentence,
    world_words,
)
from privaudit.report.distribution_tables import distribution_table
from privaudit.report.first_screen import first_screen
from privaudit.report.html import render_html
from privaudit.report.junit import render_junit
from privaudit.report.markdown import render_markdown
from privaudit.report.methods import method_notes
from privaudit.report.page_words import words_of
from privaudit.report.sarif import render_sarif
from privaudit.report.sentences import headline
from privaudit.report.serialise import report_from_dict, report_to_json
from privaudit.report.summary import render_summary
from privaudit.report.terminal import render_text
from privaudit.types import AuditReport, Finding, Metric, Section, Subject

POISON = {"poison": {"share": 0.02, "true_class": 1, "planted_class": 0}}
FORMATS = {
    "html": render_html,
    "markdown": render_markdown,
    "text": render_text,
    "junit": render_junit,
    "sarif": render_sarif,
    "annotations": render_annotations,
    "summary": render_summary,
    "card": render_card,
    "figure": distribution_figure,
    "headline": headline,
    "leak": lambda report: first_screen(report)[1].answer,
    "pairs": pairs_sentence,
    "badge": lambda report: words_of(report)["badge"],
}


def finding(method="snap", value=0.9, *, game="distribution_inference", access="score", leaked=(), **params):
    ends = {"lower": value - 0.1, "upper": min(1.0, value + 0.1), "confidence": 0.99}
    return Finding(
        id=f"{method}-1",
        method=method,
        params={"world": 1, "world_0": "50 %", "world_1": "40 %", **params},
        game=game,
        access=access,
        unit="model",
        n_in=20,
        n_out=20,
        metrics=(
            Metric(name="accuracy", value=value, **ends),
            Metric(name="auc", value=value, **ends),
            *(Metric(name=name, value=7.0, lower=3.0, upper=math.inf) for name in leaked),
        ),
    )


def report_of(*findings, kind="distribution"):
    section = Section(kind=kind, title="Distribution inference", findings=findings)
    subject = Subject(name="m", model_digest="", data_digest="")
    return AuditReport(subject=subject, claim=None, sections=(section,))


def poisoned(*methods, **params):
    names = methods or ("snap", "kl")
    return report_of(*(finding(name, game="poisoned_distribution", **POISON, **params) for name in names))


def graphs(protocol="fresh", name="degree", **changes):
    leaked = changes.pop("leaked", (f"n_leaked_{name}_kl",))
    params = {"graph_property": name, "protocol": protocol, "n_records": 300, **changes}
    return report_of(finding("kl", leaked=leaked, **params), finding("gauss", 0.6, leaked=leaked, **params))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_labels_numbers_of_poisoned_worlds(name):
    assert "with 2 % poison" in FORMATS[name](poisoned()).replace("%25", "%")  # as workflow commands write it
    assert "% poison" not in FORMATS[name](report_of(finding("snap"), finding("kl"))).replace("%25", "%")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_that_one_base_graph_inflates(name):
    assert "inflated: one base graph" in FORMATS[name](graphs("shared"))
    for protocol in ("fresh", "independent"):
        assert "inflated" not in FORMATS[name](graphs(protocol))


def test_the_name_of_an_audit_is_labelled_where_it_is_about_worlds_alone():
    both = poisoned()
    both = dataclasses.replace(both, sections=(*both.sections, Section(kind="mia", title="", findings=())))
    for report, label in ((poisoned(), " (with 2 % poison)"), (graphs("shared"), " (inflated: one base graph)")):
        assert audit_name(report) == f"m{label}"
        assert f"<title>Privacy audit: m{label}</title>" in render_html(report)
        assert f"### Privacy audit: m{label}" in render_markdown(report).replace("\\", "")
    assert audit_name(both) == audit_name(graphs("fresh")) == "m"  # members were audited without poison


def test_every_table_of_worlds_is_titled_with_the_label():
    control = finding("kl", 0.5, game="poisoned_distribution", is_control=True, **POISON)
    ratio = Finding(
        id="kl_regression-ratios",
        method="kl_regression",
        game="ratio_regression",
        unit="model",
        params=POISON,
        metrics=(Metric(name="mean_squared_error", value=0.02),),
    )
    report = report_of(*poisoned().sections[0].findings, dataclasses.replace(control, id="c"), ratio)
    for text in (render_markdown(report), render_text(report)):
        for title in (
            "What the model says about the population",
            "The ratio itself",
            "Control: two worlds of one population",
        ):
            assert f"{title} (with 2 % poison)" in text
    page = render_html(report)
    assert "<h3>The ratio itself (with 2 % poison)</h3>" in page
    assert "<h3>Control: two worlds of one population (with 2 % poison)</h3>" in page
    assert "All attacks and pairs of worlds (with 2 % poison)" in page
    assert "tells rightly (with 2 % poison), with its interval" in page  # the figure's caption


def test_a_report_of_the_ratio_alone_is_labelled():
    ratio = Finding(
        id="pin_regression-ratios",
        method="pin_regression",
        game="ratio_regression",
        access="white_box",
        unit="model",
        params={**POISON, "ratios": [0.2, 0.5]},
        metrics=(Metric(name="mean_squared_error", value=0.0025),),
    )
    (sentence,) = distribution_sentences(report_of(ratio))
    assert sentence.startswith("From a model's weights (with 2 % poison), PIN regression")
    card = render_card(report_of(ratio))
    assert "type: poisoned_ratio_mean_squared_error" in card and "with 2 % poison" in card


def test_machines_read_another_name_for_another_risk():
    assert "type: distribution_accuracy" in render_card(report_of(finding()))
    assert "type: distribution_accuracy" in render_card(graphs("fresh"))
    others = {
        "poisoned_distribution_accuracy": poisoned(),
        "shared_graph_accuracy": graphs("shared"),
        "two_graphs_accuracy": graphs("independent"),
    }
    for kind, report in others.items():
        card = render_card(report)
        assert f"type: {kind}" in card and "type: distribution_accuracy" not in card


def test_the_label_outlives_a_file():
    text = report_to_json(poisoned())
    again = report_from_dict(json.loads(text))
    assert world_label(again) == "with 2 % poison"
    assert json.loads(text)["sections"][0]["findings"][0]["game"] == "poisoned_distribution"


@pytest.mark.parametrize(
    "poison",
    [
        None,
        "2 %",
        "<script>",
        {},
        {"share": "<script>"},
        {"share": True},
        {"share": -1.0},
        {"share": math.inf},
        [0.02],
        {"share": None},
    ],
)
def test_a_share_that_is_none_takes_no_label_away(poison):
    report = report_of(finding(game="poisoned_distribution", poison=poison))
    assert world_label(report) == "with poison"
    assert "with poison" in render_html(report) and "<script>alert" not in render_html(report)


def test_poison_and_one_graph_are_both_said():
    report = report_of(finding(game="poisoned_distribution", protocol="shared", **POISON))
    assert labelled("x", report) == "x (with 2 % poison; inflated: one base graph)"


def test_worlds_without_poison_or_base_graph_have_no_label():
    assert world_label(report_of(finding())) == "" and labelled("x", report_of(finding())) == "x"
    assert world_label(report_of()) == ""


def test_the_first_screen_asks_for_what_poison_does_not_say():
    last = first_screen(poisoned())[3].answer
    assert "what models tell that were trained without the attacker's records" in last
    assert "attackers who add records to the training" in first_screen(report_of(finding()))[3].answer
    shared = [one.answer for one in first_screen(graphs("shared"))]
    assert "inflated: one base graph" in shared[2] and shared[3].startswith("What holds for the law and not")
    for report in (poisoned(), graphs("shared"), graphs("independent")):
        for answer in first_screen(report):
            assert len(answer.answer) <= 420 and answer.answer.endswith(".") and "None" not in answer.answer


def test_inflated_accuracies_are_not_told_as_draws():
    assert "as much as seeing 3 nodes with their degrees at least" in distribution_sentences(graphs())[0]
    assert "as much as" not in distribution_sentences(graphs("shared"))[0]


@pytest.mark.parametrize(
    ("leaked", "heads"),
    [
        (("n_leaked_degree_kl",), ("degrees leaked, by divergence",)),
        (
            ("n_leaked_degree_kl", "n_leaked_degree_zipf"),
            ("degrees leaked, by divergence", "degrees leaked, as published"),
        ),
        (("n_leaked_clustering_kl",), ("clustering coefficients leaked, by divergence",)),
        ((), ("draws leaked, exact", "draws leaked, as published")),
    ],
)
def test_draws_of_graphs_have_columns_of_their_own(leaked, heads):
    table = distribution_table(graphs(leaked=leaked))
    assert table.head == ("attack", "right answers", *heads, "AUC", "sees")
    assert {row[2] for row in table.rows} == ({"7 (3 to infinite)"} if leaked else {""})


def test_worlds_of_graphs_are_no_ratios_of_records():
    told = distribution_sentences(graphs())[0]
    assert "which one (by the graphs' mean degree): 40 % or 50 %" in told
    assert "each trained on 300 nodes" in pairs_sentence(graphs())
    assert "other properties than the graphs' mean degree" in first_screen(graphs())[3].answer
    said = {protocol: world_words(graphs(protocol)) for protocol in ("fresh", "independent", "shared")}
    assert all("a law that graphs are drawn by" in text and "ratio" not in text for text in said.values())
    assert "a graph of its own" in said["fresh"] and "not about other base graphs" in said["independent"]
    assert "here one ratio" in world_words(report_of(finding())) and world_words(report_of()) == ""


def test_the_page_says_what_is_counted_where_worlds_are_graphs():
    of_records, zipf = '"Exact" inverts', "Zipf laws"
    assert of_records in draws_words(report_of(finding())) and draws_words(report_of()) == ""
    for name, nodes in (("degree", "nodes with their degrees"), ("clustering", "clustering coefficients")):
        page = render_html(graphs(name=name))
        assert nodes in page and of_records not in page.replace("&#34;", '"') and zipf not in page
    assert zipf in draws_words(graphs(leaked=("n_leaked_degree_kl", "n_leaked_degree_zipf")))


def test_who_sees_weights_is_said_in_words():
    report = report_of(finding("pin", access="white_box"), finding("kl"))
    assert [row[-1] for row in distribution_table(report).rows] == ["the weights", "scores"]
    assert "PIN on weights" in render_text(report)
    last = first_screen(report)[3].answer
    assert "who sees the training itself" in last and "weights" not in last
    assert [name for name, _, _ in method_notes(report)] == ["PIN on weights", "KL divergence"]


def test_a_comparison_of_defenses_labels_what_is_about_worlds():
    arm = Finding(id="none", method="defense", access=None, params={"arm": "none", "title": "no defense"})
    attacked = finding("kl", game="poisoned_distribution", arm="none", **POISON)
    accuracy = Metric(name="accuracy_population", value=0.8)
    report = report_of(dataclasses.replace(arm, metrics=(accuracy,)), attacked, kind="defense")
    assert "right answers on the population (with 2 % poison)" in [row[0] for row in defense_table(report).rows]
    assert "right answers (with 2 % poison)" in defense_attack_table(report).head
    assert "with 2 % poison" in defense_figure(report)


def test_the_first_screen_says_that_other_base_graphs_may_differ_by_more():
    said = {protocol: certainty_answer(graphs(protocol=protocol)) for protocol in ("fresh", "independent", "shared")}
    assert "other base graphs may differ by more" in said["independent"]
    assert not any("base graphs" in said[protocol] for protocol in ("fresh", "shared"))
