"""Bounds, their paths and contradictions in the words of reports."""

import math
from itertools import groupby

from privaudit.games.game_titles import ACCESS_TITLES, NEIGHBOUR_TITLES, game_title
from privaudit.games.graph import Bound, Contradiction, Node

QUANTITIES = {"advantage": "advantage", "epsilon": "epsilon", "success": "share right", "draws": "draws"}

VACUOUS_FROM = 0.99  # an upper bound on an advantage that says next to nothing


def number_text(value: float, *, rounds_up: bool) -> str:
    """Return a bound in so few digits that it still holds.

    >>> number_text(0.46211, rounds_up=True), number_text(0.46211, rounds_up=False), number_text(0.00012, rounds_up=True)
    ('0.463', '0.462', '0.00012')
    """
    if not math.isfinite(value):
        return "infinity" if value > 0 else "-infinity"
    places = 3 if value >= 0.01 or value <= 0 else 1 - math.floor(math.log10(value))
    scaled = round(value * 10.0**places, 6)  # dust of the product must not round 0.29 up
    return f"{(math.ceil(scaled) if rounds_up else math.floor(scaled)) / 10.0**places:.{places}f}"


def confidence_text(confidence: float) -> str:
    """Return a confidence in percent.

    >>> confidence_text(1 - 0.05 / 3)
    '98.3 %'
    """
    return f"{math.floor(round(1000.0 * confidence, 6)) / 10.0:g} %"


def node_text(node: Node) -> str:
    """Return what a node is about.

    >>> node_text(Node("membership", "advantage"))
    'Membership inference, random record (advantage, neighbours not stated)'
    """
    of_worlds = f", {node.about}" if node.about else ""
    relation = NEIGHBOUR_TITLES[node.neighbouring]
    seen = "" if node.access is None else f", attacker sees {ACCESS_TITLES[node.access]}"
    at = "" if node.delta is None else f" at delta {node.delta:.3g}"
    return f"{game_title(node.game)}{of_worlds} ({QUANTITIES[node.quantity]}{at}, neighbours {relation}{seen})"


def bound_text(bound: Bound) -> str:
    """Return a bound with where it comes from and the relations on its way; one that is used several times in a row once.

    >>> from privaudit.games.graph import Evidence
    >>> node = Node("distinguishing", "advantage")
    >>> claim = Evidence(node=node, side="upper", value=0.4, origin="claim: epsilon 0.85")
    >>> bound_text(Bound(value=0.4, evidence=claim, path=("R2", "R2"), nodes=(node,) * 3))
    'claim: epsilon 0.85 -> R2'
    """
    return " -> ".join((bound.evidence.origin, *(id for id, _ in groupby(bound.path))))


def contradiction_text(contradiction: Contradiction) -> str:
    """Return who showed more than what allows, and along which relations both came to the same number."""
    lower, upper = contradiction.lower, contradiction.upper
    shown = lower.evidence
    held = "" if shown.confidence == 1.0 else f" at {confidence_text(shown.confidence)} confidence"
    return (
        f"{bound_text(upper)}: {node_text(contradiction.node)} is at most {number_text(upper.value, rounds_up=True)}; but "
        f"{bound_text(lower)}: at least {number_text(lower.value, rounds_up=False)}{held}"
    )
