"""What a report or a gate says as a list of checks, each passed, failed or open; all machine formats show these."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from privaudit.report.plain import plain_text
from privaudit.report.sentences import headline, warnings_of
from privaudit.types import AuditReport, Verdict
from privaudit.types.report import GateResult

State = Literal["pass", "fail", "open", "note", "unjudged"]
STATES: dict[str, State] = {
    "pass": "pass",
    "consistent": "pass",
    "fail": "fail",
    "violated": "fail",
    "inconclusive": "open",
    "too_weak": "open",
}
NUMBER_NAMES = {
    "lower": "at least",
    "upper": "at most",
    "max": "limit",
    "at": "at false positive rate",
    "n_looked_at": "intervals that hold together",
    "control_lower": "control at least",
    "least": "asked for",
}
LET_PASS = "The policy lets open outcomes pass."
CONTRADICTION, WARNING, NOTHING = "contradiction", "warning", "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was judged, or that a reader must know.

    Attributes:
        rule: the verdict's rule, or ``contradiction``, ``warning``, ``audit``.
        outcome: the outcome in the verdict's own word.
        state: what it comes to: an outcome of an unknown name is open, a warning a note; ``unjudged`` stands alone, for
            a report without a verdict.
        reason: a sentence, one line of printable text.
        numbers: what was compared.
        excuse: why a failed or open check does not count; "" where it counts.
    """

    rule: str
    outcome: str
    state: State
    reason: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    excuse: str = ""


def checks_of(report: AuditReport, result: GateResult | None = None) -> tuple[Check, ...]:
    """Return what a gate judged; without a gate, the report's own verdicts, contradictions and warnings.

    Args:
        report: the report.
        result: what a gate said about it.

    Returns:
        At least one check: of a report without a verdict, that nothing was judged.
    """
    if result is not None:
        return tuple(_gated(verdict, result) for verdict in result.verdicts)
    verdicts = [_check(verdict, "") for verdict in report.verdicts]
    return (*(verdicts or [_not_judged(report)]), *(_said(text) for text in warnings_of(report)))


def _gated(verdict: Verdict, result: GateResult) -> Check:
    waiver = f"Waived: {plain_text(verdict.waiver)}." if verdict.waiver else ""
    # A gate passes with an open verdict only where its policy says so.
    is_let_pass = result.outcome == "pass" and STATES.get(verdict.outcome) == "open"
    return _check(verdict, waiver or (LET_PASS if is_let_pass else ""))


def _check(verdict: Verdict, excuse: str) -> Check:
    state = STATES.get(verdict.outcome, "open")
    return Check(
        rule=plain_text(verdict.rule, 200) or "unnamed",
        outcome=plain_text(verdict.outcome, 200).replace("_", " "),
        state=state,
        reason=plain_text(verdict.reason),
        numbers=verdict.numbers,
        excuse="" if state == "pass" else excuse,
    )


def _not_judged(report: AuditReport) -> Check:
    reason = f"Nothing was judged: the report holds no verdict. {plain_text(headline(report))}"
    return Check(rule=NOTHING, outcome="not judged", state="unjudged", reason=reason)


def _said(text: str) -> Check:
    is_contradiction = text.startswith("Contradiction: ")
    rule = CONTRADICTION if is_contradiction else WARNING
    return Check(rule=rule, outcome=rule, state="fail" if is_contradiction else "note", reason=plain_text(text))


def numbers_text(numbers: Mapping[str, float | None]) -> str:
    """Return the numbers behind a verdict in words.

    >>> numbers_text({"lower": 0.021, "upper": 0.0401, "max": 0.03, "at": None})
    'at least 0.021, at most 0.0401, limit 0.03'
    """
    known = ((NUMBER_NAMES.get(name, plain_text(name, 60)), value) for name, value in numbers.items())
    return ", ".join(f"{name.replace('_', ' ')} {number_text(value)}" for name, value in known if value is not None)


def number_text(value: float) -> str:
    """Return a number in four digits, infinity as a word."""
    return ("" if value > 0 else "-") + "infinity" if math.isinf(value) else f"{value:.4g}"


def json_number(value: float | None) -> float | str | None:
    """Return a number as JSON holds it: infinity is the string "inf", as in report.json; what is no number is null."""
    if value is None or math.isnan(value):
        return None
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")
