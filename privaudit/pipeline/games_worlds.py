"""What a distribution audit's findings say of the game: which worlds, how many records apart, and which advantage."""

from dataclasses import replace
from typing import Any

from privaudit.estimators.rates import lower_rate
from privaudit.games.report_graph import Comparison
from privaudit.report.words import metric_of
from privaudit.types import AuditReport, Finding, Metric
from privaudit.types.report import ONE_BASE_GRAPH, TWO_BASE_GRAPHS

SLACK = 1e-12  # of confidences that were computed in different ways


def comparison_of(finding: Finding, *, defense_changes_records: bool) -> Comparison:
    """Return the worlds that a finding of a distribution audit told apart, with the number of records they differ in."""
    params = finding.params
    name = f"{params['property']}: " if params.get("property") else ""
    about = f"{name}{params.get('world_0', 'base')} against {params.get('world_1', params.get('comparison', 'other'))}"
    known: dict[str, Any] = {"defense_changes_records": defense_changes_records}
    if params.get("n_replaced") is not None:
        known["n_replaced"] = int(params["n_replaced"])
    elif None not in (params.get("n_records"), params.get("ratio_0"), params.get("ratio_1")):
        with_property = [round(params["n_records"] * params[name]) for name in ("ratio_0", "ratio_1")]
        known["n_replaced"] = abs(with_property[0] - with_property[1])
    return Comparison(about=about, params=known)


def told_apart(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings about two worlds that differ in their law alone.

    No controls, no estimates of ratios, nothing that needs no model; and none of models that were trained with an attacker's
    records, or on parts of base graphs: their accuracies are of another game, or partly about these graphs.
    """
    return tuple(
        finding
        for finding in report.findings("distribution")
        if not finding.params.get("is_control")
        and finding.game == "distribution_inference"
        and finding.is_evidence_on_the_law
        and finding.access is not None
        and advantage_of(finding) is not None
    )


def why_not_told_apart(report: AuditReport) -> str:
    """Return why a report's distribution audit, if there is one, says nothing of distribution inference."""
    others = [f for f in report.findings("distribution") if f.access is not None and not f.is_evidence_on_the_law]
    if not others:
        return "no distribution audit is in this report"
    if others[0].params.get("protocol") == ONE_BASE_GRAPH:
        return "the graphs of the distribution audit are parts of one base graph, which inflates what attacks reach"
    if others[0].params.get("protocol") == TWO_BASE_GRAPHS:
        return "the graphs of the distribution audit are parts of two base graphs, and its intervals are about these two alone"
    return "the models of the distribution audit were trained with an attacker's records, which is another game"


def advantage_of(finding: Finding) -> Metric | None:
    """Return the measured advantage of a finding about two worlds, from its accuracy where it has none."""
    found = metric_of(finding.metrics, "advantage")
    accuracy = metric_of(finding.metrics, "accuracy")
    if found is not None or accuracy is None or accuracy.value is None:
        return found
    return replace(
        accuracy,
        name="advantage",
        value=2.0 * accuracy.value - 1.0,
        lower=None if accuracy.lower is None else 2.0 * accuracy.lower - 1.0,
        upper=None if accuracy.upper is None else 2.0 * accuracy.upper - 1.0,
    )


def scored_together(finding: Finding) -> bool:
    """Whether an attack scored each victim by looking at the others, so that outcomes are not independent trials."""
    return finding.params.get("decision") == "transductive"


def changes_records(report: AuditReport) -> bool:
    """Whether a defense draws training sets anew, after which one record may change more than one."""
    config: Any = report.provenance.get("config") or {}
    defense = ((config.get("distribution") or {}).get("defense") or {}).get("name", "")
    return "sampl" in defense


def advantage_at_least(finding: Finding, level: float) -> float:
    """Return the lower end of the advantage over victims, one-sided, at a confidence.

    Victims are independent trainings. With equally many of each world the number of right answers is a sum of independent
    trials of two rates, whose tails are lighter than those of a binomial one of their mean (Hoeffding 1956).

    Raises:
        LookupError: if the counts are not known and the interval is not that confident.
    """
    metric = advantage_of(finding)
    assert metric is not None and metric.value is not None
    n_in, n_out = finding.n_in, finding.n_out
    if n_in is not None and n_in == n_out and n_in > 0:
        right = (1.0 + metric.value) / 2.0 * 2 * n_in
        if abs(right - round(right)) < 1e-6:
            return max(0.0, 2.0 * lower_rate(round(right), 2 * n_in, 1.0 - level) - 1.0)
    if metric.lower is not None and metric.confidence is not None and metric.confidence >= level - SLACK:
        return max(0.0, metric.lower)
    raise LookupError(f"its interval does not hold at {level:.4g}, and its counts are not known")
