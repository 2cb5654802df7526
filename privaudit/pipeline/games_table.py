"""How the risks of a report relate: what its guarantee allows in every game, what its attacks imply, and where both clash."""

from collections.abc import Sequence
from typing import Any

from privaudit.games.game_titles import BY_STRENGTH, game_title
from privaudit.games.graph import Bound, Interval, Node
from privaudit.games.propagation_words import bound_text, confidence_text, contradiction_text
from privaudit.games.relations_distribution import draws_of_advantage
from privaudit.pipeline.games_evidence import Bounds
from privaudit.pipeline.games_notes import finding_notes, section_notes
from privaudit.pipeline.games_relate import Games, relate
from privaudit.pipeline.games_shown import Shown
from privaudit.types import AuditReport, Finding, Metric, Section
from privaudit.types.design import Access

TITLE = "How the risks relate"
ORDER = (
    "distinguishing",
    "many_canaries",
    "strong_membership",
    "membership_worst_case",
    "membership",
    "attribute_inference",
    "distribution_inference",
)


def games_section(report: AuditReport, *, bounds: Bounds | None = None, confidence: float = 0.95) -> Section | None:
    """Return the section that relates a report's risks, ``None`` where it holds neither guarantee nor attack.

    The guarantee bounds every game from above, along relations that hold for all attackers. What independent trials showed
    bounds games with stronger attackers from below. All measurements together hold at the stated confidence.

    Args:
        report: of any audit.
        bounds: estimates of epsilon to use instead of a finding's own, by the finding's id; each should hold at
            1 - (1 - confidence) / number of measurements. Without them one-run and Clopper-Pearson bounds are made anew from
            their counts at that confidence; others do not enter.
        confidence: of all measurements together.

    Returns:
        One finding per game, relation and access that is measured or bounded; contradictions come first in the notes.

    Raises:
        ConfigError: if the confidence is no probability.

    Source: intervals by the relations R1 to R15, derived in `privaudit.games`; game names after Salem et al., "SoK: Let the
        Privacy Games Begin!", IEEE S&P 2023.
    """
    games = relate(report, bounds=bounds, confidence=confidence)
    findings = tuple(_finding(games, node) for node in _rows(games))
    if not findings:
        return None
    return Section(kind="games", title=TITLE, findings=findings, notes=section_notes(games, report, confidence))


def contradictions(report: AuditReport, *, bounds: Bounds | None = None, confidence: float = 0.95) -> tuple[str, ...]:
    """Return where attacks showed more than the guarantee allows, each with its way along the relations.

    Args:
        report: of any audit.
        bounds: as in `games_section`.
        confidence: of all measurements together.

    Raises:
        ConfigError: if the confidence is no probability.
    """
    games = relate(report, bounds=bounds, confidence=confidence)
    return tuple(map(contradiction_text, games.propagation.contradictions))


def _rows(games: Games) -> list[Node]:
    """One node per row: of a game that was attacked what its attackers see, else all that training gives away."""
    bounded = {node._replace(quantity="advantage", delta=None) for node in games.propagation.intervals}
    seen = _accesses(games)
    free = {node for node in bounded if node.access is None and len(seen.get(node, ())) != 1}
    # several accesses: epsilon is of the strongest, so it has a row of its own
    kept = {node for node in free if node not in seen or _epsilons(games, node)}
    return sorted(kept | games.measured.keys(), key=_order)


def _accesses(games: Games) -> dict[Node, set[Access | None]]:
    """What attackers see of each game that was attacked, by its node without access."""
    seen: dict[Node, set[Access | None]] = {}
    for node in games.measured:
        seen.setdefault(node._replace(access=None), set()).add(node.access)
    return seen


def _epsilons(games: Games, node: Node) -> list[Node]:
    """The statements about epsilon that stand in a node's row."""
    free = node._replace(access=None)
    if node.access is not None and len(_accesses(games)[free]) > 1:
        return []
    found = [other for other in games.propagation.intervals if other.quantity == "epsilon"]
    found = [other for other in found if other._replace(quantity="advantage", delta=None) == free]
    found.sort(key=lambda other: other.delta or 0.0)
    intervals = games.propagation.intervals
    return [
        one for place, one in enumerate(found) if not _says_less(intervals[one], [intervals[o] for o in found[:place]])
    ]


def _says_less(interval: Interval, at_smaller_deltas: Sequence[Interval]) -> bool:
    """Whether all that an interval says is an upper bound that is no smaller than one at a smaller delta."""
    upper = interval.upper
    if interval.lower is not None or upper is None:
        return False
    return any(other.upper is not None and other.upper.value <= upper.value for other in at_smaller_deltas)


def _order(node: Node) -> tuple[Any, ...]:
    place = ORDER.index(node.game) if node.game in ORDER else len(ORDER)
    return str(node.neighbouring or "~"), place, node.about, BY_STRENGTH.index(node.access)


def _finding(games: Games, node: Node) -> Finding:
    intervals = games.propagation.intervals
    advantage = intervals.get(node, Interval())
    measured = games.measured.get(node)
    at_delta = _epsilons(games, node)
    metrics = [] if advantage == Interval() and measured is None else [_metric("advantage", advantage, measured)]
    metrics += [_metric("epsilon", intervals[other], None, at=other.delta) for other in at_delta]
    metrics += _draws(node, advantage, measured)
    known = [advantage, *(intervals[other] for other in at_delta)]
    used = [bound for interval in known for bound in (interval.lower, interval.upper) if bound is not None]
    return Finding(
        id="-".join(filter(None, ("game", node.game, str(node.neighbouring or "unstated"), node.access, node.about))),
        method=node.game,
        params={
            "title": game_title(node.game),
            "about": node.about,
            "neighbouring": None if node.neighbouring is None else str(node.neighbouring),
            "relations": list(dict.fromkeys(id for bound in used for id in bound.path)),
            "measured_by": "" if measured is None else measured.text,
            "at_least_by": _origins(interval.lower for interval in known),
            "at_most_by": _origins(interval.upper for interval in known),
        },
        game=node.game,
        access=node.access,
        unit="model" if node.game == "distribution_inference" else "record",
        n_in=None if measured is None else measured.finding.n_in,
        n_out=None if measured is None else measured.finding.n_out,
        metrics=tuple(metrics),
        notes=finding_notes(node, advantage, measured, used),
    )


def _origins(bounds: Any) -> list[str]:
    return [bound_text(bound) for bound in bounds if bound is not None]


def _metric(name: str, interval: Interval, measured: Shown | None, *, at: float | None = None) -> Metric:
    lower, upper = interval.lower, interval.upper
    said = []
    if measured is not None:
        said.append(f"measured: {measured.text}")
    if lower is not None:
        said.append(f"at least, at {confidence_text(lower.evidence.confidence)} confidence: {bound_text(lower)}")
    if upper is not None:
        said.append(f"at most: {bound_text(upper)}")
    return Metric(
        name=name,
        at=at,
        value=None if measured is None else measured.value,
        lower=None if lower is None else lower.value,
        upper=None if upper is None else upper.value,
        confidence=None if lower is None else lower.evidence.confidence,
        rule="; ".join(said),
    )


def _draws(node: Node, interval: Interval, measured: Shown | None) -> list[Metric]:
    """R15: the advantage over two ratios as draws of the property."""
    if measured is None or node.game != "distribution_inference":
        return []
    first, second = (measured.finding.params.get(name) for name in ("ratio_0", "ratio_1"))
    if first is None or second is None or first == second:
        return []

    def draws(bound: Bound | None) -> float | None:
        return None if bound is None else draws_of_advantage(bound.value, first, second)

    return [
        Metric(
            name="draws",
            value=draws_of_advantage(max(measured.value, 0.0), first, second),
            lower=draws(interval.lower),
            confidence=None if interval.lower is None else interval.lower.evidence.confidence,
            rule="the advantage as draws of the property that are worth as much at least (R15, n_leaked of the paper)",
        )
    ]
