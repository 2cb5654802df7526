"""From a rule to the interval of the quantity it limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from privaudit.estimators import auc_interval, tpr_interval
from privaudit.gate.bounds import shared_confidence
from privaudit.gate.distribution import accuracy_intervals
from privaudit.gate.group_metrics import group_interval
from privaudit.gate.policy import GateRule
from privaudit.types import AuditReport, Finding, Metric

DESCRIPTIVE = "The interval is descriptive: records of one model are not independent trials."


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An interval over all attacks and targets.

    Attributes:
        lower: the largest lower end, ``None`` where something is missing.
        upper: the largest upper end.
        n_looked_at: how many intervals hold together.
        worst: id of the finding with the largest upper end.
        problem: why there is no interval, or "".
    """

    lower: float | None = None
    upper: float | None = None
    n_looked_at: int = 0
    worst: str = ""
    problem: str = ""


def measure(report: AuditReport, rule: GateRule, confidence: float) -> Measured:
    """Return the interval of an AUC or true positive rate over every attack and target of the report, or of one group; or of the
    accuracy in telling worlds apart over every attack and pair of worlds.

    Args:
        report: the report.
        rule: with metric ``auc``, ``tpr_at_fpr`` or ``distribution_accuracy``.
        confidence: the joint confidence of all intervals looked at.

    Returns:
        The interval, or the reason why there is none.
    """
    if rule.metric == "distribution_accuracy":
        of_worlds = accuracy_intervals(report, confidence)
        return Measured(problem=of_worlds) if isinstance(of_worlds, str) else _widest(of_worlds)
    if rule.group is not None:
        of_group = group_interval(report, rule, confidence)
        return Measured(problem=of_group) if isinstance(of_group, str) else _widest([of_group])
    attacks = [finding for finding in report.attacked() if finding.attacks_the_subject]
    attacked = [finding for finding in attacks if any(metric.name == rule.metric for metric in finding.metrics)]
    if not attacked:
        where = " of attacks on members" if report.findings("distribution") else ""
        return Measured(problem=f"the report holds no {rule.metric}{where}")
    found = [(finding, _metric(finding, rule)) for finding in attacked]
    for finding, metric in found:
        problem = _problem(finding, metric, rule)
        if problem:
            return Measured(problem=problem)
    share = shared_confidence(confidence, len(found))
    return _widest([(finding.id, *_interval(finding, metric, share)) for finding, metric in found if metric])


def _widest(intervals: Sequence[tuple[str, float, float]]) -> Measured:
    worst, _, upper = max(intervals, key=lambda item: item[2])
    lower = max(item[1] for item in intervals)
    return Measured(lower=lower, upper=upper, n_looked_at=len(intervals), worst=worst)


def _metric(finding: Finding, rule: GateRule) -> Metric | None:
    return next((m for m in finding.metrics if m.name == rule.metric and m.at == rule.at), None)


def _problem(finding: Finding, metric: Metric | None, rule: GateRule) -> str:
    if not finding.n_in or not finding.n_out:
        return f"{finding.id} does not say how many members and non-members it scored"
    if rule.at is not None and rule.at * finding.n_out < 1:
        needed = f"at least {1 / rule.at:,.0f} non-members are needed"
        return f"{finding.n_out} non-members of {finding.id} cannot measure a rate of {rule.at:g}; {needed}"
    if metric is None:
        known = ", ".join(f"{m.at:g}" for m in finding.metrics if m.name == rule.metric and m.at is not None)
        return f"{finding.id} was not measured at {rule.at:g}, only at {known}"
    return f"{rule.metric} of {finding.id} is not measurable" if metric.value is None else ""


def _interval(finding: Finding, metric: Metric, confidence: float) -> tuple[float, float]:
    value, n_in, n_out = float(metric.value or 0.0), int(finding.n_in or 0), int(finding.n_out or 0)
    compute: dict[str, Callable[[], tuple[float, float]]] = {
        "auc": lambda: auc_interval(value, n_in, n_out, confidence=confidence),
        "tpr_at_fpr": lambda: _tpr_interval(finding, float(metric.at or 0.0), confidence),
    }
    return compute[metric.name]()


def _tpr_interval(finding: Finding, fpr: float, confidence: float) -> tuple[float, float]:
    """Read off the stored curve; without one nothing is known."""
    return (0.0, 1.0) if finding.roc is None else tpr_interval(finding.roc, fpr, confidence=confidence)
