"""What a distribution audit found, in tables, sentences and a figure."""

import math

import pytest

from privaudit.report.distribution_figure import distribution_figure
from privaudit.report.distribution_sentences import distribution_sentences, outcome_of_worlds, pairs_sentence
from privaudit.report.distribution_tables import control_table_of_worlds, distribution_table, leaked_text, ratio_table
from privaudit.report.html import render_html
from privaudit.report.markdown import render_markdown
from privaudit.report.sentences import headline, warnings_of
from privaudit.report.terminal import render_text
from privaudit.types import AuditReport, Finding, Metric, Section, Subject

EVIL = '<script>alert("x")</script>'


def finding(method, value, *, world=1, confidence=0.99, **params):
    ends = {"lower": max(0.0, value - 0.1), "upper": min(1.0, value + 0.1), "confidence": confidence}
    return Finding(
        id=f"{method}-{world}",
        method=method,
        params={"world": world, "world_0": "50 %", "world_1": f"{world}0 %", **params},
        game="distribution_inference",
        access="score",
        unit="model",
        metrics=(
            Metric(name="accuracy", value=value, **ends),
            Metric(name="auc", value=value, **ends),
            Metric(name="n_leaked_exact", value=math.inf if value == 1 else 7.0, lower=3.0, upper=math.inf),
            Metric(name="n_leaked_paper", value=0.7, lower=0.1, upper=2.0),
        ),
    )


def report_of(*findings, notes=(), more=()):
    section = Section(kind="distribution", title="Distribution inference", findings=findings, notes=notes)
    return AuditReport(
        subject=Subject(name="m", model_digest="", data_digest=""), claim=None, sections=(section, *more)
    )


def test_the_strongest_attack_is_named_with_an_interval_that_holds_for_all():
    report = report_of(finding("kl", 0.9), finding("gauss", 0.95), finding("kl", 0.6, world=2))
    (sentence,) = distribution_sentences(report)
    assert (
        "the strongest of 2 attacks says rightly which one: 10 % or 50 %, for 95 % of the models (85 % to 100 %"
        in sentence
    )
    assert "Gaussian queries; as much as seeing 3 records at least); 20 % or 50 %, for 60 % of the models" in sentence
    assert "All intervals hold together at 97 % confidence" in sentence  # three times one percent
    assert headline(report) == sentence
    assert outcome_of_worlds(report) == "worlds told apart" and "worlds told apart" in render_html(report)


def test_worlds_that_are_not_told_apart_are_no_all_clear():
    report = report_of(finding("kl", 0.55), finding("gauss", 0.58))
    assert outcome_of_worlds(report) == "worlds not told apart"
    told, open_end = distribution_sentences(report)
    assert (
        "No worlds are shown to be told apart" in open_end and "up to 68 % right answers are not ruled out" in open_end
    )
    assert "With n_victims: 83 the interval would be about 20 % wide" in open_end  # (2.576 / 2 / .1)^2 / 2
    assert "55 %" not in told  # the strongest alone


def test_a_control_that_is_told_apart_takes_the_outcome():
    control = Finding(
        id="kl-control",
        method="kl",
        params={"is_control": True},
        game="distribution_inference",
        access="score",
        metrics=(
            Metric(name="accuracy", value=0.9),
            Metric(name="control_accuracy", value=0.9, lower=0.3, upper=0.7, confidence=0.999),
        ),
    )
    assert outcome_of_worlds(report_of(finding("kl", 0.95), control)) == "control failed"


def test_controls_channels_and_estimates_are_no_attacks_on_two_worlds():
    control = Finding(
        id="kl-control",
        method="kl",
        params={"is_control": True, "world_0": "50 %", "world_1": "50 % (control)"},
        game="distribution_inference",
        access="score",
        unit="model",
        metrics=(
            Metric(name="accuracy", value=0.99, lower=0.9, upper=1.0, confidence=0.95),
            Metric(name="control_accuracy", value=0.99, lower=0.3, upper=0.7, confidence=0.999),
        ),
    )
    channel = Finding(
        id="size-1",
        method="training_set",
        game="distribution_inference",
        access=None,
        unit="model",
        metrics=(Metric(name="accuracy", value=1.0),),
    )
    ratio = Finding(
        id="kl_regression-ratios",
        method="kl_regression",
        game="ratio_regression",
        access="score",
        unit="model",
        metrics=(
            Metric(name="mean_estimate", at=0.2, value=0.3),
            Metric(name="mean_squared_error", at=0.2, value=0.01),
            Metric(name="n_leaked_cramer_rao", at=0.2, value=16.0),
            Metric(name="mean_squared_error", value=0.02),
            Metric(name="n_leaked_bayes", value=5.25),
        ),
    )
    report = report_of(finding("kl", 0.8), control, channel, ratio)
    assert [row[0] for row in distribution_table(report).rows] == [
        "KL divergence"
    ]  # one pair of worlds: no column for it
    assert pairs_sentence(report).startswith("Told apart: 10 % or 50 %; ")
    two = report_of(finding("kl", 0.8), finding("kl", 0.7, world=2))
    assert [row[:2] for row in distribution_table(two).rows] == [
        ("10 % or 50 %", "KL divergence"),
        ("20 % or 50 %", "KL divergence"),
    ]
    assert control_table_of_worlds(report).rows[0][-1] == "NOT as guessing"
    assert ratio_table(report).rows == (
        ("KL regression", "20 %", "30 %", "0.0100", "16"),
        ("KL regression", "all", "", "0.0200", "5.2"),
    )
    assert "80 %" in distribution_sentences(report)[0]


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (None, ""),
        (Metric(name="n", value=None), ""),
        (Metric(name="n", value=1234.0, lower=99.6, upper=math.inf), "1,234 (100 to infinite)"),
        (Metric(name="n", value=0.0, lower=0.0, upper=0.25), "0 (0 to 0.25)"),
        (Metric(name="n", value=math.inf), "infinite"),
    ],
)
def test_draws_are_shown_with_their_ends_and_infinity_with_its_lower_one(metric, text):
    assert leaked_text(metric) == text


def test_warnings_come_first_and_no_text_is_markup():
    note = f"Warning: the size {EVIL} alone tells the worlds apart."
    report = report_of(finding("kl", 0.8, property=EVIL), finding(EVIL, 0.7), notes=(note, "Plain note"))
    assert warnings_of(report) == (note,)
    page, text = render_html(report), render_markdown(report)
    assert EVIL not in page and "&lt;script&gt;" in page and "<script" not in text
    assert note in render_text(report).replace("\n", " ")
    assert EVIL not in distribution_figure(report)


def test_a_report_without_a_distribution_audit_says_nothing_of_worlds():
    report = report_of()
    assert distribution_sentences(report) == () and distribution_figure(report) == ""
    assert not distribution_table(report).rows and "population" not in render_html(report)
    assert headline(report) == "No privacy guarantee was claimed. No attack was run."
    assert outcome_of_worlds(report) == "" and pairs_sentence(report) == ""


def test_the_figure_is_the_same_bytes_every_time():
    report = report_of(*(finding(f"a{n}", 0.5 + n / 20, world=world) for n in range(9) for world in (1, 2)))
    assert distribution_figure(report) == distribution_figure(report)


def test_an_attack_that_is_always_wrong_tells_the_worlds_apart():
    report = report_of(finding("kl", 0.05), finding("gauss", 0.6))
    assert outcome_of_worlds(report) == "worlds told apart"
    (sentence,) = distribution_sentences(report)
    assert "for 5 % of the models" in sentence and "the opposite answer is right" in sentence


def test_findings_without_an_interval_are_not_judged_and_do_not_hide_a_failed_control():
    bare = Finding(
        id="kl-1",
        method="kl",
        params={"world": 1, "world_0": "50 %", "world_1": "20 %"},
        game="distribution_inference",
        access="score",
        metrics=(Metric(name="accuracy", value=1.0),),
    )
    assert outcome_of_worlds(report_of(bare)) == "worlds not judged"
