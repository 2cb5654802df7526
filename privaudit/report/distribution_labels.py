"""Which findings tell two worlds apart, and what has to stand beside each number that is not about the law of the data alone."""

from collections.abc import Iterable, Mapping

from privaudit.report.words import metric_of, percent_text
from privaudit.types import AuditReport, Finding
from privaudit.types.report import ONE_BASE_GRAPH, POISONED_WORLDS, SectionKind

TOLD_APART = ("distribution_inference", POISONED_WORLDS)
RATIO = "ratio_regression"
OF_WORLDS_ALONE = {"distribution", "games"}  # sections
INFLATED = "inflated: one base graph"
GRAPH_PROPERTIES = {"degree": "mean degree", "clustering": "clustering"}


def distribution_findings(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings on two different worlds; no controls, and nothing that looks at no model."""
    found = report.findings("distribution")
    told = (f for f in found if f.game in TOLD_APART and metric_of(f.metrics, "accuracy") is not None)
    return tuple(f for f in told if f.access is not None and not f.params.get("is_control"))


def control_findings(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings on two worlds of one law."""
    return tuple(f for f in report.findings("distribution") if f.params.get("is_control"))


def ratio_findings(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings in which the ratio itself was estimated."""
    found = (f for f in report.findings("distribution") if f.game in (RATIO, POISONED_WORLDS))
    return tuple(f for f in found if f.game == RATIO or metric_of(f.metrics, "mean_squared_error") is not None)


def pair_text(finding: Finding) -> str:
    """Return which worlds were told apart.

    >>> pair_text(Finding(id="kl-1", method="kl", params={"world_0": "50 %", "world_1": "20 %"}))
    '20 % or 50 %'
    """
    return f"{finding.params.get('world_1', '?')} or {finding.params.get('world_0', '?')}"


def of_what(finding: Finding) -> str:
    """Return what the names of worlds are values of, as it follows them; "" where that is not known.

    >>> of_what(Finding(id="kl-1", method="kl", params={"property": "sex=Female"}))
    ' of the records with sex=Female'
    >>> of_what(Finding(id="kl-1", method="kl", params={"graph_property": "degree"}))
    " by the graphs' mean degree"
    """
    if finding.params.get("property"):
        return f" of the records with {finding.params['property']}"
    return f" by {graph_property(finding)}" if finding.params.get("graph_property") else ""


def graph_property(finding: Finding) -> str:
    """Return what the graphs of two worlds differ in, "" where worlds are no graphs.

    >>> graph_property(Finding(id="kl-1", method="kl", params={"graph_property": "degree"}))
    "the graphs' mean degree"
    """
    name = finding.params.get("graph_property")
    return f"the graphs' {GRAPH_PROPERTIES.get(str(name), name)}" if name else ""


def is_of_graphs(report: AuditReport) -> bool:
    """Whether the report's worlds are laws of graphs."""
    return any(finding.params.get("graph_property") for finding in report.findings("distribution"))


def world_label(report: AuditReport, kind: SectionKind = "distribution") -> str:
    """Return what has to stand beside every number about worlds: ``with 2 % poison``, ``inflated: one base graph``, or "".

    One audit is poisoned as a whole or not at all, and has one protocol; so all its numbers have one label.

    Args:
        report: with a distribution audit.
        kind: where its numbers stand: ``distribution``, or ``defense`` before and after one.
    """
    found = report.findings(kind)
    said = (_poison(found), INFLATED if any(f.params.get("protocol") == ONE_BASE_GRAPH for f in found) else "")
    return "; ".join(text for text in said if text)


def labelled(text: str, report: AuditReport, kind: SectionKind = "distribution") -> str:
    """Return a title or the start of a sentence with the label of the report's worlds behind it, in brackets."""
    label = world_label(report, kind)
    return f"{text} ({label})" if label else text


def audit_name(report: AuditReport) -> str:
    """Return what was audited, with the label of the report's worlds where it is about nothing else."""
    name = report.subject.name
    return labelled(name, report) if {section.kind for section in report.sections} <= OF_WORLDS_ALONE else name


def _poison(findings: Iterable[Finding]) -> str:
    poisoned = [f for f in findings if f.game == POISONED_WORLDS or f.params.get("poison")]
    if not poisoned:
        return ""
    shares = {share for share in map(_share, poisoned) if share is not None}
    return f"with {percent_text(max(shares))} poison" if shares else "with poison"


def _share(finding: Finding) -> float | None:
    """How much of each training set is poison, as far as a report says so that anybody may have written."""
    poison = finding.params.get("poison")
    share = poison.get("share") if isinstance(poison, Mapping) else None
    is_share = isinstance(share, int | float) and not isinstance(share, bool) and 0.0 < share < 1.0
    return float(share) if is_share and share is not None else None
