"""How often attacks tell two worlds apart, against how far apart they are, as a figure."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from privaudit.report.axis_rows import MAX_NAME, clip
from privaudit.report.distribution_tables import distribution_findings, pair_text
from privaudit.report.figures import GREY, LINE_COLOURS
from privaudit.report.svg import INK, plain_style, to_svg
from privaudit.report.words import attack_text, metric_of, percent_text
from privaudit.types import AuditReport, Finding

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


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
        for place, method in enumerate(methods):
            own = [finding for finding in findings if finding.method == method]
            _draw(axes, own, [pairs.index(f.params.get("world")) for f in own], place, len(methods))
        axes.axhline(0.5, color=INK, linewidth=1.2, linestyle=":")
        names = [pair_text(next(f for f in findings if f.params.get("world") == world)) for world in pairs]
        axes.set_xticks(range(len(pairs)), [clip(name, MAX_NAME) for name in names])
        axes.set_xlim(-0.6, len(pairs) - 0.4)
        lowest = min((_ends(finding)[0] for finding in findings), default=0.0)
        bottom = 0.4 if lowest >= 0.4 else 0.0
        axes.set_ylim(bottom, 1.02)
        ticks = [tick / 10 for tick in range(round(10 * bottom), 11, 1 if bottom else 2)]
        axes.set_yticks(ticks, [percent_text(tick) if tick else "0" for tick in ticks])
        axes.set_ylabel("models whose world is told rightly")
        axes.spines[["right", "top"]].set_visible(False)
        axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
        figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=min(3, len(methods)))
        return to_svg(
            figure, name="worlds", title="How often two worlds are told apart", description=_description(findings)
        )


def _draw(axes: Axes, findings: Sequence[Finding], places: Sequence[int], place: int, n_methods: int) -> None:
    shift = 0.0 if n_methods == 1 else 0.7 * (place / (n_methods - 1) - 0.5)
    colour = LINE_COLOURS[place % len(LINE_COLOURS)]
    for finding, at in zip(findings, places, strict=True):
        axes.plot([at + shift] * 2, _ends(finding), color=colour, linewidth=1.5, alpha=0.6)
    axes.plot(
        [at + shift for at in places],
        [_value(finding) for finding in findings],
        MARKERS[place % len(MARKERS)],
        color=colour,
        markersize=6,
        label=clip(attack_text(findings[0].method), MAX_NAME),
    )


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
