import dataclasses
import hashlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import matplotlib
import pytest

from privaudit.errors import ConfigError, StoreError
from privaudit.report import load_report, write_reports
from privaudit.report.figures import epsilon_axis, roc_caption, roc_figure
from privaudit.report.html import render_html
from privaudit.report.markdown import render_markdown
from privaudit.report.sentences import headline, what_would_suffice
from privaudit.types import EstimateKind, Metric, Neighbouring, Section, Verdict

HOSTILE = (
    '<script>alert("x")</script>|`y`\n\n# big\r\n@you $\\frac{1}{2}$ \'"><img src=x onerror=alert(1)> javascript:a &lt;'
)


def hostile(builder):
    """Every string that a user can put into a report is markup."""
    report = builder.sample_report(name=HOSTILE, attacks=("lira", HOSTILE))
    sections = [
        dataclasses.replace(
            section,
            title=HOSTILE,
            notes=(HOSTILE,),
            findings=tuple(
                dataclasses.replace(
                    finding,
                    id=finding.id + HOSTILE,
                    params={"target": HOSTILE},
                    notes=(HOSTILE,),
                    metrics=tuple(dataclasses.replace(metric, rule=HOSTILE) for metric in finding.metrics),
                    estimates=tuple(dataclasses.replace(e, assumptions=(HOSTILE,)) for e in finding.estimates),
                )
                for finding in section.findings
            ),
        )
        for section in report.sections
    ]
    sections.append(dataclasses.replace(sections[0], kind="canary"))
    return dataclasses.replace(
        report,
        claim=dataclasses.replace(report.claim, accountant=HOSTILE),
        sections=tuple(sections),
        controls=tuple(dataclasses.replace(control, name=HOSTILE) for control in report.controls),
        verdicts=(*(dataclasses.replace(v, reason=HOSTILE) for v in report.verdicts),),
        provenance={**report.provenance, HOSTILE: {HOSTILE: [HOSTILE]}},
    )


class Tags(HTMLParser):
    """Collects the elements, attributes and ids of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.ids, self.values = set(), set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id"]
        self.values += [value for name, value in attrs if name in ("href", "xlink:href", "src")]


def parsed(page):
    tags = Tags()
    tags.feed(page)
    return tags


OUTCOMES = {
    "too_weak": ({}, "too weak to contradict or support the claim of epsilon 5.08 (delta 1e-5, add/remove)"),
    "never": ({}, "it shows epsilon >= 0.00 with 95 % confidence, and could never have shown more than 4.40."),
    "weak_control": ({"ceiling": 7.2, "control_lower": 1.2}, "the same attack shows only epsilon >= 1.20."),
    "no_control": ({"ceiling": 7.2, "control_lower": None}, "no control shows what this attack could have seen."),
    "violated": (
        {"outcome": "violated", "lower": 6.0, "ceiling": 7.2},
        "contradicts the claim of epsilon 5.08 (delta 1e-5, add/remove): it shows epsilon >= 6.00 with 95 % conf",
    ),
    "consistent": (
        {"outcome": "consistent", "lower": 0.3, "ceiling": 7.2},
        "epsilon >= 0.30 with 95 % confidence and could have shown up to 7.20; on the control the same attack shows",
    ),
    "no_claim": ({"with_claim": False}, "No privacy guarantee was claimed. Telling members from non-members, "),
    "infinite": ({"epsilon": float("inf")}, "No privacy guarantee was claimed."),
}


@pytest.mark.parametrize(("change", "says"), OUTCOMES.values(), ids=OUTCOMES)
def test_headline_says_what_was_found(builder, change, says):
    report = builder.sample_report(**change)
    assert says in headline(report)
    assert headline(report).endswith(".")
    assert says.replace(">", "&gt;") in render_html(report)
    # Stars, underscores and the like are written as entities; the sentence has none of them.
    assert says in render_markdown(report)


def test_confidence_is_that_of_all_targets_together(builder):
    report = builder.sample_report(outcome="violated", lower=6.0, ceiling=7.2, attacks=())
    share = builder.one_run_estimate(lower=6.0, confidence=1 - 0.05 / 32)
    findings = tuple(builder.attack_finding("lira", target, estimate=share) for target in range(32))
    section = dataclasses.replace(report.sections[0], findings=findings)
    report = dataclasses.replace(report, sections=(section,))
    assert headline(report).endswith("it shows epsilon >= 6.00 with 95 % confidence.")
    assert "99.8 % confidence each, 32 targets" in epsilon_axis(report)


def test_what_would_suffice_is_the_verdicts_reason(builder):
    report = builder.sample_report()
    assert "6,400 records" in what_would_suffice(report)
    assert what_would_suffice(report) in render_html(report)
    assert what_would_suffice(builder.sample_report(with_claim=False)) == ""


def test_headline_of_a_report_without_attacks(builder):
    report = dataclasses.replace(builder.sample_report(with_claim=False), sections=())
    assert headline(report) == "No privacy guarantee was claimed. No attack was run."
    assert "No attack was run" in render_html(report)
    assert "No attack was run" in render_markdown(report)


def test_claim_without_verdict(builder):
    report = dataclasses.replace(builder.sample_report(), verdicts=(Verdict(rule="other", outcome="pass"),))
    assert "was not judged" in headline(report)


def test_hostile_names_are_inert_in_markdown(builder):
    text = render_markdown(hostile(builder))
    for active in ("<script", "</", "<img", "`y`", "@you", "\r", "\n# ", "$"):
        assert active not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows
    for line in rows:
        assert line.endswith("|")
    widths = [line.count("|") for line in rows]
    heads = [place for place, line in enumerate(rows) if set(line) <= set("| -")]
    for start, stop in zip(heads, [*[h - 1 for h in heads[1:]], len(rows)], strict=True):
        assert len(set(widths[start - 1 : stop])) == 1


def test_the_page_stands_alone(builder):
    text = render_html(builder.sample_report(targets=(0, 1)))
    page = parsed(text)
    assert all(value.startswith("#") for value in page.values)
    assert len(page.ids) == len(set(page.ids))
    assert {"link", "iframe", "img"}.isdisjoint(page.tags) and text.count("<script") <= 1
    addresses = set(re.findall(r"https?://[^\s\"']+", text))
    assert addresses <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}


def test_the_page_says_everything(builder):
    page = render_html(builder.sample_report())
    for text in (
        *(
            "LiRA",
            "RMIA",
            "loss threshold",
            "add/remove",
            "replace one",
            "3200 records with coins, 640 guesses, 322 right",
        ),
        *("at 0.063 % FPR", "noise 0, no clipping", "84.8 %", "84.6 %", "84.3 %", "fair coins, drawn independently"),
        *("Yeom", "Carlini", "Zarifzadeh", "Steinke", "privacy loss distributions", "config.recipe.steps"),
        *("1 number(s) for another neighbouring relation", "the share of guesses was fixed beforehand"),
    ):
        assert text in page


def test_what_cannot_be_measured_says_so(builder):
    report = builder.sample_report(attacks=("lira",))
    finding = report.sections[0].findings[0]
    metrics = (finding.metrics[0], Metric(name="tpr_at_fpr", at=0.001, value=None, rule="below 1/n"))
    section = dataclasses.replace(report.sections[0], findings=(dataclasses.replace(finding, metrics=metrics),))
    report = dataclasses.replace(report, sections=(section,))
    assert "not measurable" in render_html(report)
    assert "not measurable" in render_markdown(report)


def test_many_targets_are_summed_up(builder):
    many, few = builder.sample_report(targets=range(32)), builder.sample_report(targets=range(4))
    assert "Mean over the targets" in render_html(many)
    assert "Every target (96 rows)" in render_html(many)
    assert "Mean over the targets" not in render_html(few)
    assert len(render_markdown(many)) < 6000
    assert roc_caption(many).startswith("Target 0, the first of 32.")


def test_a_section_of_another_kind_is_shown(builder):
    report = builder.sample_report()
    finding = dataclasses.replace(builder.attack_finding("lira", 0), metrics=(Metric(name="p_value_rate", value=0.3),))
    extra = Section(kind="canary", title="Canaries", findings=(finding,))
    assert "<h3>Canaries</h3>" in render_html(dataclasses.replace(report, sections=(*report.sections, extra)))


def test_a_weak_control_is_called_by_its_name(builder):
    report = builder.sample_report(ceiling=7.2, control_lower=1.2)
    assert "on the control (noise 0, no clipping) the same attack shows only" in headline(report)
    kept = tuple(dataclasses.replace(control, name="noise 0, clip kept") for control in report.controls)
    said = headline(dataclasses.replace(report, controls=kept))
    assert "on the control (noise 0, clip kept) the same attack shows only" in said


def test_axis_holds_every_label(builder):
    svg = epsilon_axis(builder.sample_report())
    for label in (
        "LiRA, one_run (primary): at least 0.00 (95 % confidence)",
        "RMIA, one_run: at least 0.00",
        "control (noise 0, no clipping): at least 6.30",
        "ceiling: this audit could have shown at most 4.40",
        "claim (pld): at most 5.08",
    ):
        assert f">{label}" in svg
    assert "9.64" not in svg


def test_axis_leaves_out_what_cannot_be_compared(builder):
    report = builder.sample_report(attacks=("lira",))
    other = builder.one_run_estimate(lower=9.9, neighbouring=Neighbouring.REPLACE_ONE)
    finding = builder.attack_finding("rmia", 0, estimate=other)
    section = dataclasses.replace(report.sections[0], findings=(*report.sections[0].findings, finding))
    svg = epsilon_axis(dataclasses.replace(report, sections=(section, report.sections[1])))
    assert "9.90" not in svg


def test_axis_draws_approximations_as_points_without_a_guarantee(builder):
    """A point is never drawn as a bound: neither as `at least` nor as `at most`."""
    report = builder.sample_report(attacks=("lira",))
    claim = report.sections[1].findings[0]
    upper = claim.estimates[0]
    point = dataclasses.replace(upper, method="last_iterate", kind=EstimateKind.POINT, lower=4.21, upper=4.21)
    rdp = dataclasses.replace(upper, method="rdp", upper=6.66)
    claim = dataclasses.replace(claim, estimates=(*claim.estimates, point, rdp))
    games = dataclasses.replace(report.sections[1], findings=(claim,))
    svg = epsilon_axis(dataclasses.replace(report, sections=(report.sections[0], games)))
    assert ">approximation (last iterate): about 4.21, no guarantee" in svg
    assert ">computed by Rényi accountant: at most 6.66" in svg
    assert "at least 4.21" not in svg and "at most 4.21" not in svg


@pytest.mark.parametrize("change", [{"epsilon": float("inf")}, {"with_claim": False}, {"control_lower": None}])
def test_figures_of_odd_reports(builder, change):
    report = builder.sample_report(**change)
    for svg in (epsilon_axis(report), roc_figure(report)):
        assert ET.fromstring(svg).tag.endswith("svg")
        assert "nan" not in svg.lower()


def test_figures_are_accessible_svg(builder):
    for svg in (epsilon_axis(builder.sample_report()), roc_figure(builder.sample_report())):
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        named = root.get("aria-labelledby").split()
        assert [root[0].get("id"), root[1].get("id")] == named
        assert root[1].text
        assert "currentColor" in svg
        assert "#010203" not in svg
        assert "metadata" not in svg


def test_roc_names_every_curve(builder):
    svg = roc_figure(builder.sample_report())
    for label in ("loss threshold", "LiRA", "RMIA", "guessing", "most that the claim allows", "0.1 %"):
        assert f">{label}" in svg
    assert "most that the claim allows" not in roc_figure(builder.sample_report(with_claim=False))


def test_drawing_ignores_and_keeps_the_users_style(builder):
    plain = roc_figure(builder.sample_report())
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "lines.linewidth": 9}):
        assert roc_figure(builder.sample_report()) == plain
        assert matplotlib.rcParams["font.size"] == 30


def _digests(report):
    texts = (render_html(report), render_markdown(report))
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def test_same_report_same_bytes_also_elsewhere(builder, tmp_path):
    report = builder.sample_report(targets=(0, 1))
    assert _digests(report) == _digests(report)
    paths = write_reports(report, tmp_path / "a", ["json", "html", "md"])
    code = (
        "import sys; from privaudit.report import load_report, write_reports;"
        "write_reports(load_report(sys.argv[1]), sys.argv[2], ['json', 'html', 'md'])"
    )
    target = tmp_path / "b"
    subprocess.run([sys.executable, "-c", code, str(paths[0]), str(target)], check=True)
    for path in paths:
        assert (target / path.name).read_bytes() == path.read_bytes()


def test_write_reports_writes_what_was_asked_for(builder, tmp_path):
    report = builder.sample_report()
    paths = write_reports(report, tmp_path / "new" / "out", ["md", "json"])
    assert [path.name for path in paths] == ["report.md", "report.json"]
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == ["report.json", "report.md"]
    assert load_report(paths[1]).subject == report.subject


def test_unknown_formats_write_nothing(builder, tmp_path):
    with pytest.raises(ConfigError, match=r"'htlm'\. Did you mean html"):
        write_reports(builder.sample_report(), tmp_path / "out", ["json", "htlm"])
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_folders_place(builder, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(StoreError, match="cannot make the folder"):
        write_reports(builder.sample_report(), tmp_path / "out", ["json"])
