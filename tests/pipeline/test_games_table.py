"""The section that relates the risks of a report: what enters, what follows, what clashes, what is said."""

import json
from dataclasses import replace

import numpy as np
import pytest

from privaudit.errors import ConfigError
from privaudit.estimators import accuracy_metrics, advantage_bound, clopper_pearson, one_run, pld_claim
from privaudit.games.relations_group import group_advantage
from privaudit.games.relations_guarantee import advantage_of_epsilon, replace_one_of_add_remove
from privaudit.pipeline.games_evidence import at_confidence
from privaudit.pipeline.games_notes import CONTRADICTION
from privaudit.pipeline.games_table import contradictions, games_section
from privaudit.report.serialise import report_from_dict, report_to_json
from privaudit.types import (
    AuditReport,
    ConfusionCounts,
    DpSgdParams,
    Finding,
    Neighbouring,
    PrivacyClaim,
    RocCurve,
    Section,
    Subject,
    Validity,
)

ADD_REMOVE, REPLACE_ONE = Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE
MECHANISM = DpSgdParams(noise_multiplier=4.0, sample_rate=1.0, steps=4)


def claim(epsilon=1.0, *, neighbouring=ADD_REMOVE, delta=1e-5, mechanism=None):
    return PrivacyClaim(epsilon=epsilon, delta=delta, neighbouring=neighbouring, accountant="pld", mechanism=mechanism)


def membership(name="lira", *, n_correct=340, estimates=None, neighbouring=ADD_REMOVE, tpr=0.3, **more):
    if estimates is None:
        estimates = (one_run(3200, 640, n_correct, delta=1e-5, confidence=0.95, neighbouring=neighbouring),)
    roc = RocCurve(fpr=[0.0, 0.1, 1.0], tpr=[0.0, tpr, 1.0])
    return Finding(
        id=f"{name}-0", method=name, params={"target": 0}, roc=roc, n_in=1600, n_out=1600, estimates=estimates, **more
    )


def worlds(name="kl", *, n_right=100, n_each=60, n_records=1000, ratios=(0.5, 0.4), access="score", **params):
    is_one = np.arange(2 * n_each) < n_each
    says_one = np.where(np.arange(2 * n_each) < n_right, is_one, ~is_one)
    return Finding(
        id=f"{name}-1",
        method=name,
        game="distribution_inference",
        access=access,
        unit="model",
        n_in=n_each,
        n_out=n_each,
        params={
            "world_0": "sex 0.5",
            "world_1": "sex 0.4",
            "n_records": n_records,
            "ratio_0": ratios[0],
            "ratio_1": ratios[1],
            **params,
        },
        metrics=tuple(accuracy_metrics(np.where(says_one, 1.0, -1.0), is_one, confidence=0.95)),
    )


def report(*findings, promised=None, provenance=None):
    sections = {"mia": [], "distribution": [], "canary": []}
    for finding in findings:
        kind = {"distribution_inference": "distribution", "canary": "canary"}.get(finding.game, "mia")
        sections[kind].append(finding)
    return AuditReport(
        subject=Subject(name="model", model_digest="a", data_digest="b"),
        claim=promised,
        sections=tuple(Section(kind=kind, title=kind, findings=tuple(found)) for kind, found in sections.items()),
        provenance=provenance or {},
    )


def row(section, game, *, neighbouring="add_remove", access=None):
    return next(
        f for f in section.findings if (f.game, f.params["neighbouring"], f.access) == (game, neighbouring, access)
    )


def metric(finding, name="advantage"):
    return next(metric for metric in finding.metrics if metric.name == name)


THREE = (membership("loss", n_correct=330), membership("lira"), membership("rmia", n_correct=335))
FULL = report(*THREE, worlds(), promised=claim())


def test_a_report_with_claim_three_attacks_and_a_distribution_audit_shows_every_game():
    section = games_section(FULL)
    assert section.kind == "games" and section.title == "How the risks relate"
    found = row(section, "membership", access="score")
    assert metric(found).value == pytest.approx(0.2)  # the largest difference on the curve
    assert metric(found).lower is None  # one model's records: shown, not propagated
    assert metric(found).upper == pytest.approx(advantage_of_epsilon(1.0, 1e-5))
    assert any("not independent trials: shown, not propagated" in note for note in found.notes)
    canaries = metric(row(section, "many_canaries"), "epsilon")
    restated = one_run(3200, 640, 340, delta=1e-5, confidence=1 - 0.05 / 4)
    assert (canaries.at, canaries.upper) == (1e-5, 1.0)
    assert canaries.lower == pytest.approx(restated.lower) and canaries.confidence == pytest.approx(0.9875)
    assert not any(note.startswith(CONTRADICTION) for note in section.notes)
    assert any("4 measurements enter, each at 98.7 %" in note and "together at 95 %" in note for note in section.notes)


def test_the_bound_on_distribution_inference_is_the_one_of_exact_counts_and_said_to_be_vacuous():
    found = row(games_section(FULL), "distribution_inference", neighbouring="replace_one", access="score")
    epsilon, delta = replace_one_of_add_remove(1.0, 1e-5)
    assert metric(found).upper == pytest.approx(group_advantage([100], epsilon, delta)[0])
    assert any("DP bound vacuous" in note for note in found.notes)
    assert found.params["relations"][:2] == ["R3", "R12"] and found.params["about"] == "sex 0.5 against sex 0.4"
    few = games_section(report(worlds(n_records=20), promised=claim(0.2)))
    found = row(few, "distribution_inference", neighbouring="replace_one", access="score")
    epsilon, delta = replace_one_of_add_remove(0.2, 1e-5)
    assert metric(found).upper == pytest.approx(group_advantage([2], epsilon, delta)[0])
    assert not any("vacuous" in note for note in found.notes)


def test_distribution_inference_flows_up_by_the_number_of_records_only():
    section = games_section(report(worlds()))
    found = row(section, "distribution_inference", neighbouring="replace_one", access="score")
    top = row(section, "distinguishing", neighbouring="replace_one")
    assert metric(found).lower > 0.4
    assert metric(top).lower == pytest.approx(metric(found).lower / 100)
    assert {f.game for f in section.findings} == {"distribution_inference", "distinguishing"}
    assert "No guarantee was stated, so nothing bounds these games from above." in section.notes
    assert metric(found, "draws").value > metric(found, "draws").lower > 0


def test_a_planted_contradiction_of_the_one_run_bound_is_found_with_its_path():
    planted = report(membership(n_correct=600), worlds(), promised=claim())
    said = contradictions(planted)
    assert len(said) == 1
    assert "guarantee epsilon 1.00 (delta 1e-5, add/remove) -> R13" in said[0]
    assert "attack LiRA on target 0 (one_run): at least" in said[0] and "at 97.5 % confidence" in said[0]
    first = games_section(planted).notes[0]
    assert first.startswith(f"{CONTRADICTION}{said[0]}") and "one of the 5 % that miss" in first


def test_a_planted_contradiction_of_distribution_inference_is_found_with_its_path():
    planted = report(worlds(n_records=10, n_right=118), promised=claim(0.1))
    said = contradictions(planted)
    assert len(said) == 1
    assert "-> R3 -> R12 -> R4: Distribution inference, sex 0.5 against sex 0.4" in said[0]
    assert "attack KL divergence on sex 0.5 against sex 0.4: at least" in said[0]
    assert contradictions(report(worlds(n_records=1000, n_right=118), promised=claim(0.1))) == ()


def test_numbers_of_other_neighbours_are_not_compared():
    assert contradictions(report(membership(n_correct=600), promised=claim(0.1, neighbouring=REPLACE_ONE))) == ()
    other_delta = one_run(3200, 640, 600, delta=1e-6, confidence=0.95, neighbouring=ADD_REMOVE)
    assert contradictions(report(membership(estimates=(other_delta,)), promised=claim())) == ()


def test_a_bound_without_relation_and_other_estimates_do_not_enter():
    unstated = membership("loss", estimates=(one_run(3200, 640, 600, delta=1e-5, confidence=0.95),))
    heuristic = replace(
        one_run(3200, 640, 600, delta=1e-5, confidence=0.95, neighbouring=ADD_REMOVE), validity=Validity.HEURISTIC
    )
    section = games_section(report(unstated, membership("rmia", estimates=(heuristic,)), promised=claim()))
    assert not any(note.startswith(CONTRADICTION) for note in section.notes)
    assert any("attack loss threshold on target 0" in note and "neighbours" in note for note in section.notes)
    assert any(note.startswith("Not propagated: attack RMIA on target 0: outcomes of one") for note in section.notes)


def test_attacks_on_poisoned_models_and_blind_baselines_do_not_enter():
    estimate = one_run(3200, 640, 600, delta=1e-5, confidence=0.95, neighbouring=ADD_REMOVE)
    poisoned = membership("chameleon", estimates=(estimate,), game="poisoned_membership")
    blind = membership("blind", estimates=(estimate,), access=None)
    assert contradictions(report(poisoned, blind, promised=claim())) == ()


def test_many_runs_enter_as_epsilon_and_as_advantage():
    counts = ConfusionCounts(tp=480, fn=20, fp=20, tn=480)
    estimate = clopper_pearson(counts, delta=1e-5, confidence=0.95, neighbouring=ADD_REMOVE)
    finding = replace(
        membership("black_box", estimates=(estimate,), game="canary"), params={"game": "many_runs"}, unit="model"
    )
    section = games_section(report(finding, promised=claim(2.0)))
    found = row(section, "membership_worst_case", access="score")
    assert 0.85 < metric(found).lower < 0.92 and metric(found, "epsilon").lower == pytest.approx(estimate.lower)
    assert any("1 measurements enter, each at 95 %" in note for note in section.notes)  # one event, counted once
    assert section.notes[0].startswith(CONTRADICTION)


def test_the_mechanism_gives_tighter_bounds_than_its_epsilon():
    section = games_section(report(membership(), promised=claim(6.0, mechanism=MECHANISM)))
    for name in ("add_remove", "replace_one"):
        upper = metric(row(section, "distinguishing", neighbouring=name)).upper
        assert upper == pytest.approx(advantage_bound(params=MECHANISM, neighbouring=Neighbouring(name)))
    shuffled = replace(MECHANISM, sampling="shuffle")
    section = games_section(report(membership(), promised=claim(6.0, mechanism=shuffled)))
    assert metric(row(section, "distinguishing")).upper == pytest.approx(advantage_of_epsilon(6.0, 1e-5))


@pytest.mark.parametrize("params", [MECHANISM, DpSgdParams(noise_multiplier=1.0, sample_rate=0.05, steps=300)])
def test_the_accountants_epsilon_for_replacing_stands_beside_the_doubled_one_only_where_neither_says_less(params):
    """At its own delta the accountant's; twice the claim, at a larger delta, only if it is smaller."""
    promised = pld_claim(params, delta=1e-5, neighbouring=ADD_REMOVE)
    own = pld_claim(params, delta=1e-5, neighbouring=REPLACE_ONE)
    section = games_section(report(membership(), promised=promised))
    row = next(f for f in section.findings if f.game == "distinguishing" and f.params["neighbouring"] == "replace_one")
    shown = {metric.at: metric.upper for metric in row.metrics if metric.name == "epsilon"}
    assert shown[1e-5] == pytest.approx(own.epsilon)
    doubled, delta = replace_one_of_add_remove(promised.epsilon, 1e-5)
    others = {at: value for at, value in shown.items() if at != 1e-5}
    assert others == (pytest.approx({delta: doubled}) if doubled < own.epsilon else {})


def test_measured_above_the_guarantee_is_said_and_is_no_contradiction():
    section = games_section(report(membership(tpr=0.9), promised=claim(0.5)))
    assert any("no proof" in note for note in row(section, "membership", access="score").notes)
    assert not section.notes[0].startswith(CONTRADICTION)


def test_controls_varying_sizes_and_defenses_are_left_out_of_r12():
    control = replace(worlds("gauss", n_right=120, is_control=True), id="gauss-control")
    assert games_section(report(control)) is None
    varying = games_section(report(worlds(n_records=None), promised=claim()))
    found = row(varying, "distribution_inference", neighbouring="replace_one", access="score")
    assert metric(found).upper is None
    assert any("R12 needs the number of records that two draws differ in" in note for note in varying.notes)
    config = {"config": {"distribution": {"defense": {"name": "over_sampling"}}}}
    defended = games_section(report(worlds(n_records=10), promised=claim(0.1), provenance=config))
    assert not any(note.startswith(CONTRADICTION) for note in defended.notes)
    assert any("no defense changes them" in note for note in defended.notes)


def test_channels_and_victims_scored_together_do_not_enter():
    channel = replace(worlds("size", n_right=120), access=None)
    assert games_section(report(channel)) is None
    together = report(worlds(n_records=10, n_right=118, decision="transductive"), promised=claim(0.1))
    section = games_section(together)
    assert contradictions(together) == ()
    assert any("victims are scored against each other" in note for note in section.notes)
    found = row(section, "distribution_inference", neighbouring="replace_one", access="score")
    assert metric(found).value > 0.9 and metric(found).lower is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"game": "poisoned_distribution"}, "trained with an attacker's records, which is another game"),
        ({"poison": {"share": 0.02}}, "trained with an attacker's records, which is another game"),
        ({"protocol": "shared"}, "parts of one base graph, which inflates"),
    ],
)
def test_poisoned_worlds_and_one_base_graph_are_no_evidence(changes, reason):
    game = changes.pop("game", "distribution_inference")
    told = Section(kind="distribution", title="d", findings=(replace(worlds(n_right=118, **changes), game=game),))
    audit = replace(report(promised=claim(0.1)), sections=(told,))
    section = games_section(audit)
    assert contradictions(audit) == ()
    assert not [f for f in section.findings if f.game in ("distribution_inference", "poisoned_distribution")]
    assert all(m.lower is None and m.value is None for f in section.findings for m in f.metrics)
    (note,) = [note for note in section.notes if note.startswith("Not used: R12, because")]
    assert reason in note
    plain = replace(audit, sections=(replace(told, findings=(worlds(n_right=118, n_records=10),)),))
    assert contradictions(plain)  # the same outcomes of models that nobody poisoned refute the claim


def test_two_properties_are_two_rows():
    both = [worlds(property="sex is Female"), replace(worlds(property="race is White"), id="kl-2")]
    section = games_section(report(*both, promised=claim()))
    about = [f.params["about"] for f in section.findings if f.game == "distribution_inference"]
    assert about == ["race is White: sex 0.5 against sex 0.4", "sex is Female: sex 0.5 against sex 0.4"]


def test_stated_counts_of_replaced_records_come_first():
    section = games_section(report(worlds(n_records=None, n_replaced=3), promised=claim(0.2)))
    found = row(section, "distribution_inference", neighbouring="replace_one", access="score")
    epsilon, delta = replace_one_of_add_remove(0.2, 1e-5)
    assert metric(found).upper == pytest.approx(group_advantage([3], epsilon, delta)[0])


def test_given_bounds_are_used_and_bounds_too_weak_are_not():
    weak = replace(one_run(3200, 640, 600, delta=1e-5, confidence=0.95, neighbouring=ADD_REMOVE), method="betting")
    planted = report(*THREE, promised=claim())
    section = games_section(planted, bounds={"loss-0": weak})
    assert any("0.9833 is needed for all to hold together" in note for note in section.notes)
    strong = replace(weak, confidence=0.99)
    assert contradictions(planted, bounds={"loss-0": strong})


def test_estimates_are_restated_from_their_counts():
    plain = one_run(3200, 640, 400, delta=1e-5, confidence=0.95, neighbouring=ADD_REMOVE)
    assert at_confidence(plain, 0.99).lower == one_run(3200, 640, 400, delta=1e-5, confidence=0.99).lower
    assert at_confidence(plain, 0.9) is plain
    halved = replace(
        one_run(3200, 640, 400, delta=1e-5, confidence=0.975), confidence=0.95,
        diagnostics={**plain.diagnostics, "confidence_each": 0.975},
    )  # fmt: skip
    assert at_confidence(halved, 0.99).lower == one_run(3200, 640, 400, delta=1e-5, confidence=0.995).lower


def test_nothing_to_relate_gives_no_section():
    assert games_section(report()) is None
    assert games_section(report(promised=claim())) is not None
    with pytest.raises(ConfigError):
        games_section(report(), confidence=95.0)


def test_the_section_is_data_and_the_same_each_time():
    whole = replace(FULL, sections=(*FULL.sections, games_section(FULL)))
    again = report_from_dict(json.loads(report_to_json(whole)))
    assert again.sections[-1].notes == whole.sections[-1].notes
    assert [f.params for f in again.sections[-1].findings] == [f.params for f in whole.sections[-1].findings]
    assert len({f.id for f in whole.sections[-1].findings}) == len(whole.sections[-1].findings)
    shuffled = replace(FULL, sections=FULL.sections[::-1])
    assert {f.id for f in games_section(shuffled).findings} == {f.id for f in games_section(FULL).findings}
