"""Colours and line styles of the figures: at least 3:1 against the page's white and its near-black."""

import math

BLUE, ORANGE, GREEN, PURPLE, RED, GREY = "#3b82c4", "#c8761f", "#2f9560", "#9b6fc9", "#d0504a", "#808080"
LINE_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, "#a8803a", "#c0619e")
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def line_look(place: int) -> tuple[str, str]:
    """Return colour and line style of the line at a place; the first 24 differ.

    >>> len({line_look(place) for place in range(24)})
    24
    """
    colours, styles = len(LINE_COLOURS), len(LINE_STYLES)
    turn = place // math.lcm(colours, styles)
    return LINE_COLOURS[place % colours], LINE_STYLES[(place + turn) % styles]
