"""Matplotlib figures as SVG text: the same figure gives the same bytes on every run."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
from matplotlib.figure import Figure

# Text and axes are drawn in this colour, which then becomes the page's own text colour, light or dark.
INK = "#010203"


STYLE: Any = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
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
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def to_svg(figure: Figure, *, name: str, title: str, description: str) -> str:
    """Return a figure as one ``<svg>`` element to be put into a page.

    Args:
        figure: drawn inside `plain_style`.
        name: put before every id, so that two figures fit on one page.
        title: the accessible name.
        description: the accessible description, which says what the figure shows.

    Returns:
        The element, without XML prologue, date or program name.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = text.replace(INK, "currentColor")
    head = f'<svg role="img" aria-labelledby="{name}-title {name}-desc"'
    words = f'<title id="{name}-title">{escape(title)}</title>\n<desc id="{name}-desc">{escape(description)}</desc>\n'
    start, _, rest = text.removeprefix("<svg").partition(">")
    return f"{head}{start}>\n{words}{rest.lstrip()}"
