"""Text that GitHub-flavoured markdown shows as it is, escaped only where a letter could be markup.

What markdown itself reads is written as an entity. Mentions, references and bare addresses are looked for once more in what
was rendered, where an entity is a letter again; there a zero-width space stands behind the first mark.

Sources: CommonMark 0.31 and the GitHub Flavored Markdown Spec 0.29; the zero-width space is what Dependabot and Renovate use.
"""

import re

from privaudit.report.plain import plain_text

GAP = "&#8203;"
MARKUP = (
    r"[\\`*|~$]",  # in any place: code, strike-through, mathematics, cells, emphasis by stars
    r"&(?=#?[0-9A-Za-z]+;)",  # an entity that the text itself spells
    r"(?<![^\W_])(?<!_)_+|(?<!_)_+(?!\w)",  # underscores within a word are letters; at its ends they may be emphasis
    r"<(?=[A-Za-z/!?])",
    r"\](?=[(\[:])|\[(?=[\^\[])",
)
LOOKED_FOR = (
    r"@(?=[\w-])",
    r"#(?=\d)",
    r"(?<![A-Za-z0-9])GH-(?=\d)",
    r":(?=[\w+-]+:)",  # short names of emoji
    r"(?:https?|ftp|mailto|xmpp):",
    r"w(?=ww\.)",
)
ACTIVE = re.compile(f"(?P<markup>{'|'.join(MARKUP)})|{'|'.join(LOOKED_FOR)}", re.IGNORECASE)
# A heading or a list, a rule, a quotation, the delimiters of a table.
STARTS = re.compile(r"^(?:#|>|[-+=](?![\w.])|:(?=-)|\d{1,9}[.)](?=\s|$))")


def inert(text: str) -> str:
    """Return a text that markdown shows as it is: one line, no markup, no HTML, no mention, no link.

    Args:
        text: any text.

    Returns:
        Markdown that may stand at the start of a line.

    >>> inert("a|b <script> tpr_at_fpr >= 0.1 in [0.1, 0.2] @you")
    'a&#124;b &#60;script> tpr_at_fpr >= 0.1 in [0.1, 0.2] @&#8203;you'
    >>> inert("# big"), inert("-0.5"), inert("- a"), inert("[x](https://y)")
    ('&#35; big', '-0.5', '&#45; a', '[x&#93;(https:&#8203;//y)')
    """
    return STARTS.sub(lambda match: match.group()[:-1] + _entity(match.group()[-1]), inert_within(text))


def inert_within(text: str) -> str:
    """Return a text as `inert` does, for a place behind other letters of its line, such as a cell."""
    return ACTIVE.sub(_disarmed, plain_text(text))


def _disarmed(match: re.Match[str]) -> str:
    if match["markup"] is None:
        return match.group() + GAP
    return "".join(_entity(letter) for letter in match.group())


def _entity(letter: str) -> str:
    return f"&#{ord(letter)};"
