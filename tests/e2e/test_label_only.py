"""Audits of a model that gives labels alone, end to end: what runs, what is refused, what is reported."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from privaudit import run_audit
from privaudit.data import dataset_from_arrays
from privaudit.errors import ConfigError
from privaudit.pipeline.analyse import analyse
from privaudit.scoring.signals import BOUNDARY_DISTANCE, LABEL_SIGNALS, REPEATED_CORRECT
from privaudit.store.tensors import load_arrays

ATTACKS = [{"name": name} for name in ("gap", "augmentation", "noise", "boundary", "dhattack")]


@pytest.fixture(scope="module")
def digits():
    """300 images, 20 % of the labels turned, alike for all models: many can only be learned by heart."""
    pixels, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    turned = rng.random(len(labels)) < 0.2
    labels = np.where(turned, (labels + rng.integers(1, 10, len(labels))) % 10, labels)[:300]
    return dataset_from_arrays((pixels[:300] / 16).reshape(-1, 8, 8).astype(np.float32), labels, name="digits")


def config(out, **changes):
    return {
        "access": "label",
        "model": {"build": "mlp", "params": {"hidden": [64]}},
        "recipe": {"epochs": 40, "batch_size": 32, "optimizer": {"name": "adam", "lr": 0.01}},
        "design": {"n_models": 12},
        "engine": {"kind": "inline"},
        "out": str(out),
        **changes,
    }


@pytest.fixture(scope="module")
def audited(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("label") / "out"
    return out, run_audit(config(out, attacks=ATTACKS), dataset=digits)


def by_method(report):
    return {finding.method: finding for finding in report.findings("mia")}


@pytest.mark.slow
def test_an_audit_by_labels_measures_labels_alone(audited):
    out, report = audited
    assert {path.name for path in (out / "signals").iterdir()} == {"correct", *LABEL_SIGNALS} - {REPEATED_CORRECT}
    assert len(list((out / "signals" / BOUNDARY_DISTANCE).iterdir())) == 1  # the target's
    found = by_method(report)
    assert {finding.access for finding in found.values() if finding.roc} == {"label"}
    assert all(found[attack["name"]].estimates for attack in ATTACKS)
    assert report.provenance["primary"]["attack"] != "boundary"
    accuracy = {metric.name for metric in found["accuracy"].metrics}
    assert "train_test_gap" in accuracy and "tail_tnr" not in accuracy


@pytest.mark.slow
def test_floor_and_expected_rates_stand_side_by_side(audited):
    _, report = audited
    gap = by_method(report)["gap"]
    floor, expected = (
        next(metric for metric in gap.metrics if metric.name == name and metric.at == 0.1)
        for name in ("tpr_at_fpr", "expected_tpr_at_fpr")
    )
    right = {metric.name: metric.value for metric in by_method(report)["accuracy"].metrics}
    assert floor.value == 0.0  # most non-members are labelled rightly, and so one block
    assert expected.value == pytest.approx(0.1 * right["accuracy_in"] / right["accuracy_out"])


@pytest.mark.slow
def test_more_queries_are_a_curve_that_ends_at_the_attack_itself(audited):
    out, report = audited
    for name in ("augmentation", "noise", "boundary", "dhattack"):
        finding = by_method(report)[name]
        curve = [metric for metric in finding.metrics if metric.name == "auc_at_queries"]
        assert len(curve) > 2 and [metric.at for metric in curve] == sorted(metric.at for metric in curve)
        assert curve[-1].value == next(metric.value for metric in finding.metrics if metric.name == "auc")
    page = (out / "report.html").read_text()
    assert "What fewer queries reach" in page and "Scores that come in steps" in page
    assert "What fewer queries reach" in (out / "report.md").read_text()
    assert not any(metric.name == "auc_at_queries" for metric in by_method(report)["gap"].metrics)


@pytest.mark.slow
def test_the_report_is_a_function_of_the_files(audited):
    out, report = audited
    assert analyse(out) == report or json.loads((out / "report.json").read_text())["audit_digest"]


@pytest.mark.slow
def test_without_names_the_label_only_attacks_are_run_and_the_same_seed_gives_the_same_bytes(digits, tmp_path):
    reports = [
        run_audit(config(tmp_path / name, design={"n_models": 8}, report={"formats": ["json"]}), dataset=digits)
        for name in ("a", "b")
    ]
    assert {finding.method for finding in reports[0].findings("mia")} == {
        "gap",
        "augmentation",
        "noise",
        "dhattack",
        "accuracy",
    }
    first, second = ((tmp_path / name / "report.json").read_bytes() for name in ("a", "b"))
    assert first == second
    for signal in LABEL_SIGNALS[:3]:
        one, other = (load_arrays(tmp_path / name / "signals" / signal / "00003.safetensors") for name in ("a", "b"))
        assert np.array_equal(one["values"], other["values"])


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"attacks": ["gap", "lira"]}, "attacks.lira", "access: label runs attacks that see hard labels alone; lira"),
        ({"attacks": ["gap"], "primary": {"attack": "noise"}}, None, "primary.attack must be auto or one of gap"),
    ],
)
def test_attacks_on_scores_are_refused_before_anything_is_trained(digits, tmp_path, changes, key, words):
    with pytest.raises(ConfigError, match=words) as caught:
        run_audit(config(tmp_path / "out", **changes), dataset=digits)
    assert key is None or caught.value.key == key
    assert not (tmp_path / "out").exists()
