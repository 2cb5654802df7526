"""`privaudit bounds`: what parameters guarantee, as a user asks for it."""

import json
import re

import pytest

RUN = ("--noise-multiplier", "1.0", "--sample-rate", "0.01", "--steps", "1000")
ADD = ("--neighbouring", "add_remove")


def found(command, *args):
    return json.loads(command.inside("bounds", *args, "--format", "json").stdout)


def epsilons(result):
    return {
        (table["neighbouring"], row["estimate"]["method"]): row["estimate"]["upper"]
        for table in result["accounts"]
        for row in table["rows"]
    }


def test_every_accountant_of_both_relations(command):
    result = found(command, *RUN)
    upper = epsilons(result)
    assert upper["add_remove", "pld"] == pytest.approx(1.8282, abs=2e-3)
    assert upper["add_remove", "rdp"] == pytest.approx(2.1014, abs=1e-4)
    assert upper["add_remove", "gdp_clt"] == pytest.approx(1.6177, abs=1e-4)
    assert upper["add_remove", "last_iterate"] == pytest.approx(1.2778, abs=1e-4)
    assert upper["replace_one", "pld"] == pytest.approx(2.8434, abs=2e-3)
    guarantee = {row["estimate"]["method"]: row["is_guarantee"] for row in result["accounts"][0]["rows"]}
    assert guarantee == {"pld": True, "rdp": True, "gdp_clt": False, "last_iterate": False}
    limit = result["limits"][0]
    assert limit["fpr"] == [0.001, 0.01, 0.1] and limit["tpr"][1] == pytest.approx(0.029139, rel=2e-3)
    assert {row["method"] for row in result["bayes"]} == {"pld", "sinh", "closed_form"}


def test_batch_size_and_epochs_are_the_same_run(command):
    by_rate = found(command, *RUN, *ADD)
    by_size = found(
        command, "--noise-multiplier", "1.0", "--batch-size", "100", "--n-records", "10000", "--epochs", "10", *ADD
    )
    assert by_size == by_rate


def test_shuffled_batches_guarantee_nothing(command):
    result = found(command, *RUN, *ADD, "--sampling", "shuffle")
    assert not any(row["is_guarantee"] for table in result["accounts"] for row in table["rows"])
    assert not any(limit["is_guarantee"] for limit in result["limits"]) and not result["bayes"]
    assert "not a guarantee for shuffled batches" in command.inside("bounds", *RUN, "--sampling", "shuffle").stdout


def test_epsilon_alone(command):
    result = found(command, "--epsilon", "2", "--delta", "1e-5", *ADD, "--fpr", "0.01")
    assert result["limits"][0]["tpr"][0] == pytest.approx(0.0739005609893065, abs=1e-12)
    assert result["params"] is None and not result["accounts"]
    plain = found(command, "--epsilon", "2", "--delta", "1e-5", "--fpr", "0.01")
    assert plain["limits"][0]["neighbouring"] is None and plain["limits"][0]["tpr"] == result["limits"][0]["tpr"]


def test_printed_guarantees_hold(command):
    """Upper ends are printed rounded up: a reader who copies them promises nothing that is not so."""
    args = ("--noise-multiplier", "1.1", "--batch-size", "256", "--n-records", "60000", "--epochs", "15", *ADD)
    result, text = found(command, *args), command.inside("bounds", *args).stdout
    printed = [float(part) for part in re.findall(r"<= ([\d.]+)", text)]
    computed = [row["estimate"]["upper"] for row in result["accounts"][0]["rows"] if row["is_guarantee"]]
    assert all(0 <= shown - exact <= 0.01 for shown, exact in zip(printed, computed, strict=True))
    row = next(line for line in text.splitlines() if line.startswith("add/remove") and "%" in line)
    shares = [float(part) for part in re.findall(r"([\d.]+) %", row)]
    assert all(share >= 100 * tpr for share, tpr in zip(shares, result["limits"][0]["tpr"], strict=False))
    assert max(map(len, text.splitlines())) <= 118


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        (("--target-epsilon", "3"), lambda r: epsilons(r)["add_remove", "pld"] / 3),
        (("--target-advantage", "0.2"), lambda r: r["limits"][0]["advantage"] / 0.2),
        (
            ("--target-tpr", "0.05", "--target-fpr", "0.01", "--fpr", "0.01"),
            lambda r: r["limits"][0]["tpr"][0] / 0.05,
        ),
    ],
)
def test_noise_is_found_for_a_target(command, target, reached):
    result = found(command, "--sample-rate", "0.02", "--steps", "300", *ADD, *target)
    assert 0.99 < reached(result) <= 1.0
    # What is printed keeps the promise as well.
    text = command.inside("bounds", "--sample-rate", "0.02", "--steps", "300", *ADD, *target).stdout
    assert text.startswith("Found: noise multiplier ")
    assert float(re.search(r"noise multiplier ([\d.]+)", text)[1]) >= result["params"]["noise_multiplier"] * (1 - 1e-12)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "sample_rate"),
        (("--sample-rate", "0.1", "--steps", "10"), "noise_multiplier"),
        (("--noise-multiplier", "1", "--sample-rate", "0.1"), "steps"),
        (("--noise-multiplier", "1", "--sample-rate", "1.5", "--steps", "10"), "sample_rate"),
        (("--noise-multiplier", "-1", "--sample-rate", "0.1", "--steps", "10"), "noise_multiplier"),
        (("--noise-multiplier", "1", "--sample-rate", "0.1", "--steps", "0"), "steps"),
        ((*RUN, "--delta", "0"), "delta"),
        ((*RUN, "--delta", "1"), "delta"),
        ((*RUN, "--fpr", "2"), "fpr"),
        ((*RUN, "--epochs", "3"), "epochs"),
        ((*RUN, "--batch-size", "3"), "batch_size"),
        ((*RUN, "--epsilon", "3"), "epsilon"),
        ((*RUN, "--target-epsilon", "3", *ADD), "noise_multiplier"),
        (("--noise-multiplier", "1", "--batch-size", "9", "--steps", "1"), "n_records is missing"),
        (("--epsilon", "-3", *ADD), "epsilon"),
        (("--epsilon", "3", "--sampling", "shuffle"), "sampling"),
        ((*RUN, "--target-fpr", "0.1"), "target_tpr"),
        (("--sample-rate", "0.1", "--steps", "10", "--target-epsilon", "3"), "neighbouring"),
        (("--sample-rate", "0.1", "--steps", "10", "--target-epsilon", "0", *ADD), "epsilon"),
        (("--sample-rate", "0.1", "--steps", "10", "--target-tpr", ".001", *ADD), "tpr"),
        (("--sample-rate", "0.1", "--steps", "10", "--target-epsilon", "3", "--target-tpr", ".1", *ADD), "exactly one"),
        (("--sample-rate", ".1", "--steps", "9", "--target-epsilon", "3", *ADD, "--sampling", "shuffle"), "Poisson"),
        (("--noise-multiplier", "1", "--batch-size", "200", "--n-records", "100", "--steps", "1"), "batch_size"),
        (("--noise-multiplier", "nan", "--sample-rate", "0.1", "--steps", "10"), "noise_multiplier"),
    ],
)
def test_mistakes_are_one_line(command, args, words):
    result = command.inside("bounds", *args, code=2)
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and words in lines[0], result.stderr


def test_bounds_never_imports_torch():
    import subprocess
    import sys

    code = (
        "import sys; from privaudit.cli.main import exit_code; "
        f"assert exit_code(['bounds', *{RUN!r}]) == 0; sys.exit('torch' in sys.modules or 'opacus' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
