"""An attack that looks at features: stored for it alone, named where missing, never in a report."""

import json

import numpy as np
import pytest

from privaudit import run_audit
from privaudit.cli.main import exit_code
from privaudit.data import dataset_from_arrays

pytestmark = pytest.mark.slow
PLANTED = 0.7310585786


def audit(out, attacks):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((300, 5)).astype(np.float32)
    features[:, 0] = np.where(rng.random(300) < 0.5, PLANTED, features[:, 0])
    labels = (features[:, 1] + rng.standard_normal(300) > 0).astype(int)
    config = {
        "recipe": {"epochs": 30, "batch_size": 32, "optimizer": {"name": "adam", "lr": 0.01}},
        "design": {"n_models": 4},
        "attacks": attacks,
        "primary": {"attack": "loss", "estimator": "one_run"},
        "engine": {"kind": "inline"},
        "out": str(out),
    }
    return run_audit(config, dataset=dataset_from_arrays(features, labels, name="planted"))


def test_features_are_stored_only_where_an_attack_asks_and_never_reported(tmp_path, capfd):
    plain, asked = tmp_path / "plain", tmp_path / "asked"
    audit(plain, ["loss"])
    assert not (plain / "features.safetensors").exists()
    report = audit(asked, ["loss", "quantile"])
    assert {finding.method for finding in report.findings("mia")} >= {"loss", "quantile"}
    assert (asked / "features.safetensors").exists()
    for name in ("report.json", "report.html", "report.md"):
        assert f"{PLANTED:.4f}" not in (asked / name).read_text()
    before = (asked / "report.json").read_bytes()
    assert exit_code(["attack", str(asked)]) == 0
    assert (asked / "report.json").read_bytes() == before
    (asked / "features.safetensors").unlink()
    capfd.readouterr()
    assert exit_code(["attack", str(asked)]) == 4
    shown = capfd.readouterr().err.strip()
    assert "features.safetensors is missing" in shown and "privaudit run" in shown and "\n" not in shown
    assert json.loads(before)["provenance"]["primary"]["attack"] == "loss"
