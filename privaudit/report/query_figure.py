"""What attacks on labels reach against the number of queries per record, as a figure."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from privaudit.report.axis_rows import MAX_NAME, clip
from privaudit.report.label_only_tables import AUC_AT, TPR_AT, mean_at, numbers_of_queries, query_rows
from privaudit.report.marks import Mark
from privaudit.report.palette import GREY, line_look
from privaudit.report.svg import INK, plain_style, to_svg
from privaudit.report.words import attack_text, percent_text
from privaudit.types import AuditReport, Finding

GUESSING = {AUC_AT: 0.5, TPR_AT: 0.01}


def query_figure(report: AuditReport) -> str:
    """Draw AUC and expected true positive rate against queries per record, one line per attack.

    Args:
        report: with findings that have such curves.

    Returns:
        An ``<svg>`` element, "" where no attack has a curve.
    """
    rows = query_rows(report)
    if not rows:
        return ""
    with plain_style():
        figure = Figure(figsize=(7.0, 3.4 + 0.2 * math.ceil(len(rows) / 3)), layout="constrained")
        left, right = figure.subplots(1, 2)
        marks = _draw(left, rows, AUC_AT, "AUC")
        marks += _draw(right, rows, TPR_AT, "TPR at 1 % FPR, ties at random")
        lines = left.get_lines()[: len(rows)]
        figure.legend(handles=lines, loc="outside lower center", frameon=False, fontsize=9, ncols=min(3, len(rows)))
        right.set_ylim(bottom=0)
        ticks = [tick for tick in right.get_yticks() if tick >= 0]
        right.set_yticks(ticks, [percent_text(tick) if tick else "0" for tick in ticks])
        said = _description(rows)
        return to_svg(figure, name="queries", title="What fewer queries reach", description=said, marks=marks)


def _draw(axes: Axes, rows: dict[str, list[Finding]], name: str, label: str) -> list[Mark]:
    marks = []
    for place, (method, findings) in enumerate(rows.items()):
        colour, style = line_look(place)
        asked_for = [(at, mean_at(findings, name, at)) for at in numbers_of_queries(findings[0])]
        known = [(at, value) for at, value in asked_for if value is not None]
        line = axes.plot(
            [at for at, _ in known],
            [value for _, value in known],
            color=colour,
            linestyle=style,
            marker="o",
            markersize=4,
            label=clip(attack_text(method), MAX_NAME),
        )[0]
        read = tuple((at, value, _said(method, name, at, value)) for at, value in known)
        said = f"{attack_text(method)}: {label} against queries per record"
        marks.append(Mark(artist=line, series=attack_text(method), key=method, said=said, axes=axes, points=read))
    axes.axhline(GUESSING[name], color=INK, linewidth=1.2, linestyle=":")
    asked = [at for findings in rows.values() for at in numbers_of_queries(findings[0])]
    axes.set_xscale("log")
    axes.set_xlim(min(asked) / 1.2, max(asked) * 1.2)  # also where no rate could be measured
    powers = [10**power for power in range(10) if min(asked) / 1.2 <= 10**power <= max(asked) * 1.2]
    axes.set_xticks(powers or [max(asked)], [f"{tick:,.0f}" for tick in powers or [max(asked)]])
    axes.tick_params(axis="x", which="minor", labelbottom=False)
    axes.set_xlabel("queries per record, at most")
    axes.set_ylabel(label)
    axes.spines[["right", "top"]].set_visible(False)
    axes.grid(color=GREY, alpha=0.25, linewidth=0.6)
    return marks


def _said(method: str, name: str, at: float, value: float) -> str:
    reached = f"AUC {value:.3f}" if name == AUC_AT else f"TPR {percent_text(value)} at 1 % FPR"
    return f"{attack_text(method)}, {at:,.0f} queries per record: {reached}"


def _description(rows: dict[str, list[Finding]]) -> str:
    said = []
    for method, findings in rows.items():
        most = numbers_of_queries(findings[0])[-1]
        value = mean_at(findings, AUC_AT, most)
        said.append(
            f"{attack_text(method)}: AUC {'not measurable' if value is None else f'{value:.3f}'} with {most:,.0f}"
        )
    return "; ".join(said)
