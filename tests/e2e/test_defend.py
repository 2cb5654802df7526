"""The same audit before and after each defense, by the real command on real data."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

pytestmark = pytest.mark.slow

MEMBERS = """
data: {source: "data.py:load"}
model: {params: {hidden: [64]}}
recipe: {epochs: 40, batch_size: 64, optimizer: {name: adam, lr: 0.01}}
design: {n_models: 8}
attacks: [loss, lira]
out: out
engine: {kind: inline}
defenses:
  - {name: early_stopping, share: 0.1}
  - {name: top_k, k: 1}
  - {name: output_noise, id: fresh, scale: 6, fresh: true}
"""
DATA = '''
import numpy as np
from sklearn.datasets import load_digits


def load():
    """Digits of which a third have a wrong class, which a model must learn by heart."""
    features, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(labels)) < 0.35
    labels = np.where(wrong, (labels + rng.integers(1, 10, len(labels))) % 10, labels)
    return (features[:700] / 16).astype(np.float32), labels[:700]
'''
WORLDS = """
kind: distribution
data: {source: adult, n_records: 3000}
model: {build: linear}
recipe: {steps: 20, sample_rate: 1.0, optimizer: {lr: 1.0}}
out: worlds
engine: {kind: inline}
distribution:
  property: {group: sex, value: Female}
  ratios: [0.5, 0.1]
  n_records: 300
  n_shadows: 6
  n_victims: 10
  n_queries: 100
  control: false
  attacks: [threshold_test, kl]
defenses:
  - resampling
  - {name: label_noise, share: 0.2}
  - {name: temperature, value: 3}
"""


def arms_of(report):
    (section,) = [s for s in report["sections"] if s["kind"] == "defense"]
    found = {}
    for finding in section["findings"]:
        arm = found.setdefault(finding["params"]["arm"], {})
        key = "arm" if finding["method"] == "defense" else finding["method"]
        arm[key] = {"params": finding["params"], **{(m["name"], m["at"]): m for m in finding["metrics"]}}
    return found, section["notes"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, new_command):
    run = new_command(tmp_path_factory.mktemp("defend"))
    (run.folder / "audit.yaml").write_text(MEMBERS)
    (run.folder / "data.py").write_text(DATA)
    run.inside("defend", "audit.yaml", "--quiet")
    return run


@pytest.fixture
def report(folder):
    return json.loads((folder.folder / "out/report.json").read_text())


def test_every_arm_is_a_whole_audit_with_the_same_coins(folder, report):
    found, _ = arms_of(report)
    assert list(found) == ["none", "early_stopping", "top_k", "fresh"]
    designs = set()
    for arm in ("", "defenses/early_stopping", "defenses/top_k", "defenses/fresh"):
        one = json.loads((folder.folder / "out" / arm / "report.json").read_text())
        designs.add(one["provenance"]["digests"]["design"])
        name = arm.rpartition("/")[2] or "none"
        if name != "none":
            assert found[name]["arm"]["params"]["digest"] == one["audit_digest"]
    assert len(designs) == 1


def test_filters_are_put_on_the_same_models_and_trainings_are_new(folder):
    out = folder.folder / "out"
    first = (out / "models/00000.safetensors").read_bytes()
    assert (out / "defenses/top_k/models/00000.safetensors").read_bytes() == first
    assert (out / "defenses/fresh/models/00000.safetensors").read_bytes() == first
    assert (out / "defenses/early_stopping/models/00000.safetensors").read_bytes() != first


def test_top_k_hides_scores_from_nobody_who_looks_at_labels(report):
    found, notes = arms_of(report)
    for attack in ("gap", "repeated_gap", "noise"):
        assert found["top_k"][attack]["auc", None]["value"] == found["none"][attack]["auc", None]["value"]
        assert found["top_k"][attack]["auc_difference", None]["value"] == 0
    assert any(
        note.startswith("Attacks that see only which class is named") and "top k (k 1)" in note for note in notes
    )


def test_noise_drawn_anew_averages_out(folder):
    """What differs from model to model: of the mean of 32 answers, about 1 / sqrt(32) = .18 of what one answer is off.

    The largest of several noisy classes lifts every model's answers alike; that is left in the mean, and taken out here.
    """
    out = folder.folder / "out"

    def off(signal):
        found = []
        for path in sorted((out / "signals" / signal).glob("*.safetensors")):
            where = (path, out / "defenses/fresh/signals" / signal / path.name)
            plain, noisy = (load_file(one)["values"] for one in where)
            found.append(noisy - plain)
        return float(np.std(np.stack(found) - np.mean(found, axis=0)))

    assert off("logit_margin") > 4
    assert off("averaged_logit_margin") < 0.35 * off("logit_margin")


def test_training_arms_are_not_asked_for_what_only_filters_change(folder, report):
    found, _ = arms_of(report)
    assert set(found["early_stopping"]) == {"arm", "loss", "lira", "gap"}
    assert set(found["none"]) == {"arm", "loss", "lira", "averaged_lira", "gap", "repeated_gap", "noise"}


def test_again_from_stored_signals_the_same_bytes_and_nothing_is_trained(folder):
    out = folder.folder / "out"
    files = [*out.glob("report.*"), *out.glob("defenses/*/report.*")]
    assert len(files) == 12
    before = {path: path.read_bytes() for path in files}
    models = {path: path.stat().st_mtime_ns for path in out.rglob("models/*.safetensors")}
    folder.inside("attack", "out", "--quiet")
    assert before == {path: path.read_bytes() for path in files}
    result = folder.inside("run", "audit.yaml")
    assert (
        result.stderr.count("all on disk already") == 3 * 5 + 2
    )  # training and three kinds of queries; one kind for a training arm
    assert before == {path: path.read_bytes() for path in files}
    assert models == {path: path.stat().st_mtime_ns for path in out.rglob("models/*.safetensors")}


def test_another_analysis_of_the_same_models(folder, tmp_path):
    shutil.copytree(folder.folder / "out", tmp_path / "out")
    (tmp_path / "data.py").write_text(DATA)
    (tmp_path / "audit.yaml").write_text(MEMBERS.replace("[loss, lira]", "[loss]"))
    run = type(folder)(tmp_path)
    run.inside("attack", "out", "--config", "audit.yaml", "--quiet")
    found, _ = arms_of(json.loads((tmp_path / "out/report.json").read_text()))
    assert set(found["early_stopping"]) == {"arm", "loss", "gap"}


def test_each_arm_has_its_own_gate(folder):
    (folder.folder / "policy.yaml").write_text(
        "rules: [{id: small, metric: auc, max: 0.99}]\nrequire: {max_age_days: 1}\n"
    )
    for arm in ("out", "out/defenses/top_k"):
        result = folder.inside("gate", arm, "--policy", "policy.yaml")
        assert "gate: pass" in result.stdout


def test_another_filter_refuses_the_old_signals(folder, tmp_path):
    shutil.copytree(folder.folder / "out", tmp_path / "out")
    (tmp_path / "data.py").write_text(DATA)
    (tmp_path / "audit.yaml").write_text(MEMBERS.replace("{name: top_k, k: 1}", "{name: top_k, k: 2}"))
    result = type(folder)(tmp_path).inside("defend", "audit.yaml", code=4)
    assert "output" in result.stderr and "top_k" in result.stderr
    manifests = [one / "manifest.json" for one in (folder.folder / "out", tmp_path / "out")]
    assert len({one.read_bytes() for one in manifests}) == 1  # else `privaudit attack` would call k 1 k 2


@pytest.mark.parametrize(
    ("change", "arguments", "code", "says"),
    [
        (("", ""), ("--defense", "topk"), 2, "top_k"),
        (("", ""), ("--defense", "{name: top_k, k: 0}"), 2, "k must be"),
        (("", ""), ("--defense", "{name: top_k, k: "), 2, "--defense takes a name or a mapping"),
        (("", ""), ("--defense", "[top_k]"), 2, "--defense"),
        (("", ""), ("--defense", "label_noise"), 2, "share"),
        (("", ""), ("--defense", "{name: label_noise, share: 0.1}"), 4, "kind: distribution"),
        (("defenses:", "defense:"), (), 2, "defenses"),
        (("{name: early_stopping, share: 0.1}", "{name: early_stopping}"), (), 2, "share"),
    ],
)
def test_mistakes_are_one_line(folder, tmp_path, change, arguments, code, says):
    (tmp_path / "data.py").write_text(DATA)
    (tmp_path / "audit.yaml").write_text(MEMBERS.replace(*change))
    run = type(folder)(tmp_path)
    result = run.inside("defend", "audit.yaml", *arguments, code=code)
    assert says in result.stderr and len(result.stderr.strip().splitlines()) == 1


def test_nothing_to_compare_is_a_usage_error(folder, tmp_path):
    (tmp_path / "audit.yaml").write_text(MEMBERS.partition("defenses:")[0])
    result = type(folder)(tmp_path).inside("defend", "audit.yaml", code=2)
    assert "nothing to compare" in result.stderr


def test_worlds_before_and_after_each_defense(new_command, tmp_path):
    run = new_command(tmp_path)
    (tmp_path / "worlds.yaml").write_text(WORLDS)
    run.inside("defend", "worlds.yaml", "--quiet")
    found, notes = arms_of(json.loads((tmp_path / "worlds/report.json").read_text()))
    assert list(found) == ["none", "resampling", "label_noise", "temperature"]
    for arm in found.values():
        assert {"threshold_test", "kl"} <= set(arm)
        assert 0 <= arm["kl"]["accuracy", None]["value"] <= 1
    assert ("accuracy_difference", None) in found["label_noise"]["kl"]
    assert notes[-1].startswith("Every attacker knows the defense")
    page = (tmp_path / "worlds/report.html").read_text()
    assert "label noise (share 0.2)" in page
