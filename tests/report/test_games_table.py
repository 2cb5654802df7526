"""The table of games as text: full names, bounds that still hold when rounded, and the ways they came."""

import pytest

from privaudit.report.games_table import HEAD, games_table
from privaudit.types import AuditReport, Finding, Metric, Section, Subject


def report(*findings):
    section = Section(kind="games", title="How the risks relate", findings=findings)
    return AuditReport(subject=Subject(name="m", model_digest="a", data_digest="b"), claim=None, sections=(section,))


def finding(game, *metrics, access=None, neighbouring="add_remove", **params):
    params = {"about": "", "neighbouring": neighbouring, **params}
    return Finding(id=game, method=game, game=game, access=access, params=params, metrics=metrics)


def test_a_row_has_full_names_and_bounds_rounded_outwards():
    metrics = (
        Metric(name="advantage", value=0.1234, lower=0.23456, upper=0.46211, confidence=0.9875),
        Metric(name="epsilon", at=1e-5, value=None, lower=0.8999, upper=5.0761, confidence=0.9875),
        Metric(name="draws", value=3.0),
    )
    shown = finding(
        "membership", *metrics, access="score", measured_by="LiRA", at_least_by=["attack LiRA -> R13"] * 2,
        at_most_by=["guarantee -> R1 -> R2"],
    )  # fmt: skip
    table = games_table(report(shown))
    assert table.head == HEAD
    assert table.rows == (
        (
            "Membership inference, random record",
            "probabilities",
            "add/remove",
            "0.123",
            "0.234 at 98.7 %\nepsilon 0.899 (delta 1e-5) at 98.7 %",
            "0.463\nepsilon 5.077 (delta 1e-5)",
            "measured: LiRA\nat least: attack LiRA → R13\nat most: guarantee → R1 → R2",
        ),
    )


def test_what_is_not_known_is_said():
    shown = finding(
        "distribution_inference", Metric(name="advantage", value=None, upper=0.9999), neighbouring=None, about="a or b"
    )
    (row,) = games_table(report(shown)).rows
    assert row[0] == "Distribution inference: a or b"
    assert row[1:6] == (
        "all that training gives away",
        "not stated",
        "not attacked",
        "nothing shown",
        "1.000 (vacuous)",
    )


@pytest.mark.parametrize("method", ["pld", "accuracy"])
def test_what_the_claim_allows_is_no_game(method):
    assert games_table(report(Finding(id="claim", method=method))).rows == ()
