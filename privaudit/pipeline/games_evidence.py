"""What a report holds that may be carried from game to game: its guarantee, and what independent trials showed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from privaudit.estimators import ConfusionCounts, advantage_bound, clopper_pearson, one_run, pld_claim
from privaudit.estimators.rates import upper_rate
from privaudit.games.graph import Evidence, Node
from privaudit.games.relation_conditions import DPD
from privaudit.games.report_graph import RELATIONS_OF_NEIGHBOURS
from privaudit.pipeline.games_worlds import (
    SLACK,
    advantage_at_least,
    changes_records,
    comparison_of,
    scored_together,
    told_apart,
)
from privaudit.report.words import attack_text, claim_text
from privaudit.types import AuditReport, EpsilonEstimate, Finding, Neighbouring, PrivacyClaim, Validity

EPSILON_GAMES = {
    "one_run": "many_canaries",
    "clopper_pearson": "membership_worst_case",
    "betting": "membership_worst_case",
}
DEPENDENT = "outcomes of one model's records are not independent trials: shown, not propagated"
TOGETHER = "victims are scored against each other, so their outcomes are not independent trials: shown, not propagated"
Bounds = Mapping[str, EpsilonEstimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A measurement that may enter, before its share of the error is known.

    Attributes:
        finding: where it stands.
        name: what to call it.
        make: from the confidence of each measurement to bounds of one origin; raises ``LookupError`` with the reason where it
            cannot be restated.
    """

    finding: Finding
    name: str
    make: Callable[[float], tuple[Evidence, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What enters, and what does not.

    Attributes:
        guarantees: upper bounds.
        measurements: lower bounds, which hold together at the confidence asked for.
        level: confidence of each, 1 where there is none.
        reasons: why something does not enter.
    """

    guarantees: tuple[Evidence, ...]
    measurements: tuple[Evidence, ...]
    level: float
    reasons: tuple[str, ...]


def gather(report: AuditReport, *, bounds: Bounds | None, confidence: float) -> Gathered:
    """Collect guarantee and measurements of a report, the error shared equally by all measurements (Bonferroni).

    Args:
        report: of any audit.
        bounds: estimates to use instead of a finding's own, by the finding's id.
        confidence: with which all measurements hold together.
    """
    entries, reasons = _entries(report, bounds or {})
    level = 1.0 - (1.0 - confidence) / max(len(entries), 1)
    measured: list[Evidence] = []
    for entry in entries:
        try:
            measured += entry.make(level)
        except LookupError as reason:
            reasons.append(f"{entry.name}: {reason.args[0]}")
    return Gathered(
        guarantees=guarantees(report.claim),
        measurements=tuple(measured),
        level=level if entries else 1.0,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def guarantees(claim: PrivacyClaim | None) -> tuple[Evidence, ...]:
    """Return what a claim bounds: its epsilon, and with DP-SGD's parameters the advantage under both relations."""
    if claim is None or math.isinf(claim.epsilon):
        return ()
    node = Node(DPD, "epsilon", claim.neighbouring, None, claim.delta)
    found = [Evidence(node=node, side="upper", value=claim.epsilon, origin=f"guarantee {claim_text(claim)}")]
    params = claim.mechanism
    if params is not None and params.sampling == "poisson":
        if claim.neighbouring is Neighbouring.ADD_REMOVE:  # at the claim's own delta; R3 gives one at a larger delta
            replaced = pld_claim(params, delta=claim.delta, neighbouring=Neighbouring.REPLACE_ONE)
            other = Node(DPD, "epsilon", Neighbouring.REPLACE_ONE, None, claim.delta)
            origin = f"guarantee {claim_text(replaced)}"
            found.append(Evidence(node=other, side="upper", value=replaced.epsilon, origin=origin))
        said = (
            f"guarantee of DP-SGD's parameters (noise {params.noise_multiplier:g}, sample rate {params.sample_rate:g}, "
            f"{params.steps} steps)"
        )
        for relation in RELATIONS_OF_NEIGHBOURS:
            most = advantage_bound(params=params, neighbouring=relation)
            found.append(Evidence(node=Node(DPD, "advantage", relation), side="upper", value=most, origin=said))
    return tuple(found)


def _entries(report: AuditReport, bounds: Bounds) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    reasons: list[str] = []
    for finding in report.attacked():
        if not finding.guesses_membership or not (finding.metrics or finding.estimates):
            continue
        estimate = bounds.get(finding.id) or _valid_estimate(finding)
        name = _name(finding)
        if estimate is None:
            reasons += [f"{name}: {DEPENDENT}"] if finding.roc is not None else []
        elif estimate.neighbouring is None:
            reasons.append(f"{name}: its bound on epsilon does not state which data sets are neighbours")
        else:
            entries.append(_epsilon_entry(finding, name, estimate))
    changes = changes_records(report)
    for entry in (_distribution_entry(finding, defense_changes_records=changes) for finding in told_apart(report)):
        if scored_together(entry.finding):
            reasons.append(f"{entry.name}: {TOGETHER}")
        else:
            entries.append(entry)
    return entries, reasons


def _name(finding: Finding) -> str:
    target = finding.params.get("target")
    return f"attack {attack_text(finding.method)}" + ("" if target in (None, -1) else f" on target {target}")


def _valid_estimate(finding: Finding) -> EpsilonEstimate | None:
    """The first estimate that bounds every mechanism at every sample size."""
    if not finding.attacks_the_subject:
        return None
    valid = (e for e in finding.estimates if e.validity is Validity.VALID and e.method in EPSILON_GAMES)
    return next(valid, None)


def _epsilon_entry(finding: Finding, name: str, estimate: EpsilonEstimate) -> Entry:
    def make(level: float) -> tuple[Evidence, ...]:
        stated = at_confidence(estimate, level)
        game = EPSILON_GAMES.get(estimate.method, "many_canaries")
        node = Node(game, "epsilon", estimate.neighbouring, None, estimate.delta)
        origin = f"{name} ({estimate.method})"
        given = {"side": "lower", "confidence": stated.confidence, "origin": origin}
        found = [Evidence(node=node, value=stated.lower, **given)]  # type: ignore[arg-type]
        advantage = _advantage_of_counts(stated)
        if advantage is not None:
            seen = Node(game, "advantage", estimate.neighbouring, finding.access)
            found.append(Evidence(node=seen, value=advantage, **given))  # type: ignore[arg-type]
        return tuple(found)

    return Entry(finding=finding, name=name, make=make)


def at_confidence(estimate: EpsilonEstimate, level: float) -> EpsilonEstimate:
    """Return an estimate at a higher confidence, made anew from its counts where it is not that confident itself.

    Raises:
        LookupError: if that takes more than its counts.
    """
    if estimate.confidence >= level - SLACK:
        return estimate
    numbers = estimate.diagnostics
    each = numbers.get("confidence_each", estimate.confidence)  # of several candidates, which share the error
    share = (1.0 - each) / (1.0 - estimate.confidence)
    options: dict[str, Any] = {"delta": estimate.delta, "neighbouring": estimate.neighbouring}
    options["confidence"] = 1.0 - (1.0 - level) * share
    if estimate.method == "one_run" and "n_correct" in numbers:
        counts = (int(numbers[key]) for key in ("n_canaries", "n_guesses", "n_correct"))
        return replace(one_run(*counts, **options), confidence=level)
    if estimate.method == "clopper_pearson" and "tp" in numbers:
        return replace(clopper_pearson(_counts(numbers), **options), confidence=level)
    raise LookupError(
        f"its bound holds at {estimate.confidence:.4g} alone, and {level:.4g} is needed for all to hold together"
    )


def _counts(numbers: Mapping[str, float]) -> ConfusionCounts:
    return ConfusionCounts(**{key: int(numbers[key]) for key in ("tp", "fn", "fp", "tn")})


def _advantage_of_counts(estimate: EpsilonEstimate) -> float | None:
    """TPR - FPR at the ends of both rates that the bound on epsilon rests on: the same event."""
    if estimate.method != "clopper_pearson" or "tp" not in estimate.diagnostics:
        return None
    counts, tail = _counts(estimate.diagnostics), (1.0 - estimate.confidence) / 4
    fnr, fpr = upper_rate(counts.fn, counts.n_in, tail), upper_rate(counts.fp, counts.n_out, tail)
    return max(0.0, 1.0 - fnr - fpr)


def _distribution_entry(finding: Finding, *, defense_changes_records: bool) -> Entry:
    about = comparison_of(finding, defense_changes_records=defense_changes_records).about

    def make(level: float) -> tuple[Evidence, ...]:
        node = Node("distribution_inference", "advantage", Neighbouring.REPLACE_ONE, finding.access, None, about)
        value = advantage_at_least(finding, level)
        origin = f"attack {attack_text(finding.method)} on {about}"
        return (Evidence(node=node, side="lower", value=value, confidence=level, origin=origin),)

    return Entry(finding=finding, name=f"attack {attack_text(finding.method)} on {about}", make=make)
