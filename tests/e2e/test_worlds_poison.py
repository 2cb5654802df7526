"""Distribution audits whose adversary adds records: what is trained, what is told, and how it is labelled."""

import numpy as np
import pytest

from privaudit import run_audit
from privaudit.config import parse
from privaudit.data.adult import load_adult
from privaudit.errors import ConfigError
from privaudit.gate import GatePolicy, judge
from privaudit.pipeline.distribution.poisoned import rounded_text
from privaudit.report.markdown import render_markdown
from privaudit.store.folder import AuditFolder
from privaudit.store.world_file import read_worlds
from tests.e2e.test_distribution import content, metric, told

POISONED = {"poison": {"share": 0.05}}  # the frequent class, as the rare one
SNAP = {**POISONED, "attacks": [{"name": "kl"}, {"name": "snap"}], "n_shadows": 4}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    out = tmp_path_factory.mktemp("poison") / "out"
    return out, run_audit(content(out, SNAP))


@pytest.mark.slow
def test_every_model_trains_on_the_same_added_records_with_the_planted_class(audited):
    out, _ = audited
    stored = read_worlds(AuditFolder(out).worlds)
    design = stored.design
    n_added = round(400 * 0.05 / 0.95)
    assert set(design.sizes().tolist()) == {400 + n_added}
    added = design.members[0][-n_added:]
    data = load_adult()
    assert (data.class_names[design.poison.true_class], data.class_names[design.poison.planted_class]) == (
        "<=50K",
        ">50K",
    )
    for members, classes in zip(design.members, design.member_labels, strict=True):
        assert np.array_equal(members[-n_added:], added) and (classes[-n_added:] == design.poison.planted_class).all()
        assert np.array_equal(classes[:-n_added], stored.labels[members[:-n_added]])
    assert (stored.labels[added] == design.poison.true_class).all() and stored.has_property[added].all()


@pytest.mark.parametrize(
    ("share", "n_records", "words"),
    [(0.01, 60, "1 of 61 (1.64 %)"), (0.02, 500, ""), (0.02, 1000, ""), (0.014, 100, "1 of 101 (0.99 %)")],
)
def test_a_share_that_rounding_changes_is_said(share, n_records, words):
    assert (words in rounded_text(share, n_records)) if words else rounded_text(share, n_records) == ""


@pytest.mark.slow
def test_findings_are_of_the_poisoned_game_and_say_so(audited):
    _, report = audited
    found = told(report)
    assert list(found) == ["kl-1", "snap-1", "kl-control", "snap-control"]
    assert {finding.game for finding in found.values()} == {"poisoned_distribution"}
    assert not any({"game", "name", "access"} & set(finding.params) for finding in found.values())  # one game alone
    title = "Distribution inference with records added by the attacker: sex = Female"
    assert report.sections[0].title == title
    assert found["snap-1"].params["poison"] == {"share": 0.05, "true_class": 0, "planted_class": 1}
    assert metric(found["snap-1"], "accuracy").value >= 0.7  # 10 % against 50 %, 5 % poison
    text = render_markdown(report)
    assert "an adversary added as >50K" in text.replace("\\", "").replace("&gt;", ">")
    assert "attacked while they were trained" in text


@pytest.mark.slow
def test_a_gate_does_not_take_poisoned_models_for_the_ones_to_be_released(audited):
    _, report = audited
    policy = parse(
        GatePolicy,
        {"schema_version": 1, "rules": [{"id": "population", "metric": "distribution_accuracy", "max": 0.6}]},
        where="policy",
    )
    (verdict,) = judge(report, policy).verdicts
    assert verdict.outcome == "inconclusive" and "attacker's records" in verdict.reason


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        ({"attacks": [{"name": "snap"}]}, "Give distribution.poison"),
        ({"poison": {"share": 0.02, "true_class": "50K"}}, "has no class '50K'"),
        ({"poison": {"share": 0.0}}, "greater than 0"),
        ({"poison": {"share": 0.02, "true_class": ">50K", "planted_class": ">50K"}}, "another class"),
    ],
)
def test_impossible_poison_is_refused_before_any_training(tmp_path, distribution, words):
    with pytest.raises(ConfigError, match=words) as caught:
        run_audit(content(tmp_path / "out", distribution))
    assert "\n" not in str(caught.value) and not (tmp_path / "out" / "models").exists()
