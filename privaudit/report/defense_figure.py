"""What each defense costs in accuracy and saves in leakage, as a figure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from privaudit.report.axis_rows import MAX_NAME, clip, is_wide
from privaudit.report.distribution_labels import labelled
from privaudit.report.label_places import Box, nearest_corner, place_labels
from privaudit.report.marks import Mark
from privaudit.report.palette import GREY, LINE_COLOURS, MARKERS
from privaudit.report.svg import INK, plain_style, to_svg
from privaudit.report.words import attack_text, metric_of, percent_text
from privaudit.types import AuditReport, Finding, Metric

DEFENSE = "defense"
USEFUL = ("accuracy_population", "accuracy_out", "accuracy")
MARKER_RADIUS = 4.5  # in points
MAX_TITLE = 50  # letters of a name beside its point
FAR = 16.0  # a name further from its point than this gets a line to it
HEIGHTS = (2.9, 3.7, 4.5)  # inches of a panel, until every name has found a place


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One leakage that is drawn against accuracy.

    Attributes:
        name: of the metric.
        at: its rate.
        label: of the vertical axis.
        guessing: what guessing reaches.
    """

    name: str
    at: float | None
    label: str
    guessing: float


PANELS = (
    Panel(name="auc", at=None, label="AUC of the strongest attack", guessing=0.5),
    Panel(name="tpr_at_fpr", at=0.01, label="TPR at 1 % FPR, strongest attack", guessing=0.01),
)
WORLDS = Panel(name="accuracy", at=None, label="models whose world is told rightly", guessing=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """What the strongest attack on one arm reaches, with its interval or its range over targets."""

    arm: str
    title: str
    accuracy: float
    value: float
    lower: float
    upper: float
    said: str


def defense_figure(report: AuditReport) -> str:
    """Draw accuracy against what the strongest attack reaches, one named point per arm.

    Args:
        report: with a section of arms, before and after each defense.

    Returns:
        An ``<svg>`` element, "" where nothing can be drawn.
    """
    panels = [(panel, leaks) for panel in panels_of(report) if (leaks := leaks_of(report, panel))]
    if not panels:
        return ""
    with plain_style():
        for height in HEIGHTS:
            figure, marks, is_complete = _draw(panels, height)
            if is_complete:
                break
        else:
            figure, marks = _draw_with_key(panels)
        said = "; ".join(leak.said for _, leaks in panels for leak in leaks)
        return to_svg(figure, name="defenses", title="Accuracy against leakage", description=said, marks=marks)


def defense_caption(report: AuditReport) -> str:
    """Return how the figure is to be read, in words; "" where there is none."""
    drawn = [panel for panel in panels_of(report) if leaks_of(report, panel)]
    if not drawn:
        return ""
    text = "Lower right is better: more accurate, and less given away. Each point is one model with its defense"
    text += ", attacked by the strongest of the attacks on it; the line is that attack's interval"
    if any(_n_targets(report, arm) > 1 for arm in arms_of(report)):
        text += ", or the range over the targets"
    return f"{text}. The dotted line is guessing."


def arms_of(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings about the arms themselves, in order."""
    return tuple(finding for finding in report.findings("defense") if finding.method == DEFENSE)


def attacks_on(report: AuditReport, arm: Finding) -> tuple[Finding, ...]:
    """Return the findings of attacks on one arm."""
    name = arm.params.get("arm")
    return tuple(f for f in report.findings("defense") if f.method != DEFENSE and f.params.get("arm") == name)


def panels_of(report: AuditReport) -> tuple[Panel, ...]:
    """Return what is drawn: AUC and true positive rate of attacks on records, else right answers about worlds."""
    attacks = [finding for arm in arms_of(report) for finding in attacks_on(report, arm)]
    is_of_worlds = bool(attacks) and all("world" in finding.params for finding in attacks)
    return (replace(WORLDS, label=labelled(WORLDS.label, report, "defense")),) if is_of_worlds else PANELS


def leaks_of(report: AuditReport, panel: Panel) -> tuple[Leak, ...]:
    """Return what the strongest attack reaches on every arm that has an accuracy and such an attack."""
    found = (_leak(report, arm, panel) for arm in arms_of(report))
    return tuple(leak for leak in found if leak is not None)


def _n_targets(report: AuditReport, arm: Finding) -> int:
    return len({str(finding.params.get("target")) for finding in attacks_on(report, arm)})


def _leak(report: AuditReport, arm: Finding, panel: Panel) -> Leak | None:
    accuracy = _accuracy(arm)
    # One attack is strongest over all targets; of worlds, over all pairs.
    groups: dict[tuple[str, str], list[Metric]] = {}
    for finding in attacks_on(report, arm):
        metric = metric_of(finding.metrics, panel.name, panel.at)
        if finding.access is not None and metric is not None and metric.value is not None:
            groups.setdefault((finding.method, str(finding.params.get("world", ""))), []).append(metric)
    if accuracy is None or not groups:
        return None
    (method, _), metrics = max(groups.items(), key=lambda group: _mean(group[1]))
    lower, upper = _ends(metrics)
    title = str(arm.params.get("title") or arm.params.get("arm") or arm.id)
    text = "{:.3f}".format if panel.name == "auc" else percent_text
    said = f"{title}: accuracy {percent_text(accuracy)}, {panel.label} {text(_mean(metrics))}"
    said += f" ({text(lower)} to {text(upper)}), by {attack_text(method)}"
    return Leak(
        arm=str(arm.params.get("arm") or arm.id),
        title=title,
        accuracy=accuracy,
        value=_mean(metrics),
        lower=lower,
        upper=upper,
        said=said,
    )


def _accuracy(arm: Finding) -> float | None:
    found = (metric_of(arm.metrics, name) for name in USEFUL)
    return next((metric.value for metric in found if metric is not None and metric.value is not None), None)


def _mean(metrics: Sequence[Metric]) -> float:
    return sum(metric.value or 0.0 for metric in metrics) / len(metrics)


def _ends(metrics: Sequence[Metric]) -> tuple[float, float]:
    """The interval of one target, the range of several."""
    if len(metrics) == 1:
        only = metrics[0]
        value = only.value or 0.0
        return (value if only.lower is None else only.lower, value if only.upper is None else only.upper)
    values = [metric.value or 0.0 for metric in metrics]
    return min(values), max(values)


def _draw_with_key(panels: Sequence[tuple[Panel, tuple[Leak, ...]]]) -> tuple[Figure, list[Mark]]:
    """Draw all panels, with the names below: points so close that names do not fit between them."""
    figure, marks, _ = _draw(panels, HEIGHTS[0], is_named=False)
    leaks = max((leaks for _, leaks in panels), key=len)
    height = figure.get_figheight() + 0.2 * math.ceil(len(leaks) / 2)
    figure.set_figheight(height)
    points = {mark.key: mark.artist for mark in reversed(marks)}
    names = [clip(leak.title, MAX_NAME) for leak in leaks]
    figure.legend(
        [points[leak.arm] for leak in leaks], names, loc="outside lower center", frameon=False, fontsize=9, ncols=2
    )
    return figure, marks


def _draw(
    panels: Sequence[tuple[Panel, tuple[Leak, ...]]], height: float, *, is_named: bool = True
) -> tuple[Figure, list[Mark], bool]:
    """Draw all panels, each that many inches high, and say whether every name found a place."""
    figure = Figure(figsize=(7.2, 0.5 + height * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    marks: list[Mark] = []
    for axes, (panel, leaks) in zip(all_axes, panels, strict=True):
        arms = [str(leak.arm) for leak in leaks]
        marks += [_draw_point(axes, leak, arms.index(leak.arm)) for leak in leaks]
        _set_axes(axes, panel, leaks)
    _set_accuracies(all_axes[-1], [leak for _, leaks in panels for leak in leaks])
    if not is_named:
        return figure, marks, False
    figure.draw_without_rendering()
    names = [_name_points(axes, panel, leaks) for axes, (panel, leaks) in zip(all_axes, panels, strict=True)]
    is_complete = all(len(texts) == len(leaks) for texts, (_, leaks) in zip(names, panels, strict=True))
    return figure, [*marks, *(mark for texts in names for mark in texts)], is_complete


def _draw_point(axes: Axes, leak: Leak, place: int) -> Mark:
    colour, marker = LINE_COLOURS[place % len(LINE_COLOURS)], MARKERS[place % len(MARKERS)]
    line = axes.plot([leak.accuracy] * 3, [leak.lower, leak.value, leak.upper], color=colour, linewidth=1.8)[0]
    line.set(marker=marker, markevery=[1], markersize=2 * MARKER_RADIUS - 1)
    points = ((leak.accuracy, leak.value, leak.said),)
    return Mark(artist=line, series=leak.title, key=leak.arm, said=leak.said, axes=axes, points=points)


def _set_axes(axes: Axes, panel: Panel, leaks: Sequence[Leak]) -> None:
    axes.axhline(panel.guessing, color=INK, linewidth=1.2, linestyle=":", zorder=0)
    lowest, highest = min(leak.lower for leak in leaks), max(leak.upper for leak in leaks)
    room = 0.12 * max(highest - min(lowest, panel.guessing), 0.05 if panel.guessing > 0.1 else 0.01)
    bottom = min(lowest, panel.guessing) - room
    axes.set_ylim(bottom if panel.name != "tpr_at_fpr" else max(bottom, -room), max(highest, panel.guessing) + room)
    axes.set_ylabel(panel.label, fontsize=10)
    if panel.name != "auc":
        ticks = [tick for tick in axes.get_yticks() if 0 <= tick <= axes.get_ylim()[1]]
        axes.set_yticks(ticks, [percent_text(tick) if tick else "0" for tick in ticks])
    axes.spines[["right", "top"]].set_visible(False)
    axes.grid(color=GREY, alpha=0.25, linewidth=0.6)


def _set_accuracies(axes: Axes, leaks: Sequence[Leak]) -> None:
    """Room on both sides, so that names fit beside the outermost points."""
    left, right = min(leak.accuracy for leak in leaks), max(leak.accuracy for leak in leaks)
    room = max(0.3 * (right - left), 0.02)
    axes.set_xlim(left - room, right + room)
    axes.tick_params(axis="x", pad=6)  # the corner has a label of either axis
    axes.set_xlabel("accuracy on records that no model was trained on")
    ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= 1 and left - room <= tick <= right + room]
    axes.set_xticks(ticks, [percent_text(tick) if tick else "0" for tick in ticks])


def _name_points(axes: Axes, panel: Panel, leaks: Sequence[Leak]) -> list[Mark]:
    """Write the names that find a place beside their points."""
    texts = [axes.text(0, 0, clip(leak.title, MAX_TITLE), fontsize=10) for leak in leaks]
    to_points = axes.transData.transform
    places = [to_points((leak.accuracy, leak.value)) for leak in leaks]
    spots = [(float(x), float(y)) for x, y in places]
    taken = [_guessing_line(axes, panel), *(box for leak in leaks for box in _covered(axes, leak))]
    sizes = [_size(text) for text in texts]
    edges = axes.bbox
    inside = Box(edges.x0 + 2, edges.y0 + 2, edges.x1 - 2, edges.y1 - 2)
    boxes = place_labels(spots, sizes, taken=taken, inside=inside)
    names = []
    for leak, text, box, spot in zip(leaks, texts, boxes, spots, strict=True):
        if box is None:
            text.remove()
            continue
        back = axes.transData.inverted().transform
        text.set(position=tuple(back((box.left, (box.bottom + box.top) / 2))), va="center_baseline")
        text.set_in_layout(False)
        names.append(Mark(artist=text, series=leak.title, key=leak.arm, said=leak.said, axes=axes))
        nearest = nearest_corner(box, *spot)
        if math.dist(nearest, spot) > FAR:
            ends = back([nearest, spot])
            axes.plot(ends[:, 0], ends[:, 1], color=GREY, linewidth=0.7, zorder=0.5)
    return names


def _size(text: Text) -> tuple[float, float]:
    """Width and height; letters that the drawing font lacks are as wide as they are in the reader's."""
    box = text.get_window_extent()
    wide = sum(is_wide(letter) for letter in text.get_text())
    return float(box.width) + 0.5 * wide * float(text.get_fontsize()), float(box.height)


def _guessing_line(axes: Axes, panel: Panel) -> Box:
    height = float(axes.transData.transform((0.0, panel.guessing))[1])
    return Box(axes.bbox.x0, height - 1, axes.bbox.x1, height + 1)


def _covered(axes: Axes, leak: Leak) -> tuple[Box, Box]:
    """The marker and the interval."""
    x, y = axes.transData.transform((leak.accuracy, leak.value))
    _, bottom = axes.transData.transform((leak.accuracy, leak.lower))
    _, top = axes.transData.transform((leak.accuracy, leak.upper))
    r = MARKER_RADIUS
    return Box(x - r, y - r, x + r, y + r), Box(x - 2, bottom, x + 2, top)
