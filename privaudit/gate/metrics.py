"""From a rule to the interval of the quantity it limits."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from privaudit.estimators import advantage_interval, auc_interval, observed_advantage, tpr_interval
from privaudit.estimators.expected_rate import accepted_by_lot, is_tied_at, untied_curve
from privaudit.estimators.largest_advantage import WHOLE_BELOW
from privaudit.gate.bounds import shared_confidence
from privaudit.gate.distribution import accuracy_intervals, leaked_intervals
from privaudit.gate.group_metrics import group_interval
from privaudit.gate.limits import GateRule
from privaudit.gate.measured import LookedAt, Measured, widest
from privaudit.types import AuditReport, Finding, Metric, RocCurve

DESCRIPTIVE = "The interval is descriptive: records of one model are not independent trials."
OF_WORLDS_ALONE = (
    " of attacks on members (it is about worlds, which rules on distribution_accuracy look at; docs/gate.md)"
)
OF_WORLDS = {"distribution_accuracy": accuracy_intervals, "n_leaked": leaked_intervals}


def measure(report: AuditReport, rule: GateRule, confidence: float) -> Measured:
    """Return the interval of an AUC, true positive rate or advantage over every attack and target of the report, or of one
    group; or of what tells worlds apart, over every attack and pair of worlds.

    Args:
        report: the report.
        rule: with a metric that is measured, so not on a claim and not on epsilon.
        confidence: the joint confidence of all intervals looked at.

    Returns:
        The interval, or the reason why there is none.
    """
    if rule.metric in OF_WORLDS:
        of_worlds = OF_WORLDS[rule.metric](report, confidence)
        if isinstance(of_worlds, str):
            return Measured(problem=of_worlds)
        return widest(of_worlds, shared_confidence(confidence, len(of_worlds)))
    if rule.group is not None:
        of_group = group_interval(report, rule, confidence)
        return Measured(problem=of_group) if isinstance(of_group, str) else widest([of_group], confidence)
    attacked = measured_findings(report, rule.metric)
    if not attacked:
        where = OF_WORLDS_ALONE if report.findings("distribution") else ""
        return Measured(problem=f"the report holds no {rule.metric}{where}")
    share = shared_confidence(confidence, len(attacked))
    found = [interval_of(finding, rule.metric, rule.at, share) for finding in attacked]
    problem = next((one for one in found if isinstance(one, str)), "")
    return Measured(problem=problem) if problem else widest([one for one in found if isinstance(one, LookedAt)], share)


def measured_findings(report: AuditReport, metric: str) -> list[Finding]:
    """Return the attacks on the audited model of which a metric was measured, or can be read off the curve."""
    wanted = "auc" if metric == "advantage" else metric  # every curve comes with its area
    attacks = [finding for finding in report.attacked() if finding.attacks_the_subject]
    return [finding for finding in attacks if any(one.name == wanted for one in finding.metrics)]


def interval_of(finding: Finding, name: str, at: float | None, confidence: float) -> LookedAt | str:
    """Return the interval of one metric of one finding, computed anew, or the reason why there is none.

    Args:
        finding: an attack on the audited model.
        name: ``auc``, ``tpr_at_fpr`` or ``advantage``.
        at: the false positive rate of a ``tpr_at_fpr``.
        confidence: of the interval.
    """
    metric = _metric(finding, name, at)
    problem = _problem(finding, metric, name, at)
    if problem or metric is None or metric.value is None:
        return problem
    value, n_in, n_out = float(metric.value), int(finding.n_in or 0), int(finding.n_out or 0)
    by_lot = ""
    if name == "tpr_at_fpr" and at is not None and finding.roc is not None and _is_by_lot(finding.roc, at):
        value, by_lot = accepted_by_lot(finding.roc, at), "; equal scores accepted by lot"
    compute: dict[str, Callable[[float], tuple[float, float]]] = {
        "auc": lambda times: auc_interval(value, round(times * n_in), round(times * n_out), confidence=confidence),
        "tpr_at_fpr": lambda times: _tpr_interval(_larger(finding.roc, times), at or 0.0, confidence),
        "advantage": lambda times: _advantage_interval(_larger(finding.roc, times), confidence),
    }
    lower, upper = compute[name](1.0)
    return LookedAt(
        finding=finding.id,
        value=value,
        lower=lower,
        upper=upper,
        n=f"{n_in:,} members, {n_out:,} non-members{by_lot}",
        upper_at=lambda times: compute[name](times)[1],
        smaller_n=min(n_in, n_out),
    )


def _metric(finding: Finding, name: str, at: float | None) -> Metric | None:
    if name == "advantage":
        value = None if finding.roc is None else max(observed_advantage(finding.roc), 0.0)
        return Metric(name="advantage", value=value)
    return next((m for m in finding.metrics if m.name == name and m.at == at), None)


def _problem(finding: Finding, metric: Metric | None, name: str, at: float | None) -> str:
    if not finding.n_in or not finding.n_out:
        return f"{finding.id} does not say how many members and non-members it scored"
    if at is not None and at * finding.n_out < 1:
        needed = f"at least {1 / at:,.0f} non-members are needed"
        return f"{finding.n_out} non-members of {finding.id} cannot measure a rate of {at:g}; {needed}"
    if metric is None:
        known = ", ".join(f"{m.at:g}" for m in finding.metrics if m.name == name and m.at is not None)
        return f"{finding.id} was not measured at {at:g}, only at {known}"
    if name == "advantage" and metric.value is None:
        return f"{finding.id} stores no curve to read the advantage off"
    return f"{name} of {finding.id} is not measurable" if metric.value is None else ""


def _larger(roc: RocCurve | None, times: float) -> RocCurve | None:
    """The same rates of more records."""
    if roc is None or times == 1.0 or roc.n_in is None or roc.n_out is None:
        return roc
    return replace(roc, n_in=round(times * roc.n_in), n_out=round(times * roc.n_out))


def _tpr_interval(roc: RocCurve | None, fpr: float, confidence: float) -> tuple[float, float]:
    """Read off the stored curve; without one nothing is known.

    Of a block of equal scores that no threshold divides an attacker accuses some by lot. Were it only said that the rate lies
    between both ends of the block, an attack of two scores would keep every audit open, however large.
    """
    if roc is None:
        return 0.0, 1.0
    return tpr_interval(_untied(roc) if _is_by_lot(roc, fpr) else roc, fpr, confidence=confidence)


def _is_by_lot(roc: RocCurve, fpr: float) -> bool:
    """Whether equal scores decide at a rate; between later points of a long curve some may be left out, which is no block."""
    after = int((roc.fpr <= fpr).sum())  # the end of the block
    return after < WHOLE_BELOW and is_tied_at(roc, fpr)


def _untied(roc: RocCurve) -> RocCurve:
    """The curve with blocks accepted by lot where it is whole; as it stands, which is cautious, where points may be left out."""
    curve = untied_curve(roc)
    if len(roc.fpr) < WHOLE_BELOW:
        return curve
    is_whole = curve.fpr <= roc.fpr[WHOLE_BELOW - 1]
    rates = (
        np.append(untied[is_whole], kept[WHOLE_BELOW:]) for untied, kept in ((curve.fpr, roc.fpr), (curve.tpr, roc.tpr))
    )
    fpr, tpr = rates
    return replace(curve, fpr=fpr, tpr=tpr)


def _advantage_interval(roc: RocCurve | None, confidence: float) -> tuple[float, float]:
    return (0.0, 1.0) if roc is None else advantage_interval(roc, confidence=confidence)
