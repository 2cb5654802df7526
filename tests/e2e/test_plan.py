"""``privaudit plan``: the table, the JSON, the cost, the mistakes; fast and without torch."""

import json
import subprocess
import sys

import pytest

from privaudit.estimators.power_many_runs import many_runs_power, trainings_needed
from privaudit.estimators.power_one_run import canaries_needed

pytestmark = pytest.mark.slow


def plans(command, *args):
    return json.loads(command.inside("plan", *args, "--format", "json").stdout)


def test_numbers_needed_for_an_epsilon(command):
    out = plans(command, "--epsilon", "4", "--claim", "1", "--minutes-per-training", "3", "--workers", "8")
    assert [(p["game"], p["estimator"], p["leak"]) for p in out["plans"]] == [
        ("one_run", "one_run", "gaussian"),
        ("one_run", "one_run", "randomised_response"),
        ("many_runs", "clopper_pearson", "gaussian"),
        ("many_runs", "gaussian_dp", "gaussian"),
        ("many_runs", "clopper_pearson", "randomised_response"),
    ]
    first = out["plans"][0]
    expected = canaries_needed(epsilon=4.0, claim=1.0, delta=1e-5, confidence=0.95)
    assert (first["n_canaries"], first["power"], first["ceiling"]) == (
        expected.n_canaries,
        expected.power,
        expected.ceiling,
    )
    assert first["n_trainings"] == 1 and first["minutes"] == 3.0
    missing = plans(command, "--epsilon", "10", "--claim", "7", "--minutes-per-training", "3")["plans"][:2]
    assert [(p["n_trainings"], p["minutes"], bool(p["reason"])) for p in missing] == [(None, None, True)] * 2
    assert [(row["n_trainings"], row["minutes"]) for row in out["shadow"]] == [(8, 3.0), (16, 6.0), (64, 24.0)]
    assert set(out["definitions"]) == {"power", "typical", "ceiling", "detectable_epsilon"}


def test_clopper_pearson_is_planned_at_the_threshold_to_fix(command):
    found = {(p["estimator"], p["leak"]): p for p in plans(command, "--epsilon", "5", "--claim", "2")["plans"]}
    plan = found["clopper_pearson", "gaussian"]
    expected = trainings_needed(epsilon=5.0, claim=2.0, delta=1e-5, confidence=0.95)
    assert (plan["n_trainings"], plan["fpr"], plan["power"]) == (expected.n_trainings, expected.fpr, expected.power)
    assert plan["power"] >= 0.8 and found["one_run", "gaussian"]["fpr"] is None


def test_what_a_budget_shows(command):
    out = plans(command, "--trainings", "2000", "--leak", "gaussian", "--game", "many_runs")
    assert [p["estimator"] for p in out["plans"]] == ["clopper_pearson", "gaussian_dp"]
    expected = many_runs_power(1000, epsilon=None, delta=1e-5, confidence=0.95)
    assert out["plans"][0]["detectable_epsilon"] == expected.detectable_epsilon
    assert out["plans"][0]["ceiling"] == pytest.approx(5.6006, abs=1e-4)
    assert out["plans"][0]["power"] is None and out["plans"][0]["minutes"] is None
    canaries = plans(command, "--canaries", "1000", "--share", "0.1")["plans"]
    assert {(p["game"], p["n_guesses"]) for p in canaries} == {("one_run", 100)}


def test_the_table_names_its_terms_and_assumptions(command):
    text = command.inside("plan", "--epsilon", "10", "--claim", "7").stdout
    assert text.startswith("To show that a model whose true epsilon is 10 exceeds a claim of 7")
    head, *rows = text.split("\n\n")[2].splitlines()[1:]
    columns = ["estimator", "leak", "trainings", "power", "typical", "ceiling", "detectable", "validity"]
    assert head.split() == columns
    assert [row.split()[-1] for row in rows] == ["valid", "in_family", "valid"]
    assert max(map(len, text.splitlines())) <= 118
    words = (
        "- detectable:",
        "- leak gaussian (DP-SGD-like):",
        "randomised_response (best case)",
        "promises no epsilon",
    )
    for word in words:
        assert word in text
    budget = command.inside("plan", "--canaries", "500").stdout
    assert "- power:" not in budget and "minutes" not in budget
    few = command.inside("plan", "--canaries", "10").stdout
    assert "none" in few and "canaries are about the least" in " ".join(few.split())


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "--epsilon"),
        (["--canaries", "100", "--trainings", "10"], "got both"),
        (["--epsilon", "1", "--claim", "1"], "above the claim of 1"),
        (["--epsilon", "nan"], "got nan"),
        (["--epsilon", "2", "--share", "1.5"], "share must lie in (0, 1]; got 1.5"),
        (["--epsilon", "2", "--share", "0.5", "--game", "many_runs"], "share"),
        (["--trainings", "11"], "even number"),
        (["--canaries", "1"], "from 2 to"),
        (["--epsilon", "2", "--delta", "0"], "randomised_response"),
        (["--epsilon", "2", "--delta", "1"], "delta must lie in [0, 1)"),
        (["--epsilon", "2", "--confidence", "95"], "got 95.0. Did you mean 0.95?"),
        (["--epsilon", "2", "--power", "80"], "got 80.0. Did you mean 0.8?"),
        (["--epsilon", "2", "--power", "0"], "power must lie in (0, 1)"),
        (["--epsilon", "2", "--minutes-per-training", "-1"], "positive number; got -1"),
        (["--epsilon", "2", "--minutes-per-training", "1", "--workers", "0"], "workers"),
        (["--epsilon", "two"], "two"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(command, args, words):
    err = command.inside("plan", *args, code=2).stderr.strip()
    assert err.startswith("privaudit: ") and "\n" not in err and words in err


def test_it_is_a_command_and_needs_no_torch():
    script = (
        "import sys; from privaudit.cli.main import exit_code\n"
        "assert exit_code(['plan', '--epsilon', '4']) == 0\n"
        "assert not {'torch', 'opacus', 'dp_accounting', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "many_runs" in done.stdout
