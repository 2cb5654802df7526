import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.report.annotations import command, render_annotations
from privaudit.types import Verdict
from privaudit.types.report import GateResult

COMMAND = re.compile(r"::(error|warning|notice) (file=[^:,]*,line=1,title=[^:,]*)::(.*)")


def undone(text):
    """What GitHub's runner makes of escaped data and properties."""
    for code, letter in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, letter)
    return text


def commands(text):
    assert text.endswith("\n")
    # The runner reads lines; splitlines knows every line end that any reader could know.
    lines = text.splitlines()
    assert lines == text[:-1].split("\n")
    found = [COMMAND.fullmatch(line) for line in lines]
    assert all(found), lines
    return [match.groups() for match in found]


def test_a_gate_becomes_commands(builder, hostile):
    found = commands(render_annotations(builder.sample_report(), hostile.RESULT, location="ci/audit.yaml"))
    assert [level for level, _, _ in found] == ["error", "error", "warning", "notice"]
    assert all(properties.startswith("file=ci/audit.yaml,line=1,") for _, properties, _ in found)
    assert "title=Privacy gate%3A fail" in found[0][1] and "1 of 4 checks failed" in found[0][2]
    assert "title=tpr%3A fail" in found[1][1] and "at least 0.05, at most 0.08, limit 0.03" in found[1][2]
    assert "title=claim%3A inconclusive" in found[2][1]
    assert found[3][2].startswith("Waived: ticket 12 (until 2027-01-01).")


def test_passed_rules_are_not_annotated(builder, hostile):
    result = GateResult(outcome="pass", verdicts=hostile.RESULT.verdicts[:1], reason="All 1 checks passed.")
    assert [level for level, _, _ in commands(render_annotations(builder.sample_report(), result))] == ["notice"]


def test_every_shape_of_report(builder, hostile):
    for report in hostile.reports(builder).values():
        for result in (None, hostile.RESULT):
            text = render_annotations(report, result)
            assert commands(text) and text == render_annotations(report, result)


@pytest.mark.parametrize(("shape", "level"), [("violated", "error"), ("plain", "warning"), ("contradiction", "error")])
def test_a_report_alone_shows_its_own_verdicts(builder, hostile, shape, level):
    assert level in [one[0] for one in commands(render_annotations(hostile.reports(builder)[shape]))]


def test_hostile_texts_stay_texts(builder, hostile):
    n_commands = len(commands(render_annotations(hostile.hostile_report(builder, "x"), hostile.hostile_result("x"))))
    for name, text in hostile.TEXTS.items():
        report, result = hostile.hostile_report(builder, text), hostile.hostile_result(text)
        shown = render_annotations(report, result, location=text)
        assert len(commands(shown)) == n_commands, name
        assert len(shown) < 100_000, name


def test_more_than_github_shows_are_counted(builder):
    verdicts = tuple(Verdict(rule=f"r{number}", outcome="fail") for number in range(25))
    result = GateResult(outcome="fail", verdicts=verdicts, reason="25 failed")
    found = commands(render_annotations(builder.sample_report(), result))
    assert len(found) == 11
    assert found[-1][2] == "16 more stand in the report."


@given(st.text(), st.text(), st.text())
def test_any_text_is_one_command_that_says_it(file, title, message):
    line = command("error", file, title, message)
    (found,) = commands(line + "\n")
    expected = " ".join("".join(letter if letter.isprintable() else " " for letter in message).split())
    assert undone(found[2]) == expected


def test_escapes_are_those_of_the_toolkit():
    line = command("warning", "a,b:c%.yaml", "50 %: a,b", "50 %0A: a,b")
    assert line == "::warning file=a%2Cb%3Ac%25.yaml,line=1,title=50 %25%3A a%2Cb::50 %250A: a,b"


def test_a_rule_of_a_policy_may_bear_our_words(builder):
    result = GateResult(outcome="fail", verdicts=(Verdict(rule="audit", outcome="fail"),), reason="")
    assert len(commands(render_annotations(builder.sample_report(), result))) == 2


def test_what_was_not_judged_is_said_once(builder):
    (found,) = commands(render_annotations(builder.sample_report(with_claim=False)))
    assert found[0] == "notice" and "No privacy guarantee was claimed" in found[2]
