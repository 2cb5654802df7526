"""The edges between the games that an audit's report can speak of, with the parameters that are known there."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from privaudit.games.game_titles import BY_STRENGTH
from privaudit.games.graph import Edge, Node
from privaudit.games.relation import Params, Quantity
from privaudit.games.relation_conditions import DPD
from privaudit.games.relation_table import relation_between
from privaudit.games.relations_guarantee import replace_one_of_add_remove
from privaudit.types import Neighbouring
from privaudit.types.design import Access

RELATIONS_OF_NEIGHBOURS = (Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE)
BY_KNOWLEDGE = (DPD, "strong_membership", "membership_worst_case", "membership")
SEEN_AS = ("membership_worst_case", "membership", "attribute_inference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two worlds that a distribution audit told apart.

    Attributes:
        about: both worlds in words.
        params: ``n_replaced``, ``defense_changes_records``, as far as they are known.
    """

    about: str
    params: Params = field(default_factory=dict)


def report_edges(
    *,
    claim: tuple[float, float, Neighbouring] | None,
    deltas: Mapping[Neighbouring, Collection[float]],
    accesses: Collection[Access],
    comparisons: Sequence[Comparison] = (),
) -> tuple[Edge, ...]:
    """Return the edges between the games of a report; those without their parameters say what they need.

    Args:
        claim: epsilon, delta and relation of what training promises, or ``None``.
        deltas: of every statement about epsilon, per relation.
        accesses: what attackers of the report see.
        comparisons: the worlds of a distribution audit.

    Returns:
        The edges, in a fixed order.
    """
    known = {relation: set(deltas.get(relation, ())) for relation in RELATIONS_OF_NEIGHBOURS}
    between = []
    if claim is not None:
        epsilon, delta, relation = claim
        known.setdefault(relation, set()).add(delta)
        if relation is Neighbouring.ADD_REMOVE:
            grown = replace_one_of_add_remove(epsilon, delta)[1]
            between = [_edge("R3", _dpd("advantage", relation), _dpd("advantage", Neighbouring.REPLACE_ONE))]
            if grown < 1.0:
                known[Neighbouring.REPLACE_ONE].add(grown)
                target = _dpd("epsilon", Neighbouring.REPLACE_ONE, grown)
                between.append(_edge("R3", _dpd("epsilon", relation, delta), target))
    edges = [*between, *_guarantee_edges(known)]
    for relation in known:
        edges += _membership_edges(relation, accesses)
    edges += _distribution_edges(sorted(known[Neighbouring.REPLACE_ONE]), accesses, comparisons)
    return tuple(edges)


def _edge(id: str, source: Node, target: Node, params: Params | None = None) -> Edge:
    row = relation_between(id, source.game, target.game, source.quantity, target.quantity)
    return Edge(relation=row, source=source, target=target, params=params or {})


def _dpd(quantity: Quantity, relation: Neighbouring, delta: float | None = None) -> Node:
    return Node(DPD, quantity, relation, None, delta)


def _guarantee_edges(known: Mapping[Neighbouring, Iterable[float]]) -> list[Edge]:
    edges = []
    for relation, deltas in known.items():
        for delta in sorted(deltas):
            source = _dpd("epsilon", relation, delta)
            edges.append(_edge("R1", source, _dpd("advantage", relation)))
            edges.append(_edge("R13", source, source._replace(game="many_canaries"), {"fair_coins": True}))
            edges.append(_edge("R2", source, source._replace(game="membership_worst_case")))
    return edges


def _membership_edges(relation: Neighbouring, accesses: Collection[Access]) -> list[Edge]:
    chain = [Node(game, "advantage", relation) for game in BY_KNOWLEDGE]
    edges = [_edge("R2", source, target) for source, target in pairwise(chain)]
    edges += [edge for game in SEEN_AS for edge in _access_edges(Node(game, "advantage", relation), accesses)]
    attribute = Node("attribute_inference", "advantage", relation)
    if (
        relation is Neighbouring.REPLACE_ONE
    ):  # the only relation in which its non-members, fresh records, are neighbours
        edges.append(_edge("R6", chain[-1], attribute))
    return edges


def _access_edges(strongest: Node, accesses: Collection[Access]) -> list[Edge]:
    row = relation_between("R4", "*", "*")
    seen = [None, *(access for access in BY_STRENGTH if access is not None and access in accesses)]
    nodes = [strongest._replace(access=access) for access in seen]
    return [Edge(relation=row, source=more, target=less) for more, less in pairwise(nodes)]


def _distribution_edges(
    deltas: Sequence[float], accesses: Collection[Access], comparisons: Sequence[Comparison]
) -> list[Edge]:
    edges = []
    for comparison in comparisons:
        target = Node("distribution_inference", "advantage", Neighbouring.REPLACE_ONE, None, None, comparison.about)
        sources = [_dpd("advantage", Neighbouring.REPLACE_ONE)]
        sources += [_dpd("epsilon", Neighbouring.REPLACE_ONE, delta) for delta in deltas]
        edges += [_edge("R12", source, target, comparison.params) for source in sources]
        edges += _access_edges(target, accesses)
    return edges
