"""Fourth question: what could this audit not have seen?"""

import math
from collections.abc import Sequence

from privaudit.report.answer_leak import RECORDS, attacks_on_subject, nouns_of
from privaudit.report.defense_tables import arm_title, arms_of
from privaudit.report.distribution_labels import INFLATED, distribution_findings, graph_property, world_label
from privaudit.report.sentences import claim_number
from privaudit.report.words import claimed_text, epsilon_text
from privaudit.types import AuditReport, Finding
from privaudit.types.report import POISONED, POISONED_WORLDS

MOST = 5
SEES_MORE = {
    "label": "what somebody learns who sees scores or weights and not labels alone",
    "score": "what somebody learns who sees the weights or the training itself",
    "white_box": "what somebody learns who sees the training itself",
}


def unseen_answer(report: AuditReport) -> str:
    """Return what the audit could not have seen, from its own facts, the heaviest first.

    Args:
        report: the report.
    """
    attacks = attacks_on_subject(report)
    said = _of_members(report, attacks) if attacks else _of_worlds(report)
    gaps = [text for text in said if text][:MOST]
    if not gaps:
        return "Anything: no attack was run."
    text = "; ".join(gaps[:-1]) + ("; and " if gaps[1:] else "") + gaps[-1]
    return f"{text[0].upper()}{text[1:]}."


def _of_members(report: AuditReport, attacks: Sequence[Finding]) -> tuple[str, ...]:
    return (
        _of_bound(report, attacks),
        _of_control(report),
        _of_canaries(attacks),
        _of_access(attacks),
        _of_rates(attacks),
        _of_others(attacks),
        _of_poison(report, attacks),
    )


def _of_bound(report: AuditReport, attacks: Sequence[Finding]) -> str:
    claim, ceiling = report.claim, claim_number(report, "ceiling")
    if not report.primary_estimates():
        return "any epsilon, as it did not draw itself who was trained on" if nouns_of(attacks) is RECORDS else ""
    if ceiling is None or math.isinf(ceiling):
        return ""
    if _has_curve(report):
        return (
            f"an epsilon above {epsilon_text(ceiling, 'up')} as a number (its tests of the training itself see further)"
        )
    promised = claim.epsilon if claim is not None else 0.0
    below = f", though {claimed_text(promised)} is promised" if ceiling <= promised < math.inf else ""
    return f"an epsilon above {epsilon_text(ceiling, 'up')}{below}"


def _has_curve(report: AuditReport) -> bool:
    verdict = report.claim_verdict()
    return verdict is not None and verdict.numbers.get("curve_confidence") is not None


def _of_control(report: AuditReport) -> str:
    """What the attack misses where there is much to see; nothing where the control shows that it sees enough."""
    weak = next((arm for arm in arms_of(report)[1:] if _is_missed(arm)), None)
    if weak is not None:
        shown = epsilon_text(weak.params["control_lower"], "down")
        return f"leaks that its attack misses (the control of “{arm_title(weak)}” gave only {shown})"
    claim, verdict, control = report.claim, report.claim_verdict(), claim_number(report, "control_lower")
    if claim is None or verdict is None or math.isinf(claim.epsilon) or verdict.outcome != "too_weak":
        return ""
    if control is None:
        return "whether it would have seen a broken promise, as no control was run"
    if control > claim.epsilon:
        return ""
    return f"leaks that its attack misses (the control gave only {epsilon_text(control, 'down')})"


def _is_missed(arm: Finding) -> bool:
    """Whether a control of an arm could not have shown a violation."""
    control, claimed = arm.params.get("control_lower"), arm.params.get("claim_epsilon")
    too_weak = arm.params.get("claim_outcome") == "too_weak"
    return too_weak and control is not None and claimed is not None and control <= claimed < math.inf


def _of_canaries(attacks: Sequence[Finding]) -> str:
    if nouns_of(attacks) is RECORDS:
        return ""
    as_gradients = any("enter as gradients" in note for finding in attacks for note in finding.notes)
    return (
        "mistakes in how records are drawn and gradients are made"
        if as_gradients
        else "leaks of records other than the planted ones"
    )


def _of_access(attacks: Sequence[Finding]) -> str:
    seen = {finding.access for finding in attacks}
    if "white_box" in seen:
        return ""
    return SEES_MORE["score" if "score" in seen else "label"]


def _of_rates(attacks: Sequence[Finding]) -> str:
    n_out = max((finding.n_out or 0 for finding in attacks), default=0)
    return f"what is found at less than 1 false accusation in {n_out:,}" if n_out else ""


def _of_others(attacks: Sequence[Finding]) -> str:
    if nouns_of(attacks) is not RECORDS:
        return ""
    n = sum(number or 0 for number in (attacks[0].n_in, attacks[0].n_out))
    return f"leaks of records other than these {n:,}" if n else ""


def _of_poison(report: AuditReport, attacks: Sequence[Finding]) -> str:
    tried = any(finding.game == POISONED for finding in report.attacked())
    return "" if tried or nouns_of(attacks) is not RECORDS else "attackers who add records to the training"


def _of_worlds(report: AuditReport) -> tuple[str, ...]:
    found = distribution_findings(report)
    if not found:
        return ()
    named = found[0].params.get("property") or graph_property(found[0])
    models = (found[0].n_in or 0) + (found[0].n_out or 0)
    seen = next(access for access in ("white_box", "score", "label", None) if access in {f.access for f in found})
    return (
        "what holds for the law and not for this one base graph alone" if INFLATED in world_label(report) else "",
        f"differences that {models:,} audited models are too few to show" if models else "",
        f"other properties than {named}" if named else "other worlds than those compared",
        _of_poisoned_worlds(found),
        SEES_MORE[seen or "label"],
        "whether single records leak" if not report.attacked() else "",
    )


def _of_poisoned_worlds(found: Sequence[Finding]) -> str:
    if any(finding.game == POISONED_WORLDS for finding in found):
        return "what models tell that were trained without the attacker's records"
    return "attackers who add records to the training"
