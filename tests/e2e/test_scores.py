"""`privaudit scores`: files of any framework in, a report out, bad input refused in one line."""

import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from privaudit.report.schema import report_json_schema

FAIR = ["--fair-coins", "--claim", "0.5", "--neighbouring", "add_remove"]


@pytest.fixture
def file(command):
    """Writes a csv of one model and returns its name."""
    rng = np.random.default_rng(0)
    member = rng.integers(0, 2, 1000)
    columns = {
        "loss": rng.exponential(np.where(member, 0.3, 1.0)),
        "member": member,
        "feature_x": rng.normal(size=1000),
    }

    def write(name="resnet.csv", **changes):
        frame = pd.DataFrame({**columns, **changes})
        frame[[column for column in frame if column not in changes or changes[column] is not None]].to_csv(
            command.folder / name, index=False
        )
        return name

    return write


def one_line(result):
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("privaudit: "), result.stderr
    return lines[0]


def test_a_table_becomes_a_summary_and_no_files(command, file):
    before = set(command.folder.iterdir()) | {command.folder / file()}
    result = command.inside("scores", "resnet.csv")
    assert "loss threshold reaches an AUC of 0.7" in result.stdout and "blind baseline" in result.stdout
    assert "epsilon >=" not in result.stdout and "Report:" not in result.stdout and not result.stderr
    assert set(command.folder.iterdir()) == before


def test_out_holds_the_reports(command, file):
    result = command.inside("scores", file(), *FAIR, "--out", "made/here")
    assert "contradicts the claim" in result.stdout and "Report: made/here" in result.stdout
    folder = command.folder / "made" / "here"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md"]
    text = (folder / "report.json").read_text()
    Draft202012Validator(report_json_schema()).validate(json.loads(text))
    assert str(command.folder) not in text + (folder / "report.html").read_text()
    assert command.inside("scores", "resnet.csv", *FAIR, "--format", "json").stdout == text
    again = command.inside("report", "made/here")
    assert again.stdout.strip() in result.stdout


def test_a_gate_judges_the_report(command, file):
    command.inside("scores", file(), *FAIR, "--out", "out")
    (command.folder / "policy.yaml").write_text(json.dumps({"rules": [{"id": "r", "metric": "claim"}]}))
    assert command.inside("gate", "out", "--policy", "policy.yaml", code=1).stdout.startswith("fail")


def test_many_models_and_trainings(command):
    rng = np.random.default_rng(0)
    coins = rng.integers(0, 2, (8, 1500))
    coins[1::2] = 1 - coins[::2]
    np.savez(command.folder / "many.npz", score=rng.normal(size=coins.shape) + coins, member=coins)
    found = command.inside("scores", "many.npz", "--target", "3", "--fair-coins").stdout
    assert "LiRA" in found and "lira-3 (primary)  one_run" in found
    world = np.arange(600) % 2
    trainings = {"model": np.arange(600), "score": rng.normal(size=600) + 3 * world, "member": world}
    pd.DataFrame(trainings).to_csv(command.folder / "canary.csv", index=False)
    judged = command.inside("scores", "canary.csv", "--claim", "1", "--neighbouring", "replace_one").stdout
    assert "contradicts the claim of epsilon 1.00 (delta 1e-5, replace one)" in judged and "clopper_pearson" in judged


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.csv"], 2, ["none.csv", "no such file"]),
        (["notes.txt"], 2, [".csv, .parquet, .npz", ".txt"]),
        (["resnet.csv", "--loss", "los"], 2, ["los", "Did you mean loss?"]),
        (["resnet.csv", "--loss", "loss", "--score", "loss"], 2, ["--score and --loss"]),
        (["resnet.csv", "--features", "feature_y"], 2, ["feature_y", "feature_x"]),
        (["resnet.csv", "--target", "9"], 2, ["holds one model", "--target"]),
        (["resnet.csv", "--claim", "1"], 2, ["not drawn by coins", "--fair-coins"]),
        (["resnet.csv", "--fair-coins", "--claim", "1"], 2, ["--neighbouring"]),
        (["resnet.csv", "--fair-coins", "--claim", "1", "--neighbouring", "zero_out"], 4, ["add_remove", "zero_out"]),
        (["resnet.csv", "--delta", "1"], 2, ["delta"]),
        (["resnet.csv", "--confidence", "95"], 2, ["confidence"]),
        (["resnet.csv", "--claim", "-1"], 2, ["--claim"]),
        (["empty.csv"], 4, ["empty.csv"]),
        (["constant.csv"], 4, ["both members and non-members"]),
        (["nan.csv"], 4, ["NaN", "row 3"]),
        (["both.csv"], 2, ["'score' and 'loss'"]),
        (["uneven.csv", "--fair-coins"], 4, ["fair coins"]),
        (["objects.npz"], 4, ["no objects"]),
        (["shapes.npz"], 4, ["(3,) and (2,)"]),
    ],
)
def test_what_is_refused(command, file, arguments, code, words):
    folder = command.folder
    file()
    file("constant.csv", member=np.ones(1000, dtype=int))
    file("nan.csv", loss=np.where(np.arange(1000) == 3, np.nan, 1.0))
    file("both.csv", score=np.ones(1000))
    file("uneven.csv", member=(np.arange(1000) < 800).astype(int), feature_x=None)
    (folder / "empty.csv").write_text("")
    (folder / "notes.txt").write_text("loss,member\n")
    np.savez(folder / "objects.npz", loss=np.array([1.0, 2.0], dtype=object), member=[0, 1])
    np.savez(folder / "shapes.npz", loss=np.ones(3), member=[0, 1])
    line = one_line(command.inside("scores", *arguments, "--out", "out", code=code))
    assert all(word in line for word in words), line
    assert not (folder / "out").exists()


def test_the_folder_of_an_audit_keeps_its_reports(command, file):
    (command.folder / "audit").mkdir()
    (command.folder / "audit" / "manifest.json").write_text("{}")
    line = one_line(command.inside("scores", file(), "--out", "audit", code=2))
    assert "--out audit" in line and "overwritten" in line
    assert [path.name for path in (command.folder / "audit").iterdir()] == ["manifest.json"]
    command.inside("scores", "resnet.csv", "--out", "other")
    command.inside("scores", "resnet.csv", "--out", "other")  # its own reports are made anew


@pytest.mark.slow
def test_fifty_thousand_records_take_seconds_and_no_torch(command):
    rng = np.random.default_rng(0)
    n = 50_000
    member = rng.integers(0, 2, n)
    columns = {
        "loss": rng.exponential(size=n),
        "member": member,
        **{f"feature_{i}": rng.normal(size=n) for i in range(20)},
    }
    pd.DataFrame(columns).to_csv(command.folder / "big.csv", index=False)
    code = "import sys; from privaudit.cli.main import exit_code; "
    code += "code = exit_code(['scores', 'big.csv', '--fair-coins', '--out', 'out']); "
    code += "print(code, [name for name in ('torch', 'opacus') if name in sys.modules])"
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=command.folder, capture_output=True, text=True, check=False
    )
    assert "one_run" in result.stdout and result.stdout.strip().endswith("0 []"), result.stderr
    assert time.monotonic() - started < 30  # measured: 3 s on an idle core


def test_help_answers_without_heavy_imports(command):
    code = "import sys; from privaudit.cli.main import exit_code; exit_code(['scores', '--help'])"
    code += "; print([name for name in ('torch', 'numpy', 'pandas', 'sklearn') if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--fair-coins" in out and out.strip().endswith("[]")
    flat = " ".join(out.split())
    for words in (
        "Columns other than feature_* are ignored unless --features names them",
        "The delta of epsilon.",
        "the best of several seeds is no bound",
        "LiRA carries a bound only if the file also holds the target's complement",
    ):
        assert words in flat


def test_the_rule_for_ties_can_be_declared(command):
    """Scores of two values: the median over all orders shows more than counting every tie as wrong."""
    rng = np.random.default_rng(5)
    member = rng.integers(0, 2, 2000)
    answer = np.where(rng.random(2000) < 0.95, member, 1 - member)
    pd.DataFrame({"score": answer, "member": member}).to_csv(command.folder / "answers.csv", index=False)

    def lower(*args):
        report = json.loads(command.inside("scores", "answers.csv", "--fair-coins", *args, "--format", "json").stdout)
        (estimate,) = report["sections"][0]["findings"][0]["estimates"]
        return estimate["lower"]

    assert 0.0 < lower() < lower("--ties", "median")
