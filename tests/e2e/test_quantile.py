"""An attack that looks at features: stored for it alone, named where missing, never in a report."""

import json

import numpy as np
import pytest

from privaudit import run_audit
from privaudit.cli.main import exit_code
from privaudit.data import dataset_from_arrays
from privaudit.errors import UnsupportedError
from privaudit.store.tensors import save_arrays

pytestmark = pytest.mark.slow
PLANTED, SHOWN = 0.3183098862, "0.3183"  # cut short or rounded, in either precision


def audit(out, attacks, population=0.2):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((300, 5)).astype(np.float32)
    features[:, 0] = np.where(rng.random(300) < 0.5, PLANTED, features[:, 0])
    labels = (features[:, 1] + rng.standard_normal(300) > 0).astype(int)
    config = {
        "recipe": {"epochs": 30, "batch_size": 32, "optimizer": {"name": "adam", "lr": 0.01}},
        "design": {"n_models": 4, "population": population},
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
    leaks = (str(PLANTED), str(np.float32(PLANTED)), f"{PLANTED:.4f}", f"{PLANTED:.6g}", json.dumps([PLANTED]))
    assert all(SHOWN in leak for leak in leaks)
    for name in ("report.json", "report.html", "report.md", "manifest.json", "timings.json"):
        assert SHOWN not in (asked / name).read_text()
    before = (asked / "report.json").read_bytes()
    assert exit_code(["attack", str(asked)]) == 0
    assert (asked / "report.json").read_bytes() == before
    save_arrays(asked / "features.safetensors", {"features": np.zeros((299, 5), dtype=np.float32)})
    capfd.readouterr()
    assert exit_code(["attack", str(asked)]) == 4
    assert "must hold the features of 300 records" in capfd.readouterr().err
    (asked / "features.safetensors").unlink()
    capfd.readouterr()
    assert exit_code(["attack", str(asked)]) == 4
    shown = capfd.readouterr().err.strip()
    assert "features.safetensors is missing" in shown and "privaudit run" in shown and "\n" not in shown
    assert json.loads(before)["provenance"]["primary"]["attack"] == "loss"


def test_too_few_population_records_are_refused_before_training(tmp_path):
    with pytest.raises(UnsupportedError, match=r"attack quantile needs 40 population records.*holds 30 out"):
        audit(tmp_path / "few", ["loss", "quantile"], population=0.1)
    assert not (tmp_path / "few").exists()
