"""From a rule on a distribution audit to the interval of what it limits, computed anew from counts of victims."""

from collections.abc import Sequence

from privaudit.estimators import accuracy_interval
from privaudit.types import AuditReport, ConfusionCounts, Finding

TRIALS = "Audited models are independent trainings; the intervals are exact, with shadow models and pools of records held fixed."
COUNTS = ("tp", "fn", "fp", "tn")


def accuracy_intervals(report: AuditReport, confidence: float) -> list[tuple[str, float, float]] | str:
    """Return the interval of every accuracy in telling two worlds apart, or the reason why there is none.

    Whoever is wrong more often than right only has to say the opposite: an accuracy w counts as 1 - w where that is more.

    Args:
        report: the report.
        confidence: of all intervals together (Bonferroni over attacks and pairs of worlds).

    Returns:
        id of each finding, lower and upper end.
    """
    attacked = [
        f for f in report.findings("distribution") if f.access is not None and f.game == "distribution_inference"
    ]
    findings = [finding for finding in attacked if not finding.params.get("is_control")]
    problem = _problem(attacked, findings, confidence)
    if problem:
        return problem
    each = 1 - (1 - confidence) / len(findings)
    found = []
    for finding in findings:
        counts = ConfusionCounts(**{name: int(finding.params[name]) for name in COUNTS})
        lower, upper = accuracy_interval(counts, confidence=each)
        found.append((finding.id, max(lower, 1 - upper), max(upper, 1 - lower)))
    return found


def _problem(attacked: Sequence[Finding], findings: Sequence[Finding], confidence: float) -> str:
    if not findings:
        return "the report holds no attack that tells two worlds apart"
    failed = [finding.id for finding in attacked if finding.params.get("is_control") and not _is_guessing(finding)]
    if failed:
        return (
            f"equal worlds are told apart as well ({', '.join(failed)}), so these accuracies are about something else"
        )
    without = [finding.id for finding in findings if not all(name in finding.params for name in COUNTS)]
    if without:
        return (
            f"{', '.join(without)} scores each model by looking at all of them, which gives no interval; leave it out"
        )
    return (
        f"accuracies are judged at a confidence of 0.5 or more; the policy's is {confidence:g}"
        if confidence < 0.5
        else ""
    )


def _is_guessing(control: Finding) -> bool:
    metric = next((one for one in control.metrics if one.name == "control_accuracy"), None)
    if metric is None or metric.value is None or metric.lower is None or metric.upper is None:
        return True
    return metric.lower <= metric.value <= metric.upper
