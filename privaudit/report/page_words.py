"""The page's sentences by name."""

from typing import Any

from privaudit.report import tables
from privaudit.report.attack_figure import attack_caption
from privaudit.report.axis_rows import left_out
from privaudit.report.canary_words import control_words, interval_words, verdict_rests_on
from privaudit.report.defense_figure import defense_caption
from privaudit.report.defense_tables import arm_title, arms_of, defense_notes
from privaudit.report.distribution_labels import audit_name, labelled
from privaudit.report.distribution_sentences import draws_words, outcome_of_worlds, pairs_sentence, world_words
from privaudit.report.figures import roc_caption, roc_findings
from privaudit.report.histogram_figure import HISTOGRAM_CAPTION
from privaudit.report.methods import method_notes
from privaudit.report.sentences import beside_membership, headline, warnings_of, what_would_suffice
from privaudit.report.serialise import audit_digest
from privaudit.report.subgroup_tables import who_sentences
from privaudit.types import AuditReport

FEW_ARMS = 3
POLICY_OUTCOMES = {"pass": "passes", "fail": "fails", "inconclusive": "is open"}
OUTCOMES = {"violated": "claim contradicted", "consistent": "claim not contradicted", "too_weak": "audit too weak"}


def words_of(report: AuditReport) -> dict[str, Any]:
    """Return what the page says in words: texts, tuples of texts, and what notes and methods are listed.

    Args:
        report: the report.
    """
    verdict = report.claim_verdict()
    return {
        "name": audit_name(report),
        "outcome": verdict.outcome if verdict and verdict.outcome in OUTCOMES else "none",
        "badge": _badge(report),
        "headline": headline(report),
        "suffices": what_would_suffice(report),
        "warnings": warnings_of(report),
        "beside": beside_membership(report),
        "compared": defense_notes(report),
        "has_records": bool(report.attacked()),
        "left_out": left_out(report),
        "rests_on": verdict_rests_on(report),
        "assumptions": tables.assumptions_of(report),
        "roc_caption": roc_caption(report) if roc_findings(report) else "",
        "attack_caption": attack_caption(report),
        "intervals": interval_words(report),
        "who": who_sentences(report),
        "worlds_are": pairs_sentence(report),
        "worlds_label": labelled("", report),
        "a_world": world_words(report),
        "draws_are": draws_words(report),
        "defense_caption": defense_caption(report),
        "histogram_caption": HISTOGRAM_CAPTION,
        "control_is": control_words(report),
        "others": tables.other_tables(report),
        "methods": method_notes(report),
        "notes": tables.notes_of(report),
        "digest": audit_digest(report),
    }


def _badge(report: AuditReport) -> str:
    """The verdict in two or three words; without one what was done instead."""
    verdict, arms = report.claim_verdict(), arms_of(report)
    if verdict is not None:
        return OUTCOMES.get(verdict.outcome, verdict.outcome)
    if 1 < len(arms) <= FEW_ARMS and all(arm.params.get("policy") for arm in arms):
        told = (f"{arm_title(arm)} {POLICY_OUTCOMES.get(arm.params['policy'], 'is open')}" for arm in arms)
        return f"privaudit's policy: {' · '.join(told)}"
    if len(arms) > 1:
        return f"{len(arms) - 1} {'defense' if len(arms) == 2 else 'defenses'} compared"
    of_worlds = outcome_of_worlds(report) if not report.attacked() else ""
    return labelled(of_worlds, report) if of_worlds else "no claim"
