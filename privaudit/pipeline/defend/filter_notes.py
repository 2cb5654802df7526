"""What a comparison says of output filters: which of them only hide scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from privaudit.pipeline.defend.compare import Measured, attacks_of
from privaudit.pipeline.defend.strength import Change, change_of, strength_of
from privaudit.pipeline.defend.told import of_hundred, words_of
from privaudit.types import Finding

HIDING = "Shown to hide scores, and not shown to do more: {titles}; the model keeps what it learned by heart."
IDLE = "Not shown to help against attacks that see scores either: {titles}."
LABEL_ATTACK, SCORE_ATTACK = "label", "score"
GUESSING = 0.5
NOTHING_IN_LABELS = (
    "Attacks that see only which class is named are not shown to find anything without a filter ({value} of 100 pairs of a member and "
    "another record told apart; guessing tells 50), so they cannot tell which filters only hide scores."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """What an output filter did to the strongest attack of each access.

    Attributes:
        title: of the arm.
        value: AUC of the strongest attack that sees labels alone.
        label: its change from the arm without a filter.
        score: change of the strongest attack that sees scores, if there is one.
    """

    title: str
    value: float
    label: Change
    score: Change | None

    @property
    def words(self) -> str:
        """The filter with its numbers."""
        return f"{self.title} ({of_hundred(self.value)}; {words_of(self.label)})"


def filter_notes(measured: Sequence[Measured], findings: Sequence[Finding], *, confidence: float) -> list[str]:
    """Return sentences on filters against label-only attacks, and on those that hide scores and nothing else.

    Args:
        measured: the arms, the one without a defense first.
        findings: of the comparison.
        confidence: of each interval.
    """
    found = [one for arm in measured[1:] if (one := _filtered(arm, findings, confidence)) is not None]
    if not found:
        return []
    plain = strength_of([f for f in attacks_of(measured[0].report) if f.access == LABEL_ATTACK], confidence=confidence)
    if plain is not None and plain.lower <= GUESSING:
        return [" ".join([NOTHING_IN_LABELS.format(value=of_hundred(plain.value)), *_more(found)])]
    without = found[0].value - found[0].label.value
    start = (
        "Attacks that see only which class is named tell "
        f"{of_hundred(without)} of 100 pairs of a member and another record apart without a filter"
    )
    helped = [one for one in found if one.label.upper < 0]
    others = [one for one in found if one not in helped]
    told = [f"{start}; {_list(helped)} lower{_s(helped)} that, too."] if helped else []
    told += [f"{start}, and these are not shown to help against them: {_list(others)}."] if others else []
    return [*told, *_more(found), *_on_scores(others)]


def _more(found: Sequence[Filtered]) -> list[str]:
    """Filters whose answers tell a label-only attacker more than the model's own: random labels are scores."""
    raised = [one for one in found if one.label.lower > 0]
    return [f"With a filter they find more than without: {_list(raised)}."] if raised else []


def _on_scores(others: Sequence[Filtered]) -> list[str]:
    """What filters that do not help against label-only attacks do to attacks that see scores."""
    hiding = [one.title for one in others if one.score is not None and one.score.upper < 0]
    idle = [one.title for one in others if one.score is not None and one.title not in hiding]
    told = [HIDING.format(titles=", ".join(hiding))] if hiding else []
    return told + ([IDLE.format(titles=", ".join(idle))] if idle else [])


def _filtered(one: Measured, findings: Sequence[Finding], confidence: float) -> Filtered | None:
    if one.arm.kind != "output":
        return None
    of_arm = [f for f in findings if f.params.get("arm") == one.arm.id and f.unit == "record"]
    label = strength_of([f for f in of_arm if f.access == LABEL_ATTACK], confidence=confidence)
    change = change_of(one.arm.id, findings, confidence=confidence, access=LABEL_ATTACK)
    if label is None or change is None:
        return None
    score = change_of(one.arm.id, findings, confidence=confidence, access=SCORE_ATTACK)
    return Filtered(title=one.arm.title, value=label.value, label=change, score=score)


def _list(filters: Sequence[Filtered]) -> str:
    return ", ".join(one.words for one in filters)


def _s(filters: Sequence[Filtered]) -> str:
    return "s" if len(filters) == 1 else ""
