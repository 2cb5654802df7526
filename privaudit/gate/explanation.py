"""A judgement in plain words: what each rule looked at, with which numbers, and what would make it pass."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from privaudit.gate.baseline_rules import BaselineRule
from privaudit.gate.bounds import control_bound, is_proof, primary_bound
from privaudit.gate.explanation_words import (
    LEAK_LESS,
    METHODS,
    QUANTITIES,
    REQUIREMENTS,
    SOURCES,
    THREE_WAY,
    WHAT_TO_DO,
)
from privaudit.gate.limits import GateRule
from privaudit.gate.metrics import measure
from privaudit.gate.policy import GatePolicy
from privaudit.gate.verdicts import what_would_suffice
from privaudit.gate.waivers import GateWaiver, days_left
from privaudit.types import AuditReport, Finding, Verdict
from privaudit.types.report import GateResult

MOST_LINES = 12


def explain(report: AuditReport, policy: GatePolicy, result: GateResult, *, today: date | None = None) -> str:
    """Explain a judgement.

    Args:
        report: the report.
        policy: the policy.
        result: what `judge` said of both.
        today: the day that waivers are counted from; the current one in UTC.

    Returns:
        Plain text, a block per verdict and a last line with the outcome.
    """
    day = today or datetime.now(UTC).date()
    rules = {rule.id: rule for rule in policy.rules}
    comparisons = {rule.id: rule for rule in policy.comparisons}
    waivers = {waiver.rule: waiver for waiver in policy.waivers}
    blocks = [_opening(report, policy)]
    for verdict in result.verdicts:
        lines = [f"{verdict.rule}: {verdict.outcome}{', waived' if verdict.waiver else ''}"]
        lines += _about(report, policy, verdict, rules, comparisons)
        lines += [f"Said: {verdict.reason}"]
        lines += _to_pass(report, policy, verdict, rules.get(verdict.rule), comparisons.get(verdict.rule))
        lines += _waiver(verdict, waivers.get(verdict.rule), day)
        blocks.append("\n  ".join(map(_one_line, lines)))
    return "\n\n".join([*blocks, f"Outcome: {result.outcome}. {_one_line(result.reason)}"]) + "\n"


def _opening(report: AuditReport, policy: GatePolicy) -> str:
    return (
        f"{_one_line(report.subject.name)}, judged at a confidence of {policy.confidence:g} per rule.\n{THREE_WAY}\n"
        "Where a rule looks at several intervals, each takes its share of the error (Bonferroni), so that all hold together."
    )


def _about(
    report: AuditReport,
    policy: GatePolicy,
    verdict: Verdict,
    rules: Mapping[str, GateRule],
    comparisons: Mapping[str, BaselineRule],
) -> list[str]:
    if verdict.rule in rules:
        rule = rules[verdict.rule]
        return [*_heads(rule.metric, rule.at, rule.group), *_looked_at(report, rule, policy.confidence)]
    if verdict.rule in comparisons:
        compared = comparisons[verdict.rule]
        return [*_heads(compared.metric, compared.at, None), f"Compared with the baseline: {SOURCES['baseline']}"]
    return [f"Looks at: {REQUIREMENTS.get(verdict.rule, verdict.rule)}"]


def _heads(metric: str, at: float | None, group: str | None) -> list[str]:
    what = QUANTITIES[metric] + ("" if at is None else f" Here at a false positive rate of {at:g}.")
    what += f" Here of the group {group}." if group else ""
    key = "group" if group else metric
    return [f"Looks at: {what}", f"Interval: {METHODS[key]}", f"Source: {SOURCES[key]}"]


def _looked_at(report: AuditReport, rule: GateRule, confidence: float) -> list[str]:
    if rule.metric in ("claim", "claim_epsilon", "epsilon_lower"):
        return _estimates(report, rule, confidence)
    found = measure(report, rule, confidence)
    if found.problem or found.confidence is None:
        return []
    lines = [
        f"- {one.finding}: {one.value:.4g}, interval [{one.lower:.4g}, {one.upper:.4g}] at {found.confidence:.6g} ({one.n})"
        for one in sorted(found.looked_at, key=lambda one: -one.upper)
    ]
    return _shortened(lines)


def _estimates(report: AuditReport, rule: GateRule, confidence: float) -> list[str]:
    if rule.metric == "epsilon_lower":
        of_all = [(finding, one) for finding in report.attacked() for one in finding.estimates if is_proof(one)]
        return _shortened([_estimate(finding, one.method, one.diagnostics) for finding, one in of_all])
    lines = _shortened([_estimate(finding, one.method, one.diagnostics) for finding, one in report.primary_estimates()])
    bound, control = primary_bound(report, confidence), control_bound(report, confidence)
    if not bound.problem:
        lines.append(f"- together at {confidence:g}: epsilon >= {bound.lower:.4g}, ceiling {bound.ceiling:.4g}")
    shown = control.problem or f"epsilon >= {control.lower:.4g}"
    lines.append(f"- positive control at the same level: {shown}")
    if report.claim is not None:
        claim = report.claim
        lines.append(f"- claim: epsilon {claim.epsilon:.4g} at delta {claim.delta:g}, {claim.neighbouring}")
    return lines


def _estimate(finding: Finding, method: str, counts: Mapping[str, float]) -> str:
    names = ("n_canaries", "n_guesses", "n_correct", "tp", "fn", "fp", "tn")
    shown = ", ".join(f"{name} {counts[name]:g}" for name in names if name in counts)
    return f"- {finding.id}: {method} ({shown or 'no counts stored'})"


def _shortened(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], *([f"- and {rest} more"] if rest > 0 else [])]


def _to_pass(
    report: AuditReport, policy: GatePolicy, verdict: Verdict, rule: GateRule | None, compared: BaselineRule | None
) -> list[str]:
    if verdict.outcome == "pass":
        return []
    key = "baseline" if compared else rule.metric if rule else verdict.rule
    advice = WHAT_TO_DO.get((key, verdict.outcome))
    if rule and not advice and verdict.outcome == "fail":
        advice = LEAK_LESS
    elif rule and not advice:
        found = measure(report, rule, policy.confidence)
        advice = f"an audit that measures it; {found.problem}." if found.problem else what_would_suffice(found, rule)
    return [f"To pass: {advice}"] if advice else []


def _waiver(verdict: Verdict, waiver: GateWaiver | None, today: date) -> list[str]:
    if waiver is None:
        return []
    unneeded = " It is not needed: the rule passes. Remove it." if verdict.outcome == "pass" else ""
    return [f"Waiver: {waiver.reason}; {days_left(waiver, today)}.{unneeded}"]


def _one_line(text: str) -> str:
    """Names come from files of others: no line breaks, no control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
