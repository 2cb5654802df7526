"""What a comparison of defenses says, in sentences for somebody who reads nothing else."""

from collections.abc import Sequence

from privaudit.pipeline.defend.compare import Measured, attacks_of
from privaudit.pipeline.defend.filter_notes import filter_notes
from privaudit.pipeline.defend.noise_notes import noise_notes
from privaudit.pipeline.defend.strength import change_of
from privaudit.types import Finding

EVERY_ARM = 3  # so few defenses are read off a table at a glance
UNEQUAL = (
    "Some trainings met {fewest} attacks and others {most} (filters are asked again and again, and for labels alone): the changes in "
    "these sentences are of attacks that both met; all other numbers are of the best attack on each."
)
KNOWN = "Every attacker knows the defense: the models that it learns from were trained, and answer, with it."


def comparison_notes(
    measured: Sequence[Measured], findings: Sequence[Finding], *, confidence: float
) -> tuple[str, ...]:
    """Return the sentences of a comparison.

    Args:
        measured: the arms, the one without a defense first.
        findings: of the comparison, see `defense_findings`.
        confidence: with which the changes of all arms that sentences rest on hold together.
    """
    defended = measured[1:]
    each = 1 - (1 - confidence) / max(len(defended), 1)
    told = [_overview(defended, findings, each)] if len(defended) > EVERY_ARM else []
    return (
        *told,
        *noise_notes(measured, confidence=each),
        *filter_notes(measured, findings, confidence=each),
        *_open_claims(defended),
        *_unequal(measured),
        KNOWN,
    )


def _unequal(measured: Sequence[Measured]) -> list[str]:
    """Say where arms were attacked in different numbers of ways: the best of more attacks is the stronger for it."""
    numbers = {len({found.method for found in attacks_of(one.report)}) for one in measured}
    return [] if len(numbers) < 2 else [UNEQUAL.format(fewest=min(numbers), most=max(numbers))]


def _open_claims(defended: Sequence[Measured]) -> list[str]:
    """What would settle the promises that were not put to the test."""
    verdicts = [(one.arm.title, one.report.claim_verdict()) for one in defended]
    return [
        f"To put the promise of “{title}” to the test: {verdict.reason}"
        for title, verdict in verdicts
        if verdict is not None and verdict.outcome == "too_weak" and _is_advice(verdict.reason)
    ]


def _is_advice(reason: str) -> bool:
    """Whether a reason says what would settle the claim; one that begins so says why nothing can, after the fact."""
    return bool(reason) and not reason.startswith("No verdict:")


def _overview(defended: Sequence[Measured], findings: Sequence[Finding], confidence: float) -> str:
    changes = [(one.arm.title, change_of(one.arm.id, findings, confidence=confidence)) for one in defended]
    lowered = [title for title, change in changes if change is not None and change.upper < 0]
    raised = [title for title, change in changes if change is not None and change.lower > 0]
    parts = [
        *([f"{len(lowered)} lower the strongest attack by more than chance ({', '.join(lowered)})"] if lowered else []),
        *([f"{len(raised)} raise it ({', '.join(raised)})"] if raised else []),
    ]
    if not parts:
        return f"Of {len(defended)} defenses, none is shown to change the strongest attack."
    rest = "" if len(lowered) + len(raised) == len(defended) else "; the others are not shown to change it"
    return f"Of {len(defended)} defenses, {' and '.join(parts)}{rest}."
