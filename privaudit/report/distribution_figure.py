"""How often attacks tell two worlds apart, against how far apart they are, as a figure."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from privaudit.report.axis_rows import MAX_NAME, clip
from privaudit.report.distribution_labels import distribution_findings, labelled, pair_text, world_label
from privaudit.report.marks import Mark
from privaudit.report.palette import GREY, LINE_COLOURS, MARKERS
from privaudit.report.svg import INK, plain_style, to_svg
from privaudit.report.words import attack_text, metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding


def distribution_figure(report: AuditReport) -> str:
    """Draw right answers with their intervals: one group of marks per pair of worlds, one mark per attack.

    Args:
        report: with findings on two worlds.

    Returns:
        An ``<svg>`` element, "" where nothing was told apart.
    """
    findings = distribution_findings(report)
    if not findings:
        return ""
    pairs = list(dict.fromkeys(finding.params.get("world") for finding in findings))
    methods = list(dict.fromkeys(finding.method for finding in findings))
    with plain_style():
        figure = Figure(figsize=(max(7.0, 1.6 + 1.35 * len(pairs)), 4.1), layout="constrained")
        axes = figure.add_subplot()
        marks: list[Mark] = []
        for place, method in enumerate(methods):
            own = [finding for finding in findings if finding.method == method]
            places = [pairs.index(f.params.get("world")) for f in own]
            marks += _draw(axes, own, places, place, len(methods), label=labelled("", report))
        axes.axhline(0.5, color=INK, linewidth=1.2, linestyle=":")
        names = [pair_text(next(f for f in findings if f.params.get("world") == world)) for world in pairs]
        axes.set_xticks(range(len(pairs)), [clip(name, MAX_NAME) for name in names])
        axes.set_xlim(-0.6, len(pairs) - 0.4)
        lowest = min((_ends(finding)[0] for finding in findings), default=0.0)
        bottom = 0.4 if lowest >= 0.4 else 0.0
        axes.set_ylim(bottom, 1.02)
        ticks = [tick / 10 for tick in range(round(10 * bottom), 11, 1 if bottom else 2)]
        axes.set_yticks(ticks, [percent_text(tick) if tick else "0" for tick in ticks])
        label = world_label(report)
        axes.set_ylabel("models whose world is told rightly" + (f"\n{label}" if label else ""))
        axes.spines[["right", "top"]].set_visible(False)
        axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
        figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=min(3, len(methods)))
        title = labelled("How often two worlds are told apart", report)
        said = labelled(_description(findings), report)
        return to_svg(figure, name="worlds", title=title, description=said, marks=marks)


def _draw(
    axes: Axes, findings: Sequence[Finding], places: Sequence[int], place: int, n_methods: int, *, label: str
) -> list[Mark]:
    shift = 0.0 if n_methods == 1 else 0.7 * (place / (n_methods - 1) - 0.5)
    style: dict[str, Any] = {
        "color": LINE_COLOURS[place % len(LINE_COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 6,
    }
    method, marks = findings[0].method, []
    for finding, at in zip(findings, places, strict=True):
        lower, upper = _ends(finding)
        heights = [lower, _value(finding), upper]
        line = axes.plot([at + shift] * 3, heights, linewidth=1.5, markevery=[1], **style)[0]
        said = (
            f"{pair_text(finding)}, {attack_text(method)}: {metric_text(metric_of(finding.metrics, 'accuracy'))}{label}"
        )
        points = ((at + shift, heights[1], said),) if math.isfinite(heights[1]) else ()
        marks.append(
            Mark(artist=line, series=attack_text(method), key=method, said=said, axes=axes, points=points),
        )
    axes.plot([], [], linestyle="none", label=clip(attack_text(method), MAX_NAME), **style)
    return marks


def _value(finding: Finding) -> float:
    metric = metric_of(finding.metrics, "accuracy")
    return float("nan") if metric is None or metric.value is None else metric.value


def _ends(finding: Finding) -> tuple[float, float]:
    metric = metric_of(finding.metrics, "accuracy")
    if metric is None or metric.lower is None or metric.upper is None:
        return _value(finding), _value(finding)
    return metric.lower, metric.upper


def _description(findings: Sequence[Finding]) -> str:
    return "; ".join(f"{pair_text(f)}, {attack_text(f.method)}: {percent_text(_value(f))}" for f in findings)
