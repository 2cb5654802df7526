"""The two figures of a report: epsilon from below and from above, and the ROC curves."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from privaudit.report.axis_rows import MAX_NAME, AxisRow, axis_rows, clip
from privaudit.report.canary_words import is_of_canaries
from privaudit.report.marks import Mark, Point
from privaudit.report.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, line_look
from privaudit.report.svg import INK, plain_style, to_svg
from privaudit.report.thin import thin_report
from privaudit.report.words import attack_text, metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding, RocCurve

ROW_COLOURS = {
    "primary": BLUE,
    "secondary": GREY,
    "ceiling": PURPLE,
    "control": GREEN,
    "claim": RED,
    "approximation": ORANGE,
}
LOWEST_RATE = 1e-4
MOST_INSIDE = 6  # curves whose names fit below the diagonal
SIDE = 4.45  # inches of the axes of curves
POINTS_READ = 60  # of a curve, for a pointer


def epsilon_axis(report: AuditReport) -> str:
    """Draw every bound on epsilon, the claim, the ceiling and the control on one axis.

    Numbers for another neighbouring relation or delta than the claim's are left out: they cannot be compared.

    Args:
        report: the report.

    Returns:
        An ``<svg>`` element.
    """
    rows = axis_rows(report)
    with plain_style():
        figure = Figure(figsize=(7.0, 0.75 + 0.5 * max(len(rows), 1)), layout="constrained")
        axes = figure.add_subplot()
        largest = max([value for row in rows for value in row.values if math.isfinite(value)], default=1.0)
        axes.set_xlim(0, max(1.12 * largest, 0.5))
        axes.set_ylim(len(rows) or 1, 0)
        marks = [_draw_row(axes, place, row) for place, row in enumerate(rows)]
        _draw_claim_line(axes, rows)
        axes.set_yticks([])
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.set_xlabel("epsilon")
        said = "; ".join(row.label for row in rows) or "nothing to draw"
        title = "Epsilon from below and from above"
        return to_svg(figure, name="epsilon", title=title, description=said, marks=marks)


def _draw_row(axes: Axes, place: int, row: AxisRow) -> Mark:
    """Words above, a line below: rows never share height, so labels cannot overlap."""
    colour, bold = ROW_COLOURS[row.role], row.role in ("primary", "claim")
    right = axes.get_xlim()[1]
    label_at = (0.004, place + 0.44)
    weight = "bold" if bold else "normal"
    words = axes.text(*label_at, row.label, transform=axes.get_yaxis_transform(), va="bottom", weight=weight)
    words.set_fontsize(10)
    words.set_in_layout(False)
    height, ends = place + 0.68, [min(value, right) for value in row.values]
    start, stop = (max(ends), right) if row.is_lower else (0, min(ends))
    style = "o" if row.role == "approximation" else "|"
    dots = axes.plot(ends, [height] * len(ends), style, color=colour, markersize=13, markeredgewidth=2.5)[0]
    dots.set_clip_on(False)
    if row.role == "approximation":
        dots.set(markersize=6, markeredgewidth=1.5, fillstyle="none")
    else:
        # Solid where epsilon may lie; a lower bound excludes what is left of it and goes on beyond the edge.
        line = axes.plot([start, stop], [height, height], color=colour, linewidth=4.0 if bold else 1.8)[0]
        line.set_solid_capstyle("butt")
        if row.is_lower:
            line.set(marker=">", markevery=[1], markersize=6, clip_on=False)
    points = tuple((end, height, row.label) for end in dict.fromkeys(ends))
    return Mark(artist=dots, series="", key=row.role, said=row.label, axes=axes, points=points)


def _draw_claim_line(axes: Axes, rows: Sequence[AxisRow]) -> None:
    for row in rows:
        if row.role == "claim" and math.isfinite(row.values[0]):
            # Broken where words stand.
            for place in range(len(rows)):
                axes.plot([row.values[0]] * 2, [place + 0.52, place + 0.84], color=RED, linewidth=1.2, zorder=0)


def roc_findings(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings whose curves are drawn: one per attack, each of the first target."""
    curves = [finding for finding in report.attacked() if finding.roc is not None]
    first = {finding.method: finding for finding in reversed(curves)}
    return tuple(first[method] for method in dict.fromkeys(finding.method for finding in curves))


def roc_caption(report: AuditReport) -> str:
    """Return what the ROC figure shows, in words."""
    drawn = roc_findings(report)
    targets = {finding.params.get("target") for finding in report.attacked() if finding.roc is not None}
    which = f"Target {drawn[0].params.get('target')}, the first of {len(targets)}. " if len(targets) > 1 else ""
    text = f"{which}Share of members found against share of false alarms, both on logarithmic axes; the left edge also stands for no false alarm. "
    measured = "canaries" if is_of_canaries(report) else "the records of one model"
    text += f"The dotted line is guessing. Curves are measured on {measured} and certify nothing."
    if claim_curve(report) is not None:
        text += " If the claim holds, the true rates of no attack lie in the shaded region."
    return text


def claim_curve(report: AuditReport) -> RocCurve | None:
    """Return the largest true positive rate that the claim allows at each false positive rate, if it was computed."""
    return next((f.roc for f in report.findings("games") if f.id == "claim" and f.roc is not None), None)


def roc_figure(report: AuditReport) -> str:
    """Draw the ROC curves of the first target on logarithmic axes, with what the claim forbids.

    Args:
        report: the report.

    Returns:
        An ``<svg>`` element.
    """
    with plain_style():
        # Drawn from what report.json keeps, so that a page made anew from the file has the same bytes.
        report = thin_report(report)
        drawn, claim = roc_findings(report), claim_curve(report)
        lowest = min([LOWEST_RATE, *(1 / f.roc.n_out for f in drawn if f.roc is not None and f.roc.n_out)])
        lowest = 10.0 ** math.floor(math.log10(lowest) + 1e-9)
        is_inside = len(drawn) <= MOST_INSIDE
        figure, axes = _square(
            left=1.0 if lowest >= LOWEST_RATE else 1.2,
            below=0.0 if is_inside else 0.2 * math.ceil((len(drawn) + 2) / 2),
        )
        marks = [] if claim is None else _draw_forbidden(axes, claim, lowest)
        grid = np.geomspace(lowest, 1, 200)
        axes.plot(grid, grid, color=INK, linewidth=1.2, linestyle=":", label="guessing")
        marks += [_draw_curve(axes, f, f.roc, place, lowest) for place, f in enumerate(drawn) if f.roc is not None]
        _set_axes(axes, lowest)
        if is_inside:
            # Below the diagonal little happens: the legend goes there.
            axes.legend(loc="lower right", frameon=False, fontsize=10)
        else:
            figure.legend(loc="lower center", frameon=False, fontsize=9, ncols=2)
        return to_svg(figure, name="roc", title="ROC curves", description=roc_caption(report), marks=marks)


def _square(*, left: float, below: float) -> tuple[Figure, Axes]:
    """Axes of a fixed size, in inches, with room for their words and so much below: a layout that adapts would cut some."""
    right, top, bottom = 0.4, 0.15, 0.75 + below
    width, height = left + SIDE + right, bottom + SIDE + top
    figure = Figure(figsize=(width, height))
    return figure, figure.add_axes((left / width, bottom / height, SIDE / width, SIDE / height))


def _draw_curve(axes: Axes, finding: Finding, roc: RocCurve, place: int, lowest: float) -> Mark:
    colour, style = line_look(place)
    fpr, tpr = np.maximum(roc.fpr, lowest), np.maximum(roc.tpr, lowest)
    name = clip(attack_text(finding.method), MAX_NAME)
    line = axes.plot(fpr, tpr, color=colour, linestyle=style, linewidth=1.6, drawstyle="steps-post")[0]
    line.set_label(name)
    auc = metric_of(finding.metrics, "auc")
    said = f"{name}: AUC {metric_text(auc)}" if auc is not None else name
    points = _read_points(roc, name, lowest)
    return Mark(
        artist=line, series=attack_text(finding.method), key=finding.method, said=said, axes=axes, points=points
    )


def _read_points(roc: RocCurve, name: str, lowest: float) -> tuple[Point, ...]:
    """Points of the curve, evenly spread over the logarithms of the rates, with what each says."""
    wanted = np.geomspace(lowest, 1, POINTS_READ)
    places = np.unique(np.maximum(np.searchsorted(roc.fpr, wanted, side="right") - 1, 0))
    return tuple(
        (
            max(fpr, lowest),
            max(tpr, lowest),
            f"{name}: {percent_text(tpr)} of members found at {percent_text(fpr)} false positives",
        )
        for fpr, tpr in zip(roc.fpr[places].tolist(), roc.tpr[places].tolist(), strict=True)
    )


def _draw_forbidden(axes: Axes, claim: RocCurve, lowest: float) -> list[Mark]:
    inside = claim.fpr >= lowest
    start = float(np.interp(lowest, claim.fpr, claim.tpr))
    fpr, tpr = np.append(lowest, claim.fpr[inside]), np.append(start, claim.tpr[inside])
    name = "most that the claim allows"
    line = axes.plot(fpr, np.maximum(tpr, lowest), color=RED, linewidth=1.5, label=name)[0]
    region = axes.fill_between(fpr, np.maximum(tpr, lowest), 1, color=RED, alpha=0.16, linewidth=0)
    points = _read_points(claim, "the claim allows", lowest)
    said = "the true rates of no attack lie in the shaded region if the claim holds"
    return [
        Mark(artist=line, series=name, key="claim", said=name, axes=axes, points=points),
        Mark(artist=region, series=name, key="claim", said=said, axes=axes),
    ]


def _set_axes(axes: Axes, lowest: float) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(lowest, 1)
    axes.set_ylim(lowest, 1)
    ticks = [10.0**power for power in range(round(math.log10(lowest)), 1)]
    labels = [percent_text(tick) for tick in ticks]
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    axes.tick_params(which="minor", length=2)
    axes.tick_params(axis="x", pad=6)  # both axes have the same first label, in the same corner
    axes.set_xlabel("false positive rate (non-members called members)")
    axes.set_ylabel("true positive rate (members found)")
    axes.spines[["right", "top"]].set_visible(False)
    axes.grid(color=GREY, alpha=0.25, linewidth=0.6)
