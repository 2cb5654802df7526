"""Every command and code block of README and docs is run; the first one, the bundled Adult audit, is looked at closely.

All run in this process, where torch need not load again and again, and but for the demo train their models in it as well;
fresh processes are the matter of `test_resume.py` and `test_api.py`.
"""

import contextlib
import io
import json
import re
import runpy
import shlex
import stat
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import jsonschema
import pytest

from privaudit.cli.main import exit_code
from privaudit.report.schema import report_json_schema
from privaudit.training import executors

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SET_UP = {"make demo", "make test"}  # they make an environment; the project's checks run them
DEMO = "privaudit run --out demo-out"
WHATEVER_COMES = ' || echo "exit code $?"'  # what a line says that may end with any exit code

pytestmark = pytest.mark.slow


def run_here(start, folder, *, is_inline=True):
    """What a function that returns an exit code, or nothing, does in a folder; inline, its workers are this process."""
    out, err, code = io.StringIO(), io.StringIO(), 1
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Opacus's, which end no user's process
        if is_inline:
            patch.setattr(executors, "ProcessExecutor", lambda workers, logs: executors.InlineExecutor())
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = start() or 0
            except Exception:  # noqa: BLE001 - told as a process tells it
                traceback.print_exc()
    return subprocess.CompletedProcess(start, code, out.getvalue(), err.getvalue())


def run_line(line, folder):
    name, *arguments = shlex.split(line.removesuffix(WHATEVER_COMES))
    assert name == "privaudit", f"a console block holds commands of privaudit: {line}"
    result = run_here(lambda: exit_code(arguments), folder, is_inline=line != DEMO)
    result.returncode *= not line.endswith(WHATEVER_COMES)
    return result


def run_script(body, folder):
    (folder / "block.py").write_text(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)  # as `python block.py` does: a block may import what another one wrote
        return run_here(lambda: runpy.run_path(str(folder / "block.py"), run_name="__main__") and None, folder)


def run_test_file(name, body, folder):
    """A block that begins with the name of a test file is what pytest finds there."""
    (folder / name).write_text(body)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def run_blocks(page, folder):
    """Run a page's blocks in their order in one folder; return what each command or block gave."""
    done = {}
    for language, body in BLOCK.findall(page.read_text()):
        if language == "sh":
            commands = {line.partition("#")[0].strip() for line in body.splitlines()}
            assert commands <= SET_UP, f"put commands into console blocks: {commands - SET_UP}"
        elif language == "console":
            for line in body.splitlines():
                assert line.startswith("$ "), f"a console block holds commands only: {line}"
                done[line.removeprefix("$ ")] = run_line(line.removeprefix("$ "), folder)
        elif language == "python":
            test_file = re.match(r"# (test_\w+\.py)\n", body)
            done[body] = run_test_file(test_file[1], body, folder) if test_file else run_script(body, folder)
        elif language == "yaml":
            name = re.match(r"# (\S+\.yaml)\n", body)
            assert name, "the first line of a yaml block names its file"
            (folder / name[1]).write_text(body)
        else:
            pytest.fail(f"no rule for {language} blocks")
    return done


@pytest.fixture(scope="module")
def readme(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    return folder, run_blocks(README, folder)


@pytest.fixture
def demo(readme, new_command):
    """The bundled audit: the command, its folder's name and what the run printed."""
    folder, done = readme
    result = done[DEMO]
    assert result.returncode == 0, result.stderr
    return new_command(folder), "demo-out", result


def test_every_block_of_the_readme_runs(readme):
    _, done = readme
    assert len(done) >= 9
    for what, result in done.items():
        assert result.returncode == 0, f"{what}\n{result.stdout}\n{result.stderr}"
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_every_block_of_the_docs_runs(page, tmp_path):
    for what, result in run_blocks(page, tmp_path).items():
        assert result.returncode == 0, f"{what}\n{result.stdout}\n{result.stderr}"


@pytest.fixture
def report(demo):
    """Of the model without a defense, with the comparison."""
    run, out, _ = demo
    return json.loads((run.folder / out / "report.json").read_text())


@pytest.fixture
def private(demo):
    """Of the model trained by DP-SGD."""
    run, out, _ = demo
    return json.loads((run.folder / out / "defenses/dp_sgd/report.json").read_text())


def findings(report, kind="mia"):
    return {f["id"]: f for section in report["sections"] if section["kind"] == kind for f in section["findings"]}


def test_the_reports_are_there_and_follow_the_schema(demo, report):
    run, out, _ = demo
    for name in ("report.json", "report.html", "report.md", "timings.json", "manifest.json", "design.safetensors"):
        assert (run.folder / out / name).stat().st_size > 0
    jsonschema.validate(report, report_json_schema())
    printed = json.loads(run.inside("report", "--schema").stdout)
    jsonschema.Draft202012Validator.check_schema(printed)
    jsonschema.validate(report, printed)


@pytest.mark.parametrize(("arm", "n_models"), [("", 32), ("defenses/dp_sgd", 40), ("defenses/without_noise", 40)])
def test_folders_are_private_and_hold_every_model(demo, arm, n_models):
    run, out, _ = demo
    folder = run.folder / out / arm
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / ".gitignore").read_text().strip() == "*"
    assert len(list((folder / "models").glob("*.safetensors"))) == n_models
    for signal in ("logit_margin", "negative_loss", "correct"):
        assert len(list((folder / "signals" / signal).glob("*.safetensors"))) == n_models
    for name in ("report.json", "report.html", "report.md"):
        assert (folder / name).stat().st_size > 0
    timings = json.loads((folder / "timings.json").read_text())
    assert timings["audit_digest"] == json.loads((folder / "report.json").read_text())["audit_digest"]


def test_claim_bound_control_and_verdict(private):
    assert private["claim"]["epsilon"] == pytest.approx(5.08, abs=0.01)
    assert (private["claim"]["delta"], private["claim"]["neighbouring"]) == (1e-5, "add_remove")
    computed = {(e["method"], e["neighbouring"]): e for e in findings(private, "games")["claim"]["estimates"]}
    assert computed["pld", "add_remove"]["upper"] == private["claim"]["epsilon"]
    assert (
        computed["pld", "replace_one"]["upper"] > computed["rdp", "add_remove"]["upper"] > private["claim"]["epsilon"]
    )
    for name in ("gdp_clt", "last_iterate"):
        point = computed[name, "add_remove"]
        assert (point["kind"], point["validity"]) == ("point", "heuristic") and point["upper"] < private["claim"][
            "epsilon"
        ]
    (verdict,) = private["verdicts"]
    assert (verdict["rule"], verdict["outcome"]) == ("claim", "too_weak")  # the control does not reach the claim
    assert verdict["numbers"]["control_lower"] < verdict["numbers"]["claim"] < verdict["numbers"]["ceiling"]
    assert verdict["numbers"]["lower"] < verdict["numbers"]["claim"]
    assert private["controls"][0]["n_models"] == 8
    assert "stronger attack, more shadow models, or inserted canaries" in verdict["reason"]


def test_the_comparison_of_the_demo(demo, report):
    """The over-fitted model fails the shipped policy; DP-SGD is inside it, and its noise gets no credit for clipping."""
    run, out, _ = demo
    arms = {f["id"]: f for f in findings(report, "defense").values() if f["method"] == "defense"}
    policies = {name: arm["params"]["policy"] for name, arm in arms.items()}
    assert policies == {"none": "fail", "dp_sgd": "pass", "without_noise": "pass"}
    assert arms["none"]["params"]["policy_failed"] == ["few members found", "small advantage over guessing"]
    assert arms["dp_sgd"]["params"]["claim_epsilon"] == pytest.approx(5.08, abs=0.01)
    assert arms["dp_sgd"]["params"]["claim_outcome"] == "too_weak"  # not contradicted
    best = {
        arm: max(m["value"] for f in findings(report, "defense").values() for m in f["metrics"]
                 if f["params"]["arm"] == arm and m["name"] == "auc")
        for arm in arms
    }  # fmt: skip
    assert best["none"] > 0.62 and max(best["dp_sgd"], best["without_noise"]) < 0.56
    (section,) = [s for s in report["sections"] if s["kind"] == "defense"]
    assert any("not shown that the noise lowered" in note for note in section["notes"])
    for folder, code in ((out, 1), (f"{out}/defenses/dp_sgd", 0), (f"{out}/defenses/without_noise", 0)):
        run.inside("gate", folder, code=code)


def test_three_attacks_with_intervals_and_bounds(report):
    found = findings(report)
    for attack in ("loss", "lira", "rmia"):
        finding = found[f"{attack}-0"]
        metrics = {(m["name"], m["at"]): m for m in finding["metrics"]}
        measured = {("auc", None), ("tpr_at_fpr", 0.001), ("tpr_at_fpr", 0.01), ("tpr_at_fpr", 0.1)}
        worth = {("ppv", prior) for prior in (0.01, 0.1, 0.5)} | {
            ("tpr_at_shadow_threshold", at) for at in (0.001, 0.01)
        }
        by_chance = metrics.pop(("worst_record_fpr_by_chance", 0.01))
        assert 0.1 < by_chance["value"] < 0.9 and by_chance["rule"]
        assert set(metrics) == measured | worth | {("calibrated_tpr", 0.01), ("worst_record_fpr", 0.01)}
        for metric in metrics.values():
            assert metric["lower"] <= metric["value"] <= metric["upper"]
            assert metric["rule"] and metric["confidence"] == 0.95
        assert 0.5 < metrics["auc", None]["value"] < 0.72
        (bound,) = finding["estimates"]
        assert bound["method"] == "one_run" and bound["validity"] == "valid"
        assert bound["diagnostics"]["n_canaries"] == finding["n_in"] + finding["n_out"] == 9600
        assert bound["diagnostics"]["n_guesses"] == 960


def test_the_models_have_utility(report, private):
    for one in (report, private):
        accuracy = {m["name"]: m["value"] for m in findings(one)["target-0"]["metrics"]}
        assert accuracy["accuracy_population"] > 0.80  # the most frequent class is .754


def test_progress_and_summary(demo):
    _, _, result = demo
    assert re.search(r"none: training: 32 of 32 models, \d+ s", result.stderr)
    assert re.search(r"dp_sgd: training: 40 of 40 models, \d+ s", result.stderr)
    assert "without its noise" in result.stdout and "Report: demo-out" in result.stdout


def test_attacking_again_gives_the_same_bytes_and_on_stdout_the_report(demo):
    run, out, _ = demo
    folder = run.folder / out
    before = {name: (folder / name).read_bytes() for name in ("report.json", "report.html", "report.md")}
    result = run.inside("attack", out, "--format", "json", "--quiet")
    assert before == {name: (folder / name).read_bytes() for name in before}
    assert json.loads(result.stdout) == json.loads(before["report.json"])


def test_running_again_trains_nothing_and_gives_the_same_bytes(demo):
    run, out, _ = demo
    folder = run.folder / out
    before = {path: path.stat().st_mtime_ns for path in (folder / "models").iterdir()}
    report = (folder / "report.json").read_bytes()
    result = run.inside("run", "--out", out)
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


def test_the_gates_of_the_readme_say_what_it_says(demo):
    command, out, _ = demo
    policy = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)[1]
    (command.folder / "policy.yaml").write_text(policy)
    result = command.inside("gate", f"{out}/defenses/dp_sgd", "--policy", "policy.yaml", code=3)
    assert "gate: inconclusive" in result.stdout
    assert "claim holds" in result.stdout
