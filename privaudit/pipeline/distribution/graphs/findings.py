"""What findings on graphs hold beside those on records: the property, the protocol, and the draws leaked."""

from dataclasses import replace

from privaudit.estimators import n_leaked_draw_metrics
from privaudit.estimators.world_accuracy import NEW_DRAW
from privaudit.pipeline.distribution.findings import POOLS_HELD
from privaudit.store.world_file import StoredGraphs
from privaudit.types import Finding, Metric

ONE_BASE = "each trained on another part of the same base graph"
RULES = {  # by protocol, what stands in the rules of metrics where those on records speak of pools
    "fresh": {
        NEW_DRAW: "each trained on a new graph of its world's law",
        POOLS_HELD: "shadow models and query graphs held fixed",
    },
    "independent": {NEW_DRAW: ONE_BASE, POOLS_HELD: "shadow models and both base graphs held fixed"},
    "shared": {NEW_DRAW: ONE_BASE, POOLS_HELD: "shadow models and the base graph held fixed"},
}


def of_graphs(finding: Finding, graphs: StoredGraphs) -> Finding:
    """Return a finding that says what the graphs differ in and who trained on which, in the rules of its metrics, too.

    Args:
        finding: on two worlds.
        graphs: what is known of the graphs.
    """
    params = {"graph_property": graphs.property, "protocol": graphs.protocol, **finding.params}
    return replace(finding, params=params, metrics=tuple(_of_graphs(metric, graphs) for metric in finding.metrics))


def _of_graphs(metric: Metric, graphs: StoredGraphs) -> Metric:
    rule = metric.rule
    for of_records, words in RULES[graphs.protocol].items():
        rule = rule.replace(of_records, words)
    return replace(metric, rule=rule)


def with_draws_leaked(finding: Finding, graphs: StoredGraphs, *, has_zipf: bool) -> Finding:
    """Return a finding on two worlds with the number of nodes that would tell as much.

    Args:
        finding: its first metric is the accuracy.
        graphs: what is known of the graphs.
        has_zipf: whether the published surrogate is shown, too.
    """
    drawn = graphs.draws[0], graphs.draws[int(finding.params["world"])]
    leaked = n_leaked_draw_metrics(finding.metrics[0], *drawn, property=graphs.property, has_zipf=has_zipf)
    return replace(finding, metrics=(*finding.metrics, *leaked))
