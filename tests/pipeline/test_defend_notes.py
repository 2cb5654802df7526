"""What a comparison says, on reports built by hand."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from privaudit.config import AuditConfig, parse
from privaudit.estimators import auc_interval
from privaudit.pipeline.defend.arms import arms_of
from privaudit.pipeline.defend.compare import Measured, defense_findings
from privaudit.pipeline.defend.notes import comparison_notes
from privaudit.pipeline.defend.strength import change_of, strength_of
from privaudit.types import AuditReport, Finding, Metric, Neighbouring, PrivacyClaim, Section, Subject, Verdict

N = 4800
PRIVATE = {"steps": 100, "sample_rate": 0.1}
NOISY = {"name": "dp_sgd", "title": "DP-SGD", "noise_multiplier": 1.2, "recipe": PRIVATE}
SILENT = {"name": "dp_sgd", "id": "silent", "noise_multiplier": 0.0, "recipe": PRIVATE}
CLAIM = PrivacyClaim(epsilon=5.0, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE, accountant="pld")


def attack(name, auc, *, access="score", target=0):
    low, high = auc_interval(auc, N, N, confidence=0.95)
    metrics = (
        Metric(name="auc", value=auc, lower=low, upper=high, confidence=0.95),
        Metric(name="tpr_at_fpr", at=0.01, value=0.02, lower=0.01, upper=0.03, confidence=0.95),
    )
    return Finding(
        id=f"{name}-{target}", method=name, access=access, n_in=N, n_out=N, params={"target": target}, metrics=metrics
    )


def report_of(*attacks, claim=None, accuracy=0.8, outcome=None):
    utility = Finding(id="target-0", method="accuracy", metrics=(Metric(name="accuracy_population", value=accuracy),))
    section = Section(kind="mia", title="m", findings=(*attacks, utility))
    verdicts = () if outcome is None else (Verdict(rule="claim", outcome=outcome, numbers={}, reason=""),)
    subject = Subject(name="s", model_digest="", data_digest="")
    return AuditReport(subject=subject, claim=claim, sections=(section,), verdicts=verdicts)


def compared(defenses, *reports):
    content = {"recipe": {"epochs": 4, "batch_size": 8}, "defenses": list(defenses)}
    arms = arms_of(parse(AuditConfig, content, where="test"))
    measured = [Measured(arm=arm, report=report) for arm, report in zip(arms, reports, strict=True)]
    findings = defense_findings(measured, confidence=0.95)
    return findings, comparison_notes(measured, findings, confidence=0.95)


def the(notes, start):
    found = [note for note in notes if note.startswith(start)]
    assert len(found) == 1, notes
    return found[0]


def test_noise_gets_no_credit_for_what_the_same_recipe_does_without_it():
    _, notes = compared(
        [NOISY, SILENT],
        report_of(attack("lira", 0.65)),
        report_of(attack("lira", 0.52), claim=CLAIM),
        report_of(attack("lira", 0.522)),
    )
    said = the(notes, "Without its noise, the training of “DP-SGD”")
    assert "not shown that the noise lowered" in said
    assert "what is shown to have fallen, fell by the rest of the recipe (clipping, and how it trains)" in said
    assert "an epsilon of at most 5.00" in said


def test_noise_gets_credit_where_the_recipe_leaks_without_it():
    _, notes = compared(
        [NOISY, SILENT],
        report_of(attack("lira", 0.65)),
        report_of(attack("lira", 0.52), claim=CLAIM),
        report_of(attack("lira", 0.62)),
    )
    assert "the noise lowered what these attacks see" in the(notes, "Without its noise, the training of “DP-SGD”")


def test_nothing_is_said_to_have_lowered_a_leak_that_did_not_fall():
    _, notes = compared(
        [NOISY, SILENT], *(report_of(attack("lira", 0.55), claim=claim) for claim in (None, CLAIM, None))
    )
    assert "rest of the recipe" not in the(notes, "Without its noise, the training of “DP-SGD”")


@pytest.mark.parametrize(
    "other", [{**SILENT, "max_grad_norm": 2.0}, {**SILENT, "recipe": {"steps": 50, "sample_rate": 0.1}}]
)
def test_only_a_twin_without_noise_tells_what_the_noise_did(other):
    _, notes = compared([NOISY, other], *(report_of(attack("lira", 0.55)) for _ in range(3)))
    assert "cannot say" in the(notes, "Whether the noise of “DP-SGD”")


def filtered(before, after):
    return compared([{"name": "top_k", "k": 1}], report_of(*before), report_of(*after))[1]


def test_a_filter_that_leaves_label_attacks_alone_only_hides_scores():
    gap = attack("gap", 0.6, access="label")
    notes = filtered([attack("lira", 0.8), gap], [attack("lira", 0.62), gap])
    said = the(notes, "Attacks that see only which class is named tell 60.0 of 100 pairs")
    assert "not shown to help against them: top k (k 1) (60.0; difference before rounding 0.0, " in said
    assert the(notes, "Shown to hide scores, and not shown to do more: top k (k 1);")


def test_a_filter_that_helps_against_nothing_is_told_so():
    gap = attack("gap", 0.6, access="label")
    notes = filtered([attack("lira", 0.8), gap], [attack("lira", 0.8), gap])
    assert the(notes, "Not shown to help against attacks that see scores either: top k (k 1).")


def test_averaged_queries_count_as_an_attack_on_scores():
    """Noise that averages out hides nothing, although the attack that asks once is fooled."""
    gap = attack("gap", 0.6, access="label")
    before = [attack("lira", 0.8), attack("averaged_lira", 0.8), gap]
    notes = filtered(before, [attack("lira", 0.55), attack("averaged_lira", 0.8), gap])
    assert the(notes, "Not shown to help against attacks that see scores either")


def test_a_filter_that_lowers_label_attacks_is_told_so():
    notes = filtered(
        [attack("lira", 0.8), attack("gap", 0.65, access="label")],
        [attack("lira", 0.6), attack("gap", 0.52, access="label")],
    )
    assert "top k (k 1) (52.0; difference before rounding -13.0" in the(
        notes, "Attacks that see only which class is named tell 65.0"
    )
    assert len(notes) == 2


def test_many_defenses_are_told_in_one_sentence():
    decays = [{"name": "weight_decay", "id": f"w{n}", "title": f"decay {n}", "value": 0.1} for n in range(4)]
    _, notes = compared(decays, *(report_of(attack("lira", auc)) for auc in (0.65, 0.52, 0.65, 0.53, 0.75)))
    said = the(notes, "Of 4 defenses")
    assert "2 lower the strongest attack by more than chance (decay 0, decay 2) and 1 raise it (decay 3)" in said
    assert said.endswith("the others are not shown to change it.")
    _, notes = compared(decays, *(report_of(attack("lira", 0.65)) for _ in range(5)))
    assert the(notes, "Of 4 defenses, none")


def test_differences_are_of_one_attack_and_hold_together():
    findings, _ = compared(
        [NOISY, SILENT],
        report_of(attack("lira", 0.65), attack("loss", 0.55)),
        report_of(attack("lira", 0.55), attack("loss", 0.5)),
        report_of(attack("lira", 0.65), attack("new", 0.5)),
    )
    found = {f.id: next((m for m in f.metrics if m.name == "auc_difference"), None) for f in findings}
    assert found["none:lira-0"] is None and found["silent:new-0"] is None
    assert found["dp_sgd:lira-0"].value == pytest.approx(-0.10)
    assert found["dp_sgd:loss-0"].value == pytest.approx(-0.05)
    assert found["dp_sgd:lira-0"].confidence == pytest.approx(1 - 0.05 / 4)
    assert found["silent:lira-0"].lower < 0 < found["silent:lira-0"].upper


def test_arms_say_claim_and_policy():
    findings, _ = compared([NOISY], report_of(attack("lira", 0.75)), report_of(attack("lira", 0.5), claim=CLAIM))
    plain, noisy = (f.params for f in findings if f.method == "defense")
    assert (plain["policy"], plain["claim_epsilon"]) == ("fail", None)
    assert plain["policy_failed"] == ["small advantage over guessing"]
    assert (noisy["claim_epsilon"], noisy["delta"], noisy["neighbouring"]) == (5.0, 1e-5, "add_remove")
    assert noisy["policy"] != "fail"


@pytest.mark.statistical
def test_the_strongest_of_many_null_attacks_is_not_above_guessing():
    """The interval of the strongest of ten attacks leaves out 0.5 in at most 5 % of the comparisons (bound at 1e-6)."""
    from scipy import stats

    rng = np.random.default_rng(5)
    n, runs = 200, 2000
    misses = 0
    for _ in range(runs):
        scores = rng.standard_normal((10, 2, n))
        found = []
        for place, (inside, outside) in enumerate(scores):
            wins = stats.mannwhitneyu(inside, outside).statistic / n**2
            low, high = auc_interval(wins, n, n, confidence=0.95)
            metric = Metric(name="auc", value=wins, lower=low, upper=high)
            found.append(Finding(id=f"a-{place}", method="a", n_in=n, n_out=n, metrics=(metric,)))
        strength = strength_of(found, confidence=0.95)
        misses += strength.lower > 0.5
    assert misses <= stats.binom.ppf(1 - 1e-6, runs, 0.05)


def test_nothing_measured_is_no_strength():
    assert strength_of([], confidence=0.9) is None
    assert strength_of([dataclasses.replace(attack("lira", 0.6), metrics=())], confidence=0.9) is None
    assert change_of("x", [], confidence=0.9) is None


def test_folders_of_arms_lie_in_the_audits_folder():
    assert (
        Path("o/defenses/top_k")
        == arms_of(
            parse(
                AuditConfig,
                {"recipe": {"epochs": 1, "batch_size": 8}, "out": "o", "defenses": [{"name": "top_k", "k": 1}]},
                where="t",
            )
        )[1].folder
    )


def test_noise_with_which_more_leaks_is_told_so():
    _, notes = compared(
        [NOISY, SILENT],
        report_of(attack("lira", 0.65)),
        report_of(attack("lira", 0.60), claim=CLAIM),
        report_of(attack("lira", 0.53)),
    )
    assert any("see more, not less" in note for note in notes)


def test_a_guarantee_that_the_audit_contradicts_is_no_gift_of_the_noise():
    _, notes = compared(
        [NOISY, SILENT],
        report_of(attack("lira", 0.65)),
        report_of(attack("lira", 0.64), claim=CLAIM, outcome="violated"),
        report_of(attack("lira", 0.65)),
    )
    said = " ".join(notes)
    assert "contradicted by its own audit" in said and "What the noise gives" not in said


def test_labels_that_give_nothing_away_tell_nothing_about_a_filter():
    notes = filtered(
        [attack("lira", 0.8), attack("gap", 0.505, access="label")],
        [attack("lira", 0.6), attack("gap", 0.5, access="label")],
    )
    said = " ".join(notes)
    assert "hide scores, and" not in said and "cannot tell which" in said


def test_attacks_that_one_arm_alone_was_spared_do_not_count():
    findings, _ = compared(
        [NOISY],
        report_of(attack("lira", 0.6), attack("noise", 0.8, access="label")),
        report_of(attack("lira", 0.6), claim=CLAIM),
    )
    assert change_of("dp_sgd", findings, confidence=0.95).value == 0.0


def test_sentences_are_for_people_who_know_no_terms():
    jargon = re.compile(r"\b(?:TPR|FPR|AUC|ROC|shadow|estimator|adjacency|logit)", re.IGNORECASE)
    gap = attack("gap", 0.6, access="label")
    plain, other = [attack("lira", 0.8), gap], [attack("lira", 0.62), gap]
    _, notes = compared(
        [NOISY, SILENT, {"name": "top_k", "k": 1}, {"name": "rounding", "decimals": 1}],
        report_of(*plain), report_of(*other, claim=CLAIM), report_of(*other), report_of(*other), report_of(*plain),
    )  # fmt: skip
    assert len(notes) >= 5
    for note in notes:
        assert not jargon.search(note), note


def test_an_audit_of_labels_alone_says_nothing_about_attacks_that_see_scores():
    gap = report_of(attack("gap", 0.6, access="label"))
    _, notes = compared([{"name": "top_k", "k": 1}], gap, gap)
    assert the(notes, "Attacks that see only which class is named")
    assert not [note for note in notes if "scores" in note]


def test_noise_gets_no_credit_for_attacks_that_it_was_spared():
    """Where filters are compared, too, the plain model meets more attacks; it may be the twin without noise."""
    recipe = {**PRIVATE, "dp": {"noise_multiplier": 0.0, "max_grad_norm": 1.0}}
    content = {"recipe": recipe, "defenses": [NOISY, {"name": "top_k", "k": 1}]}
    arms = arms_of(parse(AuditConfig, content, where="test"))
    both = [attack("lira", 0.6), attack("gap", 0.6, access="label")]
    more = report_of(*both, attack("noise", 0.8, access="label"))
    reports = (more, report_of(*both, claim=CLAIM), more)
    measured = [Measured(arm=arm, report=report) for arm, report in zip(arms, reports, strict=True)]
    notes = comparison_notes(measured, defense_findings(measured, confidence=0.95), confidence=0.95)
    said = the(notes, "Without its noise, the training of “DP-SGD” lets attacks tell 60.0")
    assert "not shown that the noise lowered" in said


def test_labels_that_tell_more_through_a_filter_are_told():
    notes = filtered(
        [attack("lira", 0.8), attack("repeated_gap", 0.505, access="label")],
        [attack("lira", 0.6), attack("repeated_gap", 0.65, access="label")],
    )
    assert "With a filter they find more than without: top k (k 1) (65.0; " in " ".join(notes)
