"""From a rule on a distribution audit to the interval of what it limits, computed anew from counts of victims."""

from collections.abc import Sequence

from privaudit.estimators import accuracy_interval, balanced_accuracy, n_leaked
from privaudit.gate.measured import LookedAt
from privaudit.types import AuditReport, ConfusionCounts, Finding
from privaudit.types.report import ONE_BASE_GRAPH, TWO_BASE_GRAPHS

TRIALS = "Audited models are independent trainings; the intervals are exact, with shadow models and pools of records held fixed."
OF_FRESH_GRAPHS = "Audited models are trained on graphs of their own; the intervals are exact, with shadow models and query graphs held fixed."
DRAWN = "Draws are counted for the best guesser (exact), at both ends of the accuracy's interval."
LEAKED = f"{TRIALS} {DRAWN}"
COUNTS = ("tp", "fn", "fp", "tn")
RATIOS = ("ratio_0", "ratio_1")
POISONED = (
    "the audited models were trained with an attacker's records, so these accuracies are not the risk of training without them; "
    "audit the same without distribution.poison"
)
ONE_GRAPH = (
    "all graphs are parts of one base graph (protocol: shared), which inflates these accuracies; audit with protocol: "
    "fresh, where graphs are drawn"
)
TWO_GRAPHS = (
    "graphs are parts of two base graphs (protocol: independent), and audits with other base graphs differ by more than these intervals "
    "hold; audit with protocol: fresh, where graphs are drawn"
)
OF_PROTOCOLS = {ONE_BASE_GRAPH: ONE_GRAPH, TWO_BASE_GRAPHS: TWO_GRAPHS}


def accuracy_intervals(report: AuditReport, confidence: float) -> list[LookedAt] | str:
    """Return the interval of every accuracy in telling two worlds apart, or the reason why there is none.

    Whoever is wrong more often than right only has to say the opposite: an accuracy w counts as 1 - w where that is more.

    Args:
        report: the report.
        confidence: of all intervals together (Bonferroni over attacks and pairs of worlds).

    Returns:
        One interval per finding.
    """
    findings = _worlds_told_apart(report)
    problem = _problem(report, findings, confidence)
    if problem:
        return problem
    each = 1 - (1 - confidence) / len(findings)
    return [_accuracy(finding, each) for finding in findings]


def leaked_intervals(report: AuditReport, confidence: float) -> list[LookedAt] | str:
    """Return, for every accuracy, how many draws of the property would let one be right as often.

    Args:
        report: of a distribution audit whose worlds are ratios.
        confidence: of all intervals together.

    Returns:
        One interval per finding, or the reason why there is none; an attack that may never be wrong has no upper end.
    """
    found = accuracy_intervals(report, confidence)
    if isinstance(found, str):
        return found
    by_id = {finding.id: finding for finding in _worlds_told_apart(report)}
    without = [one.finding for one in found if not all(_is_ratio(by_id[one.finding], name) for name in RATIOS)]
    if without:
        return f"the worlds of {', '.join(without)} differ in something that is no ratio of a property; limit distribution_accuracy"
    return [_draws(by_id[one.finding], one) for one in found]


def trials_text(report: AuditReport) -> str:
    """Return what the intervals of accuracies are about.

    Args:
        report: of a distribution audit.
    """
    has_graphs = any(finding.params.get("protocol") for finding in _worlds_told_apart(report))
    return OF_FRESH_GRAPHS if has_graphs else TRIALS


def _worlds_told_apart(report: AuditReport) -> list[Finding]:
    return [finding for finding in _attacked(report) if not finding.params.get("is_control")]


def _attacked(report: AuditReport) -> list[Finding]:
    found = report.findings("distribution")
    return [
        f for f in found if f.access is not None and f.game == "distribution_inference" and f.is_evidence_on_the_law
    ]


def _nothing_about_the_law(report: AuditReport) -> str:
    """Why a report holds no accuracy that is evidence on the law of the data."""
    others = [f for f in report.findings("distribution") if f.access is not None and not f.is_evidence_on_the_law]
    if not others:
        return "the report holds no attack that tells two worlds apart"
    return OF_PROTOCOLS.get(str(others[0].params.get("protocol")), POISONED)


def _counts(finding: Finding, times: float = 1.0) -> ConfusionCounts:
    return ConfusionCounts(**{name: round(times * int(finding.params[name])) for name in COUNTS})


def _accuracy(finding: Finding, confidence: float) -> LookedAt:
    counts = _counts(finding)
    value = balanced_accuracy(counts)

    def ends(times: float) -> tuple[float, float]:
        lower, upper = accuracy_interval(_counts(finding, times), confidence=confidence)
        return max(lower, 1 - upper), max(upper, 1 - lower)

    lower, upper = ends(1.0)
    return LookedAt(
        finding=finding.id,
        value=max(value, 1 - value),
        lower=lower,
        upper=upper,
        n=f"{counts.n_in} and {counts.n_out} audited models",
        upper_at=lambda times: ends(times)[1],
        smaller_n=min(counts.n_in, counts.n_out),
    )


def _draws(finding: Finding, accuracy: LookedAt) -> LookedAt:
    ratios = float(finding.params["ratio_0"]), float(finding.params["ratio_1"])
    of_accuracy = accuracy.upper_at
    assert of_accuracy is not None
    return LookedAt(
        finding=accuracy.finding,
        value=n_leaked(accuracy.value, *ratios, method="exact"),
        lower=n_leaked(accuracy.lower, *ratios, method="exact"),
        upper=n_leaked(accuracy.upper, *ratios, method="exact"),
        n=accuracy.n,
        upper_at=lambda times: n_leaked(of_accuracy(times), *ratios, method="exact"),
        smaller_n=accuracy.smaller_n,
    )


def _is_ratio(finding: Finding, name: str) -> bool:
    value = finding.params.get(name)
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 1.0


def _problem(report: AuditReport, findings: Sequence[Finding], confidence: float) -> str:
    if not findings:
        return _nothing_about_the_law(report)
    failed = [f.id for f in _attacked(report) if f.params.get("is_control") and not _is_guessing(f)]
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
