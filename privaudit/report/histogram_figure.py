"""How many records win which share of their pairs, beside what coins alone would do, as a figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from privaudit.report.marks import Mark
from privaudit.report.palette import BLUE, GREY
from privaudit.report.subgroup_tables import finding_about
from privaudit.report.svg import INK, plain_style, to_svg
from privaudit.report.words import percent_text
from privaudit.types import AuditReport

TICKS = tuple(factor * 10**power for power in range(9) for factor in (1, 3))
HISTOGRAM_CAPTION = (
    "Bars are records, the lines across are what coins alone would do. Records beyond the lines on the right are told apart "
    "more often than by chance. Heights are square roots of the numbers, so that few records can be seen beside many."
)


def histogram_figure(report: AuditReport) -> str:
    """Draw how many records win which share of their pairs, and how many would by coins alone.

    Args:
        report: with a finding about paired models.

    Returns:
        An ``<svg>`` element, "" where there is no histogram.
    """
    records = finding_about(report, "pair_wins")
    bins: Sequence[Mapping[str, Any]] = () if records is None else records.params.get("histogram", ())
    if not bins:
        return ""
    with plain_style():
        figure = Figure(figsize=(6.5, 3.2), layout="constrained")
        axes = figure.add_subplot()
        _set_scale(axes, bins)
        marks = [mark for place, one in enumerate(bins) for mark in _draw(axes, place, one)]
        axes.set_xticks(range(len(bins)), [_between(one) for one in bins], fontsize=9)
        axes.set_xlabel("share of pairs won (50 % is guessing)")
        axes.set_ylabel("records")
        axes.spines[["right", "top"]].set_visible(False)
        axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)
        said = "; ".join(_said(one) for one in bins)
        return to_svg(figure, name="histogram", title="Records by the pairs they win", description=said, marks=marks)


def _draw(axes: Axes, place: int, one: Mapping[str, Any]) -> list[Mark]:
    said, highest = _said(one), max(one["records"], one["by_chance"])
    bar = axes.bar([place], [one["records"]], width=0.8, color=BLUE)[0]
    line = axes.plot([place - 0.46, place + 0.46], [one["by_chance"]] * 2, color=INK, linewidth=2)[0]
    drawn = ((bar, "records", "records"), (line, "by coins alone", "by-chance"))
    points = ((float(place), float(highest), said),)
    return [
        Mark(artist=artist, series=name, key=key, said=said, axes=axes, points=points) for artist, name, key in drawn
    ]


def _set_scale(axes: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    highest = max(1.0, *(max(float(one["records"]), float(one["by_chance"])) for one in bins))
    axes.set_yscale("function", functions=(_root, np.square))
    axes.set_ylim(0, 1.1 * highest)
    near = [tick for tick in TICKS if tick <= 1.1 * highest]
    ticks = [0, *(tick for tick in near if tick >= highest / 100)]
    axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_xlim(-0.6, len(bins) - 0.4)


def _root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(values, 0))


def _between(one: Mapping[str, Any]) -> str:
    return f"{percent_text(one['from']).removesuffix(' %') if one['from'] else '0'} to\n{percent_text(one['to'])}"


def _said(one: Mapping[str, Any]) -> str:
    between = f"{percent_text(one['from'])} to {percent_text(one['to'])}"
    return f"{between} of pairs won: {one['records']:,} records, by coins alone {one['by_chance']:,.1f}"
