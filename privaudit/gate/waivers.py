"""Verdicts that are known and accepted until a day."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated

from pydantic import Field

from privaudit.config import StrictModel
from privaudit.gate.fields import Day, Words
from privaudit.types import Verdict


class GateWaiver(StrictModel):
    """One verdict that does not count for a while.

    Attributes:
        rule: id of the rule, or ``require.ceiling``, ``require.control``, ``require.max_age_days``.
        reason: why it is accepted.
        expires: the last day on which it holds.
    """

    rule: Annotated[str, Field(min_length=1)]
    reason: Words
    expires: Day


def with_waivers(verdicts: Sequence[Verdict], waivers: Sequence[GateWaiver], today: date) -> tuple[Verdict, ...]:
    """Mark the verdicts that are waived; their outcomes stay what they are.

    Args:
        verdicts: of a policy's rules and requirements.
        waivers: at most one per rule.
        today: the day of the judgement; a waiver holds on its last day.

    Returns:
        The verdicts in their order. A verdict that passes needs no waiver; an expired one is named in the reason.
    """
    by_rule = {waiver.rule: waiver for waiver in waivers}
    return tuple(_waived(verdict, by_rule.get(verdict.rule), today) for verdict in verdicts)


def _waived(verdict: Verdict, waiver: GateWaiver | None, today: date) -> Verdict:
    if waiver is None or verdict.outcome == "pass":
        return verdict
    if today > waiver.expires:
        ago = days((today - waiver.expires).days)
        said = f"The waiver ({waiver.reason}) expired on {waiver.expires}, {ago} ago, and has no effect."
        return replace(verdict, reason=f"{verdict.reason} {said}".strip())
    return replace(verdict, waiver=f"{waiver.reason} (until {waiver.expires})")


def days_left(waiver: GateWaiver, today: date) -> str:
    """Say how long a waiver holds.

    >>> days_left(GateWaiver(rule="r", reason="known", expires="2026-03-02"), date(2026, 3, 1))
    'holds until 2026-03-02, 1 day left'
    """
    left = (waiver.expires - today).days
    if left < 0:
        return f"expired on {waiver.expires}, {days(-left)} ago"
    return f"holds until {waiver.expires}, {days(left)} left"


def days(number: int) -> str:
    """Say a number of days.

    >>> days(1), days(2)
    ('1 day', '2 days')
    """
    return f"{number} day{'' if number == 1 else 's'}"
