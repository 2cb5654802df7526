"""Names, conditions and counts of estimates as tables show them."""

import dataclasses

import pytest

from privaudit.report.estimate_words import made_from
from privaudit.types import EpsilonEstimate, EstimateKind, Validity

BOUND = EpsilonEstimate(
    method="one_run",
    kind=EstimateKind.LOWER_BOUND,
    lower=0.5,
    delta=1e-5,
    confidence=0.95,
    n_in=412,
    n_out=388,
    validity=Validity.VALID,
)
GUESSES = {"n_canaries": 100, "n_guesses": 20, "n_correct": 0}


@pytest.mark.parametrize(
    ("method", "numbers", "text"),
    [
        ("clopper_pearson", {}, "412 in, 388 out"),
        ("clopper_pearson", {"n_chosen_on": 200}, "412 in, 388 out (200 others chose the threshold)"),
        ("betting", {"n_canaries": 1, "n_rounds": 430}, "430 pairs of runs"),
        ("betting", {"n_canaries": 3, "n_rounds": 430}, "430 pairs of runs, 3 canaries each"),
        ("one_run", {**GUESSES, "n_tied": 0}, "100 canaries, 20 guesses, 0 right"),
        (
            "one_run",
            {**GUESSES, "n_tied": 20},
            "100 canaries, 20 guesses, 0 right (20 tied, counted as wrong where undecided)",
        ),
        ("one_run", {**GUESSES, "n_tied": 20, "confidence_each": 0.975}, "100 canaries, 20 guesses, 0 right (20 tied)"),
        ("noise_probe", {"n_coordinates": 50, "steps": 20}, "50 coordinates x 20 steps"),
        ("known_coin_step", {"steps": 20}, "412 steps with a canary, 388 without"),
    ],
)
def test_what_it_was_made_from(method, numbers, text):
    assert made_from(dataclasses.replace(BOUND, method=method, diagnostics=numbers)) == text


def test_nothing_is_said_of_computed_numbers():
    assert made_from(dataclasses.replace(BOUND, n_in=None, n_out=None)) == ""
