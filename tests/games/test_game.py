"""Games as data: ids, relations, accesses, and the rules of winning."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.errors import ConfigError, ShapeError
from privaudit.games import rules
from privaudit.games.catalog import GAMES
from privaudit.games.rules import Secret
from privaudit.pipeline.canary_findings import outcome_result
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.registry import create_attack, list_methods
from privaudit.types import Finding, Neighbouring

NAMES = {
    "membership": "MI",
    "membership_prior": "MI_p",
    "membership_worst_case": "MI_z",
    "strong_membership": "SMI",
    "distinguishing": "DPD",
    "many_canaries": "MULTI",
    "user_membership": "UMI",
    "attribute_inference": "AI",
    "strong_attribute_inference": "SAI",
    "reconstruction": "RC_eta",
    "reconstruction_candidates": "RC_k",
    "extraction": "EXT",
    "distribution_inference": "DI",
    "ratio_regression": "DI_reg",
    "property_existence": "PE",
    "poisoned_distribution": "DI_poison",
    "mixture_membership": "DMI",
}


def test_the_games_of_the_specification_and_those_of_the_reports_are_there():
    assert {id: GAMES[id].symbol for id in NAMES} == NAMES
    assert set(GAMES) - set(NAMES) == {"poisoned_membership", "record_risk", "canary"}
    assert all(id == game.id for id, game in GAMES.items())
    symbols = [game.symbol for game in GAMES.values() if game.symbol]
    assert len(set(symbols)) == len(symbols)


def test_every_game_that_a_finding_names_is_in_the_catalog():
    assert Finding(id="x", method="x").game in GAMES
    outcome = CanaryOutcome(name="x", scores=[0.0, 1.0], is_in=[0, 1])
    assert outcome_result(outcome).game in GAMES
    assert {create_attack(row.name, {}).game for row in list_methods("attack")} <= set(GAMES)


def test_who_knows_more():
    known = {id: game.adversary_knows for id, game in GAMES.items()}
    assert known["membership"] < known["membership_prior"]
    assert known["membership_worst_case"] < known["strong_membership"]
    assert known["strong_membership"] - known["membership_worst_case"] == {"rest"}
    assert known["strong_attribute_inference"] - known["attribute_inference"] == {"rest"}
    assert "record" not in known["attribute_inference"] | known["reconstruction"] | known["distinguishing"]
    assert not any("laws" in known[id] for id, game in GAMES.items() if game.target != "law")
    assert not GAMES["record_risk"].is_played
    assert "No game of an adversary" in GAMES["record_risk"].description


def test_access_and_relation_are_parameters():
    game = GAMES["membership"]
    assert game.adjacency is Neighbouring.REPLACE_ONE
    other = game.with_access("label").with_adjacency(Neighbouring.ADD_REMOVE)
    assert (other.id, other.access, other.adjacency) == ("membership", "label", Neighbouring.ADD_REMOVE)
    assert (game.access, game.adjacency) == ("score", Neighbouring.REPLACE_ONE)
    with pytest.raises(FrozenInstanceError):
        game.access = "label"
    with pytest.raises(TypeError):
        GAMES["mine"] = game


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (
            lambda: GAMES["membership"].with_access("gradients"),
            "access",
            "played with access label or score or white_box",
        ),
        (lambda: GAMES["record_risk"].with_access("label"), "access", "record_risk is played with access score"),
        (
            lambda: GAMES["distribution_inference"].with_adjacency(Neighbouring.ADD_REMOVE),
            "adjacency",
            "played with no relation; got add_remove",
        ),
        (
            lambda: GAMES["user_membership"].with_adjacency(Neighbouring.REPLACE_ONE),
            "adjacency",
            "played with add_remove; got replace_one",
        ),
        (lambda: replace(GAMES["membership"], adjacency=None), "adjacency", "got None"),
        (lambda: GAMES["membership_prior"].with_secret(prior=(0.5, 0.6)), "prior", "sum to 1"),
        (lambda: Secret(kind="bit", prior=(math.nan, 1.0)), "prior", "sum to 1"),
        (lambda: Secret(kind="bit", prior=(1.5, -0.5)), "prior", "sum to 1"),
        (lambda: Secret(kind="bits", prior=(1.0,)), "prior", "two values"),
        (lambda: Secret(kind="record", prior=(1.0,), values=(1, 2)), "prior", "one entry per value"),
        (lambda: Secret(kind="colour"), "kind", "bit, bits"),
        (lambda: Secret(kind="record", size=0), "size", "at least 1"),
    ],
)
def test_games_that_cannot_be_are_refused(change, key, words):
    with pytest.raises(ConfigError, match=words) as caught:
        change()
    assert caught.value.key == key
    assert "\n" not in str(caught.value)


def test_rules_of_winning():
    assert rules.is_equal(1, 1.0) == 1.0
    assert rules.is_equal((1, 2), (1, 2, 3)) == 0.0
    assert rules.is_among([[1, 2], [3, 4]], [3, 2]) == 0.0
    assert rules.is_among([], 1) == 0.0
    assert rules.is_among([1, 2], None) == 0.0
    assert rules.share_right([1, 1], [-1, 1]) == 1.0
    with pytest.raises(ShapeError, match="one guess"):
        rules.share_right([1, 1], [1])
    assert rules.closeness(0.5, math.nan) == 0.0  # no guess, no win
    assert rules.closeness(1.0, math.inf) == 1.0
    assert rules.Within(1.0)([0.0, 0.0], [0.0, math.nan]) == 0.0
    assert rules.Within(9.0)([0.0, 0.0], [0.0]) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6))
def test_blind_baselines(weights):
    prior = tuple(weight / math.fsum(weights) for weight in weights)
    exact = Secret(kind="record", prior=prior)
    assert rules.ReachedBlindly(rules.Within(0.0))(exact) == pytest.approx(rules.likeliest(exact))
    assert rules.ReachedBlindly(rules.Within(99.0))(exact) == pytest.approx(1.0)
    ratios = tuple(place / len(prior) for place in range(len(prior)))
    ratio = Secret(kind="ratio", prior=prior, values=ratios)
    of_grid = [sum(p * rules.closeness(v, g / 200) for p, v in zip(prior, ratios, strict=True)) for g in range(201)]
    assert max(of_grid) <= rules.constant_ratio(ratio) + 1e-12
    assert max(of_grid) == pytest.approx(rules.constant_ratio(ratio), abs=1e-5)
    drawn = replace(exact, size=3)
    assert rules.met_by_chance(drawn) == pytest.approx(1 - (1 - max(prior)) ** 3)


def test_no_baseline_where_the_law_draws_the_secret():
    unknown = Secret(kind="record", prior=())
    for baseline in (rules.likeliest, rules.met_by_chance, rules.constant_ratio, rules.ReachedBlindly(rules.is_equal)):
        assert math.isnan(baseline(unknown))
