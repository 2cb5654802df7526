"""Distribution audits whose adversary sees the weights: what is computed, kept, refused and said."""

import json

import numpy as np
import pytest

from privaudit import run_audit
from privaudit.errors import ConfigError, StoreError, UnsupportedError
from privaudit.pipeline.analyse import analyse
from privaudit.report.serialise import report_to_json
from privaudit.store.folder import AuditFolder
from privaudit.store.world_file import read_worlds
from privaudit.types.design import TARGET
from tests.e2e.test_distribution import content, metric, told

SEEN = {"attacks": [{"name": "kl"}, {"name": "pin"}, {"name": "pin_regression"}]}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    out = tmp_path_factory.mktemp("white_box") / "out"
    return out, run_audit(content(out, SEEN, access="white_box"))


@pytest.mark.slow
def test_weights_tell_worlds_apart_and_the_control_stays_with_guessing(audited):
    _, report = audited
    found = told(report)
    assert list(found) == ["kl-1", "pin-1", "pin_regression-ratios", "kl-control", "pin-control"]
    assert found["pin-1"].access == "white_box" and found["kl-1"].access == "score"
    assert metric(found["pin-1"], "accuracy").value >= 0.8  # 10 % against 50 %: a linear model's weights say it
    assert 0 <= metric(found["pin_regression-ratios"], "mean_squared_error").value < 0.04  # always 0.3 has 0.04
    guessing = metric(found["pin-control"], "control_accuracy")
    assert guessing.lower <= guessing.value <= guessing.upper


@pytest.mark.slow
def test_every_victim_is_asked_about_every_world_whatever_its_own(audited):
    out, _ = audited
    folder, design = AuditFolder(out), read_worlds(AuditFolder(out).worlds).design
    victims = design.rows(TARGET).tolist()
    table = folder.read_signal("pin_logit", {row: row for row in victims})
    assert table.values.shape == (len(victims), design.n_worlds - 1, 1)
    assert table.record_index.tolist() == [1, 2]  # worlds, where others have records
    assert folder.read_signal("pin_ratio", {row: row for row in victims}).record_index.tolist() == [0]


@pytest.mark.slow
def test_what_was_computed_is_kept_and_what_is_missing_is_computed_again_to_the_same_bytes(audited):
    out, report = audited
    folder = AuditFolder(out)
    files = sorted((folder.path / "signals" / "pin_logit").iterdir())
    before = {path.name: path.read_bytes() for path in files}
    times = [path.stat().st_mtime_ns for path in files]
    again = run_audit(content(out, SEEN, access="white_box"))
    assert [path.stat().st_mtime_ns for path in files] == times
    files[0].unlink()
    with pytest.raises(StoreError, match=r"no pin_logit of 1 of .* audited models"):
        analyse(out)
    run_audit(content(out, SEEN, access="white_box"))
    assert {path.name: path.read_bytes() for path in files} == before
    without_clock = [json.loads(report_to_json(one)) for one in (report, again)]
    assert without_clock[0]["sections"] == without_clock[1]["sections"]


@pytest.mark.slow
def test_an_attack_on_weights_can_be_added_later(tmp_path):
    first = {"n_victims": 4, "n_shadows": 4, "attacks": [{"name": "kl"}]}
    run_audit(content(tmp_path / "out", first, access="white_box"))
    found = told(run_audit(content(tmp_path / "out", {**first, "attacks": [{"name": "pin"}]}, access="white_box")))
    assert list(found) == ["pin-1", "pin-control"]
    assert np.isfinite(metric(found["pin-1"], "accuracy").value)


@pytest.mark.parametrize(
    ("distribution", "changes", "words"),
    [
        ({"attacks": [{"name": "pin"}]}, {}, "attack pin needs the models' weights"),
        ({"attacks": [{"name": "pin"}]}, {"access": "label"}, "attack pin needs scores"),
        (
            {"attacks": [{"name": "pin"}], "adversary": {"model": {"build": "mlp"}}},
            {"access": "white_box"},
            "adversary.model gives shadow models others",
        ),
        (
            {"defense": {"name": "output_noise", "params": {"scale": 1.0}}},
            {"access": "white_box"},
            "hands out the weights, which a defense of the answers does not protect",
        ),
        ({"attacks": [{"name": "pin", "params": {"form": "sorted"}}]}, {"access": "white_box"}, "strict or published"),
    ],
)
def test_what_weights_cannot_serve_is_refused_before_any_training(tmp_path, distribution, changes, words):
    with pytest.raises(ConfigError, match=words) as caught:
        run_audit(content(tmp_path / "out", distribution, **changes))
    assert "\n" not in str(caught.value) and not (tmp_path / "out" / "models").exists()


def test_membership_audits_do_not_take_weights(tmp_path):
    with pytest.raises(ConfigError, match="white_box is for kind: distribution"):
        run_audit({"recipe": {"epochs": 1, "batch_size": 8}, "access": "white_box", "out": str(tmp_path / "out")})


def test_layers_that_cannot_be_read_are_refused_before_any_training(tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\n"
        "def build(n_features, n_classes):\n"
        "    layers = (torch.nn.Linear(n_features, 8), torch.nn.LayerNorm(8), torch.nn.ReLU(), torch.nn.Linear(8, n_classes))\n"
        "    return torch.nn.Sequential(*layers)\n"
    )
    model = {"build": f"{tmp_path / 'net.py'}:build"}
    with pytest.raises(UnsupportedError, match="LayerNorm"):
        run_audit(content(tmp_path / "out", {"attacks": [{"name": "pin"}]}, access="white_box", model=model))
    assert not (tmp_path / "out" / "models").exists()
