"""A released model as the target, from the config to the report."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from privaudit import judge, run_audit
from privaudit.config import AuditConfig, parse
from privaudit.data.dataset import dataset_from_arrays
from privaudit.errors import ConfigError, DataError, StoreVersionError
from privaudit.gate import GatePolicy
from privaudit.pipeline.analyse import analyse
from privaudit.pipeline.baseline import DIFFERS, POINTER
from privaudit.pipeline.released import NO_BOUND, NOT_JUDGED
from privaudit.types.design import RELEASED

N = 80


def some_data(n=N, *, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 5)).astype(np.float32)
    return dataset_from_arrays(features, rng.integers(0, 2, n), name="some", record_ids=[f"p{k}" for k in range(n)])


def names(*numbers):
    return [f"p{number}" for number in numbers]


def mlp(hidden=8, classes=2):
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(5, hidden), nn.ReLU(), nn.Linear(hidden, classes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": {"checkpoint": "m.pt", "members": "a"}}, ["model", "non_members missing"]),
        ({"model": {"members": "a", "non_members": "b"}}, ["checkpoint missing"]),
        ({"model": {"checkpoint": "m.pt", "members": "a", "nonmembers": "b"}}, ["model.nonmembers", "non_members"]),
        ({"design": {"kind": "balanced"}}, ["design.kind", "paired"]),
        ({"design": {"targets": [1]}}, ["design.targets"]),
        ({"design": {"targets": "all"}}, ["design.targets"]),
    ],
)
def test_configs_that_do_not_hang_together(changes, words):
    whole = {"model": {"checkpoint": "m.pt", "members": "a", "non_members": "b"}}
    with pytest.raises(ConfigError) as caught:
        parse(AuditConfig, {"recipe": {"steps": 1, "sample_rate": 0.1}, **whole, **changes}, where="audit.yaml")
    assert all(word in str(caught.value) for word in words), caught.value


BATCH_NORM = """
from torch import nn

def build(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, n_classes))
"""
RECIPE = {"epochs": 3, "batch_size": 16, "optimizer": {"name": "sgd", "lr": 0.05}}


def folder_with(tmp_path, *, state=None, members=range(40), others=range(40, 80), build=None):
    """Files of a released model and its lists; returns the config's model block."""
    save_file(mlp().state_dict() if state is None else state, tmp_path / "model.safetensors")
    (tmp_path / "members.txt").write_text("\n".join(names(*members)))
    (tmp_path / "others.txt").write_text("\n".join(names(*others)))
    lists = {"checkpoint": "model.safetensors", "members": "members.txt", "non_members": "others.txt"}
    return {**(build or {"build": "mlp", "params": {"hidden": [8]}}), **lists}


def audit(tmp_path, model, *, data=None, out="out", n_models=4, dp=None, **changes):
    config = {
        "model": model,
        "recipe": {**RECIPE, **({"dp": dp} if dp else {})},
        "design": {"n_models": n_models},
        "engine": {"kind": "inline", "trainer": "loop"},  # probing what can be batched takes longer than training
        "out": str(tmp_path / out),
        "report": {"formats": ["json"]},
        **changes,
    }
    return run_audit(config, dataset=data or some_data(), base=tmp_path)


def by_id(report):
    return {finding.id: finding for finding in report.findings("mia")}


def test_an_audit_of_a_released_model(tmp_path):
    report = audit(tmp_path, folder_with(tmp_path))
    found = by_id(report)
    assert list(found) == ["loss-released", "lira-released", "rmia-released", "target-released", "blind"]
    assert all(finding.estimates == () for finding in found.values())
    assert found["lira-released"].params["target"] == "released"
    assert found["lira-released"].n_in == 40 and found["lira-released"].n_out == 32  # a fifth of 40 is population
    assert found["blind"].access is None and found["blind"].metrics[0].name == "auc"
    assert not any(DIFFERS in note for finding in found.values() for note in finding.notes)
    assert report.claim is None and report.verdicts == () and report.controls == ()
    assert report.provenance["primary"] is None and report.primary_estimates() == ()
    assert report.provenance["models"]["trained"] == 4 and report.provenance["models"]["targets"] == 1
    notes = report.sections[0].notes
    assert NO_BOUND in notes and NOT_JUDGED not in notes
    assert not any("coins of the target's own records" in note for note in notes)
    assert not any("betray" in note or "without its complement" in note for f in found.values() for note in f.notes)


ALL_FORMATS = {"formats": ["html", "json", "md"]}


def test_the_analysis_is_the_run_again_and_needs_no_file_of_the_user(tmp_path):
    audit(tmp_path, folder_with(tmp_path), report=ALL_FORMATS)
    before = {name: (tmp_path / "out" / f"report.{name}").read_bytes() for name in ("json", "html", "md")}
    for path in tmp_path.glob("*.*"):
        path.unlink()
    from privaudit.report.write import write_reports

    write_reports(analyse(tmp_path / "out"), tmp_path / "out", ["json", "html", "md"])
    assert before == {name: (tmp_path / "out" / f"report.{name}").read_bytes() for name in before}


def test_no_report_holds_a_feature_or_an_id(tmp_path):
    data = some_data()
    audit(tmp_path, folder_with(tmp_path), data=data, report=ALL_FORMATS)
    for path in (tmp_path / "out").glob("report.*"):
        text = path.read_text()
        assert not any(f"{value:.5f}"[:7] in text for value in data.features[:20].ravel().tolist() if abs(value) > 0.1)
        assert "p17" not in text


def test_a_claim_is_shown_and_not_judged(tmp_path):
    dp = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "delta": 1e-5}
    report = audit(tmp_path, folder_with(tmp_path), dp=dp, report=ALL_FORMATS)
    assert report.claim is not None and report.claim.epsilon > 0
    assert report.claim_verdict() is None and report.controls == () and NOT_JUDGED in report.sections[0].notes
    assert not list((tmp_path / "out" / "models").glob("control*"))
    policy = GatePolicy.model_validate(
        {"rules": [{"id": "c", "metric": "claim"}, {"id": "a", "metric": "auc", "max": 1.0}]}
    )
    outcome = {verdict.rule: verdict.outcome for verdict in judge(report, policy).verdicts}
    assert outcome == {"c": "inconclusive", "a": "pass"}
    text = (tmp_path / "out" / "report.md").read_text()
    assert "was not judged" in text and json.loads((tmp_path / "out" / "report.json").read_text())["claim"]


def test_buffers_are_kept(tmp_path):
    """Batch norm's running statistics decide what the released model says; they must be its own."""
    (tmp_path / "net.py").write_text(BATCH_NORM)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    for _ in range(20):
        network(3.0 + 2.0 * torch.randn(32, 5))
    state = network.state_dict()
    data = some_data()
    audit(tmp_path, folder_with(tmp_path, state=state, build={"build": "net.py:build"}), data=data)
    network.eval()
    with torch.no_grad():
        logits = network(torch.tensor(data.features)).double().numpy()
    own = logits[np.arange(N), data.labels] - logits[np.arange(N), 1 - data.labels]
    from privaudit.store.folder import AuditFolder

    table = AuditFolder(tmp_path / "out").read_signal("logit_margin", {4: RELEASED})
    assert np.allclose(table.values[0, :, 0], own, atol=1e-5)
    assert not (tmp_path / "out" / "models" / f"{RELEASED:05d}.safetensors").exists()


def test_a_changed_checkpoint_or_list_is_another_audit(tmp_path):
    model = folder_with(tmp_path)
    audit(tmp_path, model)
    folder_with(tmp_path, state=mlp().double().float().state_dict() | {"3.bias": torch.ones(2)})
    with pytest.raises(StoreVersionError, match=r"recipe\.model\.checkpoint"):
        audit(tmp_path, model)
    folder_with(tmp_path, members=range(1, 41), others=[0, *range(41, 80)])
    with pytest.raises(StoreVersionError, match=r"design\.released_members"):
        audit(tmp_path, model)
    plain = {key: value for key, value in model.items() if key in ("build", "params")}
    with pytest.raises(StoreVersionError):
        audit(tmp_path, plain, primary={"attack": "lira"})


BATCHED = {"kind": "inline", "trainer": "ensemble"}  # a short group is filled up with the models to come


def test_more_shadows_can_be_added(tmp_path):
    model = folder_with(tmp_path)
    audit(tmp_path, model, engine=BATCHED)
    first = {path.name: path.read_bytes() for path in (tmp_path / "out" / "models").iterdir()}
    more = audit(tmp_path, model, n_models=8, engine=BATCHED)
    fresh = audit(tmp_path, model, n_models=8, out="fresh", engine=BATCHED)
    assert {
        path.name: path.read_bytes() for path in (tmp_path / "out" / "models").iterdir() if path.name in first
    } == first
    assert [f.metrics for f in more.findings("mia")] == [f.metrics for f in fresh.findings("mia")]
    assert more.provenance["models"]["trained"] == 8


def test_only_what_is_missing_is_done_again(tmp_path):
    model = folder_with(tmp_path)
    audit(tmp_path, model)
    out = tmp_path / "out"
    before = (out / "report.json").read_bytes()
    for path in (out / "models" / "released.safetensors", out / "signals" / "blind" / "released.safetensors"):
        path.unlink()
    audit(tmp_path, model)
    assert (out / "report.json").read_bytes() == before


def test_members_that_differ_are_said_to(tmp_path):
    """Members' features lie three deviations higher: the blind baseline sees it with probability above 1 - 1e-9."""
    data = some_data()
    shift = 3.0 * (np.arange(N) < 40)[:, None]
    report = audit(
        tmp_path, folder_with(tmp_path), data=replace(data, features=data.features + shift.astype(np.float32))
    )
    found = by_id(report)
    assert found["blind"].metrics[0].lower > 0.8 and DIFFERS in found["blind"].notes
    for name in ("loss-released", "lira-released", "rmia-released"):
        assert POINTER in found[name].notes
    assert POINTER not in found["target-released"].notes


def test_members_of_another_class_differ_without_the_model(tmp_path):
    """The blind classifiers see the label: where all members are of one class, any attack would look strong."""
    data = some_data()
    labels = np.where(np.arange(N) < 40, 1, np.random.default_rng(1).integers(0, 2, N))
    report = audit(tmp_path, folder_with(tmp_path), data=replace(data, labels=labels))
    assert DIFFERS in by_id(report)["blind"].notes


def test_a_model_trained_otherwise_is_said_to_be(tmp_path):
    """Labels follow the first feature; the released model says the opposite of what the shadows learn."""
    data = some_data()
    data = replace(data, labels=(data.features[:, 0] > 0).astype(np.int64))
    state = mlp().state_dict()
    wrong = {
        "1.weight": torch.zeros(8, 5),
        "1.bias": torch.zeros(8),
        "3.weight": torch.zeros(2, 8),
        "3.bias": torch.zeros(2),
    }
    wrong["1.weight"][0, 0], wrong["1.weight"][1, 0] = 1.0, -1.0
    wrong["3.weight"][0, 0], wrong["3.weight"][1, 1] = 1.0, 1.0
    assert {key: value.shape for key, value in wrong.items()} == {key: value.shape for key, value in state.items()}
    report = audit(tmp_path, folder_with(tmp_path, state=wrong), data=data, recipe={**RECIPE, "epochs": 30})
    (note,) = [note for note in report.sections[0].notes if note.startswith("Warning: the released model")]
    assert "right about 0.0 % of its non-members" in note


def test_outputs_that_are_not_finite(tmp_path):
    state = {key: value * 1e30 for key, value in mlp().state_dict().items()}
    with pytest.raises(DataError, match="outputs are NaN or infinite"):
        audit(tmp_path, folder_with(tmp_path, state=state))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), ["model.checkpoint", "no such file"]),
        (lambda folder: (folder / "members.txt").unlink(), ["model.members", "no such file"]),
        (lambda folder: save_file(mlp(hidden=9).state_dict(), folder / "model.safetensors"), ["1.weight", "(9, 5)"]),
    ],
)
def test_nothing_is_laid_out_before_the_files_are_checked(tmp_path, spoil, words):
    model = folder_with(tmp_path)
    spoil(tmp_path)
    with pytest.raises((ConfigError, DataError)) as caught:
        audit(tmp_path, model)
    assert all(word in str(caught.value) for word in words), caught.value
    assert not (tmp_path / "out").exists()
