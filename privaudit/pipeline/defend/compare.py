"""From the reports of all arms to one section: what each defense did to attacks and to accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from privaudit.estimators import accuracy_interval, auc_interval, rate_interval
from privaudit.estimators.rate_difference import square_and_add
from privaudit.gate import judge, shipped_policy
from privaudit.pipeline.defend.arms import Arm
from privaudit.pipeline.defend.strength import COUNTS
from privaudit.report import audit_digest
from privaudit.report.words import percent_text
from privaudit.types import AuditReport, ConfusionCounts, Finding, Metric

UTILITY = ("accuracy_in", "accuracy_out", "accuracy_population", "train_test_gap")
PLACE = ("target", "world", "world_0", "world_1", "poison", "graph_property", "protocol", *COUNTS)
DIFFERENCES = {"auc": "auc_difference", "accuracy": "accuracy_difference"}
DIFFERENCE_RULE = (
    "this arm less the one without a defense; the interval is made from both intervals as if they were independent, which is too "
    "wide where the same coins and records move both; it holds for all differences of the comparison together, and is about the "
    "two trained models, not about training them again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One arm and what its audit found.

    Attributes:
        arm: the arm.
        report: of its audit.
    """

    arm: Arm
    report: AuditReport


def defense_findings(measured: Sequence[Measured], *, confidence: float) -> tuple[Finding, ...]:
    """Return the findings of a comparison: per arm what was done and what it cost, then one per attack and target.

    Args:
        measured: the arms, the one without a defense first.
        confidence: of each descriptive interval, and of all differences together.
    """
    first = {_key(finding): finding for finding in attacks_of(measured[0].report)}
    n_named = sum(_has(finding, name) for finding in first.values() for name in DIFFERENCES)
    n_differences = max(n_named * (len(measured) - 1), 1)
    joint = 1 - (1 - confidence) / n_differences
    findings: list[Finding] = []
    for one in measured:
        findings.append(arm_finding(one))
        carrying = {finding.id: estimate for finding, estimate in one.report.primary_estimates()}
        for attacked in attacks_of(one.report):
            before = first.get(_key(attacked)) if one is not measured[0] else None
            compared = _attack_finding(one.arm, attacked, before, joint)
            bound = carrying.get(attacked.id)
            findings.append(replace(compared, estimates=() if bound is None else (bound,)))
    return tuple(findings)


def attacks_of(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings of a report in which somebody guessed: membership, or the world that a model comes from.

    The control of two equal worlds is no attack: there is nothing to find.

    Args:
        report: of one arm.
    """
    members = [one for one in report.findings("mia") if one.attacks_the_subject and one.method != "accuracy"]
    worlds = [one for one in report.findings("distribution") if any(m.name == "accuracy" for m in one.metrics)]
    return tuple(one for one in (*members, *worlds) if one.access is not None and not one.params.get("is_control"))


def _key(finding: Finding) -> tuple[str, object]:
    return finding.method, finding.params.get("target", finding.params.get("world"))


def arm_finding(one: Measured) -> Finding:
    """Say what an arm is, what its model is worth, what was claimed and what the shipped policy says.

    Args:
        one: the arm with its report.
    """
    arm, report = one.arm, one.report
    claim, verdict = report.claim, report.claim_verdict()
    judged = judge(report, shipped_policy()) if report.attacked() else None
    accuracy = [m for f in report.findings("mia") if f.method == "accuracy" for m in f.metrics if m.name in UTILITY]
    return Finding(
        id=arm.id,
        method="defense",
        access=None,
        params={
            "arm": arm.id,
            "name": arm.name,
            "title": arm.title,
            "kind": arm.kind,
            "settings": dict(arm.settings),
            "digest": audit_digest(report),
            "claim_epsilon": None if claim is None else claim.epsilon,
            "delta": None if claim is None else claim.delta,
            "neighbouring": None if claim is None else str(claim.neighbouring),
            "claim_outcome": None if verdict is None else verdict.outcome,
            "claim_reason": None if verdict is None else verdict.reason,
            "control_lower": None if verdict is None else verdict.numbers.get("control_lower"),
            "policy_limits": policy_words(),
            "policy": None if judged is None else judged.outcome,
            "policy_failed": [] if judged is None else [v.rule for v in judged.verdicts if v.outcome == "fail"],
        },
        metrics=tuple(accuracy),
    )


def policy_words() -> str:
    """What the shipped policy allows, in words.

    >>> policy_words()
    'TPR at 1 % FPR at most 3 %, AUC at most 0.6'
    """
    told = []
    for rule in shipped_policy().rules:
        limit = rule.max or 0.0
        if rule.at is None:
            told.append(f"{rule.metric.upper()} at most {limit:g}")
        else:
            told.append(f"TPR at {percent_text(rule.at)} FPR at most {percent_text(limit)}")
    return ", ".join(told)


def _attack_finding(arm: Arm, found: Finding, before: Finding | None, confidence: float) -> Finding:
    kept = [m for m in found.metrics if m.name in ("auc", "tpr_at_fpr", "accuracy", "expected_tpr_at_fpr")]
    if before is not None:
        kept += _differences(found, before, confidence)
    place = {name: found.params[name] for name in PLACE if name in found.params}
    return replace(
        found,
        id=f"{arm.id}:{found.id}",
        params={"arm": arm.id, **place},
        metrics=tuple(kept),
        roc=None,
        notes=(),
    )


def _has(finding: Finding, name: str) -> bool:
    return any(m.name == name and m.value is not None and m.lower is not None for m in finding.metrics)


def _differences(after: Finding, before: Finding, confidence: float) -> list[Metric]:
    """Compare AUCs, or accuracies in telling worlds apart, by the intervals of both."""
    made = []
    for name, called in DIFFERENCES.items():
        new, old = (
            next((m for m in f.metrics if m.name == name and m.value is not None), None) for f in (after, before)
        )
        if new is None or old is None or new.lower is None or old.lower is None:
            continue
        one, other = (_interval(f, m, confidence) for f, m in ((after, new), (before, old)))
        lower, upper = square_and_add(float(new.value or 0), one, float(old.value or 0), other)
        value = float(new.value or 0) - float(old.value or 0)
        made.append(
            Metric(
                name=called,
                value=value,
                lower=lower,
                upper=upper,
                confidence=confidence,
                rule=DIFFERENCE_RULE,
            )
        )
    return made


def _interval(finding: Finding, metric: Metric, confidence: float) -> tuple[float, float]:
    """The interval of a metric at another confidence."""
    n_in, n_out, value = int(finding.n_in or 0), int(finding.n_out or 0), float(metric.value or 0.0)
    if metric.name == "auc":
        return auc_interval(value, n_in, n_out, confidence=confidence)
    if all(name in finding.params for name in COUNTS):  # right answers about each of two worlds
        counts = ConfusionCounts(**{name: int(finding.params[name]) for name in COUNTS})
        return accuracy_interval(counts, confidence=confidence)
    n = n_in + n_out
    return rate_interval(round(value * n), n, confidence=confidence)
