"""The report as tables of text, shared by the page and the markdown; nothing here is escaped yet."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privaudit.report.estimate_words import confidence_text, made_from, method_text, validity_text
from privaudit.report.words import (
    NEIGHBOURING_NAMES,
    NOT_MEASURABLE,
    attack_text,
    delta_text,
    epsilon_text,
    estimate_text,
    metric_name,
    metric_of,
    metric_text,
    percent_text,
)
from privaudit.types import AuditReport, EpsilonEstimate, EstimateKind, Finding, Metric

SHOWN_AS_TABLE = ("auc", "tpr_at_fpr")
MANY_TARGETS = 4
LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under a head.

    Attributes:
        head: one text per column.
        rows: as many texts each.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def columns(table: Table, wanted: Sequence[str]) -> Table:
    """Return a table with the wanted columns only, in that order."""
    places = [table.head.index(name) for name in wanted]
    return Table(head=tuple(wanted), rows=tuple(tuple(row[place] for place in places) for row in table.rows))


def attack_findings(report: AuditReport) -> tuple[Finding, ...]:
    """Return the membership findings that hold an AUC or a true positive rate."""
    return tuple(f for f in report.attacked() if any(metric.name in SHOWN_AS_TABLE for metric in f.metrics))


def target_of(finding: Finding) -> str:
    """Return the number of the finding's target as text, "" if it has none."""
    return str(finding.params.get("target", ""))


def n_targets(report: AuditReport) -> int:
    """Return how many targets were attacked."""
    return len({target_of(finding) for finding in attack_findings(report)})


def finding_table(report: AuditReport) -> Table:
    """Return one row per attack and target: AUC and true positive rates with their intervals."""
    rates = _rates(report)
    rows = [
        (
            attack_text(finding.method),
            target_of(finding),
            metric_text(metric_of(finding.metrics, "auc")),
            *(_rate_text(finding, rate) for rate in rates),
        )
        for finding in attack_findings(report)
    ]
    return Table(head=("attack", "target", "AUC", *_rate_heads(rates)), rows=tuple(rows))


def _rate_text(finding: Finding, rate: float) -> str:
    metric = metric_of(finding.metrics, "tpr_at_fpr", rate)
    # A blind baseline is no attack: its rates are not asked for, which is not the same as not measurable.
    return "" if metric is None and finding.access is None else metric_text(metric, gap="\n")


def summary_table(report: AuditReport) -> Table:
    """Return one row per attack: mean and range over the targets."""
    rates, findings = _rates(report), attack_findings(report)
    rows = []
    for method in dict.fromkeys(finding.method for finding in findings):
        group = [finding for finding in findings if finding.method == method]
        cells = [_mean_and_range([metric_of(f.metrics, "auc") for f in group])]
        cells += [_mean_and_range([metric_of(f.metrics, "tpr_at_fpr", rate) for f in group]) for rate in rates]
        rows.append((attack_text(method), str(len(group)), *cells))
    return Table(head=("attack", "targets", "AUC", *_rate_heads(rates)), rows=tuple(rows))


def _rates(report: AuditReport) -> list[float]:
    metrics = (metric for finding in attack_findings(report) for metric in finding.metrics)
    return sorted({metric.at for metric in metrics if metric.name == "tpr_at_fpr" and metric.at is not None})


def _rate_heads(rates: Iterable[float]) -> tuple[str, ...]:
    return tuple(f"TPR at {percent_text(rate)} FPR" for rate in rates)


def _mean_and_range(metrics: Sequence[Metric | None]) -> str:
    values = [metric.value for metric in metrics if metric is not None and metric.value is not None]
    if not values:
        return NOT_MEASURABLE
    is_rate = any(metric is not None and metric.name == "tpr_at_fpr" for metric in metrics)
    text = percent_text if is_rate else "{:.3f}".format
    missing = len(metrics) - len(values)
    left_out = f"; {missing} {NOT_MEASURABLE}" if missing else ""
    return f"{text(sum(values) / len(values))} ({text(min(values))} to {text(max(values))}{left_out})"


def estimate_table(report: AuditReport) -> Table:
    """Return every statement about epsilon, the primary ones first."""
    primary = {(finding.id, estimate.method) for finding, estimate in report.primary_estimates()}
    found = list(_estimates(report))
    found.sort(key=lambda pair: (pair[0].id, pair[1].method) not in primary)
    rows = [_estimate_row(f, e, (f.id, e.method) in primary) for f, e in found]
    head = ("finding", "method", "kind", "epsilon", "confidence", "neighbours", "delta", "made from", "ceiling")
    return Table(head=(*head, "validity"), rows=tuple(rows))


def _estimates(report: AuditReport) -> Iterable[tuple[Finding, EpsilonEstimate]]:
    """Every statement about the subject; those about the arms of a comparison stand in its tables."""
    findings = (f for section in report.sections if section.kind != "defense" for f in section.findings)
    return ((finding, estimate) for finding in findings for estimate in finding.estimates)


def _estimate_row(finding: Finding, estimate: EpsilonEstimate, is_primary: bool) -> tuple[str, ...]:
    is_upper = estimate.kind is EstimateKind.UPPER_BOUND
    return (
        f"{finding.id} (primary)" if is_primary else finding.id,
        method_text(estimate.method),
        str(estimate.kind).replace("_", " "),
        estimate_text(estimate),
        confidence_text(estimate.confidence),
        NEIGHBOURING_NAMES[estimate.neighbouring],
        delta_text(estimate.delta),
        made_from(estimate, game=finding.game),
        "" if is_upper or math.isinf(estimate.ceiling) else epsilon_text(estimate.ceiling, "up"),
        validity_text(estimate),
    )


def assumptions_of(report: AuditReport) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each method that states assumptions with them, once per distinct list."""
    found = [estimate for _, estimate in _estimates(report)]
    found += [control.estimate for control in report.controls]
    return tuple(dict.fromkeys((method_text(e.method), tuple(e.assumptions)) for e in found if e.assumptions))


def control_table(report: AuditReport) -> Table:
    """Return one row per positive control."""
    rows = [
        (
            control.name,
            attack_text(control.attack),
            str(control.n_models),
            estimate_text(control.estimate),
            confidence_text(control.estimate.confidence),
            epsilon_text(control.estimate.ceiling, "up"),
            "\n".join(f"{metric_name(metric)} {metric_text(metric)}" for metric in control.metrics),
        )
        for control in report.controls
    ]
    head = ("control", "attack", "models", "epsilon", "confidence", "ceiling", "measured")
    return Table(head=head, rows=tuple(rows))


ACCURACIES = {
    "accuracy_in": "on members",
    "accuracy_out": "on non-members",
    "accuracy_population": "on the population",
}
FORETOLD = {"train_test_gap": "train/test gap", "tail_tnr": "tail-TNR"}  # the same records, and no attack


def accuracy_table(report: AuditReport) -> Table:
    """Return each target's accuracy on members, non-members and the population, and what foretells its members' risk."""
    found = [finding for finding in report.attacked() if any(metric.name in ACCURACIES for metric in finding.metrics)]
    foretold = {metric.name: metric.at for finding in found for metric in finding.metrics if metric.name in FORETOLD}
    columns = [*((name, None) for name in ACCURACIES), *foretold.items()]
    rows = [
        (target_of(finding) or finding.id, *(metric_text(metric_of(finding.metrics, *column)) for column in columns))
        for finding in found
    ]
    heads = {**ACCURACIES, **FORETOLD}
    return Table(head=("target", *(heads[name] for name, _ in columns)), rows=tuple(rows))


def verdict_table(report: AuditReport) -> Table:
    """Return one row per verdict with the numbers it rests on."""
    rows = [
        (
            verdict.rule,
            verdict.outcome.replace("_", " "),
            ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in verdict.numbers.items()),
            verdict.reason,
        )
        for verdict in report.verdicts
    ]
    return Table(head=("rule", "outcome", "numbers", "reason"), rows=tuple(rows))


def other_tables(report: AuditReport) -> tuple[tuple[str, Table], ...]:
    """Return what has no place of its own: section titles, and every metric that no other table shows."""
    tables = []
    for section in report.sections:
        if section.kind in ("mia", "games", "subgroups", "distribution", "defense"):
            continue
        shown = SHOWN_AS_TABLE if section.kind == "canary" else ()
        rows = [
            (
                finding.id,
                finding.method,
                metric.name.replace("_", " "),
                "" if metric.at is None else f"{metric.at:g}",
                metric_text(metric),
            )
            for finding in section.findings
            for metric in finding.metrics
            if metric.name not in shown
        ]
        table = Table(head=("finding", "method", "metric", "at", "value"), rows=tuple(rows))
        tables += [(section.title, table)] if rows else []
    return tuple(tables)


def provenance_table(report: AuditReport) -> Table:
    """Return what the audit was made from, one row per key path."""
    subject = {"name": report.subject.name, "model": report.subject.model_digest, "data": report.subject.data_digest}
    rows = [*_flat({"subject": subject}), *_flat(report.provenance)]
    return Table(head=("key", "value"), rows=tuple(rows))


def _flat(values: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping):
            rows += _flat(value, f"{path}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
            rows.append((path, text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"))
    return rows


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def notes_of(report: AuditReport) -> tuple[str, ...]:
    """Return every note of sections and findings, and how each metric was read off, once each."""
    notes: list[str] = []
    for section in report.sections:
        notes += section.notes
        for finding in section.findings:
            notes += finding.notes
            if finding.method != finding.game:  # rows of the table of games carry their ways themselves
                notes += [f"{metric.name}: {metric.rule}" for metric in finding.metrics if metric.rule]
    return tuple(dict.fromkeys(notes))
