"""A report judged by a policy.

For a limit L on a quantity with interval [l, u]: fail if l > L, pass if u <= L, else inconclusive.
"""

from privaudit.errors import StoreVersionError
from privaudit.gate.bounds import Bound, check_relation, control_bound, membership_bound, primary_bound
from privaudit.gate.curves import curve_counts, curve_outcome
from privaudit.gate.distribution import TRIALS
from privaudit.gate.group_metrics import GROUPED
from privaudit.gate.metrics import DESCRIPTIVE, measure
from privaudit.gate.policy import GatePolicy, GateRule, check_supported
from privaudit.types import AuditReport, Verdict
from privaudit.types.report import GateOutcome, GateResult

NO_UPPER_END = (
    "A bound from below cannot show that epsilon is small; a claim at or below the limit that stood the test closes it."
)


def judge(report: AuditReport, policy: GatePolicy) -> GateResult:
    """Judge a report by a policy.

    Bounds are recomputed at the policy's confidence from the counts in the report, shared over all attacks and
    targets that a rule looks at.

    Args:
        report: the report.
        policy: the policy.

    Returns:
        The outcome with one verdict per rule and requirement.

    Raises:
        StoreVersionError: if the policy requires another model than the report is about.
        UnsupportedError: if the policy sets a reserved key.
        ClaimError: if a rule compares numbers of different neighbouring relations.
    """
    check_supported(policy)
    _check_model(report, policy)
    verdicts = (
        *(_judge_rule(report, rule, policy.confidence) for rule in policy.rules),
        *_requirements(report, policy),
    )
    outcomes = {verdict.outcome for verdict in verdicts}
    if "fail" in outcomes:
        return GateResult(outcome="fail", verdicts=verdicts, reason=_naming(verdicts, "fail", "failed"))
    if "inconclusive" not in outcomes:
        return GateResult(outcome="pass", verdicts=verdicts, reason=f"All {len(verdicts)} checks passed.")
    reason = _naming(verdicts, "inconclusive", "inconclusive")
    if not policy.allow_inconclusive:
        return GateResult(outcome="inconclusive", verdicts=verdicts, reason=reason)
    return GateResult(outcome="pass", verdicts=verdicts, reason=f"{reason} Let pass: allow_inconclusive is set.")


def _naming(verdicts: tuple[Verdict, ...], outcome: str, word: str) -> str:
    names = [verdict.rule for verdict in verdicts if verdict.outcome == outcome]
    return f"{len(names)} of {len(verdicts)} checks {word}: {', '.join(names)}."


def _check_model(report: AuditReport, policy: GatePolicy) -> None:
    wanted, got = policy.require.model_digest, report.subject.model_digest
    if wanted is not None and wanted != got:
        raise StoreVersionError(
            f"the policy is about the model with digest {wanted}, the report about {got}. Audit that model, or update "
            "require.model_digest."
        )


def _judge_rule(report: AuditReport, rule: GateRule, confidence: float) -> Verdict:
    if rule.metric == "claim":
        return _judge_claim(report, rule, confidence)
    if rule.metric == "claim_epsilon":
        return _judge_claim_epsilon(report, rule, confidence)
    if rule.metric == "epsilon_lower":
        return _judge_lower(report, rule, confidence)
    return _judge_measured(report, rule, confidence)


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
        return "too_weak", {}, "The report holds no claim."
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
        reason = f"The ceiling {bound.ceiling:.4g} does not pass the claim of {claim:.4g}: more canaries are needed."
        return "too_weak", numbers, reason
    if control.problem or not control.lower > claim:
        reason = f"No verdict without a control that passes the claim of {claim:.4g}: {_control_words(control)}."
        return "too_weak", numbers, reason
    return "consistent", numbers, f"epsilon >= {bound.lower:.4g} does not contradict the claim of {claim:.4g}."


def _control_words(control: Bound) -> str:
    return control.problem or f"it shows epsilon >= {control.lower:.4g}"


def _bound_numbers(bound: Bound, confidence: float) -> dict[str, float | None]:
    lower, ceiling = (None, None) if bound.problem else (bound.lower, bound.ceiling)
    return {"lower": lower, "ceiling": ceiling, "confidence": confidence, "n_looked_at": bound.n_looked_at}


def _judge_claim(report: AuditReport, rule: GateRule, confidence: float) -> Verdict:
    found, numbers, reason = claim_outcome(report, confidence)
    outcome = {"violated": "fail", "consistent": "pass"}.get(found, "inconclusive")
    return Verdict(rule=rule.id, outcome=outcome, numbers=numbers, reason=reason)


def _judge_claim_epsilon(report: AuditReport, rule: GateRule, confidence: float) -> Verdict:
    if report.claim is None or rule.max is None:
        return Verdict(rule=rule.id, outcome="inconclusive", reason="The report holds no claim.")
    value = report.claim.epsilon
    reason = f"The claimed epsilon is {value:.4g}, the limit {rule.max:.4g}."
    outcome = _by_limit(value, value, rule.max)
    if claim_outcome(report, confidence)[0] == "violated":
        outcome, reason = "fail", f"{reason} But the audit contradicts the claim."
    return Verdict(rule=rule.id, outcome=outcome, numbers=_numbers(rule, value, value), reason=reason)


def _judge_lower(report: AuditReport, rule: GateRule, confidence: float) -> Verdict:
    """A bound from below reaches up to infinity; only a claim that stood the test closes it."""
    bound = membership_bound(report, confidence)
    if bound.problem:
        return Verdict(rule=rule.id, outcome="inconclusive", reason=f"Nothing to judge: {bound.problem}.")
    upper = None
    if report.claim is not None and claim_outcome(report, confidence)[0] == "consistent":
        upper = report.claim.epsilon
    outcome = _by_limit(bound.lower, upper, rule.max)
    numbers = _numbers(rule, bound.lower, upper) | _bound_numbers(bound, confidence)
    reason = f"The attacks show epsilon >= {bound.lower:.4g}, the limit is {rule.max:.4g}."
    if outcome == "pass":
        reason += f" Epsilon is at most {upper:.4g} by the claim, which this audit could have contradicted and did not."
    if outcome == "inconclusive":
        reason += f" {NO_UPPER_END}"
    return Verdict(rule=rule.id, outcome=outcome, numbers=numbers, reason=reason)


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
        f"{_kind_of_interval(rule)}"
    )
    outcome = _by_limit(found.lower, found.upper, rule.max)
    return Verdict(rule=rule.id, outcome=outcome, numbers=numbers, reason=reason)


def _kind_of_interval(rule: GateRule) -> str:
    if rule.metric == "distribution_accuracy":
        return TRIALS
    return DESCRIPTIVE if rule.group is None else GROUPED


def _numbers(rule: GateRule, lower: float | None, upper: float | None) -> dict[str, float | None]:
    return {"lower": lower, "upper": upper, "max": rule.max, "at": rule.at}


def _by_limit(lower: float, upper: float | None, limit: float | None) -> GateOutcome:
    """``upper`` ``None`` = no upper end."""
    if limit is not None and lower > limit:
        return "fail"
    return "pass" if limit is not None and upper is not None and upper <= limit else "inconclusive"


def _requirements(report: AuditReport, policy: GatePolicy) -> list[Verdict]:
    verdicts = []
    if policy.require.ceiling is not None:
        verdicts.append(_require_ceiling(report, policy.require.ceiling, policy.confidence))
    if policy.require.control:
        verdicts.append(_require_control(report, policy.confidence))
    return verdicts


def _require_ceiling(report: AuditReport, least: float, confidence: float) -> Verdict:
    bound = primary_bound(report, confidence)
    is_met = not bound.problem and bound.ceiling >= least
    reason = f"The audit could have shown epsilon up to {bound.ceiling:.4g}; the policy asks for {least:.4g}."
    return Verdict(
        rule="require.ceiling",
        outcome="pass" if is_met else "inconclusive",
        numbers={"ceiling": None if bound.problem else bound.ceiling, "least": least, "confidence": confidence},
        reason=f"No ceiling: {bound.problem}." if bound.problem else reason,
    )


def _require_control(report: AuditReport, confidence: float) -> Verdict:
    control, claim = control_bound(report, confidence), report.claim
    is_met = claim is not None and not control.problem and control.lower > claim.epsilon
    if claim is None:
        reason = "There is no claim that the control could pass."
    else:
        reason = f"The control must show more than the claim of {claim.epsilon:.4g}: {_control_words(control)}."
    return Verdict(
        rule="require.control",
        outcome="pass" if is_met else "inconclusive",
        numbers={
            "control_lower": None if control.problem else control.lower,
            "claim": None if claim is None else claim.epsilon,
        },
        reason=reason,
    )
