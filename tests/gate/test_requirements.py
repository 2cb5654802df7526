from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from privaudit.errors import StoreVersionError
from privaudit.gate import judge

TODAY = date(2026, 6, 15)


def age(sample, policy, days, finished, **more):
    result = judge(
        sample.sample_report(), policy(require={"max_age_days": days}), today=TODAY, finished=finished, **more
    )
    verdict = result.verdicts[-1]
    assert verdict.rule == "require.max_age_days"
    return verdict


@pytest.mark.parametrize(
    ("finished", "days", "outcome", "says"),
    [
        (datetime(2026, 6, 15, 23, tzinfo=UTC), 0, "pass", "0 days ago"),
        (datetime(2026, 6, 14, 1, tzinfo=UTC), 0, "inconclusive", "Audit the model again"),
        (datetime(2026, 5, 16, tzinfo=UTC), 30, "pass", "30 days ago; the policy allows 30"),
        (datetime(2026, 5, 15, 23, 59, tzinfo=UTC), 30, "inconclusive", "31 days ago"),
        (datetime(2026, 6, 16, tzinfo=UTC), 30, "inconclusive", "one clock is wrong"),
        (datetime(2026, 6, 15, 23, 30, tzinfo=timezone(timedelta(hours=-2))), 30, "inconclusive", "one clock is wrong"),
        (datetime(2026, 6, 15, 12), 0, "pass", "0 days ago"),
        (None, 30, "inconclusive", "timings.json"),
    ],
)
def test_age(sample, policy, finished, days, outcome, says):
    verdict = age(sample, policy, days, finished)
    assert verdict.outcome == outcome
    assert says in verdict.reason


def test_why_the_age_is_not_known_is_said(sample, policy):
    assert age(sample, policy, 3, None, age_problem="timings.json belongs to another report.").reason.endswith(
        "report."
    )


def test_an_old_audit_never_fails(sample, policy):
    found = age(sample, policy, 1, datetime(1970, 1, 1, tzinfo=UTC))
    assert found.outcome == "inconclusive" and found.numbers["max"] == 1


def test_another_model_is_an_error_and_cannot_be_waived(sample, policy):
    with pytest.raises(StoreVersionError, match=r"require\.model_digest"):
        judge(sample.sample_report(), policy(require={"model_digest": "00" * 32}))
    with pytest.raises(ValueError, match=r"no rule require\.model_digest"):
        policy(
            require={"model_digest": "00" * 32},
            waivers=[{"rule": "require.model_digest", "reason": "r", "expires": "2026-07-01"}],
        )


def test_a_low_ceiling_says_how_many_coins_would_do(sample, policy):
    verdict = judge(sample.sample_report(), policy(require={"ceiling": 5.0})).verdicts[-1]
    assert verdict.outcome == "inconclusive"
    assert "records with coins, or canaries, would lift it (there are 3,200)" in verdict.reason
    beyond = judge(sample.sample_report(), policy(require={"ceiling": 8})).verdicts[-1]
    assert "More coins alone do not lift it" in beyond.reason


def test_the_coins_that_are_named_do_lift_the_ceiling(sample, policy):
    """An audit of that size that guesses all right passes the requirement."""
    import dataclasses
    import re

    report = sample.sample_report()
    reason = judge(report, policy(require={"ceiling": 5.0})).verdicts[-1].reason
    needed = int(re.search(r"About ([\d,]+) records", reason)[1].replace(",", ""))
    counts = {"n_canaries": needed, "n_guesses": needed // 5 // 2 * 2, "n_correct": needed // 5 // 2}

    def larger(finding):
        estimates = tuple(dataclasses.replace(e, diagnostics=counts) for e in finding.estimates)
        return dataclasses.replace(finding, estimates=estimates)

    section = dataclasses.replace(report.sections[0], findings=tuple(map(larger, report.sections[0].findings)))
    report = dataclasses.replace(report, sections=(section, *report.sections[1:]))
    assert judge(report, policy(require={"ceiling": 5.0})).verdicts[-1].outcome == "pass"
