"""What each defense costs and saves, as a figure whose names never cover each other."""

import dataclasses
import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.report.defense_figure import defense_caption, defense_figure, leaks_of, panels_of
from privaudit.report.label_places import Box, place_labels

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="session")
def parts():
    """The module that builds parts of reports."""
    spec = importlib.util.spec_from_file_location("figure_report", Path(__file__).with_name("figure_report.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_defenses_are_judged_by_the_strongest_attack(builder, parts):
    report = parts.with_sections(builder.sample_report(), parts.three_arms())
    auc, tpr = panels_of(report)
    assert [leak.value for leak in leaks_of(report, auc)] == [0.66, 0.52, 0.522]
    assert [leak.value for leak in leaks_of(report, tpr)] == [0.055, 0.012, 0.013]
    svg = defense_figure(report)
    for title in ("no defense", "DP-SGD, noise 1.2", "DP-SGD without noise"):
        assert svg.count(f">{title}</text>") == 2
    assert "Lower right is better" in defense_caption(report)


def test_a_blind_baseline_is_no_attack_on_a_defended_model(builder, parts):
    findings = parts.arm("none", 0.8, ("lira", 0.6, 0.02), ("blind", 0.9, 0.5))
    findings[-1] = dataclasses.replace(findings[-1], access=None)
    report = parts.with_sections(builder.sample_report(), parts.defended(findings))
    assert [leak.value for leak in leaks_of(report, panels_of(report)[0])] == [0.6]


def test_several_targets_give_a_range(builder, parts):
    findings = parts.arm("none", 0.8, ("lira", 0.6, 0.02), targets=(0, 1))
    metrics = tuple(dataclasses.replace(m, value=0.7) if m.name == "auc" else m for m in findings[-1].metrics)
    findings[-1] = dataclasses.replace(findings[-1], metrics=metrics)
    report = parts.with_sections(builder.sample_report(), parts.defended(findings))
    (leak,) = leaks_of(report, panels_of(report)[0])
    assert (leak.lower, round(leak.value, 9), leak.upper) == (0.6, 0.65, 0.7)
    assert "range over the targets" in defense_caption(report)


def test_defenses_against_telling_worlds_apart(builder, parts):
    arms = [parts.arm(name, 0.8, ("kl", right, 0.0), world="w") for name, right in (("none", 0.9), ("resampled", 0.6))]
    report = dataclasses.replace(builder.sample_report(), sections=(parts.defended(*arms),))
    (panel,) = panels_of(report)
    assert [leak.value for leak in leaks_of(report, panel)] == [0.9, 0.6]
    assert "models whose world is told rightly" in defense_figure(report)


def text_places(svg, titles):
    """Baseline start of every name in the figure."""
    found = []
    for text in ET.fromstring(svg).iter(f"{SVG}text"):
        if text.text in titles:
            found.append((text.text, float(text.get("x")), float(text.get("y"))))
    return found


@pytest.mark.parametrize("spread", [0.004, 0.2])
def test_all_names_of_many_arms_are_written(builder, spread, parts):
    """Beside the points, or below both panels where the points are too close."""
    rng = np.random.default_rng(0)
    titles = [f"defense number {place}" for place in range(12)]
    arms = [
        parts.arm(
            f"arm{place}",
            0.7 + spread * rng.random(),
            ("lira", 0.55 + spread * rng.random(), 0.02 + spread * rng.random()),
            title=title,
        )
        for place, title in enumerate(titles)
    ]
    svg = defense_figure(parts.with_sections(builder.sample_report(), parts.defended(*arms)))
    assert {name for name, _, _ in text_places(svg, titles)} == set(titles)
    assert len(text_places(svg, titles)) == (12 if spread < 0.01 else 24)


SIZES = st.tuples(st.floats(5, 150), st.floats(8, 14))
SPOTS = st.tuples(st.floats(0, 500), st.floats(0, 300))


@given(st.lists(st.tuples(SPOTS, SIZES), min_size=1, max_size=14))
def test_placed_names_cover_neither_each_other_nor_points(named):
    points, sizes = [spot for spot, _ in named], [size for _, size in named]
    taken = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    inside = Box(0, 0, 500, 300)
    boxes = place_labels(points, sizes, taken=taken, inside=inside)
    placed = [box for box in boxes if box is not None]
    for place, box in enumerate(placed):
        assert inside.holds(box)
        assert not any(box.overlaps(other) for other in (*taken, *placed[place + 1 :]))
    for box, (width, height) in zip(boxes, sizes, strict=True):
        if box is not None:
            assert box.right - box.left == pytest.approx(width)
            assert box.top - box.bottom == pytest.approx(height)
