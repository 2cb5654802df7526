"""Parts of reports that give rise to every figure, built by hand."""

import dataclasses

from privaudit.types import Finding, Metric, Section

BINS = ((0, 220, 320.4), (5, 1400, 1280.7), (7, 70, 15.0), (9, 2, 0.01))


def with_sections(report, *sections):
    """Return the report with more sections."""
    return dataclasses.replace(report, sections=(*report.sections, *sections))


def paired(*, name="sex=Female", n_groups=2):
    """Return a section about groups, and about records by the pairs they win."""
    bins = [
        {"from": low / 10, "to": (low + 1) / 10, "records": count, "by_chance": chance} for low, count, chance in BINS
    ]
    records = Finding(
        id="pairs",
        method="pair_wins",
        access=None,
        params={"n_records": 1692, "n_pairs": 39, "signal": "logit_margin", "histogram": bins},
        metrics=(
            Metric(name="pair_win_share", value=0.523, lower=0.519, upper=0.527, confidence=0.95),
            Metric(name="records_at_risk", at=0.05, value=2.0),
        ),
    )
    groups = [_group(f"{name}{place}", place) for place in range(n_groups)]
    return Section(kind="subgroups", title="Who is at risk", findings=(*groups, records))


def _group(name, place):
    interval = {"at": 0.01, "confidence": 0.95}
    return Finding(
        id=f"group-{place}",
        method="lira",
        access=None,
        params={"group": name, "n_records": 400},
        metrics=(
            Metric(name="group_auc", value=0.55, lower=0.5, upper=0.6, confidence=0.95),
            Metric(name="group_tpr", value=0.02 * (place % 7 + 1), lower=0.01, upper=0.3, **interval),
            Metric(name="group_fpr", value=0.01, lower=0.0, upper=0.02, **interval),
            Metric(name="tpr_difference", value=0.1, lower=-0.1, upper=0.2, **interval),
            Metric(name="tpr_difference_p", at=0.01, value=0.01 if place % 2 else 0.4),
        ),
    )


def arm(name, accuracy, *attacks, targets=(0,), title=None, world=None):
    """Return the findings of one arm of a comparison, with (method, AUC, TPR) of its attacks."""
    metrics = () if accuracy is None else (Metric(name="accuracy_population", value=accuracy),)
    params = {"arm": name, "title": title or name, "name": "none", "kind": "none", "settings": {}}
    found = [Finding(id=name, method="defense", access=None, params=params, metrics=metrics)]
    for method, auc, tpr in attacks:
        found += [_attack(name, method, auc, tpr, target, world) for target in targets]
    return found


def _attack(name, method, auc, tpr, target, world):
    if world:
        params, metrics = {"world": world}, (Metric(name="accuracy", value=auc, lower=0.4, upper=0.99),)
    else:
        params = {"target": target}
        metrics = (
            Metric(name="auc", value=auc, lower=auc - 0.02, upper=auc + 0.02, confidence=0.95),
            Metric(name="tpr_at_fpr", at=0.01, value=tpr, lower=max(tpr - 0.006, 0), upper=tpr + 0.008),
        )
    params = {"arm": name, **params}
    return Finding(id=f"{name}:{method}-{target}", method=method, params=params, metrics=metrics)


def defended(*arms):
    """Return the section that compares arms."""
    findings = tuple(finding for one in arms for finding in one)
    return Section(kind="defense", title="Before and after each defense", findings=findings)


def three_arms():
    """Return a model without a defense, with one, and with that one's training alone."""
    return defended(
        arm("none", 0.81, ("loss", 0.58, 0.012), ("lira", 0.66, 0.055), title="no defense"),
        arm("dp", 0.80, ("loss", 0.505, 0.009), ("lira", 0.52, 0.012), title="DP-SGD, noise 1.2"),
        arm("clip", 0.801, ("loss", 0.506, 0.01), ("lira", 0.522, 0.013), title="DP-SGD without noise"),
    )


def worlds(n_pairs=3, methods=("loss_test", "threshold_test", "meta_classifier", "kl", "kl_label")):
    """Return the section of a distribution audit."""
    findings = [
        Finding(
            id=f"{method}-{world}",
            method=method,
            params={"world": world, "world_0": "50 %", "world_1": f"{world}0 %", "property": "sex=Female"},
            game="distribution_inference",
            unit="model",
            n_in=20,
            n_out=20,
            metrics=(
                Metric(name="accuracy", value=0.6 + 0.05 * place, lower=0.4, upper=0.95, confidence=0.99),
                Metric(name="auc", value=0.7, lower=0.5, upper=0.9, confidence=0.99),
                Metric(name="n_leaked_exact", value=7.0, lower=3.0, upper=float("inf")),
                Metric(name="n_leaked_paper", value=0.7, lower=0.1, upper=2.0),
            ),
        )
        for place, method in enumerate(methods)
        for world in range(1, n_pairs + 1)
    ]
    return Section(kind="distribution", title="Distribution inference", findings=tuple(findings))


def asked(report):
    """Return the report with the curves over queries that attacks on labels have."""
    metrics = tuple(
        Metric(name=name, at=at, value=start + at / 1000)
        for name, start in (("auc_at_queries", 0.5), ("tpr_at_queries", 0.01))
        for at in (1, 10, 100)
    )
    section = report.sections[0]
    findings = tuple(
        dataclasses.replace(f, metrics=(*f.metrics, *metrics)) if f.roc is not None else f for f in section.findings
    )
    return dataclasses.replace(report, sections=(dataclasses.replace(section, findings=findings), *report.sections[1:]))
