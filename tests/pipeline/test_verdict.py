"""The three-way verdict of a claim."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.data.design import make_design
from privaudit.errors import ClaimError
from privaudit.estimators import one_run
from privaudit.interfaces import AuditInputs
from privaudit.pipeline.findings import idle_models
from privaudit.pipeline.verdict import canaries_for_ceiling, judge_claim
from privaudit.types import Control, EpsilonEstimate, EstimateKind, Neighbouring, PrivacyClaim, SignalTable, Validity

ADD_REMOVE = Neighbouring.ADD_REMOVE


def claim(epsilon=2.0, delta=1e-5, neighbouring=ADD_REMOVE):
    return PrivacyClaim(epsilon=epsilon, delta=delta, neighbouring=neighbouring, accountant="pld")


def estimate(lower, ceiling=5.0, delta=1e-5, neighbouring=ADD_REMOVE):
    return EpsilonEstimate(
        method="one_run",
        kind=EstimateKind.LOWER_BOUND,
        lower=lower,
        delta=delta,
        confidence=0.95,
        neighbouring=neighbouring,
        ceiling=ceiling,
        validity=Validity.VALID,
    )


def control(lower):
    return Control(name="noise 0", attack="lira", n_models=8, estimate=estimate(lower))


@pytest.mark.parametrize(
    ("lower", "ceiling", "reached", "outcome", "words"),
    [
        (2.1, 5.0, 3.0, "violated", "exceeds the claim"),
        (2.1, 5.0, None, "violated", "exceeds the claim"),  # a violation needs no control
        (2.1, 5.0, 0.0, "violated", "exceeds the claim"),
        (0.0, 5.0, 3.0, "consistent", "could have seen more"),
        (2.0, 5.0, 2.1, "consistent", "below the claim"),  # equal is not above
        (0.0, 2.0, 3.0, "too_weak", "The ceiling of 2.00"),
        (0.0, 5.0, 2.0, "too_weak", "positive control"),
        (0.0, 5.0, None, "too_weak", "no control"),
        (0.0, 1.0, 1.0, "too_weak", "records with coins would lift it"),
    ],
)
def test_three_way_rule(lower, ceiling, reached, outcome, words):
    verdict = judge_claim(claim(), [estimate(lower, ceiling)], None if reached is None else control(reached))
    assert verdict.outcome == outcome
    assert words in verdict.reason
    assert verdict.numbers == {"lower": lower, "claim": 2.0, "ceiling": ceiling, "control_lower": reached}


@given(st.floats(0, 10), st.floats(0, 10), st.one_of(st.none(), st.floats(0, 10)), st.floats(0, 10))
def test_a_weak_audit_is_never_consistent(lower, ceiling, reached, epsilon):
    verdict = judge_claim(
        claim(epsilon), [estimate(lower, max(lower, ceiling))], None if reached is None else control(reached)
    )
    if verdict.outcome == "consistent":
        assert lower <= epsilon < min(max(lower, ceiling), reached)
    assert (verdict.outcome == "violated") == (lower > epsilon)


def test_with_several_targets_the_largest_bound_and_the_smallest_ceiling_count():
    verdict = judge_claim(claim(), [estimate(0.0, 6.0), estimate(2.5, 5.0), estimate(1.0, 4.0)], control(3.0))
    assert verdict.outcome == "violated"
    assert (verdict.numbers["lower"], verdict.numbers["ceiling"]) == (2.5, 4.0)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (estimate(1.0, neighbouring=Neighbouring.REPLACE_ONE), "replace_one"),
        (estimate(1.0, neighbouring=None), "none that was stated"),
        (estimate(1.0, delta=1e-6), "delta"),
    ],
)
def test_numbers_about_something_else_are_not_compared(other, words):
    with pytest.raises(ClaimError, match=words):
        judge_claim(claim(), [other], control(3.0))


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 4.0, 5.08])
def test_the_suggested_number_of_records_suffices_and_is_no_waste(epsilon):
    def ceiling(n):
        guesses = 2 * int(0.1 * n / 2)
        return one_run(n, guesses, guesses, delta=1e-5, confidence=0.95).lower

    wanted = canaries_for_ceiling(epsilon, delta=1e-5, confidence=0.95, share=0.1)
    assert ceiling(wanted) > epsilon
    assert wanted == 100 or ceiling(int(wanted * 0.8)) <= epsilon


def test_no_suggestion_where_delta_forbids_it():
    assert canaries_for_ceiling(12.0, delta=1e-5, confidence=0.95, share=0.1) is None
    reason = judge_claim(claim(12.0), [estimate(0.0, 4.0)], control(13.0)).reason
    assert "more records alone" in reason


def test_models_that_learned_nothing_are_named():
    design = make_design(
        kind="paired", n_models=4, n_records=60, targets=[0], population=0.0, seed=1, record_codes=range(60)
    )
    labels = np.arange(60) % 2
    correct = np.ones((4, 60, 1))
    correct[2, :, 0] = labels  # says class 1 always
    table = SignalTable(name="correct", values=correct, model_index=np.arange(4), record_index=np.arange(60))
    inputs = AuditInputs(design=design, labels=labels, signals={"correct": table}, usable=np.arange(4))
    members = design.is_in[2].astype(bool)
    most_frequent = max(labels[members].mean(), 1 - labels[members].mean())
    expected = [2] if labels[members].mean() <= most_frequent else []
    assert idle_models(inputs) == expected == [2]
    better = replace(inputs, signals={"correct": replace(table, values=np.ones((4, 60, 1)))})
    assert idle_models(better) == []


@pytest.mark.parametrize(
    ("reached", "words"), [(None, "noise 0 and the clip kept"), (1.0, "trained without noise and with the clip kept")]
)
def test_the_control_of_canaries_keeps_the_clip(reached, words):
    played = None if reached is None else control(reached)
    reason = judge_claim(claim(), [estimate(0.0, 1.5)], played, is_canary=True).reason
    assert words in reason and "canaries would lift it" in reason
    assert "shadow" not in reason and "without noise and clipping" not in reason and "n_models" not in reason


def test_an_infinite_claim_is_never_supported():
    assert judge_claim(claim(math.inf), [estimate(4.0)], control(4.5)).outcome == "too_weak"
