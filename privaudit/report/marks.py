"""Parts of a figure that a reader can point at and switch off: named groups of its SVG."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes

LONGEST_ID = 40
Point = tuple[float, float, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One artist of a series.

    Attributes:
        artist: what is drawn.
        series: the name of the series, the same in every panel of a figure; "" where it is not to be switched off.
        said: what the artist shows, in words.
        axes: in whose coordinates the points are.
        points: x, y and words of what a pointer nearby shall read.
        key: what the group's id is made from, the series' name if "".
    """

    artist: Artist
    series: str
    said: str
    axes: Axes
    points: tuple[Point, ...] = ()
    key: str = ""


def name_groups(marks: Sequence[Mark]) -> tuple[str, ...]:
    """Give every artist a group id made from its series, and return the ids in order.

    Args:
        marks: of one figure.

    Returns:
        Ids such as ``series-lira``, and ``series-lira-2`` for the second artist of that series.
    """
    names = tuple(_group_names(marks))
    for mark, name in zip(marks, names, strict=True):
        mark.artist.set_gid(name)
    return names


def _group_names(marks: Sequence[Mark]) -> Iterator[str]:
    seen: set[str] = set()
    for mark in marks:
        plain = f"series-{slug(mark.key or mark.series)}"
        name, number = plain, 1
        while name in seen:
            number += 1
            name = f"{plain}-{number}"
        seen.add(name)
        yield name


def slug(text: str) -> str:
    """Return a text that is safe in an id.

    >>> slug("LiRA (offline)"), slug("<b>")
    ('lira-offline', 'b')
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:LONGEST_ID].strip("-") or "x"
