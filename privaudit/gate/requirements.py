"""What an audit must be for its numbers to count."""

from datetime import UTC, date, datetime

from privaudit.errors import StoreVersionError
from privaudit.gate.bounds import control_bound, primary_bound
from privaudit.gate.claim import control_advice, control_words
from privaudit.gate.policy import GatePolicy, GateRequirements
from privaudit.gate.suffice import ceiling_words
from privaudit.gate.waivers import days
from privaudit.types import AuditReport, Verdict

NO_CLOCK = (
    "The age is not known: a report holds no clock, and timings.json, which the audit writes beside report.json, was not "
    "found. Keep both files together."
)


def check_model(report: AuditReport, require: GateRequirements) -> None:
    """Refuse a report about another model than the policy is about.

    Raises:
        StoreVersionError: names both digests.
    """
    wanted, got = require.model_digest, report.subject.model_digest
    if wanted is not None and wanted != got:
        raise StoreVersionError(
            f"the policy is about the model with digest {wanted}, the report about {got}. Audit that model, or update "
            "require.model_digest."
        )


def judge_requirements(
    report: AuditReport, policy: GatePolicy, *, today: date, finished: datetime | None, age_problem: str
) -> list[Verdict]:
    """Judge what a policy requires of an audit.

    Args:
        report: the report.
        policy: the policy.
        today: the day of the judgement.
        finished: when the audit was finished, ``None`` where that is not known.
        age_problem: why it is not known.

    Returns:
        One verdict per requirement: ``pass`` or ``inconclusive``; an audit that is too weak or too old fails nobody.
    """
    verdicts = []
    if policy.require.ceiling is not None:
        verdicts.append(_ceiling(report, policy.require.ceiling, policy.confidence))
    if policy.require.control:
        verdicts.append(_control(report, policy.confidence))
    if policy.require.max_age_days is not None:
        verdicts.append(_age(policy.require.max_age_days, today, finished, age_problem))
    return verdicts


def _ceiling(report: AuditReport, least: float, confidence: float) -> Verdict:
    bound = primary_bound(report, confidence)
    is_met = not bound.problem and bound.ceiling >= least
    reason = f"The audit could have shown epsilon up to {bound.ceiling:.4g}; the policy asks for {least:.4g}."
    if bound.problem:
        reason = f"No ceiling: {bound.problem}."
    elif not is_met:
        reason = f"{reason} {ceiling_words(report, least, confidence)}"
    return Verdict(
        rule="require.ceiling",
        outcome="pass" if is_met else "inconclusive",
        numbers={"ceiling": None if bound.problem else bound.ceiling, "least": least, "confidence": confidence},
        reason=reason,
    )


def _control(report: AuditReport, confidence: float) -> Verdict:
    control, claim = control_bound(report, confidence), report.claim
    is_met = claim is not None and not control.problem and control.lower > claim.epsilon
    if claim is None:
        reason = "There is no claim that the control could pass."
    else:
        reason = f"The control must show more than the claim of {claim.epsilon:.4g}: {control_words(control)}."
        reason += "" if is_met else f" {control_advice(report)}"
    return Verdict(
        rule="require.control",
        outcome="pass" if is_met else "inconclusive",
        numbers={
            "control_lower": None if control.problem else control.lower,
            "claim": None if claim is None else claim.epsilon,
        },
        reason=reason,
    )


def _age(most: float, today: date, finished: datetime | None, problem: str) -> Verdict:
    rule = "require.max_age_days"
    if finished is None:
        return Verdict(rule=rule, outcome="inconclusive", numbers={"max": most}, reason=problem or NO_CLOCK)
    day = (finished if finished.tzinfo else finished.replace(tzinfo=UTC)).astimezone(UTC).date()
    age = (today - day).days
    numbers = {"age_days": float(age), "max": most}
    if age < 0:
        reason = (
            f"The audit says that it was finished on {day}, which is after today, {today} (UTC): one clock is wrong."
        )
        return Verdict(rule=rule, outcome="inconclusive", numbers=numbers, reason=reason)
    reason = f"The audit was finished on {day}, {days(age)} ago; the policy allows {most:g}."
    if age <= most:
        return Verdict(rule=rule, outcome="pass", numbers=numbers, reason=reason)
    return Verdict(rule=rule, outcome="inconclusive", numbers=numbers, reason=f"{reason} Audit the model again.")
