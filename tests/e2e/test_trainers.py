"""Both trainers give the same audit; where the batched one cannot serve, the command and the report say so."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from privaudit import run_audit
from privaudit.data.dataset import dataset_from_arrays

pytestmark = pytest.mark.slow

DATA = Path(os.environ.get("PRIVAUDIT_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

NORM = """
from torch import nn

def build(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, n_classes))
"""


def lira_aucs(report):
    found = [finding for finding in report.findings("mia") if finding.id.startswith("lira")]
    return np.array([metric.value for finding in found for metric in finding.metrics if metric.name == "auc"])


def location30():
    path = DATA / "location30.npz"
    if not path.exists():
        pytest.skip("location30.npz is not bundled (too large); it is read from PRIVAUDIT_DATA or ../shared/data")
    stored = np.load(path)
    bits = np.unpackbits(stored["bits"], axis=1)[:, : int(stored["n_features"])]
    return dataset_from_arrays(bits.astype(np.float32), stored["y"] - stored["y"].min(), name="location30")


def test_lira_finds_the_same_in_16_models_of_either_trainer(tmp_path):
    """The AUCs of 16 targets and their means agree within .01; they differ by rounding alone, so this cannot fail by chance."""
    aucs = {}
    for trainer in ("loop", "ensemble"):
        config = {
            "recipe": {"epochs": 10, "batch_size": 64, "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}},
            "model": {"build": "mlp", "params": {"hidden": [64]}},
            "design": {"n_models": 16, "targets": "all"},
            "attacks": ["lira"],
            "engine": {"trainer": trainer, "kind": "inline"},
            "report": {"formats": ["json"]},
            "out": str(tmp_path / trainer),
        }
        report = run_audit(config, dataset=location30())
        assert report.provenance["models"]["trainer"] == trainer
        aucs[trainer] = lira_aucs(report)
    assert len(aucs["loop"]) == 16 and aucs["loop"].mean() > 0.75  # there is something to find
    assert abs(aucs["loop"].mean() - aucs["ensemble"].mean()) < 0.01
    assert np.abs(aucs["loop"] - aucs["ensemble"]).max() < 0.01


def test_what_cannot_be_batched_is_trained_one_at_a_time_and_the_user_told(command):
    (command.folder / "norm.py").write_text(NORM)
    config = command.config(
        model={"build": "norm.py:build", "params": {}},
        recipe={"epochs": 2, "batch_size": 32, "optimizer": {"name": "sgd", "lr": 0.1}},
    )
    result = command.inside("run", config, "--out", "out", "--engine", "inline")
    why = (
        "one at a time, since they cannot be trained side by side: BatchNorm1d (1) has weights that cannot be stacked."
    )
    assert f"training: {why}" in result.stderr
    report = json.loads((command.folder / "out" / "report.json").read_text())
    assert report["provenance"]["models"]["trainer"] == "loop"
    assert any(why in note for section in report["sections"] for note in section["notes"])


@pytest.mark.parametrize(
    ("engine", "named"),
    [
        ({"trainer": "loop"}, 'recipe.trainer: "ensemble" -> "loop"'),
        ({"memory_gb": 0.005}, "recipe.group_size: 16 -> "),
        ({"precision": "bfloat16"}, 'recipe.precision: "float32" -> "bfloat16"'),
    ],
    ids=["trainer", "memory", "precision"],
)
def test_models_of_another_trainer_are_not_mixed_in(command, small, engine, named):
    shutil.copytree(small, command.folder / "out")
    result = command.inside("run", command.config(engine=engine), "--out", "out", "--engine", "inline", code=4)
    assert named in result.stderr and "choose another --out" in result.stderr


def test_more_memory_for_the_same_groups_trains_nothing_again(command, small):
    shutil.copytree(small, command.folder / "out")
    same_groups = command.config(engine={"memory_gb": 3.0})
    result = command.inside("run", same_groups, "--out", "out", "--engine", "inline")
    assert "all on disk already" in result.stderr


def test_the_ensemble_on_demand_is_refused_with_the_reason(command):
    (command.folder / "norm.py").write_text(NORM)
    config = command.config(
        model={"build": "norm.py:build", "params": {}},
        recipe={"epochs": 2, "batch_size": 32, "optimizer": {"name": "sgd", "lr": 0.1}},
        engine={"trainer": "ensemble"},
    )
    result = command.inside("run", config, "--out", "out", code=4)
    assert "engine.trainer: ensemble" in result.stderr and "BatchNorm1d" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
