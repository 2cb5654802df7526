"""The report as ``model-index`` metadata of a Hugging Face model card; no number stands without what it is.

Paste it between the two ``---`` lines at the top of the model's README.md.

Source: the model card metadata of the Hugging Face Hub (``modelcard.md`` in hub-docs). Tasks and metrics of privacy have no
names there; ours are spelled out.
"""

import math
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from privaudit.report.checks import checks_of, json_number
from privaudit.report.distribution_labels import distribution_findings, labelled, pair_text, ratio_findings
from privaudit.report.plain import plain_text
from privaudit.report.serialise import audit_digest
from privaudit.report.tables import MANY_TARGETS, attack_findings, n_targets, target_of
from privaudit.report.words import attack_text, metric_of, percent_text
from privaudit.types import AuditReport, EpsilonEstimate, EstimateKind, Finding, Metric
from privaudit.types.report import POISONED_WORLDS, GateResult

HEAD = "# Made by privaudit; paste it between the two --- lines at the top of the model's README.md.\n"
Entry = dict[str, Any]


def render_card(report: AuditReport, result: GateResult | None = None) -> str:
    """Return the report as model card metadata.

    Args:
        report: the report.
        result: what a gate said about it; it becomes a metric of its own.

    Returns:
        YAML for `yaml.safe_load`. Infinity is the string "inf", since the Hub stores JSON.

    Raises:
        DataError: if the report holds NaN.
    """
    dataset = _dataset(report)
    tasks = (
        ("membership-inference", "Membership inference", _attack_metrics(report)),
        ("differential-privacy", "Differential privacy", _epsilon_metrics(report)),
        ("distribution-inference", "Distribution inference", [*_world_metrics(report), *_ratio_metrics(report)]),
        ("privacy-gate", "Privacy gate", [] if result is None else [_gate_metric(report, result)]),
    )
    results = [
        {"task": {"type": kind, "name": name}, "dataset": dict(dataset), "metrics": metrics}
        for kind, name, metrics in tasks
        if metrics
    ]
    model = {"name": _text(report.subject.name) or "model", "results": results}
    return HEAD + yaml.dump({"model-index": [model]}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes every value where it stands: an alias such as ``*id001`` is not for readers."""

    def ignore_aliases(self, data: Any) -> bool:
        """Say that nothing is written as an alias."""
        return True


def _dataset(report: AuditReport) -> Entry:
    source = _data_name(report)
    args = {
        "data_digest": _text(report.subject.data_digest),
        "model_digest": _text(report.subject.model_digest),
        "audit_digest": audit_digest(report),
    }
    return {"type": source, "name": source, "args": args}


def _data_name(report: AuditReport) -> str:
    """The name of the data; of a file only its last part, since a path tells about its owner."""
    config = report.provenance.get("config")
    data = config.get("data") if isinstance(config, dict) else None
    source = data.get("source") if isinstance(data, dict) else None
    return _text(PurePosixPath(PureWindowsPath(str(source)).as_posix()).name) if source else "training data"


def _text(text: object) -> str:
    return plain_text(text, 300)


def _entry(kind: str, name: str, value: Any, args: Entry) -> Entry:
    """A metric; arguments that are not known are left out."""
    known = {key: _plain(part) for key, part in args.items() if part is not None and part not in ("", [])}
    return {"type": kind, "name": name, "value": _plain(value), "args": known}


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return json_number(float(value))
    return [_plain(part) for part in value] if isinstance(value, list) else _text(value)


def _attack_metrics(report: AuditReport) -> list[Entry]:
    findings = [finding for finding in attack_findings(report) if finding.attacks_the_subject]
    if n_targets(report) > MANY_TARGETS:
        return [entry for method in _methods(findings) for entry in _over_targets(_of_method(findings, method))]
    return [
        _measured(metric, finding)
        for finding in findings
        for metric in finding.metrics
        if metric.name in ("auc", "tpr_at_fpr") and metric.value is not None
    ]


def _methods(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.method for finding in findings))


def _of_method(findings: Sequence[Finding], method: str) -> list[Finding]:
    return [finding for finding in findings if finding.method == method]


def _about(finding: Finding) -> Entry:
    return {
        "attack": attack_text(finding.method),
        "target": target_of(finding),
        "sees": finding.access,
        "n_members": finding.n_in,
        "n_non_members": finding.n_out,
    }


def _named(name: str, at: float | None) -> tuple[str, str]:
    if name == "auc":
        return "membership_auc", "AUC of telling members from non-members"
    return "membership_tpr_at_fpr", f"Members found at {percent_text(at or 0.0)} false positives"


def _measured(metric: Metric, finding: Finding) -> Entry:
    return _entry(*_named(metric.name, metric.at), metric.value, {**_about(finding), **_interval(metric)})


def _interval(metric: Metric) -> Entry:
    return {
        "at_fpr": metric.at,
        "achieved_fpr": metric.achieved_fpr,
        "lower": metric.lower,
        "upper": metric.upper,
        "confidence": metric.confidence,
        "rule": metric.rule,
    }


def _over_targets(findings: Sequence[Finding]) -> list[Entry]:
    """Mean and range over the targets, one entry per metric and rate."""
    keys = [(metric.name, metric.at) for f in findings for metric in f.metrics if metric.name in ("auc", "tpr_at_fpr")]
    return [entry for name, at in dict.fromkeys(keys) for entry in _mean(findings, name, at)]


def _mean(findings: Sequence[Finding], name: str, at: float | None) -> list[Entry]:
    metrics = [metric_of(finding.metrics, name, at) for finding in findings]
    values = [metric.value for metric in metrics if metric is not None and metric.value is not None]
    if not values:
        return []
    args = {
        "attack": attack_text(findings[0].method),
        "sees": findings[0].access,
        "at_fpr": at,
        "n_targets": len(values),
        "smallest": min(values),
        "largest": max(values),
        "rule": "mean over the targets, with the range; no interval",
    }
    return [_entry(*_named(name, at), math.fsum(values) / len(values), args)]


def _epsilon_metrics(report: AuditReport) -> list[Entry]:
    claim, verdict = report.claim, report.claim_verdict()
    bounds = [estimate for _, estimate in report.primary_estimates()]
    entries = [_bound(max(bounds, key=lambda estimate: estimate.lower), len(bounds))] if bounds else []
    if claim is None or math.isinf(claim.epsilon):  # nothing was promised
        return entries
    said = {
        "delta": claim.delta,
        "neighbouring": str(claim.neighbouring),
        "accountant": claim.accountant,
        "outcome": "not judged" if verdict is None else verdict.outcome,
        "reason": None if verdict is None else verdict.reason,
    }
    above = [e for e in _computed(report) if e.neighbouring == claim.neighbouring and e.delta == claim.delta]
    return [*entries, *(_bound(e, 1) for e in above), _entry("claimed_epsilon", "Claimed epsilon", claim.epsilon, said)]


def _computed(report: AuditReport) -> list[EpsilonEstimate]:
    """Upper bounds that an accountant computed."""
    estimates = [estimate for finding in report.findings("games") for estimate in finding.estimates]
    return [e for e in estimates if e.kind is EstimateKind.UPPER_BOUND and e.upper is not None]


def _bound(estimate: EpsilonEstimate, n_bounds: int) -> Entry:
    is_upper = estimate.kind is EstimateKind.UPPER_BOUND
    args = {
        "estimator": estimate.method,
        "delta": estimate.delta,
        "confidence": "computed" if estimate.confidence == 1 else estimate.confidence,
        "neighbouring": None if estimate.neighbouring is None else str(estimate.neighbouring),
        "ceiling": None if is_upper else estimate.ceiling,
        "validity": str(estimate.validity),
        "largest_of": n_bounds if n_bounds > 1 else None,
        "assumptions": list(estimate.assumptions),
    }
    if is_upper:
        return _entry("epsilon_upper_bound", "Epsilon is at most, by computation", estimate.upper, args)
    return _entry("epsilon_lower_bound", "Epsilon is at least, as shown by the audit", estimate.lower, args)


def _world_metrics(report: AuditReport) -> list[Entry]:
    found = ((finding, metric_of(finding.metrics, "accuracy")) for finding in distribution_findings(report))
    return [
        _entry(
            _accuracy_kind(finding),
            labelled("Right answers on which of two worlds a model was trained on", report),
            metric.value,
            {
                "attack": attack_text(finding.method),
                "worlds": pair_text(finding),
                "sees": finding.access,
                "n_models": finding.n_out,
                **_interval(metric),
            },
        )
        for finding, metric in found
        if metric is not None and metric.value is not None
    ]


def _accuracy_kind(finding: Finding) -> str:
    """What a machine reads: another name where the number is not about the law of the data alone."""
    if finding.is_evidence_on_the_law:
        return "distribution_accuracy"
    if finding.game == POISONED_WORLDS:
        return "poisoned_distribution_accuracy"
    return "two_graphs_accuracy" if finding.is_about_the_law else "shared_graph_accuracy"


def _ratio_metrics(report: AuditReport) -> list[Entry]:
    found = [(finding, metric_of(finding.metrics, "mean_squared_error")) for finding in ratio_findings(report)]
    return [
        _entry(
            "ratio_mean_squared_error" if finding.is_about_the_law else "poisoned_ratio_mean_squared_error",
            labelled("Mean squared error of the estimated share of records with a property", report),
            metric.value,
            {
                "attack": attack_text(finding.method),
                "property": finding.params.get("property"),
                "true_ratios": list(finding.params.get("ratios", ())),
                "sees": finding.access,
                **_interval(metric),
            },
        )
        for finding, metric in found
        if metric is not None and metric.value is not None
    ]


def _gate_metric(report: AuditReport, result: GateResult) -> Entry:
    checks = [
        f"{check.rule}: {check.outcome}. {check.reason} {check.excuse}".strip() for check in checks_of(report, result)
    ]
    return _entry(
        "privacy_gate", "Outcome of the privacy policy", result.outcome, {"reason": result.reason, "rules": checks}
    )
