"""What each defense changed, in tables."""

import dataclasses

import pytest

from privaudit.report.defense_tables import arms_of, defense_attack_table, defense_notes, defense_table
from privaudit.report.html import render_html
from privaudit.report.tables import estimate_table, other_tables
from privaudit.report.terminal import render_text
from privaudit.types import Finding, Metric, Section


@pytest.fixture
def compared(builder):
    return builder.compared_report(("none", "dp_sgd", "clipping"))


def test_few_arms_stand_side_by_side_in_columns(compared):
    table = defense_table(compared)
    assert table.head == ("", "no defense", "DP-SGD, noise 1.2", "DP-SGD without noise")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["accuracy on new records"] == ("61 %", "54 %", "55 %")
    assert rows["train/test gap"] == ("38 %", "3 %", "5 %")
    assert rows["members found at 1 % false accusations"][0] == "7.5 % (6.5 % to 8.7 %)\nLiRA"
    assert rows["claim"] == ("none", "epsilon 5.08\naudit too weak", "none")
    assert rows["policy of privaudit"] == ("fails\nauc", "passes", "passes")
    assert "right answers on the population" not in rows  # nothing of the kind was measured


def test_many_arms_are_a_row_each(builder, compared):
    section = builder.compared_report().sections[-1]
    extra = [
        dataclasses.replace(f, params={**f.params, "arm": "more"})
        for f in section.findings
        if f.params["arm"] == "top_k"
    ]
    extra[0] = dataclasses.replace(extra[0], id="more", params={**extra[0].params, "title": "top 3 of the outputs"})
    section = dataclasses.replace(section, findings=(*section.findings, *extra))
    table = defense_table(dataclasses.replace(compared, sections=(section,)))
    assert table.head[0] == "defense" and [row[0] for row in table.rows][-1] == "top 3 of the outputs"
    assert len(table.rows) == 5 and all(len(row) == len(table.head) for row in table.rows)


def test_every_attack_on_every_arm_has_a_row_with_what_was_changed(compared):
    table = defense_attack_table(compared)
    assert len(table.rows) == 9 and table.head[:4] == ("arm", "attack", "target", "AUC")
    change = table.head.index("AUC less that without a defense")
    assert table.rows[0][change] == "" and table.rows[3][change] == "-0.209 (-0.239 to -0.179)"
    assert table.rows[3][-1] == ">= 0.00 (95 %)"


def test_the_arms_bounds_are_not_the_subjects(compared):
    assert all(":" not in row[0] for row in estimate_table(compared).rows) and other_tables(compared) == ()
    assert "targets)" not in render_html(compared)


def test_worlds_before_and_after_are_told_by_right_answers(builder):
    arm = builder.compared_report(("none",)).sections[-1].findings[0]
    accuracy = Metric(name="accuracy", value=0.9, lower=0.8, upper=0.96, confidence=0.95)
    told = Finding(id="none:kl-1", method="kl", params={"arm": "none", "world": 1}, metrics=(accuracy,))
    section = Section(kind="defense", title="Before and after", findings=(arm, told))
    report = dataclasses.replace(builder.sample_report(with_claim=False), sections=(section,))
    rows = {row[0]: row[1] for row in defense_table(report).rows}
    assert rows["right answers on the population"] == "90 % (80 % to 96 %)\nKL divergence"
    assert defense_attack_table(report).rows[0][3] == "90 % (80 % to 96 %)"


def test_notes_stand_on_the_first_screen_and_the_table_below_it(builder):
    report = builder.compared_report()
    (note,) = defense_notes(report)
    page, text = render_html(report), render_text(report)
    assert page.index(note[:20]) < page.index("accuracy on new records") < page.index("<main>")
    assert "3 defenses compared" in page and " ".join(text.split()).count(note) == 1
    assert text.index("Before and after each defense") < text.index("In exact terms")


def test_a_report_without_defenses_has_none_of_it(builder):
    report = builder.sample_report()
    assert arms_of(report) == [] and defense_notes(report) == ()
    assert not defense_table(report).rows and not defense_attack_table(report).rows
    assert "defense" not in render_html(report).split("<body>")[1].split("<script>")[0]


def test_the_page_of_a_comparison_says_whose_the_sections_are(builder):
    said = "What follows is about the model without a defense"
    assert said in render_html(builder.compared_report()) and said not in render_html(builder.sample_report())
