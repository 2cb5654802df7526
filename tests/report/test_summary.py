import subprocess
import sys

import pytest

from privaudit.report.markdown import render_markdown
from privaudit.report.sentences import headline
from privaudit.report.summary import render_summary
from privaudit.types.report import GateResult


def test_the_gate_comes_first(builder, hostile):
    report = builder.sample_report()
    text = render_summary(report, hostile.RESULT)
    lines = text.splitlines()
    assert lines[0] == "### Privacy gate failed: adult-mlp"
    assert lines[2] == "**1 of 4 checks failed: tpr.**"
    assert "| tpr | fail | at least 0.05, at most 0.08, limit 0.03 | too large |  |" in lines
    assert "| old | fail | at least 0.7, limit 0.6 | known | Waived: ticket 12 (until 2027-01-01). |" in lines
    assert text.index("| old |") < text.index(headline(report)[:40]) < text.index("**Epsilon**")


def test_a_table_without_waivers_has_no_column_for_them(builder, hostile):
    result = GateResult(outcome="fail", verdicts=hostile.RESULT.verdicts[:3], reason="1 of 3 checks failed: tpr.")
    text = render_summary(builder.sample_report(), result)
    assert "does not count" not in text and "| tpr | fail |" in text


@pytest.mark.parametrize(
    ("outcome", "says"),
    [("pass", "### Privacy gate passed"), ("fail", "gate failed"), ("inconclusive", "gate inconclusive")],
)
def test_outcomes_in_words(builder, hostile, outcome, says):
    result = GateResult(outcome=outcome, verdicts=hostile.RESULT.verdicts, reason="")
    assert says in render_summary(builder.sample_report(), result).splitlines()[0]


def test_without_a_gate_the_report_speaks(builder):
    text = render_summary(builder.sample_report())
    assert text.startswith("### Privacy audit: adult-mlp\n\n**The audit was too weak")
    assert "gate" not in text


def test_every_shape_of_report(builder, hostile):
    for report in hostile.reports(builder).values():
        for result in (None, hostile.RESULT):
            text = render_summary(report, result)
            assert text.startswith("### ") and text.endswith("(detects damage, not forgery).\n")
            assert len(text) <= len(render_markdown(report, result))
            assert text == render_summary(report, result)


def test_defenses_stand_before_and_after(builder):
    report = builder.compared_report()
    for text in (render_summary(report), render_markdown(report)):
        assert "**Before and after each defense**" in text
        assert builder.HIDES in text
        assert "DP-SGD, noise 1.2" in text and "no defense" in text
    assert "**Attacks on each defense**" in render_markdown(report)
    assert "efense" not in render_markdown(builder.sample_report())


def test_machine_formats_need_neither_torch_nor_templates():
    code = (
        "import sys; import privaudit.report.junit, privaudit.report.sarif, privaudit.report.card, "
        "privaudit.report.annotations, privaudit.report.summary; "
        "print(sorted({'torch', 'jinja2', 'matplotlib', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
