"""From a rule on a distribution audit to the interval of what it limits, computed anew from counts of victims."""

from privaudit.estimators import accuracy_interval
from privaudit.types import AuditReport, ConfusionCounts, Finding

TRIALS = "Audited models are independent trainings; the intervals are exact, with shadow models and pools of records held fixed."
COUNTS = ("tp", "fn", "fp", "tn")


def told_apart(report: AuditReport) -> list[Finding]:
    """Return the findings on two different worlds whose victims are independent trials."""
    found = report.findings("distribution")
    return [f for f in found if all(name in f.params for name in COUNTS) and not f.params.get("is_control")]


def accuracy_intervals(report: AuditReport, confidence: float) -> list[tuple[str, float, float]] | str:
    """Return the interval of every accuracy in telling two worlds apart, or the reason why there is none.

    Args:
        report: the report.
        confidence: of all intervals together (Bonferroni over attacks and pairs of worlds).

    Returns:
        id of each finding, lower and upper end.
    """
    findings = told_apart(report)
    if not findings:
        return "the report holds no distribution audit"
    if confidence <= 0.5:
        return f"accuracies are judged at a confidence above 0.5; the policy's is {confidence:g}"
    each = 1 - (1 - confidence) / len(findings)
    counts = [(f.id, ConfusionCounts(**{name: int(f.params[name]) for name in COUNTS})) for f in findings]
    return [(name, *accuracy_interval(one, confidence=each)) for name, one in counts]
