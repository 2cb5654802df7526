"""The advantages that a report's attacks were measured with, by game: shown beside what follows, and not propagated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from privaudit.games.graph import Node
from privaudit.pipeline.games_worlds import advantage_of, comparison_of, scored_together, told_apart
from privaudit.report.words import attack_text
from privaudit.types import AuditReport, Finding, Neighbouring


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The largest measured advantage of a game.

    Attributes:
        value: the advantage.
        text: whose it is, and of how many.
        is_independent: whether the outcomes are independent trials.
        finding: where it stands.
    """

    value: float
    text: str
    is_independent: bool
    finding: Finding


def shown(report: AuditReport) -> Mapping[Node, Shown]:
    """Return the largest measured advantage of each game, relation and access.

    Args:
        report: of any audit.
    """
    found: dict[Node, list[tuple[float, Finding]]] = {}
    for finding in report.attacked():
        node = _membership_node(finding)
        if node is not None and finding.roc is not None:
            best = float((finding.roc.tpr - finding.roc.fpr).max(initial=0.0))
            found.setdefault(node, []).append((best, finding))
    for finding in told_apart(report):
        metric = advantage_of(finding)
        if metric is not None and metric.value is not None:
            about = comparison_of(finding, defense_changes_records=False).about
            node = Node("distribution_inference", "advantage", Neighbouring.REPLACE_ONE, finding.access, None, about)
            found.setdefault(node, []).append((metric.value, finding))
    return {node: _largest(measured) for node, measured in found.items()}


def _membership_node(finding: Finding) -> Node | None:
    if not finding.guesses_membership:
        return None
    stated = next((e.neighbouring for e in finding.estimates if e.neighbouring is not None), None)
    if finding.game == "membership":
        game = "membership"
    elif finding.game == "canary":
        game = "membership_worst_case" if finding.params.get("game") == "many_runs" else "many_canaries"
    else:
        return None
    return Node(game, "advantage", stated, finding.access)


def is_independent(finding: Finding) -> bool:
    """Whether a finding's outcomes are independent trials."""
    is_apart = finding.unit == "model" or bool(finding.params.get("is_independent"))
    return is_apart and not scored_together(finding)


def _largest(measured: Iterable[tuple[float, Finding]]) -> Shown:
    all_of_them = list(measured)
    value, finding = max(all_of_them, key=lambda pair: (pair[0], pair[1].id))
    of = f", the largest of {len(all_of_them)}" if len(all_of_them) > 1 else ""
    target = finding.params.get("target")
    where = "" if target in (None, -1) else f" on target {target}"
    return Shown(
        value=value,
        text=f"{attack_text(finding.method)}{where}{of}",
        is_independent=is_independent(finding),
        finding=finding,
    )
