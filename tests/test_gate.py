import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from privaudit.errors import ClaimError, ConfigError, StoreVersionError
from privaudit.estimators import Bonferroni, audit_scores
from privaudit.gate import judge, load_policy, policy_from_dict
from privaudit.gate.bounds import at_confidence, shared_confidence
from privaudit.types import Metric, Neighbouring, Validity

CLAIM = {"id": "claim", "metric": "claim"}
# Of 640 guesses: chance, far above epsilon 2, and all right (a bound of about 4.9 at 99 %).
CHANCE, MANY, ALL = 322, 630, 640


@pytest.fixture(scope="module")
def sample():
    path = Path(__file__).parent / "report" / "sample_report.py"
    spec = importlib.util.spec_from_file_location("sample_report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gate(report, *rules, **keys):
    return judge(report, policy_from_dict({"rules": list(rules), **keys}))


def only(report, rule, **keys):
    result = gate(report, rule, **keys)
    assert result.verdicts[0].rule == rule["id"]
    return result.verdicts[0]


def limit(metric, largest, **keys):
    return {"id": f"limit on {metric}", "metric": metric, "max": largest, **keys}


# The claim


@pytest.mark.parametrize(
    ("change", "outcome", "says"),
    [
        ({"epsilon": 2.0, "n_correct": MANY}, "fail", "is above the claim of 2"),
        ({"epsilon": 2.0, "n_correct": CHANCE}, "pass", "does not contradict"),
        ({"epsilon": 20.0, "n_correct": CHANCE}, "inconclusive", "does not pass the claim of 20"),
        ({"epsilon": 2.0, "n_correct": CHANCE, "control_correct": CHANCE}, "inconclusive", "it shows epsilon >= 0"),
        ({"epsilon": 2.0, "n_correct": CHANCE, "control_lower": None}, "inconclusive", "no control"),
        ({"epsilon": 2.0, "n_correct": MANY, "control_lower": None}, "fail", "is above the claim"),
        ({"with_claim": False}, "inconclusive", "no claim"),
    ],
)
def test_claim(sample, change, outcome, says):
    verdict = only(sample.sample_report(**change), CLAIM)
    assert verdict.outcome == outcome
    assert says in verdict.reason


def test_claim_is_judged_at_the_policys_confidence_not_the_audits(sample):
    """The bound falls as the confidence grows; a claim between the two is violated at the lower one only."""
    estimate = sample.one_run_estimate(n_correct=560)
    low, high = at_confidence(estimate, 0.6).lower, at_confidence(estimate, 0.999).lower
    assert high < low
    report = sample.sample_report(epsilon=(low + high) / 2, n_correct=560, outcome="violated", lower=9.0)
    assert only(report, CLAIM, confidence=0.6).outcome == "fail"
    assert only(report, CLAIM, confidence=0.999).outcome == "pass"


def test_claim_shares_the_error_rate_over_the_targets(sample):
    one = only(sample.sample_report(epsilon=2.0, n_correct=MANY), CLAIM).numbers
    many = only(sample.sample_report(epsilon=2.0, n_correct=MANY, targets=range(32)), CLAIM).numbers
    assert (one["n_looked_at"], many["n_looked_at"]) == (1, 32)
    assert many["lower"] < one["lower"]
    assert many["lower"] == at_confidence(sample.one_run_estimate(n_correct=MANY), shared_confidence(0.99, 32)).lower


def test_claim_uses_the_primary_attack_only(sample):
    report = sample.sample_report(epsilon=2.0, n_correct=CHANCE, attacks=("lira",))
    loud = sample.attack_finding("rmia", 0, estimate=sample.one_run_estimate(n_correct=ALL))
    section = dataclasses.replace(report.sections[0], findings=(*report.sections[0].findings, loud))
    report = dataclasses.replace(report, sections=(section, *report.sections[1:]))
    assert only(report, CLAIM).outcome == "pass"
    assert only(report, limit("epsilon_lower", 2.0)).outcome == "fail"


@pytest.mark.parametrize("relation", [Neighbouring.REPLACE_ONE, None])
def test_claim_of_another_relation_is_not_compared(sample, relation):
    report = sample.sample_report(attacks=("lira",))
    finding = sample.attack_finding("lira", 0, estimate=sample.one_run_estimate(neighbouring=relation))
    section = dataclasses.replace(report.sections[0], findings=(finding,))
    with pytest.raises(ClaimError, match="cannot be compared"):
        gate(dataclasses.replace(report, sections=(section,)), CLAIM)


def test_claim_without_a_primary_is_inconclusive(sample):
    report = dataclasses.replace(sample.sample_report(), provenance={})
    verdict = only(report, CLAIM)
    assert verdict.outcome == "inconclusive"
    assert "no such lower bound" in verdict.reason


def test_the_best_of_several_shares_keeps_its_correction():
    """A bound that looked at four shares of guesses is not recomputed as if it had looked at one."""
    rng = np.random.default_rng(3)
    scores_in, scores_out = rng.normal(1, 1, 500), rng.normal(0, 1, 500)
    best = audit_scores(scores_in, scores_out, threshold=Bonferroni((0.1, 0.2, 0.3, 0.4)), delta=1e-5)
    assert at_confidence(best, 0.95).lower == best.lower
    one = dataclasses.replace(best, diagnostics={**best.diagnostics, "n_candidates": 1.0})
    assert at_confidence(best, 0.99).lower < at_confidence(one, 0.99).lower
    assert at_confidence(best, 0.99).confidence == 0.99


def test_recomputing_twice_is_recomputing_once():
    rng = np.random.default_rng(3)
    best = audit_scores(rng.normal(1, 1, 200), rng.normal(0, 1, 200), threshold=Bonferroni((0.1, 0.3, 1.0)), delta=1e-3)
    once = at_confidence(best, 0.9)
    assert at_confidence(once, 0.95) == best and at_confidence(once, 0.9) == once
    assert (once.assumptions, once.n_in, once.validity) == (best.assumptions, best.n_in, best.validity)


@pytest.mark.parametrize("validity", [v for v in Validity if v is not Validity.VALID])
@pytest.mark.parametrize("n_correct", [CHANCE, ALL])
def test_only_valid_bounds_judge_a_claim(sample, validity, n_correct):
    """An exploratory or in-family number neither supports nor refutes, however large it is."""
    report = sample.sample_report(epsilon=2.0, n_correct=n_correct, attacks=("lira",))
    loose = dataclasses.replace(sample.one_run_estimate(n_correct=n_correct), validity=validity)
    section = dataclasses.replace(report.sections[0], findings=(sample.attack_finding("lira", 0, estimate=loose),))
    verdict = only(dataclasses.replace(report, sections=(section, *report.sections[1:])), CLAIM)
    assert verdict.outcome == "inconclusive" and str(validity) in verdict.reason


def test_a_bound_without_counts_needs_the_policys_confidence(sample):
    strong = dataclasses.replace(sample.one_run_estimate(lower=1.0, confidence=0.999), diagnostics={})
    assert at_confidence(strong, 0.99) is strong
    assert at_confidence(strong, 0.9999) is None
    report = sample.sample_report(attacks=("lira",))
    weak = dataclasses.replace(strong, confidence=0.95)
    section = dataclasses.replace(report.sections[0], findings=(sample.attack_finding("lira", 0, estimate=weak),))
    verdict = only(dataclasses.replace(report, sections=(section,)), CLAIM)
    assert verdict.outcome == "inconclusive"
    assert "lower confidence than 0.99" in verdict.reason


# Limits


@pytest.mark.parametrize(
    ("change", "largest", "outcome"),
    [
        ({"n_correct": MANY}, 1.0, "fail"),
        ({"n_correct": CHANCE, "with_claim": False}, 100.0, "inconclusive"),
        ({"n_correct": CHANCE, "epsilon": 20.0}, 100.0, "inconclusive"),
        ({"n_correct": CHANCE, "epsilon": 2.0}, 2.0, "pass"),
        ({"n_correct": CHANCE, "epsilon": 2.0}, 1.9, "inconclusive"),
        ({"attacks": ()}, 1.0, "inconclusive"),
    ],
)
def test_epsilon_lower(sample, change, largest, outcome):
    assert only(sample.sample_report(**change), limit("epsilon_lower", largest)).outcome == outcome


def test_epsilon_lower_counts_every_attack_and_target(sample):
    report = sample.sample_report(n_correct=MANY, targets=(0, 1))
    assert only(report, limit("epsilon_lower", 1.0)).numbers["n_looked_at"] == 6


@pytest.mark.parametrize(
    ("change", "largest", "outcome"),
    [
        ({}, 5.076, "pass"),
        ({}, 5.0, "fail"),
        ({"epsilon": float("inf")}, 5.0, "fail"),
        ({"with_claim": False}, 9.0, "inconclusive"),
    ],
)
def test_claim_epsilon(sample, change, largest, outcome):
    assert only(sample.sample_report(**change), limit("claim_epsilon", largest)).outcome == outcome


@pytest.mark.parametrize(("largest", "outcome"), [(0.50, "fail"), (0.60, "inconclusive"), (0.75, "pass")])
def test_auc(sample, largest, outcome):
    """A separation of 0.35 is an AUC of about 0.6."""
    report = sample.sample_report(attacks=())
    finding = sample.attack_finding("lira", 0, separation=0.35)
    section = dataclasses.replace(report.sections[0], findings=(finding,))
    verdict = only(dataclasses.replace(report, sections=(section,)), limit("auc", largest))
    assert verdict.outcome == outcome
    assert "descriptive" in verdict.reason
    assert "lira-0" in verdict.reason


@pytest.mark.parametrize(("largest", "outcome"), [(0.05, "fail"), (0.12, "inconclusive"), (0.2, "pass")])
def test_tpr_at_fpr(sample, largest, outcome):
    report = sample.sample_report()
    assert only(report, limit("tpr_at_fpr", largest, at=0.1)).outcome == outcome


def test_more_targets_make_wider_intervals(sample):
    one = only(sample.sample_report(), limit("auc", 0.9)).numbers
    many = only(sample.sample_report(targets=range(32)), limit("auc", 0.9)).numbers
    assert (one["n_looked_at"], many["n_looked_at"]) == (3, 96)
    assert many["upper"] > one["upper"]


@pytest.mark.parametrize(
    ("at", "says"),
    [(0.0001, "1596 non-members of loss-0 cannot measure"), (0.02, "was not measured at 0.02, only at 0.001, 0.01")],
)
def test_rates_that_were_not_measured_are_inconclusive(sample, at, says):
    verdict = only(sample.sample_report(), limit("tpr_at_fpr", 0.5, at=at))
    assert verdict.outcome == "inconclusive"
    assert says in verdict.reason


def test_a_value_that_is_not_measurable_is_inconclusive(sample):
    report = sample.sample_report()
    finding = dataclasses.replace(report.sections[0].findings[0], metrics=(Metric(name="auc", value=None),))
    section = dataclasses.replace(report.sections[0], findings=(finding,))
    verdict = only(dataclasses.replace(report, sections=(section,)), limit("auc", 1.0))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "Not measured: auc of loss-0 is not measurable.")
    empty = dataclasses.replace(report, sections=())
    assert only(empty, limit("auc", 1.0)).reason == "Not measured: the report holds no auc."


# Requirements and the whole


@pytest.mark.parametrize(("least", "outcome"), [(4.0, "pass"), (8.0, "inconclusive")])
def test_require_ceiling(sample, least, outcome):
    result = gate(sample.sample_report(epsilon=2.0), CLAIM, require={"ceiling": least})
    assert (result.verdicts[1].rule, result.verdicts[1].outcome) == ("require.ceiling", outcome)
    assert result.outcome == outcome


def test_require_ceiling_without_a_bound(sample):
    report = sample.sample_report(attacks=())
    verdict = gate(report, limit("claim_epsilon", 9.0), require={"ceiling": 1.0}).verdicts[1]
    assert verdict.outcome == "inconclusive"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, "pass"),
        ({"control_correct": CHANCE}, "inconclusive"),
        ({"control_lower": None}, "inconclusive"),
        ({"with_claim": False}, "inconclusive"),
    ],
)
def test_require_control(sample, change, outcome):
    report = sample.sample_report(**{"epsilon": 2.0, **change})
    result = gate(report, limit("auc", 1.0), require={"control": True})
    assert result.verdicts[1].outcome == outcome
    assert result.outcome == outcome


def test_a_control_of_another_attack_does_not_count(sample):
    report = sample.sample_report(epsilon=2.0)
    controls = tuple(dataclasses.replace(control, attack="rmia") for control in report.controls)
    result = gate(dataclasses.replace(report, controls=controls), CLAIM, require={"control": True})
    assert result.outcome == "inconclusive"


def test_require_model_digest(sample):
    report = sample.sample_report(epsilon=2.0)
    assert gate(report, CLAIM, require={"model_digest": sample.DIGEST}).outcome == "pass"
    with pytest.raises(StoreVersionError, match=r"require\.model_digest"):
        gate(report, CLAIM, require={"model_digest": "00" * 32})


def test_outcomes_combine(sample):
    good, bad, open_ = limit("auc", 0.99), {**limit("auc", 0.1), "id": "bad"}, {**limit("auc", 0.53), "id": "open"}
    report = sample.sample_report()
    assert gate(report, good).outcome == "pass"
    assert gate(report, good).reason == "All 1 checks passed."
    assert gate(report, good, open_).outcome == "inconclusive"
    failed = gate(report, good, open_, bad, allow_inconclusive=True)
    assert (failed.outcome, failed.reason) == ("fail", "1 of 3 checks failed: bad.")
    allowed = gate(report, good, open_, allow_inconclusive=True)
    assert allowed.outcome == "pass"
    assert allowed.reason == "1 of 2 checks inconclusive: open. Let pass: allow_inconclusive is set."
    assert [verdict.outcome for verdict in allowed.verdicts] == ["pass", "inconclusive"]


# The policy


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"rules": [{"id": "a", "metrc": "auc"}]}, r"rules\.0\.metrc: unknown key\. Did you mean metric"),
        ({"rules": [CLAIM], "requre": {}}, r"requre: unknown key\. Did you mean require"),
        ({"rules": [CLAIM], "require": {"celing": 1}}, r"require\.celing: unknown key\. Did you mean ceiling"),
        ({"rules": []}, "rules"),
        ({}, "rules: missing"),
        ({"rules": [{"id": "a", "metric": "acu", "max": 1}]}, r"rules\.0\.metric"),
        ({"rules": [{"id": "", "metric": "claim"}]}, r"rules\.0\.id"),
        ({"rules": [limit("auc", 1.2)]}, r"max of auc must lie in \[0, 1\]; got 1\.2"),
        ({"rules": [limit("tpr_at_fpr", -0.1, at=0.1)]}, r"must lie in \[0, 1\]"),
        ({"rules": [limit("epsilon_lower", -1)]}, "must be at least 0; got -1"),
        ({"rules": [limit("claim_epsilon", float("inf"))]}, r"rules\.0\.max"),
        ({"rules": [limit("claim_epsilon", float("nan"))]}, r"rules\.0\.max"),
        ({"rules": [limit("auc", True)]}, "a number is needed"),
        ({"rules": [{"id": "a", "metric": "auc"}]}, "max is missing"),
        ({"rules": [{"id": "a", "metric": "claim", "max": 1}]}, "takes no max"),
        ({"rules": [limit("auc", 0.5, at=0.1)]}, "takes no at"),
        ({"rules": [limit("tpr_at_fpr", 0.5)]}, "at is missing"),
        ({"rules": [limit("tpr_at_fpr", 0.5, at=0)]}, r"at must lie in \(0, 1\)"),
        ({"rules": [{**CLAIM, "group": "sex=Female"}]}, "metric claim takes no group"),
        ({"rules": [CLAIM, CLAIM]}, "more than once: claim"),
        ({"rules": [CLAIM], "confidence": 1.0}, "confidence"),
        ({"rules": [CLAIM], "schema_version": 2}, "schema_version"),
        ({"rules": [CLAIM], "require": {"ceiling": -1}}, r"require\.ceiling"),
        (
            {"rules": [CLAIM], "require": {"max_age_days": -1}},
            r"require\.max_age_days.*greater than or equal to 0; got -1",
        ),
        ({"rules": [CLAIM], "require": {"max_age_days": "soon"}}, r"require\.max_age_days"),
        ({"rules": [CLAIM], "require": {"max_age_days": True}}, r"require\.max_age_days"),
        ({"rules": [limit("advantage", 1.2)]}, r"max of advantage must lie in \[0, 1\]"),
        ({"rules": [limit("n_leaked", -1)]}, "max of n_leaked must be at least 0"),
    ],
)
def test_wrong_policies_name_the_key(content, says):
    with pytest.raises(ConfigError, match=says):
        policy_from_dict(content)


def test_groups_are_limited_by_their_auc_only(sample):
    """With one line that says why, whatever the report holds."""
    with pytest.raises(ConfigError, match=r"groups can be limited by auc only: .*error of the threshold") as refused:
        gate(sample.sample_report(), limit("tpr_at_fpr", 0.5, at=0.01, group="sex=Female"))
    assert "\n" not in str(refused.value)
    assert "no group sex=Female" in only(sample.sample_report(), limit("auc", 0.5, group="sex=Female")).reason


def test_keys_may_be_left_empty():
    content = {"rules": [{**CLAIM, "group": None}], "waivers": [], "baseline": None, "require": {"max_age_days": None}}
    assert policy_from_dict(content).confidence == 0.99


def test_load_policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        "schema_version: 1\nconfidence: 0.95\nrules:\n  - {id: claim, metric: claim}\n"
        "  - {id: low, metric: tpr_at_fpr, at: 1e-3, max: 0.05}\nrequire: {ceiling: 4, control: true}\n"
    )
    policy = load_policy(path)
    assert policy.rules[1].at == 0.001
    assert policy.require.control
    path.write_text("rules: [{id: a, metrc: claim}]")
    with pytest.raises(ConfigError, match=r"policy\.yaml: rules\.0\.metrc: unknown key\. Did you mean metric"):
        load_policy(path)
    with pytest.raises(ConfigError, match="no such file"):
        load_policy(tmp_path / "none.yaml")


def test_a_claimed_epsilon_that_the_report_refutes_does_not_pass(sample):
    report = sample.sample_report(epsilon=1.0, lower=4.5, n_correct=640, outcome="violated")
    verdict = only(report, limit("claim_epsilon", 3.0))
    assert verdict.outcome == "fail"
    assert "contradicts the claim" in verdict.reason


def test_the_control_is_judged_at_the_level_of_each_target(sample):
    """One target's bound at 99 % and one of 32 targets' are not the same: the control shares the level."""
    few, many = (sample.sample_report(targets=tuple(range(n)), control_correct=600) for n in (1, 32))
    lower = [only(report, {"id": "c", "metric": "claim"}).numbers["control_lower"] for report in (few, many)]
    assert lower[1] < lower[0]
