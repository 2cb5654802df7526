"""`privaudit canaries insert` and `evaluate` around a training that runs elsewhere."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from privaudit.data.canary_files import read_coins
from privaudit.estimators import audit_scores
from privaudit.pipeline.canary_bounds import model_free_bound
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.report.schema import report_json_schema
from privaudit.types import Neighbouring

N = 400
FILES = ["--out", "with.csv", "--canaries-out", "canaries.csv", "--coins", "coins.json"]
EVALUATE = ["evaluate", "--coins", "coins.json", "--scores", "scores.csv"]
PARAMS = ["--noise-multiplier", "10", "--sample-rate", "1", "--steps", "20"]


@pytest.fixture
def inserted(command):
    """A table of 600 people with 400 mislabelled canaries, each by its coin."""
    rng = np.random.default_rng(0)
    rows = [
        f"{age:.4f},{'fm'[row % 2]},{'low' if age < 50 else 'high'}" for row, age in enumerate(rng.uniform(20, 80, 600))
    ]
    (command.folder / "people.csv").write_text("age,sex,income\n" + "\n".join(rows) + "\n")
    command.result = command.inside(
        "canaries", "insert", "people.csv", "--n", str(N), "--label", "income", *FILES, "--seed", "0"
    )
    return command


def records(folder, name):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def score(folder, *, share=1.0, column="score", sign=1.0, reverse=False):
    """Scores of a model that remembers a share of its training data word by word, in `scores.csv`."""
    rng = np.random.default_rng(1)
    seen = {(row["age"], row["sex"], row["income"]) for row in records(folder, "with.csv")}
    lines = []
    for row in records(folder, "canaries.csv"):
        remembered = (row["age"], row["sex"], row["income"]) in seen and rng.random() < share
        lines.append(f"{row['canary']},{sign * (5.0 * remembered + rng.normal())!r}")
    lines = lines[::-1] if reverse else lines
    (folder / "scores.csv").write_text(f"canary,{column}\n" + "\n".join(lines) + "\n")


def one_line(result):
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1
    assert lines[0].startswith("privaudit: ")
    return lines[0]


def primary(result):
    report = json.loads(result.stdout)
    finding = next(section for section in report["sections"] if section["kind"] == "canary")["findings"][0]
    return report, {estimate["method"]: estimate for estimate in finding["estimates"]}["one_run"]


def test_insert_says_what_to_do_and_names_no_coin(inserted):
    text = inserted.result.stdout
    assert "400 canaries (mislabelled)" in text
    assert "canaries evaluate --coins coins.json" in text
    n_in = int(read_coins(inserted.folder / "coins.json").is_in.sum())
    assert str(n_in) not in text
    assert (inserted.folder / "coins.json").stat().st_mode & 0o777 == 0o600
    assert len(records(inserted.folder, "with.csv")) == 600 + n_in
    files = ["--out", "w.csv", "--canaries-out", "c.csv", "--coins", "c.json"]
    command = ["canaries", "insert", "people.csv", "--n", "20", "--label", "income", *files]
    done = json.loads(inserted.inside(*command, "--format", "json").stdout)
    assert done == {
        "kind": "mislabelled",
        "n_canaries": 20,
        "data": "w.csv",
        "canaries": "c.csv",
        "coins": "c.json",
    }


def test_a_model_that_remembers_contradicts_its_claim(inserted):
    score(inserted.folder)
    result = inserted.inside("canaries", *EVALUATE, *PARAMS, "--out", "report")
    assert "contradicts the claim" in result.stdout
    assert "Report: report" in result.stdout
    stored = (inserted.folder / "report" / "report.json").read_text()
    Draft202012Validator(report_json_schema()).validate(json.loads(stored))
    assert str(inserted.folder) not in stored
    assert inserted.inside("canaries", *EVALUATE, *PARAMS, "--format", "json").stdout == stored


def test_the_bound_is_that_of_the_joined_scores_in_any_order(inserted):
    score(inserted.folder, share=0.7)
    report, found = primary(inserted.inside("canaries", *EVALUATE, "--format", "json"))
    assert report["claim"] is None
    coins = read_coins(inserted.folder / "coins.json")
    by_key = {row["canary"]: float(row["score"]) for row in records(inserted.folder, "scores.csv")}
    values = np.array([by_key[key] for key in coins.keys.tolist()])
    inside = coins.is_in == 1
    expected = audit_scores(
        values[inside],
        values[~inside],
        method="one_run",
        delta=1e-5,
        confidence=0.95,
        neighbouring=Neighbouring.ADD_REMOVE,
    )
    assert found["lower"] == expected.lower > 1.0
    score(inserted.folder, share=0.7, reverse=True)
    assert primary(inserted.inside("canaries", *EVALUATE, "--format", "json"))[1] == found
    score(inserted.folder, share=0.7, sign=-1.0, column="loss")
    losses = inserted.inside("canaries", *EVALUATE, "--quantity", "loss", "--format", "json")
    assert primary(losses)[1] == found
    rows = records(inserted.folder, "scores.csv")
    np.savez(
        inserted.folder / "scores.npz",
        canary=[row["canary"] for row in rows],
        mine=[-float(row["loss"]) for row in rows],
    )
    archive = ["evaluate", "--coins", "coins.json", "--scores", "scores.npz", "--column", "mine", "--format", "json"]
    assert primary(inserted.inside("canaries", *archive))[1] == found


def test_a_model_that_remembers_nothing_contradicts_none(inserted):
    """By chance with probability 0.05 at most, at this seed not."""
    score(inserted.folder, share=0.0)
    for claim in (["--claim", "0.5"], PARAMS):
        report, found = primary(inserted.inside("canaries", *EVALUATE, *claim, "--format", "json"))
        assert found["lower"] < 0.5
        assert [verdict["outcome"] for verdict in report["verdicts"]] == ["too_weak"]


def test_another_runs_scores_are_refused(inserted):
    score(inserted.folder)
    text = (inserted.folder / "scores.csv").read_text()
    keys = read_coins(inserted.folder / "coins.json").keys.tolist()
    seven, eight, last = keys[7], keys[8], keys[-1]
    (inserted.folder / "good.csv").write_text(text)
    control = [*EVALUATE[:-1], "good.csv", "--control-scores", "scores.csv"]
    for changed, message in [
        (text.replace(seven, "canary-90007"), f"1 canaries have no score ({seven}); 1 scores belong to no"),
        (text.replace(seven, eight), f"keys of scores must be distinct; 1 come twice ({eight})"),
        ("\n".join(text.splitlines()[:-1]) + "\n", f"1 canaries have no score ({last})"),
        (text.replace(f"{seven},", f"{seven},nan#"), "must hold numbers"),
        (re.sub(rf"{seven},.*", f"{seven},nan", text), f"1 are NaN ({seven})"),
        (text + "canary-00400,nan\n", "1 scores belong to no canary (canary-00400)"),
        (text.replace("canary,score", "id,score"), "no 'canary'. It has id, score"),
        (text.replace(",", ";"), "is ';' the separator"),
    ]:
        (inserted.folder / "scores.csv").write_text(changed)
        for command in (EVALUATE, control):
            line = one_line(inserted.inside("canaries", *command, code=4))
            assert message in line
            assert "scores.csv" in line


def test_scores_of_another_insertion_are_refused(inserted):
    """The same file and as many canaries, but another seed: no score finds a coin."""
    score(inserted.folder)
    others = ["--out", "w.csv", "--canaries-out", "c.csv", "--coins", "c.json", "--seed", "1"]
    inserted.inside("canaries", "insert", "people.csv", "--n", str(N), "--label", "income", *others)
    line = one_line(inserted.inside("canaries", "evaluate", "--coins", "c.json", "--scores", "scores.csv", code=4))
    assert "400 canaries have no score" in line
    assert "400 scores belong to no canary" in line


def test_with_a_control_that_leaks_a_claim_can_be_consistent(inserted):
    score(inserted.folder)
    (inserted.folder / "scores.csv").rename(inserted.folder / "control.csv")
    score(inserted.folder, share=0.0)
    control = ["--control-scores", "control.csv"]
    for claim in (["--claim", "0.5"], PARAMS):
        report, found = primary(inserted.inside("canaries", *EVALUATE, *control, *claim, "--format", "json"))
        assert [verdict["outcome"] for verdict in report["verdicts"]] == ["consistent"]
        assert report["verdicts"][0]["numbers"]["control_lower"] > 1.0 > found["lower"]
        assert [played["name"] for played in report["controls"]] == ["noise 0, clip kept"]
        assert len(report["provenance"]["control_digest"]) == 64
        assert "the control was trained on the same file" in json.dumps(report)
    weak = inserted.inside("canaries", *EVALUATE, "--control-scores", "scores.csv", *PARAMS, "--format", "json")
    assert [verdict["outcome"] for verdict in json.loads(weak.stdout)["verdicts"]] == ["too_weak"]
    score(inserted.folder)
    broken = inserted.inside("canaries", *EVALUATE, *control, *PARAMS, "--format", "json")
    assert [verdict["outcome"] for verdict in json.loads(broken.stdout)["verdicts"]] == ["violated"]


def test_losses_of_the_control_change_their_sign_too(inserted):
    score(inserted.folder, sign=-1.0, column="loss")
    (inserted.folder / "scores.csv").rename(inserted.folder / "control.csv")
    score(inserted.folder, share=0.0, sign=-1.0, column="loss")
    options = ["--quantity", "loss", "--control-scores", "control.csv", *PARAMS, "--format", "json"]
    report, _ = primary(inserted.inside("canaries", *EVALUATE, *options))
    assert [verdict["outcome"] for verdict in report["verdicts"]] == ["consistent"]


def test_a_wrong_file_of_coins_and_a_damaged_one_are_told_apart(inserted):
    score(inserted.folder)
    wrong = ["evaluate", "--coins", "scores.csv", "--scores", "scores.csv"]
    line = one_line(inserted.inside("canaries", *wrong, code=4))
    assert "scores.csv: this is no coins file of `privaudit canaries insert`" in line
    coins = inserted.folder / "coins.json"
    coins.write_bytes(coins.read_bytes()[:-20])
    assert "the coins file is damaged" in one_line(inserted.inside("canaries", *EVALUATE, code=4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--noise-multiplier", "1"], "--sample-rate, --steps missing"),
        (["--noise-multiplier", "1", "--steps", "20"], "--sample-rate missing"),
        (["--noise-multiplier", "-1", "--sample-rate", "1", "--steps", "20"], "noise_multiplier"),
        (["--noise-multiplier", "1", "--sample-rate", "2", "--steps", "20"], "sample_rate"),
        (["--delta", "1"], "delta must lie in [0, 1)"),
        (["--confidence", "95"], "Did you mean 0.95"),
        (["--claim", "-1"], "--claim"),
        (["--quantity", "los"], "--quantity"),
        (["--coins", "none.json"], "none.json: no such file"),
        (["--scores", "none.csv"], "none.csv: no such file"),
        (["--control-scores", "none.csv"], "none.csv: no such file"),
        (["--column", "scor"], "--column names 'scor', which it does not have. Did you mean score"),
    ],
)
def test_wrong_options_of_evaluate_are_one_line(inserted, options, message):
    score(inserted.folder)
    assert message in one_line(inserted.inside("canaries", *EVALUATE, *options, code=2))


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (["--label", "incom"], "Did you mean income", 2),
        ([], "--label must name", 2),
        (["--label", "income", "--kind", "blank"], "cells of a csv have none", 4),
        (["--label", "income", "--kind", "labelled"], "--kind", 2),
        (["--label", "income", "--n", "0"], "--n must be at least 20", 2),
        (["--label", "income", "--n", "5"], "--n must be at least 20; got 5", 2),
        (["--label", "weight"], "column weight holds numbers with fractions (0.25): a quantity", 4),
        (["--label", "income", "--n", "601"], "at most 600 mislabelled", 2),
        (["--label", "income", "--out", "with.npz"], "--out must end in .csv", 2),
        (["--label", "income", "--seed", "-1"], "--seed", 2),
        (["--label", "income", "--coins", "people.csv"], "people.csv exists and would be lost", 2),
    ],
)
def test_wrong_options_of_insert_are_one_line_and_write_nothing(command, options, message, code):
    rows = "".join(f"{row},{'xy'[row % 2]},{row / 4}\n" for row in range(600))
    (command.folder / "people.csv").write_text("age,income,weight\n" + rows)
    assert message in one_line(command.inside("canaries", "insert", "people.csv", *FILES, *options, code=code))
    assert [path.name for path in command.folder.iterdir()] == ["people.csv"]


@pytest.mark.parametrize(
    ("n", "confidence", "is_shown"), [(19, 0.9, False), (20, 0.9, True), (29, 0.95, False), (30, 0.95, True)]
)
def test_how_many_canaries_show_anything_is_as_insert_says(n, confidence, is_shown):
    coins = np.arange(n) % 2
    outcome = CanaryOutcome(name="black_box", scores=coins + np.linspace(0, 0.1, n), is_in=coins)
    bound = model_free_bound(outcome, delta=1e-5, confidence=confidence, neighbouring=Neighbouring.ADD_REMOVE)
    assert (bound.lower > 0) == is_shown


def test_reports_are_not_written_over_an_audit(inserted):
    score(inserted.folder)
    (inserted.folder / "audit").mkdir()
    (inserted.folder / "audit" / "manifest.json").write_text("{}")
    result = inserted.inside("canaries", *EVALUATE, "--out", "audit", code=2)
    assert "holds manifest.json" in one_line(result)
    inserted.inside("canaries", *EVALUATE, "--out", "other")
    made = (inserted.folder / "other" / "report.json").read_bytes()
    inserted.inside("canaries", *EVALUATE, "--out", "other", "--confidence", "0.9")  # made anew, as `scores` does
    assert (inserted.folder / "other" / "report.json").read_bytes() != made


def test_neither_command_loads_torch(inserted):
    score(inserted.folder)
    files = ["--out", "w.csv", "--canaries-out", "c.csv", "--coins", "c.json"]
    code = f"""
import sys
from privaudit.cli.main import exit_code
assert exit_code({["canaries", "insert", "people.csv", "--label", "income", *files]!r}) == 0
assert exit_code({["canaries", *EVALUATE, *PARAMS]!r}) == 0
print(sorted({{"torch", "opacus", "sklearn"}} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=inserted.folder, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]", ran.stderr


def test_help_names_both(command):
    text = command.inside("canaries", "--help").stdout
    assert "insert" in text
    assert "evaluate" in text
    assert "canary" in command.inside("canaries", "insert", "--help").stdout
    text = " ".join(command.inside("canaries", "evaluate", "--help").stdout.split())
    assert "--claim" in text
    assert "Without it a claim is violated or too_weak, never consistent" in text
