"""Who is at risk, as sentences and tables: groups of records, single records, and whether attacks agree on them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from privaudit.report.tables import Table
from privaudit.report.words import NOT_MEASURABLE, attack_text, metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding, Metric

LARGEST_P = 0.05
MOST_NAMED = 6
GROUP_NOTE = (
    "About groups: intervals of TPR and FPR hold at the threshold that was used; the threshold's own error is not in the interval. "
    "A small p says that outcomes of a group are distributed differently, not that their rate is another; the interval of the "
    "difference, made for all groups at once from both rates' intervals, is wider and may hold 0."
)


def group_rows(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings about one group each."""
    return tuple(f for f in report.findings("subgroups") if "group" in f.params)


def finding_about(report: AuditReport, method: str) -> Finding | None:
    """Return the finding of that method about records, or ``None``."""
    return next((f for f in report.findings("subgroups") if f.method == method), None)


def group_table(report: AuditReport) -> Table:
    """Return one row per group: area, rates at one threshold for all, and the difference from all other records."""
    findings = group_rows(report)
    rates = [
        metric.at for f in findings for metric in f.metrics if metric.name == "group_tpr" and metric.at is not None
    ]
    at = f" at {percent_text(rates[0])} FPR over all" if rates else ""
    rows = tuple(
        (
            str(f.params["group"]),
            str(f.params.get("n_records", "")),
            metric_text(_of(f, "group_auc"), gap="\n"),
            metric_text(_of(f, "group_tpr"), gap="\n"),
            metric_text(_of(f, "group_fpr"), gap="\n"),
            _difference_text(f),
        )
        for f in findings
    )
    return Table(
        head=("group", "records", "AUC in it", f"TPR{at}", "its own FPR", "TPR less that of all others"), rows=rows
    )


def _of(finding: Finding, name: str) -> Metric | None:
    return next((metric for metric in finding.metrics if metric.name == name), None)


def _difference_text(finding: Finding) -> str:
    metric, p = _of(finding, "tpr_difference"), _of(finding, "tpr_difference_p")
    if metric is None or metric.value is None or p is None or p.value is None:
        return NOT_MEASURABLE
    signed = [_points(value) for value in (metric.value, metric.lower, metric.upper) if value is not None]
    interval = f" ({signed[1]} to {signed[2]})" if len(signed) > 2 else ""
    said = "distributed differently" if p.value <= LARGEST_P else "not shown to be distributed differently"
    return f"{signed[0]}{interval}\noutcomes {said}, p {_p_text(p.value)}"


def _points(value: float) -> str:
    return ("+" if value > 0 else "") + percent_text(value)


def _p_text(p: float) -> str:
    return f"{max(p, 0.0001):.2g}" if p < 0.995 else "1"


def who_sentences(report: AuditReport) -> tuple[str, ...]:
    """Return what was found about groups and records, in a sentence each."""
    groups, records = group_rows(report), finding_about(report, "pair_wins")
    said = _group_sentence(groups)
    return tuple(text for text in (said, GROUP_NOTE if said else "", _record_sentence(records)) if text)


def _group_sentence(groups: Sequence[Finding]) -> str:
    measured = [(f, _of(f, "tpr_difference"), _of(f, "tpr_difference_p")) for f in groups]
    known = [(f, d, p.value) for f, d, p in measured if d and p and d.value is not None and p.value is not None]
    if not known:
        return ""
    different = [(str(f.params["group"]), d) for f, d, p in known if p <= LARGEST_P and (d.value or 0.0) > 0]
    more = [name for name, difference in different if (difference.lower or 0.0) > 0]
    open_ones = [name for name, _ in different if name not in more]
    attack, tested = attack_text(known[0][0].method), f"{len(known)} of {len(groups)} were large enough to test"
    if more:
        said = f"{attack} finds more members in {_named(more)}: the interval of the difference is above 0 ({tested}).{_accused(groups, more)}"
    else:
        said = f"No group of records was shown to be found more often by {attack}; {tested}."
    if not open_ones:
        return said
    return (
        f"{said} In {_named(open_ones)} outcomes are distributed differently from the rest's, but it is not shown that more members "
        "are found."
    )


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _accused(groups: Sequence[Finding], names: Sequence[str]) -> str:
    """Groups that are found more often because they are called members more often in any case."""
    rates = [(str(f.params["group"]), _of(f, "group_fpr")) for f in groups if f.params["group"] in names]
    too = [name for name, rate in rates if rate and rate.at is not None and (rate.lower or 0.0) > rate.at]
    if not too:
        return ""
    where = "these" if len(too) == len(names) else ", ".join(too[:MOST_NAMED])
    return f" In {where} false alarms are more frequent, too."


def _record_sentence(records: Finding | None) -> str:
    found = None if records is None else metric_of(records.metrics, "records_at_risk", _rate_of(records))
    if records is None or found is None or found.value is None:
        return ""
    n = records.params.get("n_records")
    said = f"Shown to be at risk, each judged by itself: {found.value:.0f} of {n} records."
    if not found.value:
        said = f"No single one of {n} records is shown to be at risk."
    share = metric_of(records.metrics, "pair_win_share")
    if share is None or share.value is None:
        return said
    where = f"in {metric_text(share)} of the pairs"
    return f"{said} Of two models, one trained on a record, that one is the more confident {where}; 50 % is guessing."


def _rate_of(records: Finding) -> float | None:
    return next((metric.at for metric in records.metrics if metric.name == "records_at_risk"), None)


def histogram_table(report: AuditReport) -> Table:
    """Return how many records win which share of pairs, beside what guessing would give."""
    records = finding_about(report, "pair_wins")
    bins = _mappings(records, "histogram")
    rows = tuple(
        (
            f"{percent_text(one['from'])} to {percent_text(one['to'])}",
            str(one["records"]),
            "less than 1" if 0 < one["by_chance"] < 0.5 else f"{one['by_chance']:.0f}",
        )
        for one in bins
    )
    return Table(head=("share of pairs won", "records", "by chance"), rows=rows)


def most_at_risk_table(report: AuditReport) -> Table:
    """Return the records most at risk; empty in a report for the public."""
    records = finding_about(report, "pair_wins")
    found = _mappings(records, "most_at_risk")
    n = records.params.get("n_pairs") if records is not None else None
    rows = tuple(
        (
            str(one["row"]),
            f"{one['n_won']:g} of {n}",
            f"{percent_text(one['share'])} ({percent_text(one['lower'])} to {percent_text(one['upper'])})",
            "yes" if one["is_found"] else "no",
            ", ".join(f"{name}={value}" for name, value in one["groups"].items()),
        )
        for one in found
    )
    return Table(head=("row of the data", "pairs won", "share", "shown", "which"), rows=rows)


def _mappings(finding: Finding | None, key: str) -> Sequence[Mapping[str, Any]]:
    return () if finding is None else finding.params.get(key, ())


def agreement_table(report: AuditReport) -> Table:
    """Return, for each pair of attacks, how alike they rank the records."""
    finding = finding_about(report, "auc_shares")
    if finding is None:
        return Table(head=(), rows=())
    names, chance = finding.params["attacks"], finding.params["top_overlap_by_chance"]
    rows = [
        (
            f"{attack_text(names[a])} and {attack_text(names[b])}",
            _correlation_text(finding.params["spearman"][a][b]),
            f"{percent_text(finding.params['top_overlap'][a][b])} (by chance {percent_text(chance)})",
        )
        for a in range(len(names))
        for b in range(a + 1, len(names))
    ]
    return Table(
        head=("attacks", "rank correlation over records", "of the top 1 % of one in that of the other"),
        rows=tuple(rows),
    )


def _correlation_text(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:.2f}"
