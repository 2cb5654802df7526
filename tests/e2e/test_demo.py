"""The main job: the bundled Adult audit by the real command."""

import json
import re
import stat
from pathlib import Path

import jsonschema
import pytest

from privaudit.report.schema import report_json_schema

README = Path(__file__).resolve().parents[2] / "README.md"

pytestmark = pytest.mark.slow


@pytest.fixture
def report(demo):
    run, out, _ = demo
    return json.loads((run.folder / out / "report.json").read_text())


def findings(report, kind="mia"):
    return {f["id"]: f for section in report["sections"] if section["kind"] == kind for f in section["findings"]}


def test_the_reports_are_there_and_follow_the_schema(demo, report):
    run, out, _ = demo
    for name in ("report.json", "report.html", "report.md", "timings.json", "manifest.json", "design.safetensors"):
        assert (run.folder / out / name).stat().st_size > 0
    jsonschema.validate(report, report_json_schema())
    printed = json.loads(run("report", "--schema").stdout)
    jsonschema.Draft202012Validator.check_schema(printed)
    jsonschema.validate(report, printed)


def test_the_folder_is_private_and_holds_every_model(demo):
    run, out, _ = demo
    folder = run.folder / out
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / ".gitignore").read_text().strip() == "*"
    assert len(list((folder / "models").glob("*.safetensors"))) == 42
    for signal in ("logit_margin", "negative_loss", "correct"):
        assert len(list((folder / "signals" / signal).glob("*.safetensors"))) == 42


def test_claim_bound_control_and_verdict(report):
    assert report["claim"]["epsilon"] == pytest.approx(5.08, abs=0.01)
    assert (report["claim"]["delta"], report["claim"]["neighbouring"]) == (1e-5, "add_remove")
    upper = {e["neighbouring"]: e["upper"] for e in findings(report, "games")["claim"]["estimates"]}
    assert upper["replace_one"] > upper["add_remove"] == report["claim"]["epsilon"]
    (verdict,) = report["verdicts"]
    assert (verdict["rule"], verdict["outcome"]) == ("claim", "too_weak")  # 3,200 canaries cannot reach the claim
    assert verdict["numbers"]["ceiling"] < verdict["numbers"]["claim"]
    assert verdict["numbers"]["lower"] < verdict["numbers"]["claim"]
    assert report["controls"][0]["n_models"] == 8
    assert "records with coins would lift it" in verdict["reason"]


def test_three_attacks_with_intervals_and_bounds(report):
    found = findings(report)
    for attack in ("loss", "lira", "rmia"):
        finding = found[f"{attack}-0"]
        metrics = {(m["name"], m["at"]): m for m in finding["metrics"]}
        assert set(metrics) == {("auc", None), ("tpr_at_fpr", 0.001), ("tpr_at_fpr", 0.01), ("tpr_at_fpr", 0.1)}
        for metric in metrics.values():
            assert metric["lower"] <= metric["value"] <= metric["upper"]
            assert metric["rule"] and metric["confidence"] == 0.95
        assert 0.45 < metrics["auc", None]["value"] < 0.65
        (bound,) = finding["estimates"]
        assert bound["method"] == "one_run" and bound["validity"] == "valid"
        assert bound["diagnostics"]["n_canaries"] == finding["n_in"] + finding["n_out"] == 3200
        assert bound["diagnostics"]["n_guesses"] == 320


def test_the_model_has_utility(report):
    accuracy = {m["name"]: m["value"] for m in findings(report)["target-0"]["metrics"]}
    assert accuracy["accuracy_population"] > 0.80  # the most frequent class is .754


def test_progress_and_summary(demo):
    _, _, result = demo
    assert re.search(r"training: \d+ of 42 models, about \d+ s left", result.stderr)
    assert "too weak" in result.stdout and "Report: out" in result.stdout


def test_attacking_again_gives_the_same_bytes_without_torch(demo):
    run, out, _ = demo
    folder = run.folder / out
    before = {name: (folder / name).read_bytes() for name in ("report.json", "report.html", "report.md")}
    run("attack", out)
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_running_again_trains_nothing_and_gives_the_same_bytes(demo):
    run, out, _ = demo
    folder = run.folder / out
    before = {path: path.stat().st_mtime_ns for path in (folder / "models").iterdir()}
    report = (folder / "report.json").read_bytes()
    result = run("run", "--out", out)
    assert "all on disk already" in result.stderr
    assert before == {path: path.stat().st_mtime_ns for path in (folder / "models").iterdir()}
    assert report == (folder / "report.json").read_bytes()


def test_reports_hold_no_clock_no_host_and_no_path(demo):
    import platform

    run, out, _ = demo
    for name in ("report.json", "report.html", "report.md"):
        text = (run.folder / out / name).read_text()
        assert str(run.folder) not in text
        assert not re.search(r"\d\d:\d\d:\d\d", text)
        assert platform.node() == "" or len(platform.node()) < 4 or platform.node() not in text


def test_json_on_stdout_is_the_report(demo):
    run, out, _ = demo
    result = run("attack", out, "--format", "json", "--quiet")
    assert json.loads(result.stdout) == json.loads((run.folder / out / "report.json").read_text())


def test_the_gate_of_the_readme_is_inconclusive_as_it_says(demo):
    command, out, _ = demo
    policy = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)[1]
    (command.folder / "policy.yaml").write_text(policy)
    command("gate", out, "--policy", "policy.yaml", code=3)
