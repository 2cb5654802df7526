"""From a report to all that is known of its games: evidence, edges, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass

from privaudit.games.graph import Node, Propagation
from privaudit.games.propagate import propagate
from privaudit.games.report_graph import Comparison, report_edges
from privaudit.pipeline.games_evidence import Bounds, Gathered, gather
from privaudit.pipeline.games_shown import Shown, shown
from privaudit.pipeline.games_worlds import changes_records, comparison_of, told_apart
from privaudit.types import AuditReport, Neighbouring
from privaudit.validate import check_probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Games:
    """All that is known of the games of one report.

    Attributes:
        gathered: guarantee and measurements.
        propagation: what follows from them.
        measured: what attacks reached, to be shown.
        comparisons: worlds of a distribution audit, by their words.
    """

    gathered: Gathered
    propagation: Propagation
    measured: Mapping[Node, Shown]
    comparisons: Mapping[str, Comparison]


def relate(report: AuditReport, *, bounds: Bounds | None, confidence: float) -> Games:
    """Carry a report's guarantee and measurements to all its games.

    Args:
        report: of any audit.
        bounds: as in `games_section`.
        confidence: of all measurements together.

    Raises:
        ConfigError: if the confidence is no probability.
    """
    check_probability("confidence", confidence)
    gathered = gather(report, bounds=bounds, confidence=confidence)
    changes = changes_records(report)
    found = [comparison_of(finding, defense_changes_records=changes) for finding in told_apart(report)]
    comparisons = {comparison.about: comparison for comparison in found}
    measured = shown(report)
    evidence = (*gathered.guarantees, *gathered.measurements)
    deltas: dict[Neighbouring, set[float]] = {}
    for each in evidence:
        if each.node.delta is not None and each.node.neighbouring is not None:
            deltas.setdefault(each.node.neighbouring, set()).add(each.node.delta)
    claim = report.claim if gathered.guarantees else None
    edges = report_edges(
        claim=None if claim is None else (claim.epsilon, claim.delta, claim.neighbouring),
        deltas=deltas,
        accesses={node.access for node in measured if node.access is not None},
        comparisons=tuple(comparisons.values()),
    )
    return Games(gathered=gathered, propagation=propagate(edges, evidence), measured=measured, comparisons=comparisons)
