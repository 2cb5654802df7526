"""The text of plans: advice with the plans' numbers, rounded to the safe side, in lines that fit."""

import re

import pytest

from privaudit.errors import ConfigError
from privaudit.estimators.power import SHADOW_ADVICE, plan_audits
from privaudit.report.plan_advice import plan_advice
from privaudit.report.plan_text import plan_record, plan_text
from privaudit.report.terminal import WIDTH
from privaudit.report.words import epsilon_text

QUESTIONS = [
    {"epsilon": 5.0, "claim": 2.0},
    {"epsilon": 4.0},
    {"epsilon": 10.0, "claim": 7.0},
    {"epsilon": 4.0, "games": ("many_runs",), "leaks": ("randomised_response",)},
    {"n_canaries": 10},
    {"n_canaries": 1000, "epsilon": 5.0, "claim": 1.0},
    {"n_canaries": 1000, "claim": 4.5, "share": 1.0},
    {"n_trainings": 1_000_000, "epsilon": 9999.0, "claim": 60.0},
    {"n_trainings": 100},
    {"n_trainings": 10, "epsilon": 3.0, "claim": 2.0},
]


def asked(question):
    return plan_audits(delta=1e-5, **question), "n_canaries" in question or "n_trainings" in question


def one_line(text):
    return " ".join(text.split())


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_every_line_fits_and_nothing_is_said_twice(question):
    plans, has_budget = asked(question)
    for minutes in (None, 1e5):
        lines = plan_text(plans, has_budget=has_budget, minutes_per_training=minutes).splitlines()
        assert max(map(len, lines)) <= WIDTH
        points = [line for line in lines if line.startswith("- ")]
        assert len(points) == len(set(points))
        for plan in plans:
            for line in plan.assumptions:
                assert one_line(line.partition(":")[2]) in one_line(" ".join(lines))


def test_the_first_sentence_says_what_is_needed():
    plans, _ = asked({"epsilon": 5.0, "claim": 2.0})
    counts = {
        (plan.estimator, plan.leak): plan.n_canaries if plan.game == "one_run" else plan.n_trainings for plan in plans
    }
    first, second = plan_advice(plans, has_budget=False)
    assert first == (
        "To show that a model whose true epsilon is 5 exceeds a claim of 2 (delta 1e-5, 95 %, power 80 %): "
        f"{counts['one_run', 'gaussian']:,} canaries in one training, if the leak is that of a Gaussian mechanism (as in "
        f"DP-SGD); {counts['one_run', 'randomised_response']:,} in the best case, where every answer is as right as "
        "epsilon allows."
    )
    assert re.findall(r"[\d,]*\d", second) == [
        f"{counts[pair]:,}"
        for pair in [
            ("clopper_pearson", "gaussian"),
            ("gaussian_dp", "gaussian"),
            ("clopper_pearson", "randomised_response"),
        ]
    ]
    text = plan_text(plans, has_budget=False)
    assert one_line(text).startswith(first)


def test_without_a_claim_the_question_is_any_leak_at_all():
    for question in ({"epsilon": 4.0}, {"n_canaries": 1000}):
        plans, has_budget = asked(question)
        assert "leaks anything at all (claim 0, delta 1e-5" in " ".join(plan_advice(plans, has_budget=has_budget))


def test_a_budget_says_what_it_finds_and_its_largest_bound():
    plans, has_budget = asked({"n_canaries": 1000, "epsilon": 5.0, "claim": 1.0})
    gaussian, best = plans
    first, power, question = plan_advice(plans, has_budget=has_budget)
    found = [epsilon_text(plan.detectable_epsilon, "up") for plan in plans]
    assert first.startswith(f"1,000 canaries in one training find a true epsilon of {found[0]} or more, if")
    assert f"; {found[1]} or more in the best case" in first
    assert first.endswith(f"the largest bound they can return is {epsilon_text(gaussian.ceiling, 'up')}.")
    assert "At a true epsilon of 5" in power and "exceeds a claim of 1 (" in question
    assert float(found[0]) >= gaussian.detectable_epsilon and float(found[1]) >= best.detectable_epsilon


def test_what_cannot_be_done_is_said_with_its_reason():
    plans, has_budget = asked({"n_canaries": 10})
    text = one_line(plan_text(plans, has_budget=has_budget))
    assert "10 canaries in one training find no true epsilon, however large" in text
    assert plans[0].reason in text and text.count(plans[0].reason) == 1
    rows = plan_text(plans, has_budget=has_budget).split("\n\n")[1].splitlines()[2:]
    assert [row.split()[-2:] for row in rows] == [["none", "valid"]] * 2
    missing, _ = asked({"epsilon": 10.0, "claim": 7.0})
    assert "no number of canaries up to 1,000,000" in plan_advice(missing, has_budget=False)[0]


def test_tables_round_to_the_safe_side_and_name_validity():
    plans, _ = asked({"epsilon": 5.0, "claim": 2.0})
    table = plan_text(plans, has_budget=False).split("\n\n")[2].splitlines()
    head, rows = table[1].split(), [re.split(r"  +", row) for row in table[2:]]
    assert head == ["estimator", "leak", "trainings", "power", "typical", "ceiling", "detectable", "validity"]
    for plan, row in zip(plans[2:], rows, strict=True):
        cells = dict(zip(head, row, strict=True))
        assert float(cells["typical"]) <= plan.typical < float(cells["typical"]) + 0.01
        assert float(cells["ceiling"]) - 0.01 < plan.ceiling <= float(cells["ceiling"])
        assert float(cells["detectable"]) - 0.01 < plan.detectable_epsilon <= float(cells["detectable"])
        assert cells["validity"] == plan.validity
        assert (
            cells["leak"]
            == {
                "gaussian": "gaussian (DP-SGD-like)",
                "randomised_response": "randomised_response (best case)",
            }[plan.leak]
        )


def test_shadow_models_are_a_sentence():
    plans, has_budget = asked({"n_canaries": 100})
    text = one_line(plan_text(plans, has_budget=has_budget, minutes_per_training=2.0, workers=8))
    numbers = [advice.n_trainings for advice in SHADOW_ADVICE]
    assert f"at least {numbers[0]} (2 minutes), {numbers[1]} with pooled variance (4 minutes)" in text
    assert "promises no epsilon" in text


def test_the_record_keeps_plain_names():
    plans, _ = asked({"n_trainings": 100})
    record = plan_record(plans, minutes_per_training=3.0, workers=10)
    assert [(row["leak"], row["fpr"], row["minutes"]) for row in record["plans"]] == [
        (plan.leak, plan.fpr, 30.0) for plan in plans
    ]
    with pytest.raises(ConfigError, match="positive number"):
        plan_record(plans, minutes_per_training=-1.0)
