"""What must be known to read the table of games: contradictions, what was not propagated, and relations that were not used."""

from collections.abc import Sequence

from privaudit.games.graph import Bound, Interval, Node
from privaudit.games.propagation_words import VACUOUS_FROM, confidence_text, contradiction_text, number_text
from privaudit.games.relation_table import RELATIONS
from privaudit.pipeline.games_evidence import TOGETHER
from privaudit.pipeline.games_relate import Games
from privaudit.pipeline.games_shown import Shown
from privaudit.pipeline.games_worlds import scored_together, why_not_told_apart
from privaudit.types import AuditReport

CONTRADICTION = "Contradiction: "
NOT_RUN = {
    "R5": "no prior of membership was stated",
    "R7": "no attribute attack was run, and none that may abstain",
    "R8": "no reconstruction attack was run, and no baseline of one is known",
    "R9": "no reconstruction attack was run",
    "R10": "no extraction attack was run",
    "R11": "it is not known how many records one user has",
    "R14": "no attack with records of the attacker's carries a bound",
}
WHAT_TO_DO = (
    "Either training is not what the guarantee is about, or a condition of a relation on this way is not met, or the measurement "
    "is one of the {share} that miss"
)


def finding_notes(node: Node, interval: Interval, measured: Shown | None, used: Sequence[Bound]) -> tuple[str, ...]:
    """Return what must be known of one game: what was only shown, what is vacuous, and the relations used.

    Args:
        node: the game.
        interval: of its advantage.
        measured: what attacks reached.
        used: all bounds of the finding.
    """
    notes = []
    if measured is not None and scored_together(measured.finding):
        notes.append(f"{TOGETHER[0].upper()}{TOGETHER[1:]}.")
    elif measured is not None and not measured.is_independent:
        notes.append(
            "The measured advantage is the largest difference of both rates over thresholds chosen on the same outcomes; "
            "outcomes of one model's records are not independent trials: shown, not propagated."
        )
        if interval.upper is not None and measured.value > interval.upper.value:
            notes.append(
                f"It lies above {number_text(interval.upper.value, rounds_up=True)}, which the guarantee allows on average over "
                "trainings. That is no proof; a bound from independent coins would be one."
            )
    if interval.upper is not None and node.game == "distribution_inference" and interval.upper.value > VACUOUS_FROM:
        notes.append(
            "DP bound vacuous: the worlds differ in so many records that the guarantee allows nearly any advantage here. "
            "Differential privacy does not protect what holds for the population."
        )
    ids = {id for bound in used for id in bound.path}
    rows = {row.id: row for row in reversed(RELATIONS) if row.id in ids}
    notes += [f"{id}: {rows[id].title}; {rows[id].condition}." for id in sorted(rows, key=lambda id: int(id[1:]))]
    return tuple(notes)


def section_notes(games: Games, report: AuditReport, confidence: float) -> tuple[str, ...]:
    """Return what must be known of all games, contradictions first.

    Args:
        games: all that is known.
        report: of the audit.
        confidence: of all measurements together.
    """
    gathered, propagation = games.gathered, games.propagation
    share = f"{100.0 * (1.0 - confidence):.3g} %"
    notes = [
        f"{CONTRADICTION}{contradiction_text(each)}. {WHAT_TO_DO.format(share=share)}."
        for each in propagation.contradictions
    ]
    n_entered = len({each.origin for each in gathered.measurements})
    if n_entered:
        notes.append(
            f"{n_entered} measurements enter, each at {confidence_text(gathered.level)} confidence; all hold together at "
            f"{confidence_text(propagation.confidence)} (the sum of their errors)."
        )
    if report.claim is None:
        notes.append("No guarantee was stated, so nothing bounds these games from above.")
    notes += [f"Not propagated: {reason}." for reason in gathered.reasons]
    notes += [f"Not used: {reason}." for reason in propagation.unmet]
    notes.append("Not used: " + "; ".join(f"{id}, because {reason}" for id, reason in NOT_RUN.items()) + ".")
    if not games.comparisons:
        notes.append(f"Not used: R12, because {why_not_told_apart(report)}.")
    return tuple(dict.fromkeys(notes))
