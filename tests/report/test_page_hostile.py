"""Whatever stands in a report stays text on the page."""

import dataclasses
from html.parser import HTMLParser

import pytest

from privaudit.report.html import render_html
from privaudit.types import Finding, Metric, Section

MORE = {
    "ends an svg": "</text></svg></figure><script>alert(1)</script>",
    "ends a style": "</style><style>*{display:none}</style>",
    "template": "{{7*7}} {% raw %} ${7*7} #{7*7}",
    "attribute": "x\" onmouseover=\"alert(1)\" style='position:fixed' autofocus onfocus=alert(1) y='",
    "workflow": "x%0A::error file=a::b\r\n::error::no",
    "address": "javascript:alert(1) data:text/html,<script>1</script> https://evil.example/",
}
HARMLESS = "harmless text of words"


class Outline(HTMLParser):
    """Elements with the names of their attributes, in order; those of figures as a set, for labels may take more lines."""

    def __init__(self, page):
        super().__init__()
        self.outside, self.figures, self.handlers, self.addresses = [], set(), set(), set()
        self._depth = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        names = tuple(sorted(name for name, _ in attrs))
        if tag == "svg" or self._depth:
            self._depth += 1
            self.figures.add((tag, names))
        else:
            self.outside.append((tag, names))
        self.handlers |= {name for name in names if name.startswith("on")}
        self.addresses |= {
            value for name, value in attrs if name in ("href", "src", "xlink:href", "action", "formaction")
        }

    def handle_startendtag(self, tag, attrs):
        if self._depth:
            self.figures.add((tag, tuple(sorted(name for name, _ in attrs))))
        else:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        self._depth -= 1 if self._depth else 0


def with_records(report, text):
    """Add what names groups and records."""
    group = Finding(
        id=f"g{text}",
        method="lira",
        params={"group": text, "n_records": 40},
        metrics=(
            Metric(name="group_tpr", at=0.01, value=0.02, lower=0.01, upper=0.1, confidence=0.95, rule=text),
            Metric(name="tpr_difference", at=0.01, value=0.02),
            Metric(name="tpr_difference_p", at=0.01, value=0.01),
        ),
    )
    one = {
        "row": 4711,
        "n_won": 38.5,
        "share": 0.987,
        "lower": 0.8,
        "upper": 1.0,
        "is_found": True,
        "groups": {text: text},
    }
    bins = [{"from": 0.9, "to": 1.0, "records": 7, "by_chance": 0.0}]
    params = {"n_pairs": 39, "n_records": 3200, "histogram": bins, "most_at_risk": [one]}
    records = Finding(id="records", method="pair_wins", params=params, metrics=())
    section = Section(kind="subgroups", title=text, findings=(group, records), notes=(text,))
    return dataclasses.replace(report, sections=(*report.sections, section))


def page_of(builder, hostile, text):
    return render_html(with_records(hostile.hostile_report(builder, text), text))


@pytest.fixture(scope="module")
def harmless(builder, hostile):
    return Outline(page_of(builder, hostile, HARMLESS))


NAMES = ("script", "quotes", "lines", "control", "workflow", "cdata", "directions")


@pytest.mark.parametrize("name", [*NAMES, *(f"more {name}" for name in MORE)])
def test_no_text_of_a_report_becomes_markup(builder, hostile, harmless, name):
    text = MORE[name.removeprefix("more ")] if name.startswith("more ") else hostile.TEXTS[name]
    page = page_of(builder, hostile, text)
    page.encode()
    found = Outline(page)
    assert found.outside == harmless.outside
    assert found.figures <= harmless.figures and not found.handlers
    assert all(value is None or value.startswith("#") for value in found.addresses)
    assert "{{7*7}}" not in text or "{{7*7}}" in page


def test_a_very_long_name_stays_on_the_page(builder, hostile, harmless):
    assert Outline(page_of(builder, hostile, "very long " * 2_000)).outside == harmless.outside


def test_marks_that_turn_the_direction_and_control_characters_are_replaced(builder):
    page = render_html(builder.sample_report(name="a\u202eb\x00c\ud800d\u2028e\x1bf"))
    assert "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf" in page
