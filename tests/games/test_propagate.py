"""Propagation: bounds flow as stated, order does not matter, more evidence never loosens, clashes name their path."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.errors import ConfigError
from privaudit.games.graph import Edge, Evidence, Node
from privaudit.games.propagate import family_confidence, propagate
from privaudit.games.propagation_words import bound_text, contradiction_text, node_text
from privaudit.games.relation_table import RELATIONS, relation_between
from privaudit.games.relations_guarantee import advantage_of_epsilon, epsilon_of_advantage
from privaudit.games.report_graph import Comparison, report_edges
from privaudit.types import Neighbouring

ADD_REMOVE, REPLACE_ONE = Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE
DPD = "distinguishing"
CLAIM = (1.0, 1e-5, ADD_REMOVE)
GUARANTEE = Evidence(node=Node(DPD, "epsilon", ADD_REMOVE, None, 1e-5), side="upper", value=1.0, origin="guarantee")
WORLDS = Comparison(about="0.5 against 0.4", params={"n_replaced": 2})
EDGES = report_edges(claim=CLAIM, deltas={}, accesses={"score", "label"}, comparisons=(WORLDS,))
MEMBERSHIP = Node("membership", "advantage", ADD_REMOVE, "score")
DRAWS = Node("distribution_inference", "advantage", REPLACE_ONE, "label", None, WORLDS.about)
MEASURED = st.builds(
    Evidence,
    node=st.sampled_from([MEMBERSHIP, DRAWS, MEMBERSHIP._replace(neighbouring=REPLACE_ONE, access="label")]),
    side=st.just("lower"),
    value=st.floats(0.0, 1.0),
    confidence=st.sampled_from([0.95, 0.99]),
    origin=st.sampled_from(["a", "b", "c"]),
)


def attack(value, node=MEMBERSHIP, confidence=0.983, origin="attack LiRA"):
    return Evidence(node=node, side="lower", value=value, confidence=confidence, origin=origin)


def values(found):
    return {
        node: (interval.lower and interval.lower.value, interval.upper and interval.upper.value)
        for node, interval in found.intervals.items()
    }


def test_a_guarantee_flows_down_to_every_game():
    found = propagate(EDGES, [GUARANTEE]).intervals
    told = advantage_of_epsilon(1.0, 1e-5)
    assert found[MEMBERSHIP].upper.value == pytest.approx(told, abs=1e-12)
    assert found[MEMBERSHIP].upper.path == ("R1", "R2", "R2", "R2", "R4")
    replaced = found[Node("attribute_inference", "advantage", REPLACE_ONE)].upper
    assert replaced.value == pytest.approx(advantage_of_epsilon(2.0, 1e-5 * (1 + math.e)), abs=1e-12)
    assert replaced.path == ("R3", "R1", "R2", "R2", "R2", "R6")
    two_records = found[DRAWS].upper
    assert two_records.value == pytest.approx(math.tanh(2.0), abs=1e-4) and two_records.path == (
        "R3",
        "R12",
        "R4",
        "R4",
    )


def test_an_attack_flows_up_and_not_down():
    found = propagate(EDGES, [attack(0.3, MEMBERSHIP._replace(access="label"))]).intervals
    assert found[MEMBERSHIP].lower.value == 0.3  # who sees probabilities can do as much
    top = Node(DPD, "advantage", ADD_REMOVE)
    assert found[top].lower.value == 0.3 and found[top].lower.path == ("R4", "R4", "R2", "R2", "R2")
    epsilon = found[Node(DPD, "epsilon", ADD_REMOVE, None, 1e-5)].lower
    assert epsilon.value == pytest.approx(epsilon_of_advantage(0.3, 1e-5))
    weaker = propagate(EDGES, [attack(0.3)]).intervals
    assert MEMBERSHIP._replace(access="label") not in weaker


def test_distribution_inference_flows_up_only_inverted():
    found = propagate(EDGES, [attack(0.5, DRAWS)]).intervals
    assert found[Node(DPD, "advantage", REPLACE_ONE)].lower.value == pytest.approx(0.25)  # two replaced records
    assert not any(node.game == "membership" for node in found)


def test_a_contradiction_names_both_ways():
    found = propagate(EDGES, [GUARANTEE, attack(0.6)])
    assert len(found.contradictions) == 1
    said = contradiction_text(found.contradictions[0])
    assert said == (
        "guarantee -> R1 -> R2 -> R4: Membership inference, random record (advantage, neighbours add/remove, attacker sees "
        "probabilities) is at most 0.463; but attack LiRA: at least 0.600 at 98.3 % confidence"
    )
    assert not propagate(EDGES, [GUARANTEE, attack(0.46)]).contradictions


def test_a_distribution_attack_can_contradict_at_a_tiny_size():
    small = report_edges(
        claim=CLAIM, deltas={}, accesses={"label"}, comparisons=(Comparison(about="x", params={"n_replaced": 1}),)
    )
    node = DRAWS._replace(about="x")
    allowed = advantage_of_epsilon(2.0, 1e-5 * (1 + math.e))
    assert propagate(small, [GUARANTEE, attack(allowed + 0.01, node)]).contradictions[0].upper.path[-2:] == (
        "R12",
        "R4",
    )
    assert not propagate(small, [GUARANTEE, attack(allowed - 0.01, node)]).contradictions


def test_other_neighbours_and_other_deltas_are_never_compared():
    for_replacing = Node("many_canaries", "epsilon", ADD_REMOVE, None, 1e-5)
    replacing = Evidence(
        node=Node(DPD, "epsilon", REPLACE_ONE, None, 1e-5), side="upper", value=0.1, origin="guarantee to replace"
    )
    edges = report_edges(claim=(0.1, 1e-5, REPLACE_ONE), deltas={ADD_REMOVE: {1e-5, 1e-6}}, accesses=())
    assert not propagate(edges, [replacing, attack(3.0, for_replacing)]).contradictions
    other_delta = for_replacing._replace(delta=1e-6)
    edges = report_edges(claim=CLAIM, deltas={ADD_REMOVE: {1e-6}}, accesses=())
    assert not propagate(edges, [GUARANTEE, attack(3.0, other_delta)]).contradictions
    assert propagate(edges, [GUARANTEE, attack(3.0, for_replacing)]).contradictions


def test_twice_the_claim_bounds_replacing_whatever_was_measured_there():
    """A measurement at the claim's delta does not stand in for the guarantee (R3 has a delta of its own)."""
    edges = report_edges(
        claim=(0.05, 1e-6, ADD_REMOVE),
        deltas={REPLACE_ONE: {1e-6}},
        accesses=(),
        comparisons=(Comparison(about="", params={"n_replaced": 2}),),
    )
    claim = Evidence(node=Node(DPD, "epsilon", ADD_REMOVE, None, 1e-6), side="upper", value=0.05, origin="claim")
    found = propagate(edges, [claim]).intervals
    grown = [
        node for node in found if node.game == DPD and node.neighbouring is REPLACE_ONE and node.quantity == "epsilon"
    ]
    assert min(found[node].upper.value for node in grown) == pytest.approx(0.1)


def test_what_no_epsilon_allows_is_at_least_infinity():
    found = propagate(EDGES, [GUARANTEE, attack(1.0)])
    epsilon = found.intervals[Node(DPD, "epsilon", ADD_REMOVE, None, 1e-5)]
    assert epsilon.lower.value == math.inf and epsilon.is_crossed
    assert len(found.contradictions) == 1 and "1.000" in contradiction_text(found.contradictions[0])


@given(st.lists(MEASURED, max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_evidence_does_not_matter(measured, random):
    everything = [GUARANTEE, *measured]
    shuffled = everything.copy()
    random.shuffle(shuffled)
    assert propagate(EDGES, everything) == propagate(EDGES, shuffled)


@given(st.lists(MEASURED, max_size=4), MEASURED)
@settings(max_examples=30, deadline=None)
def test_one_more_measurement_never_loosens(measured, more):
    before, after = values(propagate(EDGES, measured)), values(propagate(EDGES, [*measured, more]))
    for node, (lower, upper) in before.items():
        assert lower is None or after[node][0] >= lower
        assert upper is None or after[node][1] <= upper


@given(st.lists(MEASURED, min_size=1, max_size=4), st.floats(0.0, 0.5))
@settings(max_examples=30, deadline=None)
def test_a_tighter_guarantee_never_loosens_and_what_follows_adds_nothing(measured, epsilon):
    tighter = Evidence(node=GUARANTEE.node, side="upper", value=epsilon, origin="tighter")
    first = propagate(EDGES, [GUARANTEE, *measured])
    second = propagate(EDGES, [GUARANTEE, tighter, *measured])
    for node, interval in first.intervals.items():
        if interval.upper is not None:
            assert second.intervals[node].upper.value <= interval.upper.value
    # closure: giving back every bound as evidence changes no value
    again = [
        Evidence(node=node, side=side, value=bound.value, origin=f"{node}")
        for node, interval in first.intervals.items()
        for side, bound in (("lower", interval.lower), ("upper", interval.upper))
        if bound is not None
    ]
    once, twice = values(first), values(propagate(EDGES, again))
    assert once.keys() == twice.keys()
    for node in once:
        assert twice[node] == pytest.approx(once[node], abs=1e-6)


@given(st.lists(MEASURED, max_size=5))
@settings(max_examples=30, deadline=None)
def test_every_path_can_be_walked(measured):
    steps = {(edge.source, edge.target, edge.relation.id) for edge in EDGES}
    for node, interval in propagate(EDGES, [GUARANTEE, *measured]).intervals.items():
        for bound, side in ((interval.lower, "lower"), (interval.upper, "upper")):
            if bound is None:
                continue
            assert bound.nodes[0] == bound.evidence.node and bound.nodes[-1] == node and bound.evidence.side == side
            for here, there, id in zip(bound.nodes, bound.nodes[1:], bound.path, strict=False):
                assert ((here, there, id) if side == "upper" else (there, here, id)) in steps


def test_confidence_is_the_union_bound_and_bounds_of_one_origin_count_once():
    three = [attack(0.1, origin=name, confidence=1 - 0.05 / 3) for name in "abc"]
    assert family_confidence(three) == pytest.approx(0.95)
    assert family_confidence([*three, attack(0.2, DRAWS, 1 - 0.05 / 3, "a")]) == pytest.approx(0.95)
    assert family_confidence([attack(0.1, origin=str(i), confidence=0.9) for i in range(20)]) == 0.0
    assert propagate(EDGES, [GUARANTEE]).confidence == 1.0


def test_unmet_preconditions_carry_nothing_and_say_why():
    unknown = report_edges(claim=CLAIM, deltas={}, accesses=(), comparisons=(Comparison(about="x"),))
    found = propagate(unknown, [GUARANTEE])
    assert not any(node.game == "distribution_inference" for node in found.intervals)
    assert any("R12 needs the number of records" in reason for reason in found.unmet)
    defended = Comparison(about="x", params={"n_replaced": 3, "defense_changes_records": True})
    found = propagate(report_edges(claim=CLAIM, deltas={}, accesses=(), comparisons=(defended,)), [GUARANTEE])
    assert any("no defense changes them" in reason for reason in found.unmet)
    crossed = Edge(
        relation=relation_between("R2", DPD, "strong_membership"),
        source=Node(DPD, "advantage", ADD_REMOVE),
        target=Node("strong_membership", "advantage", REPLACE_ONE),
    )
    assert crossed.unmet == "R2 holds only if both games have the same neighbours"


def test_the_table_has_all_relations_and_no_conversion_falls():
    assert {row.id for row in RELATIONS} == {f"R{i}" for i in range(1, 16)}
    known = {
        "neighbouring": REPLACE_ONE, "target_neighbouring": REPLACE_ONE, "access": "score", "target_access": "label",
        "delta": 1e-3, "target_delta": 1e-3, "prior": 0.2, "k": 3, "n_values": 4, "may_abstain": True, "baseline": 0.1,
        "n_candidates": 5, "n_records": 10, "heaviest": 0.01, "n_replaced": 4, "fair_coins": True, "ratio_0": 0.5,
        "ratio_1": 0.3,
    }  # fmt: skip
    from_adding = {**known, "neighbouring": ADD_REMOVE, "target_delta": 0.5}
    for row in RELATIONS:
        params = from_adding if row.id == "R3" else known
        upper, lower = row.bind(params)
        shares = [i / 20 for i in range(20)]
        for conversion, span in ((upper, row.source_quantity), (lower, row.target_quantity)):
            if conversion is not None:
                at = [conversion(value * (5 if span in ("epsilon", "draws") else 1)) for value in shares]
                assert at == sorted(at), row.id
        if upper is not None and lower is not None:  # a round trip gains nothing
            for value in shares:
                start = value * (3 if row.source_quantity == "epsilon" else 1)
                assert lower(min(upper(start), 1e300)) <= start + 1e-6, row.id


def test_a_relation_refuses_parameters_that_do_not_fit():
    with pytest.raises(ConfigError, match="R12 needs the number of records"):
        relation_between("R12", DPD, "distribution_inference").bind({"neighbouring": REPLACE_ONE})
    with pytest.raises(KeyError):
        relation_between("R12", DPD, "extraction")


@pytest.mark.parametrize(("value", "confidence"), [(math.nan, 0.9), (0.5, 0.0), (0.5, 1.5)])
def test_evidence_that_is_none_is_refused(value, confidence):
    with pytest.raises(ConfigError):
        attack(value, confidence=confidence)


def test_words():
    bound = propagate(EDGES, [GUARANTEE]).intervals[MEMBERSHIP].upper
    assert bound_text(bound) == "guarantee -> R1 -> R2 -> R4"
    assert node_text(GUARANTEE.node).startswith("Telling two neighbouring data sets apart (epsilon at delta 1e-05")
