"""First question: is the claim violated, consistent with what was seen, or was the audit too weak to tell?"""

import math

from privaudit.report.defense_tables import arm_title, arms_of, attacks_of_arm
from privaudit.report.estimate_words import confidence_text
from privaudit.report.sentences import REFUTED, claim_number, joint_confidence, lower_bound_text
from privaudit.report.words import claimed_text, delta_text, epsilon_text
from privaudit.types import AuditReport, Finding, Neighbouring, PrivacyClaim, Validity, Verdict

WHAT_EPSILON_IS = "how much one record can change what comes out; smaller is more private"
ONE_RECORD = {
    Neighbouring.ADD_REMOVE: "one record, added or removed,",
    Neighbouring.REPLACE_ONE: "one record, replaced by another,",
    Neighbouring.ZERO_OUT: "one record, blanked out,",
}
OUTCOMES = {
    "violated": "the audit contradicts that",
    "consistent": "nothing that was seen contradicts that",
    "too_weak": "the audit was too weak to tell",
}
OF_WORLDS = "Nothing was promised: this audit asks what models tell about all their training records taken together."


def verdict_answer(report: AuditReport) -> str:
    """Return whether the claimed guarantee is violated, with the numbers that say so.

    Args:
        report: the report.
    """
    claim = report.claim
    if claim is None or math.isinf(claim.epsilon):
        return _nothing_claimed(report)
    text = _of_claim(report, claim, report.claim_verdict())
    others = [arm for arm in arms_of(report)[1:] if _is_told_beside(arm)]
    if not others:
        return text
    said = "; ".join(f"“{arm_title(arm)}” promises {_of_arm(report, arm)}" for arm in others)
    return f"Without a defense: {text[0].lower()}{text[1:]} {said}."


def _is_told_beside(arm: Finding) -> bool:
    """Whether an arm's promise is another one than that of the model without a defense, or was found broken."""
    if arm.params.get("claim_epsilon") is None:
        return False
    return arm.params.get("kind") == "training" or arm.params.get("claim_outcome") == "violated"


def _of_claim(report: AuditReport, claim: PrivacyClaim, verdict: Verdict | None) -> str:
    if verdict is None:
        return f"Not judged: {_promise(claim)}, and this audit makes no bound that could be set against it."
    says = {"violated": _violated, "consistent": _consistent, "too_weak": _too_weak}.get(verdict.outcome)
    return says(report, claim, verdict) if says else f"The outcome is {verdict.outcome}: {_promise(claim)}."


def _promise(claim: PrivacyClaim) -> str:
    """The claim, with what an epsilon is."""
    what = WHAT_EPSILON_IS.replace("one record", ONE_RECORD[claim.neighbouring])
    slack = f"; delta {delta_text(claim.delta)}" if claim.delta else ""
    return f"promised is an epsilon of at most {claimed_text(claim.epsilon)} ({what}{slack})"


def _violated(report: AuditReport, claim: PrivacyClaim, verdict: Verdict) -> str:
    lower = claim_number(report, "lower")
    if lower is not None and lower <= claim.epsilon:
        what = " and ".join(words for number, words in REFUTED.items() if verdict.numbers.get(number))
        return f"No: {_promise(claim)}, and a test refutes {what or 'what that rests on'}{_sure(report)}."
    shown = "a larger one" if lower is None else f"at least {lower_bound_text(lower, claim.epsilon)}"
    return f"No: {_promise(claim)}, and the audit shows {shown}{_sure(report)}."


def _consistent(report: AuditReport, claim: PrivacyClaim, verdict: Verdict) -> str:
    control = claim_number(report, "control_lower")
    more = "more" if control is None else f"at least {epsilon_text(control, 'down')}"
    seen = (
        f"showed {more}" if verdict.numbers.get("curve_confidence") is None else "failed the test that this one passes"
    )
    return (
        f"Nothing that was seen contradicts it: {_promise(claim)}, the audit shows {_shown(report)}{_sure(report)}, and a "
        f"control without that protection {seen}."
    )


def _too_weak(report: AuditReport, claim: PrivacyClaim, verdict: Verdict) -> str:
    return (
        f"The audit was too weak to tell: {_promise(claim)}, and it shows {_shown(report)}{_sure(report)} but "
        f"{_weakness(report, claim, verdict)}."
    )


def _weakness(report: AuditReport, claim: PrivacyClaim, verdict: Verdict) -> str:
    control, ceiling = claim_number(report, "control_lower"), claim_number(report, "ceiling")
    has_curve = verdict.numbers.get("curve_confidence") is not None
    if verdict.reason.startswith("No verdict: "):
        return "was changed after a report had been seen"
    if ceiling is not None and ceiling <= claim.epsilon and not has_curve:
        return f"could never have shown more than {epsilon_text(ceiling, 'up')}"
    if not report.controls:
        return "has no control, a training without that protection, to tell what it could have seen"
    if control is not None and control <= claim.epsilon and not has_curve:
        return f"shows only {epsilon_text(control, 'down')} on a control without that protection"
    return "its control does not show that it could have seen a violation"


def _shown(report: AuditReport) -> str:
    lower = claim_number(report, "lower")
    if lower is None:
        return "no bound"
    return f"at least {epsilon_text(lower, 'down')}" if lower > 0 else "none above 0"


def _sure(report: AuditReport) -> str:
    joint = joint_confidence(report)
    return f" with {confidence_text(joint)} confidence" if 0 < joint < 1 else ""


def _nothing_claimed(report: AuditReport) -> str:
    judged = [arm for arm in arms_of(report) if arm.params.get("claim_epsilon") is not None]
    if judged:
        said = "; ".join(f"“{arm_title(arm)}” promises {_of_arm(report, arm)}" for arm in judged)
        return f"The model without a defense promises nothing; {said} (epsilon: {WHAT_EPSILON_IS})."
    if not report.attacked() and report.findings("distribution"):
        return OF_WORLDS
    bounds = [estimate.lower for _, estimate in report.primary_estimates()]
    proven = all(estimate.validity is Validity.VALID for _, estimate in report.primary_estimates())
    said = "is shown to be" if proven else "seems, which is no guarantee, to be"
    shown = f"; epsilon ({WHAT_EPSILON_IS}) {said} at least {epsilon_text(max(bounds), 'down')}" if bounds else ""
    if bounds and not max(bounds) > 0:
        shown = f"; no epsilon ({WHAT_EPSILON_IS}) above 0 is shown"
    return f"No privacy guarantee was claimed, so there is none to check{shown}."


def _of_arm(report: AuditReport, arm: Finding) -> str:
    said = OUTCOMES.get(str(arm.params.get("claim_outcome")), "that was not judged")
    found = [(finding.method, e) for finding in attacks_of_arm(report, arm.id) for e in finding.estimates]
    # The largest of several attacks' bounds was chosen on what it is about: it holds at no stated confidence.
    is_one = len({(method, estimate.method) for method, estimate in found}) == 1
    joint = 1 - sum(1 - e.confidence for _, e in found)
    sure = f" is shown with {confidence_text(joint)} confidence" if 0 < joint < 1 else " is shown"
    if any(e.validity is not Validity.VALID for _, e in found):
        sure = " seems likely, which is no guarantee"
    lower = max((e.lower for _, e in found), default=0.0)
    least = f"at least {epsilon_text(lower, 'down')}" if lower > 0 else "none above 0"
    shown = f"{least}{sure}, and " if is_one else "and "
    return f"an epsilon of at most {claimed_text(arm.params['claim_epsilon'])}, {shown}{said}{_for_its_control(arm)}"


def _for_its_control(arm: Finding) -> str:
    """Why the audit of an arm was too weak, where its control is the reason."""
    control, claimed = arm.params.get("control_lower"), arm.params.get("claim_epsilon")
    if arm.params.get("claim_outcome") != "too_weak" or control is None or claimed is None or control > claimed:
        return ""
    return f", for on the same training without noise and clipping it shows only {epsilon_text(control, 'down')}"
