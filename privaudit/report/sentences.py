"""The verdict in a sentence; html, markdown and the command all print this one."""

import math
from collections.abc import Sequence

from privaudit.report.distribution_sentences import distribution_sentences, distribution_warnings
from privaudit.report.estimate_words import confidence_text
from privaudit.report.words import attack_text, claim_text, epsilon_text, metric_of, percent_text
from privaudit.types import AuditReport, EpsilonEstimate, Finding, PrivacyClaim, Validity, Verdict
from privaudit.types.report import ATTACKED

LOW_RATE = 0.001

REFUTED = {
    "curve_refuted": "the accountant's curve (error rates that the claimed mechanism does not allow)",
    "noise_refuted": "the noise (steps add less than claimed)",
    "sampling_refuted": "the sampling (batches are no Poisson samples of the claimed rate)",
    "sensitivity_refuted": "the clip (one canary moves a step's sum by more)",
}


def headline(report: AuditReport) -> str:
    """Return what the audit found in one plain sentence.

    Args:
        report: the report.

    Returns:
        The verdict on the claim with its numbers; without a claim, how much leaks.
    """
    verdict, claim = report.claim_verdict(), report.claim
    if not report.attacked() and distribution_sentences(report):
        return " ".join(distribution_sentences(report))
    if claim is None or math.isinf(claim.epsilon) or verdict is None:
        return f"{_no_verdict(claim)} {_leak(report)}"
    says = {"violated": _violated, "consistent": _consistent, "too_weak": _too_weak}.get(verdict.outcome)
    return says(report, claim, verdict) if says else f"The claim of {claim_text(claim)}: {verdict.outcome}."


def what_would_suffice(report: AuditReport) -> str:
    """Return the reason behind the claim verdict, which names what would settle an open one; "" without a verdict."""
    verdict = report.claim_verdict()
    return verdict.reason if verdict else ""


def warnings_of(report: AuditReport) -> tuple[str, ...]:
    """Return what makes numbers doubtful: what is seen without a model, a control that is none, bounds that contradict."""
    blind = [finding for finding in report.attacked() if finding.access is None]
    of_blind = (f"Warning: {note} ({finding.id})." for finding in blind for note in finding.notes)
    return (*of_blind, *distribution_warnings(report), *contradictions_of(report))


def contradictions_of(report: AuditReport) -> tuple[str, ...]:
    """Return where what was measured cannot be true together with what is guaranteed, each with its path."""
    notes = [note for section in report.sections if section.kind == "games" for note in section.notes]
    return tuple(dict.fromkeys(note for note in notes if note.startswith("Contradiction: ")))


def beside_membership(report: AuditReport) -> tuple[str, ...]:
    """Return what a distribution audit found, where it is not the report's headline already."""
    return distribution_sentences(report) if report.attacked() else ()


def section_notes(report: AuditReport) -> tuple[str, ...]:
    """Return what a reader must know about all findings on members, and on the population, as sentences."""
    notes = [note for section in report.sections if section.kind in ATTACKED for note in section.notes]
    said = [note if note.startswith("Warning: ") else f"Note: {note}" for note in dict.fromkeys(notes)]
    about = [note for section in report.sections if section.kind == "distribution" for note in section.notes]
    return (*said, *(f"Note: {note}." for note in dict.fromkeys(about) if not note.startswith("Warning: ")))


def claim_number(report: AuditReport, name: str) -> float | None:
    """Return ``lower``, ``ceiling`` or ``control_lower`` as the claim verdict used it.

    Args:
        report: the report.
        name: which of the three.

    Returns:
        The verdict's own number; where it has none, the same number read off the primary estimates and the controls.
    """
    verdict = report.claim_verdict()
    if verdict and verdict.numbers.get(name) is not None:
        return verdict.numbers[name]
    if name == "control_lower":
        return max((control.estimate.lower for control in report.controls), default=None)
    return max((getattr(estimate, name) for _, estimate in report.primary_estimates()), default=None)


def _violated(report: AuditReport, claim: PrivacyClaim, verdict: Verdict) -> str:
    lower = claim_number(report, "lower")
    if lower is not None and lower <= claim.epsilon:
        what = " and ".join(words for number, words in REFUTED.items() if verdict.numbers.get(number))
        return (
            f"The audit refutes {what or 'what the accountant counts on'} behind the claim of {claim_text(claim)}; epsilon "
            f"itself is shown to be at least {epsilon_text(lower, 'down')}{_confidence(report)}."
        )
    shown = _shown(report) if lower is None else f"epsilon >= {lower_bound_text(lower, claim.epsilon)}"
    return f"The audit contradicts the claim of {claim_text(claim)}: it shows {shown}{_confidence(report)}."


def _consistent(report: AuditReport, claim: PrivacyClaim, verdict: Verdict) -> str:
    control, ceiling = claim_number(report, "control_lower"), claim_number(report, "ceiling")
    if verdict.numbers.get("curve_confidence") is not None:
        return (
            f"The audit is consistent with the claim of {claim_text(claim)}: its outcomes do not violate the accountant's "
            f"curve, and those of the control, trained without noise, do; epsilon itself is shown to be {_at_least(report)}."
        )
    seen = (
        "" if control is None else f"; on the control the same attack shows epsilon >= {epsilon_text(control, 'down')}"
    )
    could = "" if ceiling is None else f" and could have shown up to {epsilon_text(ceiling, 'up')}"
    return (
        f"The audit is consistent with the claim of {claim_text(claim)}: it shows "
        f"{_shown(report)}{_confidence(report)}{could}{seen}."
    )


def _too_weak(report: AuditReport, claim: PrivacyClaim, verdict: Verdict) -> str:
    start = f"The audit was too weak to contradict or support the claim of {claim_text(claim)}: it shows "
    if verdict.numbers.get("curve_confidence") is not None:
        return f"{start}{_shown(report)}{_confidence(report)}, and does not violate the accountant's curve."
    return f"{start}{_shown(report)}{_confidence(report)}, and {_weakness(report, claim)}."


def _at_least(report: AuditReport) -> str:
    lower, ceiling = claim_number(report, "lower"), claim_number(report, "ceiling")
    if lower is None or ceiling is None:
        return "of unknown size"
    return f"at least {epsilon_text(lower, 'down')} of at most {epsilon_text(ceiling, 'up')} that could be shown"


def _weakness(report: AuditReport, claim: PrivacyClaim) -> str:
    control, ceiling = claim_number(report, "control_lower"), claim_number(report, "ceiling")
    if ceiling is not None and ceiling <= claim.epsilon:
        return f"could never have shown more than {epsilon_text(ceiling, 'up')}"
    if control is None:
        return "no control shows what this attack could have seen"
    names = ", ".join(dict.fromkeys(control.name for control in report.controls))
    named = f" ({names})" if names else ""
    return f"on the control{named} the same attack shows only epsilon >= {epsilon_text(control, 'down')}"


def _shown(report: AuditReport) -> str:
    lower = claim_number(report, "lower")
    return "no bound on epsilon" if lower is None else f"epsilon >= {epsilon_text(lower, 'down')}"


def lower_bound_text(lower: float, claimed: float) -> str:
    """Return a bound that exceeds a claim in as many digits as it takes to see that.

    >>> lower_bound_text(6.007, 5.0), lower_bound_text(5.00412, 5.0)
    ('6.00', '5.004')
    """
    places = next((n for n in range(2, 9) if float(epsilon_text(lower, "down", places=n)) > claimed), 9)
    return epsilon_text(lower, "down", places=places)


def joint_confidence(report: AuditReport) -> float:
    """Return the confidence at which the primary bounds hold together; each of several alone has a higher one.

    Args:
        report: the report; without a primary bound the answer is 1.
    """
    return 1 - sum(1 - estimate.confidence for _, estimate in report.primary_estimates())


def _confidence(report: AuditReport) -> str:
    joint = joint_confidence(report)
    if any(estimate.validity is not Validity.VALID for _, estimate in report.primary_estimates()):
        return " (heuristic, at no stated confidence)"
    return f" with {confidence_text(joint)} confidence" if 0 < joint < 1 else ""


def _no_verdict(claim: PrivacyClaim | None) -> str:
    if claim is None or math.isinf(claim.epsilon):
        return "No privacy guarantee was claimed."
    return f"The claim of {claim_text(claim)} was not judged."


def _leak(report: AuditReport) -> str:
    attacks = attack_aucs(report)
    bounds = [estimate for _, estimate in report.primary_estimates()]
    if not attacks:
        return "No attack was run." if not bounds else f"The audit shows {_largest(bounds)}."
    name, auc = max(attacks.items(), key=lambda item: item[1])
    which = f"the strongest of {len(attacks)} attacks ({attack_text(name)})" if len(attacks) > 1 else attack_text(name)
    shown = f"; the audit shows {_largest(bounds)}{_confidence(report)}" if bounds else ""
    return f"Telling members from non-members, {which} reaches an AUC of {auc:.3f}{_low_rate(report, name)}{shown}."


def _largest(bounds: Sequence[EpsilonEstimate]) -> str:
    best = max(estimate.lower for estimate in bounds)
    ceiling = min(estimate.ceiling for estimate in bounds)
    return f"epsilon >= {epsilon_text(best, 'down')} of at most {epsilon_text(ceiling, 'up')} that it could have shown"


def _low_rate(report: AuditReport, attack: str) -> str:
    rates = _values([f for f in report.attacked() if f.method == attack], "tpr_at_fpr", LOW_RATE)
    if not rates:
        return ""
    return f" and finds {percent_text(sum(rates) / len(rates))} of the members at {percent_text(LOW_RATE)} false alarms"


def attack_aucs(report: AuditReport) -> dict[str, float]:
    """Return the mean AUC over the targets for each attack that has one; what looks at no model is no attack."""
    means = {}
    attacks = [finding for finding in report.attacked() if finding.attacks_the_subject]
    for method in dict.fromkeys(finding.method for finding in attacks):
        values = _values([finding for finding in attacks if finding.method == method], "auc", None)
        if values:
            means[method] = sum(values) / len(values)
    return means


def _values(findings: Sequence[Finding], name: str, at: float | None) -> list[float]:
    metrics = [metric_of(finding.metrics, name, at) for finding in findings]
    return [metric.value for metric in metrics if metric is not None and metric.value is not None]
