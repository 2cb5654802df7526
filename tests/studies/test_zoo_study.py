"""The study of the zoo: which seeds, what a check asks, what the table says."""

from dataclasses import replace

import pytest

from privaudit.studies.study import StudyOptions
from privaudit.studies.zoo import game_variants, gradient_variants, zoo_study
from privaudit.studies.zoo.variant import Judgement, Variant
from privaudit.studies.zoo.zoo_study import QUICK, ZOO, audit_seed, study, variant_check, zoo_result

JUDGEMENT = Judgement(
    is_flagged=True, audit="sum", lower=2.0, in_family=5.0, claim_epsilon=4.0, refutes_epsilon_delta=False, seconds=1.5
)


def variant(**changes):
    values = {
        "name": "some-defect",
        "title": "t",
        "leak": "l",
        "setting": "s",
        "audit": "sum",
        "is_defect": True,
        "n_runs": 5,
        "claim": "c",
    }
    return Variant(**{**values, "judge": lambda seed: JUDGEMENT, **changes})


def flagged(n, of=20):
    return [replace(JUDGEMENT, is_flagged=number < n) for number in range(of)]


@pytest.mark.parametrize(("n", "is_met"), [(20, True), (18, True), (17, False)])
def test_a_defect_is_to_be_flagged_in_18_of_20(n, is_met):
    assert variant_check(variant(), flagged(n)).is_met is is_met


@pytest.mark.parametrize(("n", "is_met"), [(0, True), (8, True), (9, False)])
def test_what_is_no_defect_may_be_flagged_as_often_as_a_correct_mechanism(n, is_met):
    # P[Binomial(20, .05) > 8] = 3e-7, > 7 is 3e-6
    assert variant_check(variant(is_defect=False), flagged(n)).is_met is is_met


def test_the_table_holds_counts_medians_and_the_slowest():
    judgements = [
        replace(JUDGEMENT, lower=1.0, in_family=None),
        replace(JUDGEMENT, lower=4.5, refutes_epsilon_delta=True, seconds=61.0),
        replace(JUDGEMENT, is_flagged=False),
    ]
    result = zoo_result({variant(): judgements})
    row = dict(zip(result.tables[0].columns, result.tables[0].rows[0], strict=True))
    assert row["flagged"] == "2 of 3" and row["(eps, delta) refuted"] == "1 of 3"
    assert row["median model-free bound"] == 2.0 and row["median in-family bound"] == 5.0
    assert row["slowest s"] == 61.0
    assert [check.is_met for check in result.checks] == [False, False]


def test_names_are_unique_and_each_variant_has_seeds_of_its_own():
    every = [*gradient_variants.VARIANTS, *game_variants.VARIANTS]
    assert len(ZOO) == len(every)
    seeds = {audit_seed(0, one.name, number) for one in every for number in range(20)}
    assert len(seeds) == 20 * len(every)


def test_the_quick_study_flags_its_three_defects(monkeypatch):
    """One seed of the two; how many must be flagged of how many is tested above."""
    monkeypatch.setattr(zoo_study, "N_QUICK_SEEDS", 1)
    result = study(StudyOptions(is_quick=True, workers=1))
    assert [row[0] for row in result.tables[0].rows] == list(QUICK)
    assert all(check.is_met for check in result.checks)
    assert {row[0]: row[-1] for row in result.tables[1].rows}["correct"] is False
