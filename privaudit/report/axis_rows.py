"""What stands on the epsilon axis, in words and numbers."""

import bisect
import itertools
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from privaudit.report.estimate_words import CONDITIONAL
from privaudit.report.plain import plain_text
from privaudit.report.sentences import claim_number
from privaudit.report.words import attack_text, claimed_text, epsilon_text, percent_text
from privaudit.types import AuditReport, EpsilonEstimate, EstimateKind, Finding

Role = Literal["primary", "secondary", "ceiling", "control", "claim", "approximation"]
# So many letters fit in a row of the figure; a name may take so many of them that the numbers stay readable.
MAX_LABEL, MAX_NAME = 84, 28
MOST_SECONDARY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisRow:
    """One line of the axis.

    Attributes:
        role: how it is drawn.
        label: what it says.
        values: the numbers on it.
        is_lower: epsilon lies right of it (a lower bound), not left.
    """

    role: Role
    label: str
    values: tuple[float, ...]
    is_lower: bool


def axis_rows(report: AuditReport) -> tuple[AxisRow, ...]:
    """Return the rows from the primary bound down to the claim and what approximates it; only comparable numbers.

    Args:
        report: the report.

    Returns:
        The rows in drawing order.
    """
    rows = (*_bound_rows(report), *_control_rows(report), *_ceiling_rows(report), *_upper_rows(report))
    return (*rows, *_approximation_rows(report))


def left_out(report: AuditReport) -> int:
    """Return how many estimates are not on the axis because their relation or delta is not the claim's."""
    return sum(not _comparable(report, estimate) for _, estimate in _estimates(report))


def _estimates(report: AuditReport) -> Iterable[tuple[Finding, EpsilonEstimate]]:
    for section in report.sections:
        if section.kind == "defense":  # about models of their own
            continue
        for finding in section.findings:
            for estimate in finding.estimates:
                yield finding, estimate


def _comparable(report: AuditReport, estimate: EpsilonEstimate) -> bool:
    bounds = report.primary_estimates()
    reference = report.claim or (bounds[0][1] if bounds else None)
    if reference is None:
        return True
    return (estimate.neighbouring, estimate.delta) == (reference.neighbouring, reference.delta)


def _bound_rows(report: AuditReport) -> list[AxisRow]:
    primary = {(finding.method, estimate.method) for finding, estimate in report.primary_estimates()}
    groups: dict[tuple[str, str], list[EpsilonEstimate]] = {}
    for finding, estimate in _estimates(report):
        is_bound = estimate.kind in (EstimateKind.LOWER_BOUND, EstimateKind.INTERVAL)
        if is_bound and _comparable(report, estimate):
            groups.setdefault((finding.method, estimate.method), []).append(estimate)
    rows = [_bound_row(key, group, key in primary) for key, group in groups.items()]
    return _fewer(sorted(rows, key=lambda row: row.role != "primary"))


def _fewer(rows: list[AxisRow]) -> list[AxisRow]:
    """Keep the primary bound and the largest others; the rest share one row."""
    others = [row for row in rows if row.role != "primary"]
    if len(others) <= MOST_SECONDARY:
        return rows
    kept = sorted(others, key=lambda row: -row.values[-1])[: MOST_SECONDARY - 1]
    rest = tuple(sorted(value for row in others if row not in kept for value in row.values))
    ends = " to ".join(dict.fromkeys(epsilon_text(value, "down") for value in (rest[0], rest[-1])))
    label = f"{len(others) - len(kept)} more lower bounds: at least {ends} (in the table)"
    shown = [row for row in rows if row not in others or row in kept]
    return [*shown, AxisRow(role="secondary", label=label, values=rest, is_lower=True)]


def _bound_row(key: tuple[str, str], group: list[EpsilonEstimate], is_primary: bool) -> AxisRow:
    values = tuple(sorted(estimate.lower for estimate in group))
    ends = [epsilon_text(values[0], "down"), epsilon_text(values[-1], "down")]
    span = " to ".join(dict.fromkeys(ends))
    level = f"{percent_text(min(estimate.confidence for estimate in group))} confidence"
    targets = f" each, {len(group)} targets" if len(group) > 1 else ""
    role: Role = "primary" if is_primary else "secondary"
    name = f"{clip(attack_text(key[0]), MAX_NAME)}, {key[1]}{' (primary)' if is_primary else ''}"
    name = CONDITIONAL.get(key[1], name)  # whole, for without its condition the bound would not hold
    label = clip(f"{name}: at least {span} ({level}{targets})")
    return AxisRow(role=role, label=label, values=values, is_lower=True)


def _control_rows(report: AuditReport) -> list[AxisRow]:
    rows = []
    for control in report.controls:
        if _comparable(report, control.estimate):
            lower = control.estimate.lower
            label = clip(f"control ({clip(control.name, MAX_NAME)}): at least {epsilon_text(lower, 'down')}")
            rows.append(AxisRow(role="control", label=label, values=(lower,), is_lower=True))
    return rows


def _ceiling_rows(report: AuditReport) -> list[AxisRow]:
    ceiling = claim_number(report, "ceiling")
    if ceiling is None or not math.isfinite(ceiling):
        return []
    label = f"ceiling: this audit could have shown at most {epsilon_text(ceiling, 'up')}"
    return [AxisRow(role="ceiling", label=label, values=(ceiling,), is_lower=False)]


def _upper_rows(report: AuditReport) -> list[AxisRow]:
    claim = report.claim
    if claim is None:
        return []
    label = clip(f"claim ({clip(claim.accountant, MAX_NAME)}): at most {claimed_text(claim.epsilon)}")
    rows = [AxisRow(role="claim", label=label, values=(claim.epsilon,), is_lower=False)]
    for _, estimate in _estimates(report):
        upper = estimate.upper
        is_other = estimate.kind is EstimateKind.UPPER_BOUND and upper != claim.epsilon
        if is_other and upper is not None and _comparable(report, estimate):
            label = clip(
                f"computed by {clip(attack_text(estimate.method), MAX_NAME)}: at most {epsilon_text(upper, 'up')}"
            )
            rows.append(AxisRow(role="secondary", label=label, values=(upper,), is_lower=False))
    return rows


def _approximation_rows(report: AuditReport) -> list[AxisRow]:
    """Points that no proof stands behind: drawn as points, named as such."""
    rows = []
    for _, estimate in _estimates(report):
        if estimate.kind is EstimateKind.POINT and _comparable(report, estimate):
            name = clip(attack_text(estimate.method), MAX_NAME)
            label = clip(f"approximation ({name}): about {epsilon_text(estimate.lower)}, no guarantee")
            rows.append(AxisRow(role="approximation", label=label, values=(estimate.lower,), is_lower=False))
    return rows


def clip(text: str, longest: int = MAX_LABEL) -> str:
    """Return text on one line that does not run out of the picture; letters of double width count twice.

    >>> clip("a long name", 6), clip("名前名前名前", 6)
    ('a lon…', '名前…')
    """
    flat = plain_text(text)
    widths = [*itertools.accumulate(2 if is_wide(letter) else 1 for letter in flat)]
    return flat if not widths or widths[-1] <= longest else flat[: bisect.bisect(widths, longest - 1)] + "…"


def is_wide(letter: str) -> bool:
    """Whether a letter is as wide as high, as Chinese ones and emoji are."""
    return unicodedata.east_asian_width(letter) in "WF"
