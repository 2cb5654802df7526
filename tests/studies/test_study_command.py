"""The command, the tables in each format, and the workers."""

import json
import subprocess
import sys

import pytest
import torch

from privaudit.cli.main import exit_code
from privaudit.errors import ConfigError
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import STUDIES, Check, StudyEntry, StudyOptions, StudyResult, StudyTable, run_study
from privaudit.studies.study_text import study_json, study_markdown, study_text

RESULT = StudyResult(
    name="zoo",
    title="A study",
    tables=(
        StudyTable(
            title="Bounds",
            columns=("what", "bound", "runs", "flagged"),
            rows=(("a|b", 2.59731, 2500, True), ("none", 1e-4, 10, False), ("empty", None, 0, True)),
            notes=("At 95 %.",),
        ),
    ),
    checks=(Check(name="beyond", wanted="9 of 10", measured="8 of 10", is_met=False),),
    notes=("All in all.",),
)


@pytest.fixture
def asked(monkeypatch):
    """Options that a stand-in study was run with; it returns RESULT."""
    seen = []

    def study(options, progress):
        seen.append(options)
        return RESULT

    monkeypatch.setattr(StudyEntry, "load", lambda entry: study)
    return seen


def test_tables_go_to_stdout_and_an_unmet_check_is_said_but_no_error(asked, capsys):
    assert exit_code(["study", "zoo"]) == 0
    out = capsys.readouterr().out
    assert out == study_text(RESULT) + "\n"
    assert "NOT MET" in out and "2.597" in out and "2,500" in out


def test_options_reach_the_study(asked, tmp_path, monkeypatch):
    flags = ["--quick", "--controls", "--seed", "3", "--workers", "2", "--data-dir", str(tmp_path)]
    assert exit_code(["study", "zoo", *flags]) == 0
    monkeypatch.setenv("PRIVAUDIT_DATA", str(tmp_path))
    assert exit_code(["study", "zoo"]) == 0
    wanted = StudyOptions(is_quick=True, is_controls=True, seed=3, workers=2, data_dir=tmp_path)
    assert asked == [wanted, StudyOptions(data_dir=tmp_path)]


def test_json_holds_the_numbers_in_full(asked, capsys):
    assert exit_code(["study", "zoo", "--format", "json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads(study_json(RESULT))
    assert content["tables"][0]["rows"][0] == ["a|b", 2.59731, 2500, True]
    assert content["checks"][0]["is_met"] is False


def test_a_file_instead_of_stdout(asked, tmp_path, capsys):
    path = tmp_path / "study.md"
    assert exit_code(["study", "zoo", "--format", "md", "--out", str(path)]) == 0
    assert capsys.readouterr().out == ""
    assert path.read_text() == study_markdown(RESULT) + "\n"


def test_markdown_rows_have_as_many_cells_as_the_head():
    rows = [line for line in study_markdown(RESULT).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows[:5]} == {5}
    assert "a&#124;b" in rows[2]


@pytest.mark.parametrize(
    "arguments", [["study", "no-such"], ["study"], ["study", "zoo", "--data-dir", "/no/such/folder"]]
)
def test_mistakes_are_one_line(arguments, capsys):
    assert exit_code(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_data_that_are_not_there_are_named(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("PRIVAUDIT_DATA", raising=False)
    for arguments in ([], ["--data-dir", str(tmp_path)]):
        assert exit_code(["study", "black-box", "--quick", "--quiet", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "mnist_merged.npz" in line and "PRIVAUDIT_DATA" in line


def test_help_needs_no_torch():
    code = (
        "import sys; from privaudit.cli.main import exit_code; exit_code(['study', '--help']);"
        "sys.exit(bool({'torch', 'opacus', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in STUDIES)


def test_every_study_is_there():
    assert all(callable(entry.load()) for entry in STUDIES.values())
    with pytest.raises(ConfigError, match="opacus-571"):
        run_study("opacus-572", StudyOptions())


def noisy_sum(number):
    assert torch.get_num_threads() == 1
    return float(torch.randn(1000, generator=torch.Generator().manual_seed(number)).sum())


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_tasks_on_any_number_of_workers(workers):
    seen = []
    found = run_tasks(noisy_sum, range(5), workers=workers, progress=seen.append, stage="sums", unit="sums")
    assert found == [noisy_sum_alone(number) for number in range(5)]
    assert [(step.done, step.total, step.unit) for step in seen] == [(done, 5, "sums") for done in range(6)]


def noisy_sum_alone(number):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return noisy_sum(number)
    finally:
        torch.set_num_threads(before)


def test_what_a_task_raises_is_raised():
    def fails(number):
        raise ConfigError("no such number")

    with pytest.raises(ConfigError, match="no such number"):
        run_tasks(fails, [1, 2], workers=1, stage="failures")
