"""What `privaudit init` writes runs as it is, and after a person's changes."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_init_then_run(command):
    command.inside("init", "mine")
    text = (command.folder / "mine" / "audit.yaml").read_text()
    assert text.count("#") > 15  # commented
    (command.folder / "mine" / "audit.yaml").write_text(
        text.replace("n_models: 16", "n_models: 8").replace("epochs: 20", "epochs: 5")
    )
    command.inside("run", "mine/audit.yaml", "--out", "mine/out", "--engine", "inline", "--quiet")
    report = json.loads((command.folder / "mine" / "out" / "report.json").read_text())
    assert report["subject"]["name"].startswith("build_model on")
    assert report["claim"]["epsilon"] > 0
    assert report["provenance"]["coins"]["n_records"] == 569


def test_changed_code_never_reuses_old_models(command):
    command.inside("init", "mine")
    target = command.folder / "mine" / "target.py"
    config = command.folder / "mine" / "audit.yaml"
    config.write_text(
        config.read_text()
        .replace("n_models: 16", "n_models: 8")
        .replace("epochs: 20", "epochs: 1")
        .replace("8}  ", "4}  ")
    )
    command.inside("run", "mine/audit.yaml", "--out", "out", "--engine", "inline", "--quiet")
    target.write_text(target.read_text().replace("64", "65"))
    result = command.inside("run", "mine/audit.yaml", "--out", "out", "--engine", "inline", "--quiet", code=4)
    assert "recipe.model.code.build" in result.stderr


def test_one_output_model_own_training_and_csv(command):
    (command.folder / "net.py").write_text(
        """
import torch
from torch import nn

def build_model(n_features, n_classes, width=8):
    return nn.Sequential(nn.Linear(n_features, width), nn.Tanh(), nn.Linear(width, 1), nn.Flatten(0))

def train(model, features, labels, *, recipe, seed):
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.optimizer.lr)
    for _ in range(recipe.epochs):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(model(features), labels.float()).backward()
        optimizer.step()
    return model
"""
    )
    rows = "\n".join(f"p{n},{n % 7},{n * n % 11},{'ab'[n % 2]},{'yes' if n % 3 else 'no'}" for n in range(120))
    (command.folder / "records.csv").write_text("patient,age,weight,ward,ill\n" + rows + "\n")
    config = command.config(
        data={"source": "records.csv", "label": "ill", "id": "patient", "groups": ["ward"]},
        model={"build": "net.py:build_model", "params": {"width": 4}, "train": "net.py:train"},
        recipe={"epochs": 20, "batch_size": 8, "optimizer": {"name": "adam", "lr": 0.01}},
    )
    command.inside("run", config, "--out", "out", "--engine", "inline", "--quiet")
    report = json.loads((command.folder / "out" / "report.json").read_text())
    assert report["claim"] is None and report["verdicts"] == [] and report["controls"] == []
    (attacked,) = [section["findings"] for section in report["sections"] if section["kind"] == "mia"]
    assert len([f for f in attacked if f["method"] in ("loss", "lira", "rmia")]) == 3
    for name in ("report.json", "report.html", "report.md"):
        assert "p17" not in (command.folder / "out" / name).read_text()  # no record's id
