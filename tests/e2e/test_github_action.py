"""The composite action: what it says of itself, and its script as bash runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from privaudit.report.serialise import write_report_json

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / ".github" / "actions" / "gate" / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
BASH = shutil.which("bash")

RULES = {
    "pass": {"id": "advantage", "metric": "auc", "max": 0.9},
    "fail": {"id": "advantage", "metric": "auc", "max": 0.4},
    "inconclusive": {"id": "claim", "metric": "claim"},
}

needs_bash = pytest.mark.skipif(BASH is None, reason="no bash")


def script(step_id):
    (step,) = [step for step in STEPS if step.get("id") == step_id or step["name"].lower().startswith(step_id)]
    return step


@pytest.fixture
def act(tmp_path, sample):
    """Runs the action's judging step on a report in a folder of its own."""
    write_report_json(sample.sample_report(), tmp_path / "report.json")
    for name, rule in RULES.items():
        (tmp_path / f"{name}.yaml").write_text(json.dumps({"rules": [rule]}))
    (tmp_path / "runner").mkdir()

    def run(*, code, **inputs):
        known = {name: str(entry.get("default", "")) for name, entry in ACTION["inputs"].items()}
        given = {**known, "report": "report.json", **{key.replace("_", "-"): value for key, value in inputs.items()}}
        step = script("gate")
        env = {key: given[EXPRESSION.fullmatch(value)[1].removeprefix("inputs.")] for key, value in step["env"].items()}
        output, summary = tmp_path / "output.txt", tmp_path / "summary.md"
        output.unlink(missing_ok=True)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        files = {
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "RUNNER_TEMP": str(tmp_path / "runner"),
        }
        done = subprocess.run(
            [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],  # as a runner calls it
            env={**os.environ, "PATH": path, **files, **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        lines = output.read_text().splitlines()
        found = dict(line.split("=", 1) for line in lines)
        assert len(found) == len(lines) and found.keys() == ACTION["outputs"].keys()
        return found, done

    return run


def test_what_the_action_says_of_itself():
    assert ACTION["runs"]["using"] == "composite" and ACTION["name"] and ACTION["description"]
    assert {"report", "policy", "baseline", "model", "location", "fail-on-inconclusive", "sarif"} <= ACTION[
        "inputs"
    ].keys()
    assert [name for name, entry in ACTION["inputs"].items() if entry.get("required")] == ["report"]
    for entry in (*ACTION["inputs"].values(), *ACTION["outputs"].values()):
        assert entry["description"].endswith((".", ")."))
    for name, entry in ACTION["outputs"].items():
        assert EXPRESSION.fullmatch(entry["value"])[1] == f"steps.gate.outputs.{name}"


def test_no_expression_reaches_a_script():
    """What a pull request can name would be run as a part of the script."""
    scripts = [step for step in STEPS if "run" in step]
    assert len(scripts) == 2
    for step in scripts:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash" and step["run"].startswith("set -euo pipefail\n")


def test_every_input_is_used_once_and_what_is_used_is_an_input():
    used = EXPRESSION.findall(json.dumps(STEPS))
    inputs = [name.removeprefix("inputs.") for name in used if name.startswith("inputs.")]
    assert sorted(inputs) == sorted(ACTION["inputs"])
    assert {name for name in used if not name.startswith("inputs.")} == {
        "github.action_path",
        "steps.python.outputs.python-path",
    }


def test_actions_of_others_are_pinned_by_their_major_version():
    assert [step["uses"] for step in STEPS if "uses" in step] == ["actions/setup-python@v6"]


@needs_bash
@pytest.mark.parametrize("step", ["gate", "install"])
def test_bash_can_read_the_scripts(step):
    done = subprocess.run([BASH, "-n"], input=script(step)["run"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_bash
@pytest.mark.slow
@pytest.mark.parametrize(
    ("outcome", "may_be_open", "code"),
    [("pass", False, 0), ("fail", True, 1), ("inconclusive", False, 3), ("inconclusive", True, 0)],
)
def test_the_step_ends_as_the_gate_does_but_may_let_open_outcomes_pass(act, tmp_path, outcome, may_be_open, code):
    inputs = {"policy": f"{outcome}.yaml", "location": "ml/audit.yaml", "sarif": "out.sarif"}
    found, done = act(**inputs, fail_on_inconclusive="false" if may_be_open else "true", code=code)
    gates = {"pass": "0", "fail": "1", "inconclusive": "3"}[outcome]
    assert found == {"outcome": outcome, "exit-code": gates, "sarif": "out.sarif", "junit": "privaudit.junit.xml"}
    sarif = json.loads((tmp_path / "out.sarif").read_text())
    assert sarif["version"] == "2.1.0"
    (suite,) = ElementTree.parse(tmp_path / "privaudit.junit.xml").getroot().iter("testsuite")
    assert (int(suite.get("tests")) > 0) and ((int(suite.get("failures")) > 0) == (outcome != "pass"))
    assert (tmp_path / "summary.md").read_text().strip()
    if outcome != "pass":
        assert "ml/audit.yaml" in json.dumps(sarif)
        assert any(line.startswith("::") and "ml/audit.yaml" in line for line in done.stdout.splitlines())


@needs_bash
@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "code", "says"),
    [
        ({"report": "nowhere"}, 4, "nowhere"),
        ({"policy": "none.yaml"}, 2, "none.yaml"),
        ({"model": "none.safetensors"}, 2, "none.safetensors"),
        ({"model": "pass.yaml"}, 4, "about another model"),
        ({"baseline": "none.json"}, 2, "what may have grown"),
        ({"fail_on_inconclusive": "perhaps"}, 2, "fail-on-inconclusive"),
        ({"sarif": "a\noutcome=pass"}, 2, "in one line"),
        ({"junit": ""}, 2, "in one line"),
        ({"sarif": "no-such-folder/out.sarif", "policy": "pass.yaml"}, 2, "sarif file could not be written"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_errors_are_told_and_are_no_outcome_of_a_gate(act, inputs, code, says):
    found, done = act(code=code, **inputs)
    assert (found["outcome"], found["exit-code"], found["sarif"], found["junit"]) == ("error", str(code), "", "")
    assert says in done.stderr


@needs_bash
@pytest.mark.slow
def test_inputs_are_words_and_no_code(act, tmp_path):
    hostile = '"; touch owned; $(touch owned) `touch owned` #'
    names = ("report", "policy", "baseline", "model", "location", "sarif", "junit")
    act(**dict.fromkeys(names, hostile), code=2)
    found, _ = act(report="--help", policy="pass.yaml", code=4)
    assert found["outcome"] == "error" and not (tmp_path / "owned").exists()


@needs_bash
@pytest.mark.parametrize("wanted", ["", "privaudit==9.9"])
def test_the_installation_takes_the_actions_own_version_with_its_constraints(tmp_path, wanted):
    action = tmp_path / "repository" / ".github" / "actions" / "gate"
    action.mkdir(parents=True)
    python, log = tmp_path / "python", tmp_path / "log"
    python.write_text(
        '#!/bin/sh\nif [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi\necho "$@" >> "$LOG"\n'
    )
    python.chmod(0o755)
    env = {
        "ACTION": str(action),
        "PYTHON": str(python),
        "INSTALL": wanted,
        "RUNNER_TEMP": str(tmp_path),
        "LOG": str(log),
    }
    subprocess.run([BASH, "-c", script("install")["run"]], env={**os.environ, **env}, check=True)
    made, installed = log.read_text().splitlines()
    root = tmp_path / "repository"
    what = wanted or f"--constraint {root}/constraints.txt {root}"
    assert made == f"-m venv {tmp_path}/privaudit-venv"
    assert installed == f"-m pip install --quiet --disable-pip-version-check {what}"


def test_the_docs_name_what_is_there():
    """The workflow and the hooks of docs/ci.md."""
    page = (ROOT / "docs" / "ci.md").read_text()
    blocks = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, re.DOTALL))
    (job,) = yaml.safe_load(blocks["privacy.yaml"])["jobs"].values()
    (gate,) = [step for step in job["steps"] if "actions/gate@" in step["uses"]]
    assert gate["with"].keys() <= ACTION["inputs"].keys() and "report" in gate["with"]
    assert set(re.findall(r"steps\.gate\.outputs\.([\w-]+)", blocks["privacy.yaml"])) <= ACTION["outputs"].keys()
    assert all(f"`{name}`" in page for name in (*ACTION["inputs"], *ACTION["outputs"]))
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    (repository,) = yaml.safe_load(blocks[".pre-commit-config.yaml"])["repos"]
    assert {hook["id"] for hook in repository["hooks"]} == hooks
