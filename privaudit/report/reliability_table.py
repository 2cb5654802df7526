"""The table that says what an attack's rates are worth: thresholds of others, priors, single records."""

from collections.abc import Sequence

from privaudit.report.tables import Table, attack_findings, target_of
from privaudit.report.words import NOT_MEASURABLE, attack_text, metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding, Metric

THRESHOLD, PPV, CALIBRATED = "tpr_at_shadow_threshold", "ppv", "calibrated_tpr"
WORST, BY_CHANCE = "worst_record_fpr", "worst_record_fpr_by_chance"
HEADS = {
    THRESHOLD: "TPR, threshold from shadows at {at} FPR",
    PPV: "PPV at prior {at}",
    CALIBRATED: "TPR, every record at {at} FPR of its own",
    WORST: "worst record's FPR, one threshold at {at}",
}
UNDEFINED = "undefined"


def reliability_table(report: AuditReport, *, many: bool = False) -> Table:
    """Return one row per attack and target, or per attack.

    Args:
        report: the report.
        many: one row per attack with the mean and the range over its targets.

    Returns:
        The table, without rows where no finding holds such numbers.
    """
    findings = [f for f in attack_findings(report) if any(metric.name in HEADS for metric in f.metrics)]
    wanted = sorted(
        {(metric.name, metric.at) for f in findings for metric in f.metrics if metric.name in HEADS},
        key=lambda key: (list(HEADS).index(key[0]), key[1] or 0.0),
    )
    heads = tuple(HEADS[name].format(at=percent_text(at or 0.0)) for name, at in wanted)
    if many:
        groups = [[f for f in findings if f.method == method] for method in dict.fromkeys(f.method for f in findings)]
        rows = [
            (attack_text(group[0].method), str(len(group)), *(_mean_text(group, *key) for key in wanted))
            for group in groups
        ]
        return Table(head=("attack", "targets", *heads), rows=tuple(rows))
    rows = [(attack_text(f.method), target_of(f), *(_text(f, *key) for key in wanted)) for f in findings]
    return Table(head=("attack", "target", *heads), rows=tuple(rows))


def _text(finding: Finding, name: str, at: float | None) -> str:
    metric = metric_of(finding.metrics, name, at)
    if metric is not None and metric.value is None:
        return _missing(metric)
    chance = metric_of(finding.metrics, BY_CHANCE, at) if name == WORST else None
    beside = "" if chance is None or chance.value is None else f"\nby chance {percent_text(chance.value)}"
    return metric_text(metric, gap="\n") + beside


def _missing(metric: Metric) -> str:
    return UNDEFINED if metric.rule.startswith(UNDEFINED) else NOT_MEASURABLE


def _mean_text(group: Sequence[Finding], name: str, at: float | None) -> str:
    """Mean and range over the targets that have a value, with the number of those that have none."""
    metrics = [metric for f in group if (metric := metric_of(f.metrics, name, at)) is not None]
    values = [metric.value for metric in metrics if metric.value is not None]
    missing = [_missing(metric) for metric in metrics if metric.value is None]
    without = "".join(f"; {missing.count(why)} {why}" for why in dict.fromkeys(missing))
    if not values:
        return without.removeprefix("; ")
    text = f"{percent_text(sum(values) / len(values))} ({percent_text(min(values))} to {percent_text(max(values))}{without})"
    return text if name != WORST else "\n".join([text, *_chance_of(group, at)])


def _chance_of(group: Sequence[Finding], at: float | None) -> list[str]:
    found = [metric for f in group if (metric := metric_of(f.metrics, BY_CHANCE, at)) is not None]
    values = [metric.value for metric in found if metric.value is not None]
    return [f"by chance {percent_text(max(values))}"] if values else []
