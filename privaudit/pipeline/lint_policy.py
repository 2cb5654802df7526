"""What is wrong in a policy, found without a report to judge."""

from datetime import date
from pathlib import Path
from typing import Any

from privaudit.config.reading import problems_of
from privaudit.errors import PrivauditError
from privaudit.gate import GatePolicy, policy_from_dict
from privaudit.report import load_report


def policy_problems(content: dict[str, Any], folder: Path) -> tuple[str, ...]:
    """Check what a policy holds: its keys, its limits, its waivers, and the baseline report that it names.

    Args:
        content: what the file holds.
        folder: folder that a relative baseline is in.

    Returns:
        One line per problem; empty if all is well.
    """
    wrong = problems_of(GatePolicy, content)
    if wrong:
        return wrong
    try:
        policy = policy_from_dict(content)
        if policy.baseline is not None and policy.baseline.report is not None:
            named = folder / policy.baseline.report
            load_report(named / "report.json" if named.is_dir() else named)
    except PrivauditError as error:
        return (" ".join(str(error).removeprefix("policy: ").split()),)
    return ()


def expired_waivers(content: dict[str, Any], today: date) -> tuple[str, ...]:
    """Name the waivers of a faultless policy that no longer count.

    Args:
        content: what the file holds.
        today: the day to judge by; a waiver holds on its last day.

    Returns:
        One line per expired waiver.
    """
    return tuple(
        f"the waiver of {waiver.rule} expired on {waiver.expires} and has no effect. Remove it, or renew it with a reason."
        for waiver in policy_from_dict(content).waivers
        if waiver.expires < today
    )
