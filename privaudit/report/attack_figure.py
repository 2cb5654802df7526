"""Every attack's AUC and true positive rate with their intervals, as a figure."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from privaudit.report.axis_rows import MAX_NAME, clip
from privaudit.report.marks import Mark
from privaudit.report.palette import GREY, LINE_COLOURS, RED
from privaudit.report.svg import INK, plain_style, to_svg
from privaudit.report.tables import MANY_TARGETS, attack_findings, target_of
from privaudit.report.words import attack_text, metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding, Metric

RATE = 0.01
PANELS = (("auc", None, "AUC", 0.5), ("tpr_at_fpr", RATE, "TPR at 1 % FPR", RATE))
# A limit further away than so many times the largest rate is said in words: drawn, it would squeeze the rest.
FURTHEST = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One number to draw, with a line over its interval or range."""

    value: float
    lower: float
    upper: float
    said: str


def attack_figure(report: AuditReport) -> str:
    """Draw AUC and true positive rate at 1 % of every attack: one dot per target, or mean and range over many.

    Args:
        report: with findings of attacks.

    Returns:
        An ``<svg>`` element, "" where nothing was attacked.
    """
    findings = attack_findings(report)
    methods = list(dict.fromkeys(finding.method for finding in findings))
    panels = [panel for panel in PANELS if any(_dots(findings, method, panel) for method in methods)]
    if not panels:
        return ""
    most = max(len(_dots(findings, method, panel)) for method in methods for panel in panels)
    with plain_style():
        figure = Figure(figsize=(7.2, 1.1 + len(methods) * max(0.32, 0.14 * most)), layout="constrained")
        marks: list[Mark] = []
        for place, axes in enumerate(figure.subplots(1, len(panels), squeeze=False)[0]):
            panel = panels[place]
            for row, method in enumerate(methods):
                marks += _draw_row(axes, row, method, _dots(findings, method, panel))
            _set_axes(axes, [clip(attack_text(method), MAX_NAME) for method in methods] if not place else [], panel)
            axes.set_ylim(len(methods) - 0.4, -0.6)
            if panel[0] == "tpr_at_fpr":
                _draw_limit(axes, tpr_limit(report))
        said = "; ".join(mark.said for mark in marks)
        return to_svg(figure, name="attacks", title="Attacks with their intervals", description=said, marks=marks)


def attack_caption(report: AuditReport) -> str:
    """Return how the figure of the attacks is to be read, in words."""
    many = len({target_of(finding) for finding in attack_findings(report)}) > MANY_TARGETS
    what = "Dots are means over the targets, lines reach from the smallest to the largest" if many else None
    text = f"{what or 'Dots are measured on one target each, lines are their intervals'}. The dotted line is guessing."
    limit = tpr_limit(report)
    return text if limit is None else f"{text} If the claim holds, no attack's true rate exceeds {_percent_up(limit)}."


def tpr_limit(report: AuditReport) -> float | None:
    """Return the largest true positive rate at 1 % that the claim allows, or ``None`` where the report has none."""
    found = (metric_of(finding.metrics, "tpr_limit", RATE) for finding in report.findings("games"))
    return next((metric.value for metric in found if metric is not None and metric.value is not None), None)


def _percent_up(limit: float) -> str:
    return percent_text(limit, "up")


def _dots(findings: Sequence[Finding], method: str, panel: tuple[str, float | None, str, float]) -> list[Dot]:
    own = [finding for finding in findings if finding.method == method]
    measured = [(f, metric_of(f.metrics, panel[0], panel[1])) for f in own]
    known = [(f, metric) for f, metric in measured if metric is not None and metric.value is not None]
    n_targets = len({target_of(finding) for finding in findings})
    if n_targets > MANY_TARGETS:
        return _mean_dot(method, panel[2], [metric for _, metric in known])
    return [_dot(f, panel[2], metric, n_targets > 1) for f, metric in known]


def _dot(finding: Finding, label: str, metric: Metric, names_target: bool) -> Dot:
    value = float(metric.value or 0.0)
    target = f", target {target_of(finding)}" if names_target else ""
    lower, upper = (value if end is None else end for end in (metric.lower, metric.upper))
    said = f"{attack_text(finding.method)}{target}: {label} {metric_text(metric)}"
    return Dot(value=value, lower=lower, upper=upper, said=said)


def _mean_dot(method: str, label: str, metrics: Sequence[Metric]) -> list[Dot]:
    values = [float(metric.value or 0.0) for metric in metrics]
    if not values:
        return []
    mean, lower, upper = sum(values) / len(values), min(values), max(values)
    text = percent_text if label != "AUC" else "{:.3f}".format
    said = f"{attack_text(method)}: {label} {text(mean)} ({text(lower)} to {text(upper)} over {len(values)} targets)"
    return [Dot(value=mean, lower=lower, upper=upper, said=said)]


def _draw_row(axes: Axes, row: int, method: str, dots: Sequence[Dot]) -> list[Mark]:
    colour, marks = LINE_COLOURS[row % len(LINE_COLOURS)], []
    for place, dot in enumerate(dots):
        height = row + (0.6 * ((place + 0.5) / len(dots) - 0.5) if len(dots) > 1 else 0.0)
        line = axes.plot([dot.lower, dot.value, dot.upper], [height] * 3, color=colour, linewidth=2)[0]
        line.set(marker="o", markevery=[1], markersize=6)
        points = ((dot.value, height, dot.said),)
        marks.append(Mark(artist=line, series=attack_text(method), key=method, said=dot.said, axes=axes, points=points))
    return marks


def _draw_limit(axes: Axes, limit: float | None) -> None:
    if limit is None:
        return
    right = axes.get_xlim()[1]
    if limit <= FURTHEST * right:
        axes.set_xlim(0, max(right, 1.08 * limit))
        axes.axvline(limit, color=RED, linewidth=1.5)
        axes.set_xlabel(f"TPR at 1 % FPR\n(red: the claim allows {_percent_up(limit)})")
    else:
        axes.set_xlabel(f"TPR at 1 % FPR\n(the claim allows {_percent_up(limit)})")
    _percent_ticks(axes)


def _set_axes(axes: Axes, names: Sequence[str], panel: tuple[str, float | None, str, float]) -> None:
    name, _, label, guessing = panel
    axes.axvline(guessing, color=INK, linewidth=1.2, linestyle=":", zorder=0)
    axes.set_xlabel(label)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines[["right", "top", "left"]].set_visible(False)
    axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.6)
    if name == "tpr_at_fpr":
        axes.set_xlim(0, max(axes.get_xlim()[1], 2 * guessing))
        _percent_ticks(axes)


def _percent_ticks(axes: Axes) -> None:
    left, right = axes.get_xlim()
    ticks = [tick for tick in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(left, right) if 0 <= tick <= right]
    axes.set_xticks(ticks, [percent_text(tick) if tick else "0" for tick in ticks])
    axes.set_xlim(left, right)
