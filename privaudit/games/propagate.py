"""Carry guarantees down and attack results up the relations, until nothing changes; a crossed interval is a contradiction.

A node is one number of one game: which quantity, which neighbours, what the attacker sees, at which delta. Guarantees give
upper bounds where they were stated, attack results lower bounds where they were measured. An edge carries an upper bound
from source to target and a lower bound from target to source. Nodes of different neighbours or delta meet through an edge
that says how, or not at all.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from privaudit.games.graph import Bound, Contradiction, Edge, Evidence, Interval, Node, Propagation, Side


def propagate(edges: Sequence[Edge], evidence: Iterable[Evidence]) -> Propagation:
    """Carry all bounds along all edges until nothing gets tighter.

    Args:
        edges: relations between nodes; those whose preconditions are not met carry nothing and are listed.
        evidence: guarantees and attack results, in any order.

    Returns:
        The tightest interval of each node, each bound with its path. Of equal bounds the one with the shorter path is kept.

    Raises:
        ConfigError: if a bound is NaN or has no confidence.

    Source: shortest paths by repeated relaxation; a round trip never makes a bound tighter, as no relation gains.

    >>> from privaudit.games.relation_table import relation_between
    >>> curve, attack = Node("distinguishing", "advantage"), Node("strong_membership", "advantage")
    >>> edge = Edge(relation=relation_between("R2", "distinguishing", "strong_membership"), source=curve, target=attack)
    >>> known = [Evidence(node=curve, side="upper", value=0.4, origin="claim")]
    >>> propagate([edge], known).intervals[attack].upper.value
    0.4
    """
    given = sorted(set(evidence), key=_evidence_key)
    usable = [(edge, *edge.relation.bind(edge.all_params())) for edge in edges if not edge.unmet]
    uppers, lowers = _start(given, "upper"), _start(given, "lower")
    changed = True
    while changed:
        changed = False
        for edge, upper, lower in usable:
            if upper is not None and (bound := uppers.get(edge.source)) is not None:
                changed |= _tighten(uppers, bound, edge.target, upper(bound.value), edge, sign=1.0)
            if lower is not None and (bound := lowers.get(edge.target)) is not None:
                changed |= _tighten(lowers, bound, edge.source, lower(bound.value), edge, sign=-1.0)
    nodes = sorted(uppers.keys() | lowers.keys(), key=str)
    intervals = {node: Interval(lower=lowers.get(node), upper=uppers.get(node)) for node in nodes}
    return Propagation(
        intervals=intervals,
        contradictions=_contradictions(intervals),
        unmet=tuple(dict.fromkeys(edge.unmet for edge in edges if edge.unmet)),
        confidence=family_confidence(given),
    )


def family_confidence(evidence: Iterable[Evidence]) -> float:
    """Return the confidence with which all measurements hold together, by the union bound.

    Bounds of one origin rest on one event and count once.

    >>> node = Node("membership", "advantage")
    >>> two = [Evidence(node=node, side="lower", value=0.1, confidence=0.975, origin=name) for name in ("a", "b")]
    >>> round(family_confidence(two), 6)
    0.95
    """
    errors: dict[str, float] = {}
    for each in evidence:
        errors[each.origin] = max(errors.get(each.origin, 0.0), 1.0 - each.confidence)
    return max(0.0, 1.0 - sum(errors[origin] for origin in sorted(errors)))


def _evidence_key(evidence: Evidence) -> tuple[str, ...]:
    return (evidence.origin, str(evidence.node), evidence.side, repr(evidence.value), repr(evidence.confidence))


def _start(evidence: Sequence[Evidence], side: Side) -> dict[Node, Bound]:
    found: dict[Node, Bound] = {}
    for each in evidence:
        if each.side == side:
            bound = Bound(value=each.value, evidence=each, path=(), nodes=(each.node,))
            sign = 1.0 if side == "upper" else -1.0
            if each.node not in found or sign * each.value < sign * found[each.node].value:
                found[each.node] = bound
    return found


def _tighten(bounds: dict[Node, Bound], bound: Bound, node: Node, value: float, edge: Edge, *, sign: float) -> bool:
    # a round trip gains nothing, and neither does what is no statement; at least infinity is one: no epsilon allows it
    if node in bound.nodes or (value == math.inf if sign > 0 else value <= 0.0):
        return False
    path = (*bound.path, edge.relation.id)
    if node in bounds and (sign * bounds[node].value, _rank(bounds[node].path)) <= (sign * value, _rank(path)):
        return False
    bounds[node] = Bound(value=value, evidence=bound.evidence, path=path, nodes=(*bound.nodes, node))
    return True


def _rank(path: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    return len(path), path


def _contradictions(intervals: Mapping[Node, Interval]) -> tuple[Contradiction, ...]:
    """One per measurement, at the node that is nearest to it, then nearest to the guarantee."""
    found: dict[str, Contradiction] = {}
    for node, interval in intervals.items():
        if not interval.is_crossed or interval.lower is None or interval.upper is None:
            continue
        here = Contradiction(node=node, lower=interval.lower, upper=interval.upper)
        origin = interval.lower.evidence.origin
        if origin not in found or _nearness(here) < _nearness(found[origin]):
            found[origin] = here
    return tuple(found[origin] for origin in sorted(found))


def _nearness(contradiction: Contradiction) -> tuple[int, int]:
    return len(contradiction.lower.path), len(contradiction.upper.path)
