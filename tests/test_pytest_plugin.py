"""The fixture `privacy_gate`, looked at from outside: each test runs a pytest of its own."""

import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from privaudit.report.serialise import audit_digest, write_report_json

HOLDS = {"id": "small advantage", "metric": "auc", "max": 0.9}
FAILS = {"id": "tiny advantage", "metric": "auc", "max": 0.4}
OPEN = {"id": "claim holds", "metric": "claim"}


@pytest.fixture(scope="module")
def sample():
    path = Path(__file__).parent / "report" / "sample_report.py"
    spec = importlib.util.spec_from_file_location("sample_report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(pytester, sample):
    """A folder with an audit in out/; called, it writes test code and runs it."""

    class Project:
        path = pytester.path
        report = sample.sample_report()
        write = staticmethod(pytester.makepyfile)

        def policy(self, *rules, name="policy.yaml", **keys):
            path = self.path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps({"rules": list(rules), **keys}))
            return path

        def __call__(self, body, *options, **outcomes):
            pytester.makepyfile(body)
            result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)
            result.assert_outcomes(**outcomes)
            return result

    (pytester.path / "out").mkdir()
    write_report_json(Project.report, pytester.path / "out" / "report.json")
    return Project()


ASK = "def test_leak(privacy_gate):\n    assert privacy_gate('out').outcome == 'pass'\n"


def test_a_gate_that_passes(project):
    project.policy(HOLDS)
    result = project(ASK, "--privaudit-policy", "policy.yaml", passed=1)
    digest = audit_digest(project.report)[:12]
    result.stdout.fnmatch_lines(["*= privacy gates =*", f"pass * out/report.json ({digest})*::test_leak"])


@pytest.mark.parametrize(
    ("rules", "outcome", "lines"),
    [
        ((FAILS, HOLDS), "fail", ["  fail * tiny advantage: *", "  pass * small advantage: *"]),
        ((OPEN,), "inconclusive", ["  inconclusive * claim holds: *"]),
    ],
    ids=["fail", "inconclusive"],
)
def test_a_gate_that_does_not_pass_fails_the_test_with_a_line_per_verdict(project, rules, outcome, lines):
    project.policy(*rules)
    result = project(ASK, "--privaudit-policy", "policy.yaml", failed=1)
    result.stdout.fnmatch_lines([f"privacy gate of out/report.json: {outcome}. *", *lines, f"{outcome}*::test_leak"])
    assert "Traceback" not in result.stdout.str() and "pytest_plugin.py" not in result.stdout.str()


def test_the_policy_may_let_open_outcomes_pass(project):
    project.policy(OPEN, allow_inconclusive=True)
    project(ASK, "--privaudit-policy", "policy.yaml", passed=1)


def test_a_waived_failure_passes_and_is_marked_where_another_fails(project):
    waivers = [{"rule": FAILS["id"], "reason": "known since May", "expires": "2999-01-01"}]
    project.policy(FAILS, HOLDS, waivers=waivers)
    project(ASK, "--privaudit-policy", "policy.yaml", passed=1)
    project.policy(FAILS, {**FAILS, "id": "another"}, waivers=waivers)
    result = project(ASK, "--privaudit-policy", "policy.yaml", failed=1)
    waived = "  fail * tiny advantage: * [[]waived: known since May (until 2999-01-01)[]]"
    result.stdout.fnmatch_lines([waived, "  fail * another: *"])


def test_without_a_policy_the_shipped_one_judges(project):
    result = project(ASK, failed=1)
    result.stdout.fnmatch_lines(["privacy gate of out/report.json: *"])


def test_the_ini_key_is_relative_to_rootdir_and_the_option_goes_before_it(project, pytester):
    project.policy(HOLDS, name="ci/good.yaml")
    project.policy(FAILS, name="ci/bad.yaml")
    pytester.makeini("[pytest]\nprivaudit_policy = ci/good.yaml\n")
    body = "def test_leak(privacy_gate, monkeypatch, tmp_path):\n    monkeypatch.chdir(tmp_path)\n"
    body += f"    privacy_gate({str(project.path / 'out')!r})\n"
    project(body, passed=1)
    project(body, "--privaudit-policy", "ci/bad.yaml", failed=1)


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("policy='good.yaml'", True),
        ("policy=Path('good.yaml')", True),
        ("policy={'rules': [{'id': 'r', 'metric': 'auc', 'max': 0.9}]}", True),
        ("policy={'rules': [{'id': 'r', 'metric': 'auc', 'max': 0.4}]}", False),
        ("policy=load_policy('good.yaml')", True),
    ],
)
def test_a_call_may_bring_its_own_policy(project, given, passed):
    project.policy(HOLDS, name="good.yaml")
    project.policy(FAILS)
    body = "from pathlib import Path\nfrom privaudit import load_policy\n"
    body += f"def test_leak(privacy_gate):\n    privacy_gate('out/report.json', {given})\n"
    project(body, "--privaudit-policy", "policy.yaml", **({"passed": 1} if passed else {"failed": 1}))


def test_a_report_may_be_given_as_it_is(project):
    body = "from privaudit import load_report\n"
    body += "def test_leak(privacy_gate):\n    report = load_report('out/report.json')\n"
    body += "    privacy_gate(report, policy='policy.yaml')\n"
    project.policy(HOLDS)
    project(body, passed=1).stdout.fnmatch_lines(["pass * adult-mlp (*"])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("privacy_gate('nowhere')", "cannot read nowhere"),
        ("privacy_gate('damaged.json')", "damaged.json was changed after it was written"),
        ("privacy_gate('out', policy='none.yaml')", "none.yaml: no such file"),
        ("privacy_gate('out', policy={'rulse': []})", "rulse: unknown key. Did you mean rules?"),
        ("privacy_gate('out', policy=3)", "policy must be a file, a mapping or a GatePolicy; got int"),
        ("privacy_gate(None)", "a path or an AuditReport; got NoneType"),
        ("privacy_gate('out', baseline='out')", "baseline needs a policy that says what may have grown"),
        ("privacy_gate('out', baseline=load_report('out/report.json'))", "baseline needs a policy that says"),
        ("privacy_gate('out', policy=GROWTH, baseline='nowhere')", "nowhere: no such file"),
    ],
)
def test_mistakes_are_one_clear_line(project, call, says):
    text = (project.path / "out" / "report.json").read_text()
    (project.path / "damaged.json").write_text(text.replace('"adult-mlp"', '"adult-mlq"'))
    growth = {"rules": [HOLDS], "baseline": {"rules": [{"id": "g", "metric": "auc", "max_increase": 0.5}]}}
    head = f"from privaudit import load_report\nGROWTH = {growth}\n"
    result = project(f"{head}def test_leak(privacy_gate):\n    {call}\n", failed=1)
    told = [line for line in result.stdout.lines if line.startswith("privacy gate of ")]
    assert len(told) == 1 and says in told[0]
    assert "Traceback" not in result.stdout.str() and "pytest_plugin.py" not in result.stdout.str()
    result.stdout.fnmatch_lines(["error * test_mistakes_are_one_clear_line.py::test_leak"])


def test_a_fixture_of_any_scope_may_ask(project):
    project.policy(HOLDS)
    body = """
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def gated(privacy_gate):
            return privacy_gate("out")

        def test_first(gated):
            assert gated.outcome == "pass"

        def test_second(privacy_gate):
            privacy_gate("out")
            privacy_gate("out/report.json")
    """
    result = project(body, "--privaudit-policy", "policy.yaml", "-q", passed=2)
    shown = [line for line in result.stdout.lines if line.startswith("pass ")]
    assert [line.rpartition("::")[2] for line in shown] == ["test_first", "test_second", "test_second"]


def test_junit_holds_outcome_and_digest(project):
    project.policy(FAILS)
    project(ASK, "--privaudit-policy", "policy.yaml", "--junit-xml", "junit.xml", failed=1)
    (case,) = ElementTree.parse(project.path / "junit.xml").iter("testcase")
    found = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
    assert found == {
        "privaudit_report": "out/report.json",
        "privaudit_outcome": "fail",
        "privaudit_digest": audit_digest(project.report),
    }


def test_workers_of_xdist_know_the_policy_and_tell_the_outcome(project, pytester):
    project.policy(HOLDS)
    pytester.makepyfile(ASK + ASK.replace("test_leak", "test_again"))
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "1", "--privaudit-policy", "policy.yaml")
    result.assert_outcomes(passed=2)
    assert len([line for line in result.stdout.lines if line.startswith("pass ")]) == 2


def test_sessions_without_a_gate_hear_nothing(project):
    result = project("def test_nothing():\n    pass\n", passed=1)
    assert "privacy gates" not in result.stdout.str()
    assert "privacy_gate" in project("def test_nothing():\n    pass\n", "--fixtures").stdout.str()


def test_hostile_names_stay_in_their_line(project, sample):
    hostile = "x\n::error::boo\x1b[31m"
    write_report_json(sample.sample_report(name=hostile), project.path / "out" / "report.json")
    project.policy({**FAILS, "id": hostile})
    body = "from privaudit import load_report\n"
    body += "def test_leak(privacy_gate):\n    privacy_gate(load_report('out/report.json'), policy='policy.yaml')\n"
    result = project(body, failed=1)
    assert not [line for line in result.stdout.lines if line.strip().startswith("::error")]
    assert "\x1b[31m" not in result.stdout.str()


@pytest.mark.parametrize(("days", "passed"), [(1, True), (30, False)])
def test_the_age_of_an_audit_is_read_beside_its_report(project, days, passed):
    finished = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S%z")
    clocks = {"finished": finished, "audit_digest": audit_digest(project.report)}
    (project.path / "out" / "timings.json").write_text(json.dumps(clocks))
    project.policy(HOLDS, require={"max_age_days": 7})
    project(ASK, "--privaudit-policy", "policy.yaml", **({"passed": 1} if passed else {"failed": 1}))
    clocks["audit_digest"] = "0" * 64  # of another audit: the age is not known
    (project.path / "out" / "timings.json").write_text(json.dumps(clocks))
    project(ASK, "--privaudit-policy", "policy.yaml", failed=1)


def test_a_baseline_is_compared_with(project, sample):
    growth = {"rules": [{"id": "no growth", "metric": "auc", "max_increase": 0.5}]}
    project.policy(HOLDS, baseline=growth)
    write_report_json(sample.sample_report(), project.path / "before.json")
    for given in ("'before.json'", "load_report('before.json')"):
        body = "from privaudit import load_report\n"
        body += f"def test_leak(privacy_gate):\n    result = privacy_gate('out', baseline={given})\n"
        body += "    assert [verdict.rule for verdict in result.verdicts] == ['small advantage', 'no growth']\n"
        project(body, "--privaudit-policy", "policy.yaml", passed=1)
    project.policy(HOLDS, baseline={"report": "before.json", **growth})
    project(ASK, "--privaudit-policy", "policy.yaml", passed=1)


def test_loading_the_plugin_imports_nothing_heavy():
    code = "import sys, privaudit.pytest_plugin; print([n for n in ('numpy', 'yaml', 'pydantic', 'torch') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_error_is_told_once_and_on_one_line(project):
    body = "def test_leak(privacy_gate):\n    privacy_gate('no\\n::error::boo')\n"
    result = project(body, failed=1)
    lines = result.stdout.lines
    assert not [line for line in lines if line.startswith("::error")]
    assert not [line for line in lines if "another exception" in line or "direct cause" in line]
