"""Bad input: one clear line, the right exit code, nothing lost, never a traceback."""

import json
import shutil

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def audit(command, small):
    shutil.copytree(small, command.folder / "out")
    return command.folder / "out"


def one_line(result):
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("privaudit: "), result.stderr
    return lines[0]


def test_a_truncated_model_file(command, audit):
    path = audit / "models" / "00002.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    others = {p: p.stat().st_mtime_ns for p in (audit / "models").iterdir() if p != path}
    line = one_line(command.inside("run", command.config(), "--out", "out", "--engine", "inline", "-q", code=4))
    assert "00002.safetensors" in line and "truncated" in line and "Delete this file" in line
    report = (audit / "report.json").read_bytes()
    path.unlink()
    command.inside("run", command.config(), "--out", "out", "--engine", "inline", "-q")
    assert report == (audit / "report.json").read_bytes()
    assert others == {p: p.stat().st_mtime_ns for p in others}


def test_a_truncated_signal_file(command, audit):
    path = audit / "signals" / "negative_loss" / "00001.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    line = one_line(command.inside("attack", "out", code=4))
    assert "negative_loss" in line and "00001" in line and "Delete this file" in line
    path.unlink()
    command.inside("run", command.config(), "--out", "out", "--engine", "inline", "-q")


def test_a_nan_score(command, audit):
    from privaudit.store.tensors import load_arrays, save_arrays

    path = audit / "signals" / "negative_loss" / "00003.safetensors"
    arrays = load_arrays(path)
    values = arrays["values"].copy()
    values[7] = np.nan
    save_arrays(path, {**arrays, "values": values})
    line = one_line(command.inside("attack", "out", code=4))
    assert "NaN" in line and "model 3" in line and "record 7" in line


def test_an_unfinished_audit(command, audit):
    (audit / "signals" / "correct" / "00000.safetensors").unlink()
    line = one_line(command.inside("attack", "out", code=4))
    assert "privaudit run" in line


def test_a_folder_without_an_audit(command):
    assert "holds no audit" in one_line(command.inside("attack", "nowhere", code=4))
    assert "report.json" in one_line(command.inside("report", "nowhere", code=4))


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"recip": {}}, 2, ["recip: unknown key", "recipe"]),
        ({"attacks": ["lria"]}, 2, ["lria", "Did you mean lira"]),
        ({"attacks": [{"name": "lira", "varience": "pooled"}]}, 2, ["varience", "variance"]),
        ({"estimators": ["clopper_pearson"], "primary": {"estimator": "clopper_pearson"}}, 4, ["one_run"]),
        ({"data": {"source": "adlut"}}, 2, ["adlut", "adult"]),
        ({"data": {"source": "records.csv", "label": "incme"}}, 2, ["incme", "income"]),
        ({"data": {"source": "one.csv", "label": "income"}}, 4, ["class"]),
        ({"data": {"source": "missing.csv", "label": "x"}}, 2, ["missing.csv"]),
        ({"data": {"source": "breast_cancer", "n_records": 10**6}}, 2, ["n_records"]),
        ({"design": {"n_models": 7}}, 2, ["even"]),
        ({"design": {"n_models": 8, "targets": [9]}}, 2, ["target"]),
        ({"design": {"n_models": 4}}, 2, ["primary.attack", "n_models"]),
        ({"design": {"kind": "balanced", "n_models": 8}, "control": {"n_models": 0}}, 4, ["paired"]),
        ({"model": {"build": "mpl"}}, 2, ["mpl", "mlp"]),
        ({"model": {"build": "mlp", "params": {"hiden": [3]}}}, 2, ["hiden"]),
        ({"model": {"build": "broken.py:build_model"}}, 2, ["broken.py"]),
        ({"model": {"build": "net.py:regression"}}, 4, ["(n, 2)"]),
        ({"model": {"build": "net.py:batch_norm"}}, 4, ["BatchNorm", "GroupNorm"]),
        ({"model": {"checkpoint": "m.pt"}}, 2, ["model", "checkpoint", "members and non_members missing"]),
        ({"attacks": [{"name": "lira", "exclude": "target"}]}, 4, ["exclude: pair", "complement"]),
        ({"device": "cuda:7"}, 2, ["cuda", "cpu"]),
    ],
)
def test_a_config_that_cannot_run(command, changes, code, words):
    folder = command.folder
    (folder / "records.csv").write_text("age,income\n" + "".join(f"{n},{n % 2}\n" for n in range(50)))
    (folder / "one.csv").write_text("age,income\n" + "".join(f"{n},1\n" for n in range(50)))
    (folder / "broken.py").write_text("def build_model(:\n")
    (folder / "net.py").write_text(
        "from torch import nn\n"
        "def regression(n, k): return nn.Linear(n, 3)\n"
        "def batch_norm(n, k): return nn.Sequential(nn.Linear(n, 4), nn.BatchNorm1d(4), nn.Linear(4, k))\n"
    )
    line = one_line(command.inside("run", command.config(**changes), "--out", "fresh", "-q", code=code))
    assert all(word in line for word in words), line
    assert not (folder / "fresh" / "models").exists() or not list((folder / "fresh" / "models").iterdir())


@pytest.mark.parametrize(
    ("rule", "code", "words"),
    [
        ({"metric": "auc", "max": 1.5}, 2, ["max"]),
        ({"metric": "auc", "max": "low"}, 2, ["max"]),
        ({"metric": "acu", "max": 0.6}, 2, ["metric"]),
        ({"metric": "tpr_at_fpr", "max": 0.1}, 2, ["at"]),
        ({"metric": "auc", "max": 0.6, "grupo": "sex"}, 2, ["grupo", "group"]),
        ({"metric": "auc", "max": 0.6, "group": "sex"}, 2, ["group", "sex=Female"]),
    ],
)
def test_a_policy_that_cannot_be_judged(command, audit, rule, code, words):
    (command.folder / "policy.yaml").write_text(json.dumps({"rules": [{"id": "r", **rule}]}))
    line = one_line(command.inside("gate", "out", "--policy", "policy.yaml", code=code))
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([{"metric": "auc", "max": 1.0}], 0),
        ([{"metric": "claim_epsilon", "max": 0.5}], 1),
        ([{"metric": "auc", "max": 0.1}], 1),
        ([{"metric": "claim"}], 3),
        ([{"metric": "claim"}, {"metric": "auc", "max": 0.1}], 1),
    ],
    ids=["pass", "fail", "fail by attack", "inconclusive", "fail beats inconclusive"],
)
def test_the_gates_exit_codes(command, audit, rules, code):
    rules = [{"id": f"rule {n}", **rule} for n, rule in enumerate(rules)]
    (command.folder / "policy.yaml").write_text(json.dumps({"rules": rules}))
    text = command.inside("gate", "out", "--policy", "policy.yaml", code=code).stdout
    assert "rule 0" in text
    outcome = json.loads(
        command.inside("gate", "out/report.json", "--policy", "policy.yaml", "--format", "json", code=code).stdout
    )
    assert outcome["outcome"] == {0: "pass", 1: "fail", 3: "inconclusive"}[code]


@pytest.mark.parametrize(
    ("rule", "code"), [({"metric": "auc", "max": 1.0}, 0), ({"metric": "auc", "max": 0.1}, 1), ({"metric": "claim"}, 3)]
)
def test_a_run_with_a_policy_ends_with_the_gates_code(command, audit, rule, code):
    (command.folder / "policy.yaml").write_text(json.dumps({"rules": [{"id": "r", **rule}]}))
    arguments = ("--out", "out", "--engine", "inline", "-q", "--policy", "policy.yaml")
    assert "gate:" in command.inside("run", command.config(), *arguments, code=code).stdout


def test_a_missing_policy_stops_before_training(command):
    result = command.inside("run", command.config(), "--out", "fresh", "--policy", "none.yaml", code=2)
    assert "none.yaml" in one_line(result)
    assert not (command.folder / "fresh").exists()


def test_a_damaged_report_is_refused(command, audit):
    path = audit / "report.json"
    path.write_text(path.read_text().replace('"n_canaries": 4', '"n_canaries": 5', 1))
    assert "digest" in one_line(command.inside("report", "out", code=4))
    path.write_text(path.read_text()[:500])
    assert "report.json" in one_line(command.inside("report", "out", code=4))


def test_wrong_words_on_the_command_line(command):
    assert "Did you mean run" in one_line(command.inside("rnu", code=2))
    assert "--help" in one_line(command.inside("run", "--wokers", "3", code=2))
    assert "REPORT" in one_line(command.inside("report", code=2))
    assert "audit.yaml" in one_line(command.inside("run", "audit.yaml", code=2))


def test_init_does_not_overwrite(command):
    command.inside("init", "mine")
    assert "--force" in one_line(command.inside("init", "mine", code=2))
    command.inside("init", "mine", "--force")


def test_debug_shows_the_traceback(command):
    process = command.start("attack", "nowhere", "--debug")
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0 and "Traceback" in err


def test_a_model_that_diverges_is_reported_and_the_others_kept(command):
    changes = {
        "recipe": {"epochs": 3, "batch_size": 16, "optimizer": {"name": "sgd", "lr": 1e30}},
        "design": {"n_models": 4},
        "primary": {"attack": "loss"},
    }
    line = one_line(
        command.inside("run", command.config(**changes), "--out", "out", "--engine", "inline", "-q", code=4)
    )
    assert "diverged" in line and "recipe.optimizer.lr" in line
