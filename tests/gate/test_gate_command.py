"""``privaudit gate`` on stored reports, whole."""

import contextlib
import hashlib
import io
import json
import shutil
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from privaudit.cli.main import exit_code
from privaudit.report import audit_digest, write_report_json

PASS = {"id": "area", "metric": "auc", "max": 1.0}
FAIL = {"id": "area", "metric": "auc", "max": 0.1}
OPEN = {"id": "holds", "metric": "claim"}


class Ran:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def line(self):
        """The one line that an error is."""
        assert self.err.count("\n") == 1 and self.err.startswith("privaudit: ") and not self.out
        return self.err


@pytest.fixture
def folder(tmp_path, sample):
    """An audit's folder: a report and its clock."""
    out = tmp_path / "out"
    out.mkdir()
    report = sample.sample_report()
    write_report_json(report, out / "report.json")
    write_clock(out, audit_digest(report))
    return tmp_path


def write_clock(out, digest, *, days=0):
    finished = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S%z")
    content = {"finished": finished} | ({"audit_digest": digest} if digest else {})
    (out / "timings.json").write_text(json.dumps(content))


@pytest.fixture
def gate(folder):
    def run(*arguments, policy=None, report="out"):
        if policy is not None:
            (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
            arguments = ("--policy", "policy.yaml", *arguments)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = exit_code(["gate", report, *arguments])
        assert "Traceback" not in err.getvalue()
        return Ran(code, out.getvalue(), err.getvalue())

    return run


@pytest.mark.parametrize(("rule", "code"), [(PASS, 0), (FAIL, 1), (OPEN, 3)])
def test_exit_codes_and_lines(gate, rule, code):
    ran = gate(policy={"rules": [rule]})
    first, last = ran.out.splitlines()
    assert ran.code == code and not ran.err
    assert first.startswith({0: "pass ", 1: "fail ", 3: "inconclusive "}[code])
    assert rule["id"] in first and last.startswith("gate: ")


def test_without_a_policy_the_shipped_one_judges_and_says_so(gate):
    ran = gate()
    assert "few members found" in ran.out and "small advantage over guessing" in ran.out
    assert "the shipped policy judges" in ran.err and ran.err.count("\n") == 1
    assert not gate("--quiet").err


def test_waived_lines_are_marked(gate):
    waivers = [{"rule": "area", "reason": "ticket 3", "expires": "2999-12-31"}]
    ran = gate(policy={"rules": [FAIL], "waivers": waivers})
    assert ran.code == 0
    assert ran.out.startswith("fail, waived  area: ") and "Waived: ticket 3 (until 2999-12-31)." in ran.out


def test_json_names_policy_and_report(gate, sample):
    content = json.loads(gate("--format", "json", policy={"rules": [FAIL]}).out)
    assert (content["outcome"], content["policy"]) == ("fail", "policy.yaml")
    assert content["audit_digest"] == audit_digest(sample.sample_report())
    assert content["verdicts"][0]["numbers"]["max"] == 0.1


def test_machine_formats(gate):
    assert ET.fromstring(gate("--format", "junit", policy={"rules": [FAIL]}).out).tag == "testsuites"
    sarif = json.loads(gate("--format", "sarif", "--location", "conf/audit.yaml", policy={"rules": [FAIL]}).out)
    assert sarif["version"] == "2.1.0" and "conf/audit.yaml" in json.dumps(sarif)
    assert "| area |" in gate("--format", "md", policy={"rules": [FAIL]}).out
    ran = gate("--format", "github", "--location", "conf/audit.yaml", policy={"rules": [FAIL]})
    assert all(line.startswith("::") for line in ran.out.splitlines()) and "conf/audit.yaml" in ran.out
    assert ran.code == 1


def test_output_and_summary(gate, folder):
    (folder / "summary.md").write_text("before\n")
    ran = gate("--output", "gate.json", "--format", "json", "--summary", "summary.md", policy={"rules": [FAIL]})
    assert (ran.code, ran.out) == (1, "")
    assert json.loads((folder / "gate.json").read_text())["outcome"] == "fail"
    gate("--summary", "summary.md", policy={"rules": [FAIL]})
    text = (folder / "summary.md").read_text()
    assert text.startswith("before\n") and text.count("| area |") == 2
    assert gate("--summary", "none/summary.md", policy={"rules": [PASS]}).code == 4


def test_explain(gate):
    ran = gate("--explain", policy={"rules": [FAIL]})
    assert "Looks at: the AUC" in ran.out and ran.out.splitlines()[-1].startswith("gate: fail")
    ran = gate("--explain", "--format", "json", policy={"rules": [FAIL]})
    assert json.loads(ran.out)["outcome"] == "fail" and "Looks at: the AUC" in ran.err


def test_expect_digest(gate, sample):
    digest = audit_digest(sample.sample_report())
    for good in (digest, digest[:8], digest.upper()):
        assert gate("--expect-digest", good, policy={"rules": [PASS]}).code == 0
    other = ("0" if digest[0] != "0" else "1") + digest[1:]
    ran = gate("--expect-digest", other, policy={"rules": [PASS]})
    assert ran.code == 4 and digest in ran.line and other in ran.line
    for bad in (digest[:7], digest + "0", "not hex!", ""):
        assert gate("--expect-digest", bad, policy={"rules": [PASS]}).code == 2


def test_model_files(gate, folder, sample):
    import dataclasses

    contents = (b"weights of target 0", b"weights of target 1")
    for row, content in enumerate(contents):
        (folder / f"{row}.safetensors").write_bytes(content)
    report, joined = sample.sample_report(), hashlib.sha256(b"".join(contents)).hexdigest()
    report = dataclasses.replace(report, subject=dataclasses.replace(report.subject, model_digest=joined))
    write_report_json(report, folder / "out" / "report.json")
    both = ("--model", "0.safetensors", "--model", "1.safetensors")
    assert gate(*both, policy={"rules": [PASS]}).code == 0
    for wrong in (both[:2], (*both[2:], *both[:2])):
        ran = gate(*wrong, policy={"rules": [PASS]})
        assert ran.code == 4 and joined in ran.line and "0.safetensors" in "".join(wrong)
    assert gate("--model", "none.pt", policy={"rules": [PASS]}).code == 2
    released = {"checkpoint_digest": hashlib.sha256(contents[1]).hexdigest()}
    report = dataclasses.replace(report, provenance={**report.provenance, "released": released})
    write_report_json(report, folder / "out" / "report.json")
    assert gate(*both[2:], policy={"rules": [PASS]}).code == 0
    assert gate(*both[:2], policy={"rules": [PASS]}).code == 4


def test_a_damaged_report_is_refused(gate, folder):
    path = folder / "out" / "report.json"
    path.write_text(path.read_text().replace('"auc"', '"acu"', 1))
    ran = gate(policy={"rules": [PASS]})
    assert ran.code == 4 and "changed after it was written" in ran.line


@pytest.mark.parametrize(
    ("digest", "days", "outcome", "says"),
    [
        ("own", 1, "pass", "1 day ago"),
        ("own", 40, "inconclusive", "Audit the model again"),
        ("own", -3, "inconclusive", "one clock is wrong"),
        ("other", 1, "inconclusive", "timings.json belongs to another report"),
        (None, 1, "inconclusive", "does not say which report"),
        ("broken", 1, "inconclusive", "cannot be read"),
        ("missing", 1, "inconclusive", "was not found"),
    ],
)
def test_age(gate, folder, sample, digest, days, outcome, says):
    own = audit_digest(sample.sample_report())
    write_clock(folder / "out", {"own": own, "other": "00" * 32}.get(digest), days=days)
    if digest == "broken":
        (folder / "out" / "timings.json").write_text('{"finished": 3')
    if digest == "missing":
        (folder / "out" / "timings.json").unlink()
    for report in ("out", "out/report.json"):
        ran = gate(policy={"rules": [PASS], "require": {"max_age_days": 30}}, report=report)
        assert ran.code == (0 if outcome == "pass" else 3)
        assert says in ran.out


def test_baseline(gate, folder, sample):
    shutil.copytree(folder / "out", folder / "old")
    asked = {
        "rules": [PASS],
        "baseline": {"report": "old", "rules": [{"id": "no worse", "metric": "auc", "max_increase": 1}]},
    }
    assert gate(policy=asked).code == 0
    write_report_json(sample.sample_report(attacks=("loss",)), folder / "other.json")
    ran = gate("--baseline", "other.json", policy=asked)
    assert ran.code == 3 and "has no counterpart in the baseline" in ran.out
    without = {**asked, "baseline": {"rules": asked["baseline"]["rules"]}}
    assert gate(policy=without).code == 3
    assert gate("--baseline", "old/report.json", policy=without).code == 0
    ran = gate("--baseline", "old", policy={"rules": [PASS]})
    assert ran.code == 2 and "--baseline needs a policy" in ran.line
    ran = gate("--baseline", "none.json", policy=asked)
    assert ran.code == 2 and "none.json: no such file" in ran.line
    (folder / "old" / "report.json").write_text("{}")
    assert gate(policy=asked).code == 4
    shutil.rmtree(folder / "old")
    ran = gate(policy=asked)
    assert ran.code == 2 and "baseline.report" in ran.line


def test_mistakes_are_one_line(gate):
    ran = gate(policy={"rules": [PASS], "require": {"max_age_days": -1}})
    assert ran.code == 2 and "require.max_age_days" in ran.line
    ran = gate(policy={"rules": [PASS], "waivers": [{"rule": "aera", "reason": "r", "expires": "2030-01-01"}]})
    assert ran.code == 2 and "Did you mean area?" in ran.line
    assert gate("--format", "pdf", policy={"rules": [PASS]}).code == 2
    assert "none.yaml" in gate("--policy", "none.yaml").line


def test_hostile_names_begin_no_line(gate, folder, sample):
    write_report_json(sample.sample_report(name="m\n::error::x"), folder / "out" / "report.json")
    rule = {**FAIL, "id": "a\n::error file=x::y\r\n"}
    for form in ("text", "github", "md"):
        ran = gate("--format", form, "--explain", policy={"rules": [rule]})
        assert not any(line.startswith(("::error file=x", "::error::x")) for line in ran.out.splitlines())
    assert len(gate(policy={"rules": [rule]}).out.splitlines()) == 2


def test_the_gate_needs_no_torch(folder):
    import subprocess
    import sys

    script = "import sys; from privaudit.cli.main import exit_code; exit_code(['gate', 'out', '--explain', '-q']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
