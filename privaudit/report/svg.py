"""Matplotlib figures as SVG text: the same figure gives the same bytes on every run."""

import io
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from privaudit.report.marks import Mark, name_groups
from privaudit.report.plain import LONGEST, plain_text

# Text and axes are drawn in this colour, which then becomes the page's own text colour, light or dark.
INK = "#010203"
POINTS_PER_INCH = 72  # of an SVG's user units
REM_PER_INCH = 6.2  # of the screen, per inch of the figure
LONGEST_SERIES, LONGEST_SAID = 120, 240  # letters
FONTS = "font-family: 'DejaVu Sans', Verdana, sans-serif"

STYLE: Any = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "figure.dpi": POINTS_PER_INCH,
    "font.family": "sans-serif",
    "font.size": 11,
    "svg.fonttype": "none",
    "svg.hashsalt": "privaudit",
    # Names in a report may hold dollar signs; they are never formulas.
    "text.parse_math": False,
}


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw with matplotlib's defaults, whatever the user's settings; they are restored afterwards."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # Words are set by the browser, which has fonts of its own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def to_svg(figure: Figure, *, name: str, title: str, description: str, marks: Sequence[Mark] = ()) -> str:
    """Return a figure as one ``<svg>`` element to be put into a page.

    Args:
        figure: drawn inside `plain_style`.
        name: put before every id, so that two figures fit on one page.
        title: the accessible name.
        description: the accessible description, which says what the figure shows.
        marks: parts that belong to a series; each gets a group with the words it is read by.

    Returns:
        The element, without XML prologue, date or program name.
    """
    groups = name_groups(marks)
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    # Tags only: matplotlib escapes angle brackets in words, so words of a report are never touched.
    text = re.sub(r"<[^<>]*>", lambda tag: _tidy(tag.group(), name), text)
    for group, mark in zip(groups, marks, strict=True):
        text = text.replace(f'<g id="{name}-{group}">', _opening(f"{name}-{group}", mark, figure), 1)
    # One scale for all figures, so that their letters are of one size; a page may change it, on paper for instance.
    widest = f"max-width: calc({REM_PER_INCH * figure.get_figwidth():.1f}rem * var(--figure-scale, 1))"
    head = f'<svg role="img" style="{FONTS}; {widest}" aria-labelledby="{name}-title {name}-desc"'
    words = f'<title id="{name}-title">{escape(title)}</title>\n<desc id="{name}-desc">{_inert(description)}</desc>\n'
    start, _, rest = text.removeprefix("<svg").partition(">")
    return f"{head}{start}>\n{words}{rest.lstrip()}"


def _tidy(tag: str, name: str) -> str:
    """Prefix ids, take the page's text colour and fonts, and drop digits that nobody can see."""
    tag = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", tag)
    tag = re.sub(r"font-family: [^;\"]*; ", "", tag.replace(INK, "currentColor"))
    return re.sub(r"-?\d+\.\d{3,}", _two_decimals, tag)


def _two_decimals(number: re.Match[str]) -> str:
    return f"{float(number.group()):.2f}".rstrip("0").rstrip(".")


def _opening(group: str, mark: Mark, figure: Figure) -> str:
    """The group's tag with its series and points, and its words as a title that browsers show unaided."""
    scale, height = POINTS_PER_INCH / figure.dpi, POINTS_PER_INCH * figure.get_figheight()
    places = mark.axes.transData.transform([point[:2] for point in mark.points]) * scale if mark.points else ()
    points = [
        (round(float(x), 1), round(height - float(y), 1), plain_text(said, LONGEST_SAID))
        for (x, y), (_, _, said) in zip(places, mark.points, strict=True)
    ]
    data = escape(json.dumps(points, ensure_ascii=False, separators=(",", ":")))
    series = f' data-series="{_inert(mark.series, LONGEST_SERIES)}"' if mark.series else ""
    said = _inert(mark.said, LONGEST_SAID)
    return f'<g id="{group}" class="series"{series} data-points="{data}"><title>{said}</title>'


def _inert(text: str, longest: int = LONGEST) -> str:
    return escape(plain_text(text, longest))
