"""`privaudit report` in the formats that machines read, and the files that an audit writes of them."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
import yaml

from privaudit.cli.main import exit_code
from privaudit.config.audit import ReportConfig
from privaudit.errors import ConfigError
from privaudit.report import load_report, write_report_json, write_reports
from privaudit.report.write import FILES, MACHINE_FILES, RENDERERS
from privaudit.store.folder import _OURS

POLICY = "rules: [{id: small auc, metric: auc, max: 0.6}, {id: tpr, metric: tpr_at_fpr, at: 0.1, max: 0.05}]\n"


@pytest.fixture
def folder(builder, tmp_path, monkeypatch):
    """An audit's report and a policy, in the current folder."""
    write_report_json(builder.sample_report(), tmp_path / "report.json")
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    """Runs the command in this process; returns what it wrote to stdout."""

    def call(*args, code=0):
        assert exit_code(["report", *args]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return call


def test_every_format_without_a_policy(run):
    assert ET.fromstring(run("report.json", "--format", "junit")).find(".//testcase").get("name") == "claim"
    assert json.loads(run(".", "--format", "sarif"))["runs"][0]["results"][0]["ruleId"] == "claim"
    assert yaml.safe_load(run("report.json", "--format", "card"))["model-index"][0]["name"] == "adult-mlp"
    assert run("report.json", "--format", "md").startswith("### Privacy audit")


def test_a_policy_is_judged_and_shown(run):
    policy = ("--policy", "policy.yaml")
    cases = ET.fromstring(run("report.json", "--format", "junit", *policy)).iter("testcase")
    assert [case.get("name") for case in cases] == ["small auc", "tpr"]
    log = json.loads(run("report.json", "--format", "sarif", *policy, "--location", "ci/my audit.yaml"))
    (result,) = log["runs"][0]["results"]
    assert result["ruleId"] == "tpr" and result["kind"] == "fail"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "ci/my%20audit.yaml"
    assert run("report.json", "--format", "md", *policy).startswith("### Privacy gate failed")
    card = yaml.safe_load(run("report.json", "--format", "card", *policy))
    assert card["model-index"][0]["results"][-1]["metrics"][0]["value"] == "fail"


@pytest.mark.parametrize("name", ["html", "json", "text"])
def test_a_policy_that_would_not_be_seen_is_refused(run, name):
    assert "--policy is shown by --format md" in run("report.json", "--format", name, "--policy", "policy.yaml", code=2)


def test_a_missing_policy_is_a_mistake(run):
    assert "nowhere.yaml" in run("report.json", "--format", "junit", "--policy", "nowhere.yaml", code=2)


def test_output_goes_to_a_file(run, folder):
    assert run("report.json", "--format", "sarif", "--output", "made.sarif") == ""
    assert json.loads((folder / "made.sarif").read_text())["version"] == "2.1.0"


def test_it_loads_no_torch(folder):
    code = (
        "import sys; from privaudit.cli.main import exit_code; "
        "done = [exit_code(['report', 'report.json', '--format', name, '--policy', 'policy.yaml', '-o', 'x']) "
        "for name in ('junit', 'sarif', 'card', 'md')]; print(done, {'torch', 'opacus'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[0, 0, 0, 0] set()"


def test_an_audit_writes_what_its_config_names(builder, tmp_path):
    formats = ReportConfig(formats=["html", "json", "md", "junit", "sarif", "card"]).formats
    paths = write_reports(builder.sample_report(), tmp_path, formats)
    names = {"report.html", "report.json", "report.md", "report.junit.xml", "report.sarif", "model-card.yaml"}
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()} == names
    assert load_report(tmp_path / "report.json").subject.name == "adult-mlp"


def test_every_file_of_a_report_belongs_to_an_audits_folder():
    assert {*FILES.values(), *MACHINE_FILES.values()} <= _OURS
    assert {*FILES, *MACHINE_FILES, "text"} == set(RENDERERS)


def test_an_unknown_format_names_the_nearest(builder, tmp_path):
    with pytest.raises(ConfigError, match="Did you mean sarif"):
        write_reports(builder.sample_report(), tmp_path / "out", ["sarfi"])
    with pytest.raises(ConfigError, match="report formats are"):
        write_reports(builder.sample_report(), tmp_path / "out", ["text"])


def test_same_report_same_bytes_in_another_process(builder, tmp_path):
    formats = [*MACHINE_FILES, "md"]
    (report,) = write_reports(builder.compared_report(), tmp_path / "a", ["json"])
    paths = write_reports(load_report(report), tmp_path / "a", formats)
    code = (
        "import sys; from privaudit.report import load_report, write_reports;"
        "write_reports(load_report(sys.argv[1]), sys.argv[2], sys.argv[3:])"
    )
    subprocess.run([sys.executable, "-c", code, str(report), str(tmp_path / "b"), *formats], check=True)
    for path in paths:
        assert (tmp_path / "b" / path.name).read_bytes() == path.read_bytes(), path.name
