"""Third question: how sure is that?"""

import math
from collections.abc import Sequence

from privaudit.report.answer_leak import RECORDS, attacks_on_subject, nouns_of
from privaudit.report.canary_words import is_independent
from privaudit.report.defense_tables import arms_of
from privaudit.report.distribution_labels import INFLATED, control_findings, distribution_findings, world_label
from privaudit.report.distribution_sentences import outcome_of_worlds
from privaudit.report.estimate_words import confidence_text
from privaudit.report.sentences import claim_number, joint_confidence
from privaudit.report.tables import target_of
from privaudit.report.words import epsilon_text
from privaudit.types import AuditReport, EpsilonEstimate, Finding, Validity
from privaudit.types.report import TWO_BASE_GRAPHS


def certainty_answer(report: AuditReport) -> str:
    """Return what the confidence of the bound is, what it was made from, and what the ranges mean.

    Args:
        report: the report.
    """
    attacks = attacks_on_subject(report)
    if not attacks:
        return _of_worlds(report) if distribution_findings(report) else "There is nothing to be sure of."
    parts = [text for text in (_bound(report), _ranges(attacks, is_compared=bool(arms_of(report)[1:]))) if text]
    return f"{'; '.join(parts)}."


def _bound(report: AuditReport) -> str:
    bounds = [estimate for _, estimate in report.primary_estimates()]
    if not bounds:
        return "No bound on epsilon was made"
    what = "The bound on epsilon is" if len(bounds) == 1 else f"The bounds on epsilon of all {len(bounds)} models are"
    if arms_of(report)[1:]:  # of several models; what follows is about the first
        largest = epsilon_text(max(bound.lower for bound in bounds), "down")
        what = f"Bounds on epsilon hold one by one; without a defense it is at least {largest}, which is"
    joint = joint_confidence(report)
    if any(estimate.validity is not Validity.VALID for estimate in bounds):
        sure = f"{str(bounds[0].validity).replace('_', ' ')}, which is no guarantee"
    else:
        sure = (
            f"wrong in at most {100 * (1 - joint):.3g} of 100 such audits" if 0 < joint < 1 else "not certain together"
        )
    known = ", ".join(text for text in (*_counts(bounds), *_reach(report)) if text)
    return f"{what} {sure}" + (f" ({known})" if known else "")


def _counts(bounds: Sequence[EpsilonEstimate]) -> tuple[str, ...]:
    """From what the bound was made; of one model."""
    numbers = bounds[0].diagnostics
    if len(bounds) > 1:
        return ()
    if {"n_guesses", "n_correct"} <= set(numbers):
        return (f"{numbers['n_correct']:,.0f} of {numbers['n_guesses']:,.0f} guesses were right",)
    if bounds[0].n_in is not None and bounds[0].n_out is not None:
        return (f"from {bounds[0].n_in + bounds[0].n_out:,} trials",)
    return ()


def _reach(report: AuditReport) -> tuple[str, ...]:
    """The ceiling and the control: what the bound could have been."""
    ceiling, control = claim_number(report, "ceiling"), claim_number(report, "control_lower")
    most = (
        f"{epsilon_text(ceiling, 'up')} is the most it could have been"
        if ceiling is not None and math.isfinite(ceiling)
        else ""
    )
    if control is None and any(arm.params.get("control_lower") is not None for arm in arms_of(report)):
        return (most,)  # the training that promises nothing has none; what others gave is told beside it
    names = ", ".join(dict.fromkeys(one.name for one in report.controls))
    return (
        most,
        "there is no control" if control is None else f"the control ({names}) gave {epsilon_text(control, 'down')}",
    )


def _ranges(attacks: Sequence[Finding], *, is_compared: bool) -> str:
    first, nouns = attacks[0], nouns_of(attacks)
    if first.n_in is None or first.n_out is None:
        return ""
    level = next((metric.confidence for metric in first.metrics if metric.confidence), None)
    ranges = f"the {confidence_text(level)} ranges" if level else "ranges"
    n_targets = len({target_of(finding) for finding in attacks})
    whose = "" if nouns is not RECORDS else " of one model" if n_targets == 1 else f" of each of {n_targets} models"
    whose += " of each training" if whose and is_compared else ""
    alone = "" if all(is_independent(finding) for finding in attacks) else " and describe these alone"
    picked = "; the best attack was picked afterwards, which flatters it a little" if _is_picked(attacks) else ""
    return f"{ranges} come from {first.n_in:,} {nouns.members} and {first.n_out:,} {nouns.others}{whose}{alone}{picked}"


def _is_picked(attacks: Sequence[Finding]) -> bool:
    return len({finding.method for finding in attacks}) > 1


def _of_worlds(report: AuditReport) -> str:
    found = distribution_findings(report)
    metrics = [
        metric for finding in found for metric in finding.metrics if metric.name == "accuracy" and metric.confidence
    ]
    joint = round(1 - sum(1 - (metric.confidence or 0.0) for metric in metrics), 12)
    held = (
        f"All ranges together are wrong in at most {100 * (1 - joint):.3g} of 100 such audits"
        if 0 < joint < 1
        else "Ranges hold one by one"
    )
    about = f" ({INFLATED})" if INFLATED in world_label(report) else ""
    if any(finding.params.get("protocol") == TWO_BASE_GRAPHS for finding in found):
        about = " on parts of the same two base graphs, and other base graphs may differ by more"
    rests = f"{held}{about}, from {found[0].n_in} audited models of one world and {found[0].n_out} of the other"
    if not control_findings(report):
        return f"{rests}; there is no control."
    failed = outcome_of_worlds(report) == "control failed"
    return f"{rests}; two equal worlds (the control) are {'told apart too: something is wrong' if failed else 'not told apart'}."
