"""Verdicts on a claim, and on epsilon from below."""

from privaudit.gate.bounds import Bound, check_relation, control_bound, membership_bound, primary_bound
from privaudit.gate.curves import curve_counts, curve_outcome
from privaudit.gate.limits import GateRule
from privaudit.gate.suffice import ceiling_words
from privaudit.gate.three_way import three_way
from privaudit.types import AuditReport, Verdict

NO_UPPER_END = (
    "A bound from below cannot show that epsilon is small; a claim at or below the limit that stood the test closes it."
)


NO_CLAIM = "The report holds no claim. One comes from DP-SGD (recipe.dp in the audit's config), or is stated."


def claim_outcome(report: AuditReport, confidence: float) -> tuple[str, dict[str, float | None], str]:
    """Return the verdict on the claim at another confidence: outcome, numbers, reason.

    Args:
        report: the report.
        confidence: the joint confidence over all targets.

    Returns:
        ``violated``, ``consistent`` or ``too_weak``, with the numbers compared and a sentence.

    Raises:
        ClaimError: if the estimates are of another relation or delta than the claim.
    """
    if report.claim is None:
        return "too_weak", {}, NO_CLAIM
    check_relation(report, report.claim)
    counts = curve_counts(report)
    if counts is not None:
        return curve_outcome(report, counts, confidence)
    claim, bound, control = report.claim.epsilon, primary_bound(report, confidence), control_bound(report, confidence)
    numbers = _bound_numbers(bound, confidence) | {"claim": claim}
    numbers["control_lower"] = None if control.problem else control.lower
    if bound.problem:
        return "too_weak", numbers, f"No verdict: {bound.problem}."
    if bound.lower > claim:
        return "violated", numbers, f"epsilon >= {bound.lower:.4g} is above the claim of {claim:.4g}."
    if not bound.ceiling > claim:
        reason = f"The ceiling {bound.ceiling:.4g} does not pass the claim of {claim:.4g}."
        return "too_weak", numbers, f"{reason} {ceiling_words(report, claim, confidence)}"
    if control.problem or not control.lower > claim:
        reason = f"No verdict without a control that passes the claim of {claim:.4g}: {control_words(control)}."
        return "too_weak", numbers, f"{reason} {control_advice(report)}"
    return "consistent", numbers, f"epsilon >= {bound.lower:.4g} does not contradict the claim of {claim:.4g}."


def control_words(control: Bound) -> str:
    """Say what a control shows."""
    return control.problem or f"it shows epsilon >= {control.lower:.4g}"


def control_advice(report: AuditReport) -> str:
    """Say what would give a control that shows more."""
    if report.controls:
        return "A stronger attack, more shadow models, or inserted canaries (kind: canaries) would show more on the control."
    return "Run one: control.n_models of at least 4 in the audit's config, or for canaries the game with noise 0."


def judge_claim(report: AuditReport, rule: GateRule, confidence: float) -> Verdict:
    """Judge whether the claim holds."""
    found, numbers, reason = claim_outcome(report, confidence)
    outcome = {"violated": "fail", "consistent": "pass"}.get(found, "inconclusive")
    return Verdict(rule=rule.id, outcome=outcome, numbers=numbers, reason=reason)


def judge_claim_epsilon(report: AuditReport, rule: GateRule, confidence: float) -> Verdict:
    """Judge how large the claimed epsilon is; one that the audit contradicts does not pass."""
    if report.claim is None or rule.max is None:
        return Verdict(rule=rule.id, outcome="inconclusive", reason=NO_CLAIM)
    value = report.claim.epsilon
    reason = f"The claimed epsilon is {value:.4g}, the limit {rule.max:.4g}."
    outcome = three_way(value, value, rule.max)
    if claim_outcome(report, confidence)[0] == "violated":
        outcome, reason = "fail", f"{reason} But the audit contradicts the claim."
    numbers = {"lower": value, "upper": value, "max": rule.max, "at": rule.at}
    return Verdict(rule=rule.id, outcome=outcome, numbers=numbers, reason=reason)


def judge_lower(report: AuditReport, rule: GateRule, confidence: float) -> Verdict:
    """Judge what the attacks show of epsilon: a bound from below reaches up to infinity, unless a claim closes it."""
    bound, upper = epsilon_range(report, confidence)
    if bound.problem:
        return Verdict(rule=rule.id, outcome="inconclusive", reason=f"Nothing to judge: {bound.problem}.")
    outcome = three_way(bound.lower, upper, rule.max)
    numbers: dict[str, float | None] = {"lower": bound.lower, "upper": upper, "max": rule.max, "at": rule.at}
    reason = f"The attacks show epsilon >= {bound.lower:.4g}, the limit is {rule.max:.4g}."
    if outcome == "pass":
        reason += f" Epsilon is at most {upper:.4g} by the claim, which this audit could have contradicted and did not."
    if outcome == "inconclusive":
        reason += f" {NO_UPPER_END}"
    numbers |= _bound_numbers(bound, confidence)
    return Verdict(rule=rule.id, outcome=outcome, numbers=numbers, reason=reason)


def epsilon_range(report: AuditReport, confidence: float) -> tuple[Bound, float | None]:
    """Return what all attacks show of epsilon from below, and the claim where it stood the test (else ``None``)."""
    bound = membership_bound(report, confidence)
    is_closed = not bound.problem and report.claim is not None and claim_outcome(report, confidence)[0] == "consistent"
    return bound, report.claim.epsilon if is_closed and report.claim is not None else None


def _bound_numbers(bound: Bound, confidence: float) -> dict[str, float | None]:
    lower, ceiling = (None, None) if bound.problem else (bound.lower, bound.ceiling)
    return {"lower": lower, "ceiling": ceiling, "confidence": confidence, "n_looked_at": bound.n_looked_at}
