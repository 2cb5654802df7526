"""The figures of the page: what they draw, that they are inert, and that a script can find their parts."""

import dataclasses
import importlib.util
import json
import re
import xml.etree.ElementTree as ET
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from privaudit.report import palette
from privaudit.report.attack_figure import attack_caption, attack_figure, tpr_limit
from privaudit.report.axis_rows import MOST_SECONDARY, axis_rows
from privaudit.report.defense_figure import defense_caption, defense_figure
from privaudit.report.distribution_figure import distribution_figure
from privaudit.report.figures import epsilon_axis, roc_figure
from privaudit.report.histogram_figure import histogram_figure
from privaudit.report.query_figure import query_figure
from privaudit.report.subgroup_figure import group_figure
from privaudit.types import Finding, Metric, Section

SVG = "{http://www.w3.org/2000/svg}"
BACKGROUNDS = {"white": "#ffffff", "near-black": "#15181c"}
DRAWN = {
    f"{SVG}{tag}" for tag in ("svg", "title", "desc", "defs", "style", "g", "path", "use", "text", "clipPath", "rect")
}
HOSTILE = '"><script>alert(1)</script> id="x" #010203 1.23456 $y$'


@pytest.fixture(scope="session")
def parts():
    """The module that builds parts of reports."""
    spec = importlib.util.spec_from_file_location("figure_report", Path(__file__).with_name("figure_report.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def whole(builder, parts):
    """A report that gives rise to every figure."""
    report = parts.asked(builder.sample_report())
    return parts.with_sections(report, parts.paired(), parts.three_arms(), parts.worlds())


@pytest.fixture(scope="session")
def drawn(whole):
    """Every figure of it, by name."""
    return every_figure(whole)


def every_figure(report):
    found = {
        "epsilon": epsilon_axis,
        "roc": roc_figure,
        "attacks": attack_figure,
        "groups": group_figure,
        "histogram": histogram_figure,
        "queries": query_figure,
        "worlds": distribution_figure,
        "defenses": defense_figure,
    }
    return {name: draw(report) for name, draw in found.items()}


def marks(svg):
    return [group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.get("class") == "series"]


def luminance(colour):
    channels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first, second):
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_colours_stand_out_from_both_backgrounds(background):
    """WCAG 2.1 1.4.11: 3:1 for the parts of a graphic."""
    colours = {value for value in vars(palette).values() if isinstance(value, str) and value.startswith("#")}
    for colour in colours | set(palette.LINE_COLOURS):
        assert contrast(colour, BACKGROUNDS[background]) >= 3, colour


def test_figures_draw_in_no_other_colours(drawn):
    known = {value.lower() for value in (*vars(palette).values(), *palette.LINE_COLOURS) if isinstance(value, str)}
    for name, svg in drawn.items():
        used = {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}\b", " ".join(re.findall(r"<[^<>]*>", svg)))}
        assert used <= known, name
        assert "currentColor" in svg


def test_every_figure_is_named_and_has_ids_of_its_own(drawn):
    seen = set()
    for svg in drawn.values():
        root = ET.fromstring(svg)
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        assert not seen & set(ids)
        seen |= set(ids)
        assert root[0].text and root[1].text
        assert root.get("aria-labelledby").split() == [root[0].get("id"), root[1].get("id")]


def test_same_report_same_bytes(whole, drawn):
    assert all(drawn.values())
    assert every_figure(whole) == drawn


def test_coordinates_have_two_decimals(drawn):
    for svg in drawn.values():
        assert not [
            tag for tag in re.findall(r"<[^<>]*>", svg) if re.search(r"\d\.\d{3,}", tag.split("data-points")[0])
        ]


def test_every_part_of_a_series_can_be_found_and_read(drawn):
    for name, svg in drawn.items():
        groups = marks(svg)
        assert groups, name
        _, _, width, height = map(float, ET.fromstring(svg).get("viewBox").split())
        for group in groups:
            assert group.get("id").startswith(f"{name}-series-")
            assert group.find(f"{SVG}title").text
            for x, y, said in json.loads(group.get("data-points")):
                assert 0 <= x <= width and 0 <= y <= height
                assert said


def test_roc_points_say_both_rates(builder):
    svg = roc_figure(builder.sample_report())
    groups = {group.get("id"): group for group in marks(svg)}
    assert {"roc-series-loss", "roc-series-lira", "roc-series-rmia", "roc-series-claim"} <= set(groups)
    points = json.loads(groups["roc-series-lira"].get("data-points"))
    assert points[-1][2] == "LiRA: 100 % of members found at 100 % false positives"
    assert len(points) > 20
    assert [x for x, _, _ in points] == sorted(x for x, _, _ in points)


def test_points_lie_where_the_curve_is_drawn(builder):
    """The script shows words at these places; half a unit off would still be on the line."""
    group = next(g for g in marks(roc_figure(builder.sample_report())) if g.get("id") == "roc-series-lira")
    path = group.find(f"{SVG}path").get("d")
    corners = np.array(re.findall(r"[ML] (-?[\d.]+) (-?[\d.]+)", path), dtype=float)
    for x, y, _ in json.loads(group.get("data-points")):
        starts, steps = corners[:-1], np.diff(corners, axis=0)
        along = ((np.array([x, y]) - starts) * steps).sum(1) / np.maximum((steps**2).sum(1), 1e-12)
        feet = starts + steps * along.clip(0, 1)[:, None]
        assert np.hypot(*(feet - [x, y]).T).min() < 0.5


def test_names_are_inert_and_unchanged(builder, parts):
    report = builder.sample_report(attacks=(HOSTILE, "lira"))
    bad = parts.arm("bad", 0.8, ("lira", 0.5, 0.01), title=HOSTILE)
    figures = every_figure(parts.with_sections(report, parts.paired(name=HOSTILE), parts.defended(bad)))
    for name in ("epsilon", "roc", "attacks", "groups", "defenses"):
        root = ET.fromstring(figures[name])
        assert not [element for element in root.iter() if element.tag.endswith("script")]
        words = " ".join(text for element in root.iter() for text in (element.text or "", *element.attrib.values()))
        assert '"><script>alert(1)' in words
    assert HOSTILE in " ".join(group.get("data-series", "") for group in marks(figures["attacks"]))


def test_hostile_texts_are_drawn_as_text(builder, parts, hostile):
    """Control characters, halves of surrogate pairs, letters that no font has, and texts of 200,000 letters."""
    for name in ("quotes", "lines", "control", "directions", "long"):
        text = hostile.TEXTS[name]
        report = parts.with_sections(hostile.hostile_report(builder, text), parts.paired(name=text))
        for svg in every_figure(report).values():
            if svg:
                assert {element.tag for element in ET.fromstring(svg).iter()} <= DRAWN
                assert len(svg.encode()) < 150_000


def test_names_that_share_an_id_keep_apart(builder):
    ids = [group.get("id") for group in marks(attack_figure(builder.sample_report(attacks=("a b", "a-b", "<>"))))]
    assert len(ids) == len(set(ids)) == 6
    assert "attacks-series-a-b" in ids and "attacks-series-x" in ids


def test_attacks_of_one_target_have_their_intervals(builder):
    said = [group.find(f"{SVG}title").text for group in marks(attack_figure(builder.sample_report()))]
    assert len(said) == 6
    assert any(re.fullmatch(r"LiRA: AUC 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)", text) for text in said)


def test_attacks_on_many_targets_are_means_and_ranges(builder):
    report = builder.sample_report(targets=range(32))
    said = [group.find(f"{SVG}title").text for group in marks(attack_figure(report))]
    assert len(said) == 6
    assert all("over 32 targets" in text for text in said)
    assert "means over the targets" in attack_caption(report)


def test_attacks_on_few_targets_stand_side_by_side(builder):
    groups = marks(attack_figure(builder.sample_report(targets=range(4))))
    assert len(groups) == 24
    heights = {json.loads(group.get("data-points"))[0][1] for group in groups}
    assert len(heights) == 12


@pytest.mark.parametrize(("limit", "is_drawn"), [(0.02, True), (0.9, False)])
def test_the_claims_limit_is_drawn_where_it_is_near(builder, limit, is_drawn):
    report = builder.sample_report()
    metric = Metric(name="tpr_limit", at=0.01, value=limit)
    games = dataclasses.replace(
        report.sections[1],
        findings=tuple(dataclasses.replace(f, metrics=(metric,)) for f in report.sections[1].findings),
    )
    report = dataclasses.replace(report, sections=(report.sections[0], games))
    assert tpr_limit(report) == limit
    svg = attack_figure(report)
    assert (palette.RED in svg) == is_drawn
    assert "the claim allows" in svg
    assert "exceeds" in attack_caption(report)


def test_nothing_to_draw_is_no_figure(builder, parts):
    empty = dataclasses.replace(builder.sample_report(), sections=())
    for draw in (attack_figure, histogram_figure, defense_figure, group_figure, query_figure, distribution_figure):
        assert draw(empty) == ""
    assert defense_caption(empty) == ""
    nothing = parts.with_sections(empty, parts.defended(parts.arm("none", None, ("lira", 0.6, 0.02))))
    assert defense_figure(nothing) == ""
    only_name = parts.with_sections(empty, parts.defended(parts.arm("none", 0.8)))
    assert defense_figure(only_name) == ""


def test_histogram_says_records_and_chance(builder, parts):
    svg = histogram_figure(parts.with_sections(builder.sample_report(), parts.paired()))
    assert {group.get("data-series") for group in marks(svg)} == {"records", "by coins alone"}
    assert "90 % to 100 % of pairs won: 2 records, by coins alone 0.0" in svg


def test_a_histogram_of_empty_bins(builder, parts):
    records = Finding(
        id="p", method="pair_wins", params={"histogram": [{"from": 0, "to": 1, "records": 0, "by_chance": 0}]}
    )
    report = parts.with_sections(builder.sample_report(), Section(kind="subgroups", title="Who", findings=(records,)))
    assert "nan" not in histogram_figure(report)


def test_a_crowded_axis_folds_the_smaller_bounds(builder):
    names = [f"attack {place}" for place in range(12)]
    report = builder.sample_report(attacks=("lira", *names))
    findings = tuple(
        dataclasses.replace(
            finding,
            estimates=tuple(dataclasses.replace(e, lower=0.1 * place) for e in finding.estimates),
        )
        for place, finding in enumerate(report.sections[0].findings)
    )
    section = dataclasses.replace(report.sections[0], findings=findings)
    rows = [
        row for row in axis_rows(dataclasses.replace(report, sections=(section, *report.sections[1:]))) if row.is_lower
    ]
    bounds = [row for row in rows if row.role in ("primary", "secondary")]
    assert len(bounds) == 1 + MOST_SECONDARY
    assert bounds[0].role == "primary"
    assert bounds[-1].label == "7 more lower bounds: at least 0.10 to 0.70 (in the table)"
    assert bounds[-1].values == pytest.approx([0.1 * place for place in range(1, 8)])


def test_many_curves_have_their_names_below(builder):
    svg = roc_figure(builder.sample_report(attacks=[f"attack {place}" for place in range(16)]))
    height = float(ET.fromstring(svg).get("viewBox").split()[3])
    assert height > 450
    assert svg.count(">attack 15<") == 1


def test_figures_of_a_large_audit_are_small(builder):
    """A page of under 3 MB has room for 16 attacks on 50,000 records."""
    rng = np.random.default_rng(0)
    report = builder.sample_report(attacks=[f"attack {place}" for place in range(16)], targets=range(4))
    grid = np.linspace(0, 1, 25_001)
    curves = []
    for finding in report.sections[0].findings:
        if finding.roc is not None:
            roc = dataclasses.replace(finding.roc, fpr=grid, tpr=np.sort(rng.random(25_001) ** 0.8))
            finding = dataclasses.replace(finding, roc=roc)
        curves.append(finding)
    section = dataclasses.replace(report.sections[0], findings=tuple(curves))
    report = dataclasses.replace(report, sections=(section, *report.sections[1:]))
    assert len(roc_figure(report)) + len(attack_figure(report)) + len(epsilon_axis(report)) < 600_000


def test_the_script_is_small_and_never_makes_markup_of_text():
    script = files("privaudit.report").joinpath("page.js").read_text(encoding="utf-8")
    assert len(script.encode()) < 6000
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "http://",
        "</",
    ):
        assert forbidden not in script.replace("http://www.w3.org/2000/svg", "")
    assert "fetch(" not in script and "XMLHttpRequest" not in script
