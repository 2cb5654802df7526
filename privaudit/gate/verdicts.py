"""A report judged by a policy.

For a limit L on a quantity with interval [l, u]: fail if l > L, pass if u <= L, else inconclusive.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from privaudit.gate.claim import claim_outcome, judge_claim, judge_claim_epsilon, judge_lower
from privaudit.gate.distribution import LEAKED, trials_text
from privaudit.gate.group_metrics import GROUPED
from privaudit.gate.limits import GateRule
from privaudit.gate.measured import Measured
from privaudit.gate.metrics import DESCRIPTIVE, measure
from privaudit.gate.policy import GatePolicy
from privaudit.gate.regression import judge_regression
from privaudit.gate.requirements import check_model, judge_requirements
from privaudit.gate.suffice import rounded_up, times_needed
from privaudit.gate.three_way import three_way
from privaudit.gate.waivers import with_waivers
from privaudit.types import AuditReport, Verdict
from privaudit.types.report import GateResult

__all__ = ["claim_outcome", "judge"]

OF_CLAIMS: dict[str, Callable[[AuditReport, GateRule, float], Verdict]] = {
    "claim": judge_claim,
    "claim_epsilon": judge_claim_epsilon,
    "epsilon_lower": judge_lower,
}
UNITS = {
    "distribution_accuracy": "audited models per world",
    "n_leaked": "audited models per world",
}


def judge(
    report: AuditReport,
    policy: GatePolicy,
    *,
    today: date | None = None,
    baseline: AuditReport | None = None,
    finished: datetime | None = None,
    age_problem: str = "",
) -> GateResult:
    """Judge a report by a policy.

    Bounds are recomputed at the policy's confidence from the counts in the report, shared over all attacks and
    targets that a rule looks at.

    Args:
        report: the report.
        policy: the policy.
        today: the day that waivers and the audit's age are judged on; the current one in UTC.
        baseline: the older report that ``policy.baseline`` compares with.
        finished: when the audit was finished, for ``require.max_age_days``; without a time zone UTC.
        age_problem: why ``finished`` is not known, for the verdict's reason.

    Returns:
        The outcome with one verdict per rule, comparison and requirement.

    Raises:
        StoreVersionError: if the policy requires another model than the report is about.
        ClaimError: if a rule compares numbers of different neighbouring relations.
    """
    check_model(report, policy.require)
    day = today or datetime.now(UTC).date()
    found = (
        *(_judge_rule(report, rule, policy.confidence) for rule in policy.rules),
        *(judge_regression(report, baseline, rule, policy.confidence) for rule in policy.comparisons),
        *judge_requirements(report, policy, today=day, finished=finished, age_problem=age_problem),
    )
    return _joined(with_waivers(found, policy.waivers, day), allow_inconclusive=policy.allow_inconclusive)


def _joined(verdicts: tuple[Verdict, ...], *, allow_inconclusive: bool) -> GateResult:
    outcomes = {verdict.outcome for verdict in verdicts if not verdict.waiver}
    waived = _waived_words(verdicts)
    if "fail" in outcomes:
        return GateResult(outcome="fail", verdicts=verdicts, reason=_naming(verdicts, "fail", "failed") + waived)
    if "inconclusive" not in outcomes:
        n_passed = sum(verdict.outcome == "pass" for verdict in verdicts)
        said = f"{n_passed} of {len(verdicts)} checks passed." if waived else f"All {len(verdicts)} checks passed."
        return GateResult(outcome="pass", verdicts=verdicts, reason=said + waived)
    reason = _naming(verdicts, "inconclusive", "inconclusive") + waived
    if not allow_inconclusive:
        return GateResult(outcome="inconclusive", verdicts=verdicts, reason=reason)
    return GateResult(outcome="pass", verdicts=verdicts, reason=f"{reason} Let pass: allow_inconclusive is set.")


def _naming(verdicts: Sequence[Verdict], outcome: str, word: str) -> str:
    names = [verdict.rule for verdict in verdicts if verdict.outcome == outcome and not verdict.waiver]
    return f"{len(names)} of {len(verdicts)} checks {word}: {', '.join(names)}."


def _waived_words(verdicts: Sequence[Verdict]) -> str:
    waived = [f"{verdict.rule} ({verdict.outcome})" for verdict in verdicts if verdict.waiver]
    return f" Waived: {', '.join(waived)}." if waived else ""


def _judge_rule(report: AuditReport, rule: GateRule, confidence: float) -> Verdict:
    return OF_CLAIMS.get(rule.metric, _judge_measured)(report, rule, confidence)


def _judge_measured(report: AuditReport, rule: GateRule, confidence: float) -> Verdict:
    found = measure(report, rule, confidence)
    if found.problem or found.lower is None or found.upper is None:
        numbers = _numbers(rule, None, None)
        return Verdict(rule=rule.id, outcome="inconclusive", numbers=numbers, reason=f"Not measured: {found.problem}.")
    numbers = _numbers(rule, found.lower, found.upper)
    numbers |= {"confidence": confidence, "n_looked_at": found.n_looked_at}
    at = "" if rule.at is None else f" at {rule.at:g}"
    reason = (
        f"{rule.metric}{at} lies in [{found.lower:.4g}, {found.upper:.4g}] (largest ends of {found.n_looked_at} "
        f"intervals that hold together; {found.worst} is the worst), the limit is {rule.max:.4g}. "
        f"{kind_of_interval(rule, report)}"
    )
    outcome = three_way(found.lower, found.upper, rule.max)
    if outcome == "inconclusive":
        reason += f" {what_would_suffice(found, rule)}"
    return Verdict(rule=rule.id, outcome=outcome, numbers=numbers, reason=reason)


def what_would_suffice(found: Measured, rule: GateRule) -> str:
    """Say how large an audit would pass if the rates stay, or that none would.

    Args:
        found: what the rule looked at; its upper end is above the limit.
        rule: with a limit.
    """
    limit = rule.max or 0.0
    above = [one for one in found.looked_at if one.value > limit]
    if above:
        worst = max(above, key=lambda one: one.value)
        return (
            f"The measured {worst.value:.4g} of {worst.finding} is above the limit itself, so a larger audit is likelier to "
            "fail than to pass: the model must leak less."
        )
    open_ones = [one for one in found.looked_at if one.upper > limit and one.upper_at is not None]
    needed = [(times_needed(one.upper_at, limit), one) for one in open_ones if one.upper_at is not None]
    if not needed or any(times is None for times, _ in needed):
        return "No larger audit of this kind would settle it: the value is too near the limit, or equal scores hide it."
    most = max(rounded_up(times * one.smaller_n) for times, one in needed if times is not None)
    units = "independent outcomes of that group" if rule.group else "members and as many non-members"
    return f"If the rates stay, about {most:,} {UNITS.get(rule.metric, units)} would be enough to pass."


def kind_of_interval(rule: GateRule, report: AuditReport) -> str:
    """Say what the interval of a measured rule means."""
    if rule.metric in UNITS:
        return LEAKED if rule.metric == "n_leaked" else trials_text(report)
    return DESCRIPTIVE if rule.group is None else GROUPED


def _numbers(rule: GateRule, lower: float | None, upper: float | None) -> dict[str, float | None]:
    return {"lower": lower, "upper": upper, "max": rule.max, "at": rule.at}
