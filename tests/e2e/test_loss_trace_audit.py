"""An audit that records losses in training: what it finds, what it leaves as it was, and what it refuses beforehand."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from privaudit import run_audit
from privaudit.attacks.loss_trace import OWNERS_NOTE, precision_at
from privaudit.data import dataset_from_arrays
from privaudit.errors import ConfigError, StoreError, UnsupportedError
from privaudit.pipeline.analyse import analyse
from privaudit.pipeline.stored import read_inputs
from privaudit.registry import create_attack, create_collectors
from privaudit.store.design_file import read_design
from privaudit.store.folder import AuditFolder

TRACE = "negative_loss_trace"
BOTH = [{"name": "loss"}, {"name": "lt_iqr"}]
TRAIN_FILE = "def train(model, features, labels, *, recipe, seed):\n    raise SystemExit('called')\n"


@pytest.fixture(scope="module")
def digits():
    """20 % of the labels are turned, alike for all models: records that can only be learned by heart."""
    from sklearn.datasets import load_digits

    features, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    turned = rng.random(len(labels)) < 0.2
    labels = np.where(turned, (labels + rng.integers(1, 10, len(labels))) % 10, labels)
    return dataset_from_arrays((features / 16).astype(np.float32), labels, name="digits")


def audit(dataset, out, *, attacks=BOTH, n_models=4, epochs=2, model=None, primary=None, **keys):
    config = {
        "model": {"build": "mlp", "params": {"hidden": [64]}, **(model or {})},
        "recipe": {"epochs": epochs, "batch_size": 64, "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}},
        "design": {"n_models": n_models},
        "attacks": attacks,
        "primary": primary or {"attack": "loss"},
        "engine": {"kind": "inline"},
        "report": {"formats": ["json"]},
        "out": str(out),
    }
    return run_audit(config, dataset=dataset, base=out.parent, **keys)


def files(out, pattern):
    return {path.name: path.read_bytes() for path in sorted(out.glob(pattern))}


@pytest.mark.slow
def test_the_ranking_finds_the_members_that_lira_finds(digits, tmp_path):
    """Truth: members with a LiRA score that 1 % of the non-members reach. Over the 8 models: precision among the first
    5 % of the members .50 to .89, base rates .09 to .19; ranked by the final loss .22 to .60. Seeds are fixed.
    """
    out = tmp_path / "out"
    report = audit(digits, out, n_models=8, epochs=40)
    (finding,) = [finding for finding in report.findings("mia") if finding.method == "lt_iqr"]
    assert OWNERS_NOTE in finding.notes
    assert finding.game == "record_risk" and not finding.guesses_membership and not finding.estimates
    assert all(other.estimates for other in report.findings("mia") if other.method == "loss")
    assert "lt_iqr" in (out / "report.json").read_text() and json.loads((out / "report.json").read_text())
    folder = AuditFolder(out)
    design, records = read_design(folder.design)
    inputs = read_inputs(folder, design, records, np.arange(8), signals=("logit_margin", "negative_loss", TRACE))
    traces = inputs.signal(TRACE).values
    assert traces.shape == (8, digits.n_records, 40)
    assert np.array_equal(traces[:, :, -1], inputs.dense("negative_loss"))
    everyone = range(8)
    rankings = create_attack("lt_iqr", {}).run(inputs, targets=everyone)
    truths = create_attack("lira", {"variance": "pooled"}).run(inputs, targets=everyone)
    found = []
    for ranking, truth in zip(rankings, truths, strict=True):
        member = truth.label == 1
        threshold = np.quantile(truth.scores[~member], 0.99, method="higher")
        found.append(precision_at(ranking.scores[member], truth.scores[member] > threshold, 0.05))
    assert np.mean([one.precision for one in found]) >= 3 * np.mean([one.base_rate for one in found])
    assert all(one.precision >= 2 * one.base_rate for one in found)


def test_an_audit_without_traces_can_be_given_them_later(digits, tmp_path):
    out = tmp_path / "out"
    audit(digits, out, attacks=[{"name": "loss"}])
    assert not (out / "signals" / TRACE).exists()
    models, losses = files(out, "models/*"), files(out, "signals/negative_loss/*")
    times = [path.stat().st_mtime_ns for path in sorted(out.glob("models/*"))]
    audit(digits, out)
    assert len(files(out, f"signals/{TRACE}/*")) == len(models) == 4
    assert files(out, "models/*") == models and files(out, "signals/negative_loss/*") == losses
    assert [path.stat().st_mtime_ns for path in sorted(out.glob("models/*"))] == times
    traces = files(out, f"signals/{TRACE}/*")
    (out / "signals" / TRACE / "00002.safetensors").unlink()
    audit(digits, out)
    assert files(out, f"signals/{TRACE}/*") == traces
    (out / "signals" / TRACE / "00001.safetensors").unlink()
    with pytest.raises(StoreError, match="Run the same `privaudit run` command again"):
        analyse(out)


@pytest.mark.parametrize("attacks", [BOTH, BOTH[1:]])
def test_no_bound_and_no_verdict_rest_on_a_ranking_for_the_owner(digits, tmp_path, attacks):
    """Its scores are no function of the released model alone, so the one-run theorem says nothing of them."""
    wanted = {"attack": "auto" if len(attacks) == 1 else "lt_iqr"}
    with pytest.raises(
        ConfigError, match=r"lt_iqr ranks records for the model's owner.*no bound is made of it"
    ) as caught:
        audit(digits, tmp_path / "out", attacks=attacks, primary=wanted)
    assert caught.value.key == "primary.attack"
    assert not (tmp_path / "out").exists()


def test_a_training_function_of_the_user_s_is_refused_before_it_is_called(digits, tmp_path):
    (tmp_path / "own.py").write_text(TRAIN_FILE)
    with pytest.raises(UnsupportedError, match=r"training function of your own \(model.train\)") as caught:
        audit(digits, tmp_path / "out", model={"train": "own.py:train"})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_released_model_is_refused_before_shadows_are_trained(digits, tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    save_file({name: value.detach() for name, value in network.state_dict().items()}, tmp_path / "m.safetensors")
    (tmp_path / "in.txt").write_text("\n".join(map(str, range(400))))
    (tmp_path / "out.txt").write_text("\n".join(map(str, range(400, 800))))
    named = dataset_from_arrays(
        digits.features, digits.labels, name="digits", record_ids=[str(row) for row in range(digits.n_records)]
    )
    model = {"checkpoint": "m.safetensors", "members": "in.txt", "non_members": "out.txt"}
    with pytest.raises(UnsupportedError, match=r"released model \(model.checkpoint\) is trained already"):
        audit(named, tmp_path / "folder", model=model)
    assert not (tmp_path / "folder").exists()
    assert torch.isfinite(network[1].weight).all()


def test_a_signal_that_nobody_makes_names_the_attack():
    class Curious:
        name = "curious"
        signals = frozenset({"loss", "negative_loss_trase"})

    with pytest.raises(ConfigError, match=r"attack curious reads signal loss, which no collector makes") as caught:
        create_collectors([Curious()])
    assert caught.value.key == "attacks.curious"


def test_only_what_is_read_is_collected():
    def names(*attacks):
        return [collector.name for collector in create_collectors([create_attack(name, {}) for name in attacks])]

    assert names("loss", "lira") == ["shadow"]
    assert names("loss", "lt_iqr") == ["loss_trace", "shadow"]  # training first, with all that is to be recorded
