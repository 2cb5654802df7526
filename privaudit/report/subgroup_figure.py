"""The true positive rate of every group with its interval, as a figure."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from privaudit.report.axis_rows import MAX_NAME, clip
from privaudit.report.marks import Mark
from privaudit.report.palette import BLUE, GREY, ORANGE
from privaudit.report.subgroup_tables import LARGEST_P, group_rows
from privaudit.report.svg import INK, plain_style, to_svg
from privaudit.report.words import metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding

MOST_DRAWN = 30


def group_figure(report: AuditReport) -> str:
    """Draw one dot with its interval per group that is measured, at most 30 of them.

    Args:
        report: with findings about groups.

    Returns:
        An ``<svg>`` element, "" where no group is measured.
    """
    drawn = [f for f in group_rows(report) if _rate(f) is not None][:MOST_DRAWN]
    if not drawn:
        return ""
    with plain_style():
        figure = Figure(figsize=(6.5, 0.9 + 0.3 * len(drawn)), layout="constrained")
        axes = figure.add_subplot()
        marks = [_draw(axes, place, finding) for place, finding in enumerate(drawn)]
        at = next(metric.at for metric in drawn[0].metrics if metric.name == "group_tpr")
        axes.axvline(at or 0.0, color=INK, linewidth=1.2, linestyle=":")
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.set_yticks(range(len(drawn)), [clip(str(f.params["group"]), MAX_NAME) for f in drawn])
        axes.set_xlim(left=0)
        ticks = [tick for tick in axes.get_xticks() if tick >= 0]
        axes.set_xticks(ticks, [percent_text(tick) if tick else "0" for tick in ticks])
        axes.set_xlabel("true positive rate (members of the group found)")
        axes.spines[["right", "top", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        said = "; ".join(f"{f.params['group']}: {percent_text(_rate(f) or 0.0)}" for f in drawn)
        title = "True positive rates of groups"
        return to_svg(figure, name="groups", title=title, description=said, marks=marks)


def _rate(finding: Finding) -> float | None:
    return next((metric.value for metric in finding.metrics if metric.name == "group_tpr"), None)


def _draw(axes: Axes, place: int, finding: Finding) -> Mark:
    metric = next(metric for metric in finding.metrics if metric.name == "group_tpr")
    p = metric_of(finding.metrics, "tpr_difference_p", metric.at)
    differs = p is not None and p.value is not None and p.value <= LARGEST_P
    value = metric.value or 0.0
    lower, upper = (value if end is None else end for end in (metric.lower, metric.upper))
    line = axes.plot([lower, value, upper], [place] * 3, color=ORANGE if differs else GREY, linewidth=2)[0]
    line.set(marker="o", markevery=[1], markersize=7, markeredgecolor=ORANGE if differs else BLUE)
    line.set_fillstyle("full" if differs else "none")
    said = f"{finding.params['group']}: {metric_text(metric)}"
    series = "shown to be distributed differently" if differs else "not shown to differ"
    return Mark(artist=line, series=series, said=said, axes=axes, points=((value, float(place), said),))
