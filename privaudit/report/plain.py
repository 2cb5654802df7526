"""Text from a report as one line that no format takes for anything but text."""

LONGEST = 4000
CUT = " (cut)"


def plain_text(text: object, longest: int = LONGEST) -> str:
    """Return a text as one line of printable characters.

    Control characters, line ends of every kind, marks that turn the direction of writing and halves of surrogate pairs
    become spaces, so that the line is legal XML 1.0 and legal UTF-8.

    Args:
        text: any value; it is turned into text.
        longest: characters kept; what is cut says so.

    Returns:
        One line without spaces at its ends.

    >>> plain_text("a\\r\\nb\\u202e\\0c")
    'a b c'
    >>> plain_text("word " * 9, longest=15)
    'word word (cut)'
    """
    # A first cut bounds the work on a very long text; spaces that fall away are few in a text that people wrote.
    start = str(text)[: 4 * longest + 1]
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in start).split())
    if len(line) <= longest and len(str(text)) <= len(start):
        return line
    return line[: longest - len(CUT)].rstrip() + CUT
