"""The first screen: what was found, how much, how surely, and what stayed out of sight; a sentence each."""

from dataclasses import dataclass

from privaudit.report.answer_certainty import certainty_answer
from privaudit.report.answer_leak import leak_answer
from privaudit.report.answer_unseen import unseen_answer
from privaudit.report.answer_verdict import verdict_answer
from privaudit.types import AuditReport

QUESTIONS = (
    ("Is the promised privacy kept?", verdict_answer),
    ("How much leaks?", leak_answer),
    ("How sure is that?", certainty_answer),
    ("What could this audit not have seen?", unseen_answer),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A question that everybody asks, and what the report says to it.

    Attributes:
        question: the same in every report.
        answer: one plain sentence, made of the report's own numbers.
    """

    question: str
    answer: str


def first_screen(report: AuditReport) -> tuple[Answer, ...]:
    """Return the four answers that a reader needs first.

    Args:
        report: of any kind.

    Returns:
        Whether the claim is violated, how much leaks, how sure that is, and what the audit could not have seen.

    >>> from privaudit.types import Subject
    >>> empty = AuditReport(subject=Subject(name="m", model_digest="", data_digest=""), claim=None, sections=())
    >>> first_screen(empty)[1].answer
    'No attack was run.'
    """
    return tuple(Answer(question=question, answer=answer(report)) for question, answer in QUESTIONS)
