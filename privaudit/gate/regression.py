"""Whether a model leaks more than an older one: a test on the difference, with the error of both audits in it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import hypot

from privaudit.estimators import square_and_add
from privaudit.gate.baseline_rules import BaselineRule
from privaudit.gate.bounds import is_proof, shared_confidence
from privaudit.gate.claim import epsilon_range
from privaudit.gate.comparable import audits_differ, pairs
from privaudit.gate.measured import LookedAt
from privaudit.gate.metrics import interval_of
from privaudit.gate.suffice import rounded_up, times_needed
from privaudit.gate.three_way import three_way
from privaudit.types import AuditReport, Finding, Verdict

NO_BASELINE = (
    "There is no baseline to compare with: name its report under baseline.report in the policy, or with --baseline."
)
LEFT_OUT = (
    "The interval takes both audits' records as independent samples, which is cautious where the same records are members of both; "
    "it is about these two trained models, and how much a second training of the same recipe differs is not in it."
)
OTHER_DATA = "The two audits are of different data."
TOO_WIDE = "The baseline's own interval is too wide for that: audit the old model again on more records."
Pair = tuple[LookedAt, LookedAt]


def judge_regression(
    report: AuditReport, baseline: AuditReport | None, rule: BaselineRule, confidence: float
) -> Verdict:
    """Judge how much a quantity grew since an older report.

    Args:
        report: the report.
        baseline: the older one, ``None`` if there is none.
        rule: what may have grown, and by how much.
        confidence: of all differences together, shared over attacks and targets (Bonferroni).

    Returns:
        ``fail`` if the largest lower end of a difference is above the limit, ``pass`` if the largest upper end is not, else
        ``inconclusive``; also where the two audits cannot be compared, with the reason.
    """
    if baseline is None:
        return _open(rule, NO_BASELINE)
    problem = audits_differ(report, baseline)
    if problem:
        return _not_compared(rule, problem)
    if rule.metric == "epsilon_lower":
        return _epsilon(report, baseline, rule, confidence)
    found = pairs(report, baseline, rule.metric)
    if isinstance(found, str):
        return _not_compared(rule, found)
    share = shared_confidence(confidence, len(found))
    measured = [_measured(pair, rule, share) for pair in found]
    problem = next((one for one in measured if isinstance(one, str)), "")
    if problem:
        return _open(rule, f"Not measured: {problem}.")
    verdict = _judge(rule, [one for one in measured if not isinstance(one, str)], confidence)
    is_other = report.subject.data_digest != baseline.subject.data_digest
    return replace(verdict, reason=f"{verdict.reason} {OTHER_DATA}") if is_other else verdict


def _judge(rule: BaselineRule, measured: Sequence[Pair], confidence: float) -> Verdict:
    differences = [_difference(new, old) for new, old in measured]
    worst = max(range(len(measured)), key=lambda row: differences[row][1])
    lower, upper = max(low for low, _ in differences), differences[worst][1]
    (new, old), at = measured[worst], "" if rule.at is None else f" at {rule.at:g}"
    outcome = three_way(lower, upper, rule.max_increase)
    reason = (
        f"The increase of {rule.metric}{at} lies in [{lower:.4g}, {upper:.4g}] (largest ends of {len(measured)} differences "
        f"that hold together; {new.finding} is the worst, {new.value:.4g} against {old.value:.4g} before), the limit is "
        f"{rule.max_increase:.4g}."
    )
    if outcome == "inconclusive":
        reason += f" {_what_would_suffice(measured, rule.max_increase)}"
    numbers = _numbers(rule, lower, upper) | {"confidence": confidence, "n_looked_at": len(measured)}
    numbers |= {"new": new.value, "old": old.value}
    return Verdict(rule=rule.id, outcome=outcome, numbers=numbers, reason=f"{reason} {LEFT_OUT}")


def _measured(pair: tuple[Finding, Finding], rule: BaselineRule, confidence: float) -> Pair | str:
    new, old = (interval_of(finding, rule.metric, rule.at, confidence) for finding in pair)
    if isinstance(new, str):
        return new
    return f"{old} (in the baseline)" if isinstance(old, str) else (new, old)


def _difference(new: LookedAt, old: LookedAt) -> tuple[float, float]:
    return square_and_add(new.value, _around(new), old.value, _around(old))


def _around(one: LookedAt) -> tuple[float, float]:
    """A value read off by the floor rule may lie a little outside an interval of the rate at the asked threshold."""
    return min(one.lower, one.value), max(one.upper, one.value)


def _what_would_suffice(measured: Sequence[Pair], limit: float) -> str:
    if any(new.value - old.value > limit for new, old in measured):
        return "The measured difference itself is above the limit, so more records alone are likelier to make it fail."
    needed = [
        (times_needed(_upper_at(new, old), limit), new) for new, old in measured if _difference(new, old)[1] > limit
    ]
    if any(times is None for times, _ in needed):
        return TOO_WIDE
    most = max(rounded_up(times * new.smaller_n) for times, new in needed if times is not None)
    return f"If the rates stay, an audit with about {most:,} members and as many non-members would pass."


def _upper_at(new: LookedAt, old: LookedAt) -> Callable[[float], float]:
    grow = new.upper_at or (lambda _: new.upper)
    return lambda times: new.value - old.value + hypot(max(grow(times) - new.value, 0.0), old.value - _around(old)[0])


def _epsilon(report: AuditReport, baseline: AuditReport, rule: BaselineRule, confidence: float) -> Verdict:
    """Compare the ends themselves: a bound from below has no value in the middle to add squares around."""
    new_about, old_about = _about(report), _about(baseline)
    if new_about != old_about:
        return _not_compared(rule, f"epsilon is about {old_about} in the baseline, here about {new_about}")
    each = shared_confidence(confidence, 2)
    (new, new_upper), (old, old_upper) = (epsilon_range(one, each) for one in (report, baseline))
    if new.problem or old.problem:
        return _open(rule, f"Nothing to compare: {new.problem or f'{old.problem} (in the baseline)'}.")
    lower = None if old_upper is None else new.lower - old_upper
    upper = None if new_upper is None else new_upper - old.lower
    outcome = three_way(float("-inf") if lower is None else lower, upper, rule.max_increase)
    reason = (
        f"Epsilon lies in {_range(new.lower, new_upper)} here and in {_range(old.lower, old_upper)} in the baseline; the "
        f"increase allowed is {rule.max_increase:.4g}. An upper end is a claim that its audit could have contradicted and did not."
    )
    if outcome == "inconclusive":
        reason += " Audits strong enough to support both claims would decide it."
    numbers = _numbers(rule, lower, upper) | {"confidence": confidence, "new": new.lower, "old": old.lower}
    return Verdict(rule=rule.id, outcome=outcome, numbers=numbers, reason=reason)


def _about(report: AuditReport) -> str:
    """The relation and delta that bounds are looked at for: the claim's, else the primary's, else the first valid bound's."""
    primary = [estimate for _, estimate in report.primary_estimates()]
    valid = [estimate for finding in report.attacked() for estimate in finding.estimates if is_proof(estimate)]
    reference = report.claim or next(iter([*primary, *valid]), None)
    return "nothing" if reference is None else f"{reference.neighbouring} at delta {reference.delta:g}"


def _range(lower: float, upper: float | None) -> str:
    return f"[{lower:.4g}, {'no upper end' if upper is None else f'{upper:.4g}'}]"


def _numbers(rule: BaselineRule, lower: float | None, upper: float | None) -> dict[str, float | None]:
    return {"lower": lower, "upper": upper, "max": rule.max_increase, "at": rule.at}


def _open(rule: BaselineRule, reason: str) -> Verdict:
    return Verdict(rule=rule.id, outcome="inconclusive", numbers=_numbers(rule, None, None), reason=reason)


def _not_compared(rule: BaselineRule, problem: str) -> Verdict:
    return _open(rule, f"Not compared: {problem}. Audit both models in the same way, then commit the new baseline.")
