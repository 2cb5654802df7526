"""The strongest of several attacks: one number of it, the same in words, tables and figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from privaudit.report.words import metric_of
from privaudit.types import Finding, Metric

FLOOR, BY_LOT = "tpr_at_fpr", "expected_tpr_at_fpr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strongest:
    """The largest of one number over the attacks.

    Attributes:
        method: the attack.
        value: its number, of several targets the mean.
        lower: lower end of the interval, of several targets the smallest.
        upper: upper end, of several targets the largest.
        n_targets: models attacked.
    """

    method: str
    value: float
    lower: float | None
    upper: float | None
    n_targets: int


def strongest(findings: Sequence[Finding], name: str, at: float | None = None) -> Strongest | None:
    """Return the attack with the largest mean of a metric over its targets.

    Where equal scores decide at a rate, the true positive rate is that of accepting them by lot, as the gate judges it: the floor
    rule says 0 there for its own reasons, which among sentences about leaks reads as "nobody is found".

    Args:
        findings: of attacks.
        name: of the metric.
        at: where it is read off.

    Returns:
        ``None`` where no attack has a value.
    """
    measured: dict[str, list[Metric]] = {}
    for finding in findings:
        metric = metric_of(finding.metrics, BY_LOT, at) if name == FLOOR else None
        if metric is None or metric.value is None:
            metric = metric_of(finding.metrics, name, at)
        if metric is not None and metric.value is not None:
            measured.setdefault(finding.method, []).append(metric)
    found = [over_targets(method, metrics) for method, metrics in measured.items()]
    return max(found, key=lambda one: one.value, default=None)


def over_targets(method: str, metrics: Sequence[Metric]) -> Strongest:
    """Return one number of an attack: of several targets the mean, with the smallest and the largest.

    Args:
        method: the attack.
        metrics: one per target.
    """
    values = [metric.value for metric in metrics if metric.value is not None]
    ends = (metrics[0].lower, metrics[0].upper) if len(values) == 1 else (min(values), max(values))
    mean = sum(values) / len(values)
    return Strongest(method=method, value=mean, lower=ends[0], upper=ends[1], n_targets=len(values))
