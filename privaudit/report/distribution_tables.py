"""What a distribution audit found, as tables and sentences."""

import math

from privaudit.report.estimate_words import confidence_text
from privaudit.report.tables import Table
from privaudit.report.words import attack_text, metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding, Metric

TOLD_APART, RATIO = "distribution_inference", "ratio_regression"
SEES = {"score": "scores", "label": "labels"}
LEAKED = {"n_leaked_exact": "draws leaked, exact", "n_leaked_paper": "draws leaked, as published"}


def distribution_findings(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings on two different worlds; no controls, and nothing that looks at no model."""
    found = report.findings("distribution")
    told = (f for f in found if f.game == TOLD_APART and metric_of(f.metrics, "accuracy") is not None)
    return tuple(f for f in told if f.access is not None and not f.params.get("is_control"))


def control_findings(report: AuditReport) -> tuple[Finding, ...]:
    """Return the findings on two worlds of one law."""
    return tuple(f for f in report.findings("distribution") if f.params.get("is_control"))


def distribution_table(report: AuditReport) -> Table:
    """Return one row per pair of worlds and attack: right answers, AUC and draws leaked, with intervals."""
    rows = [
        (
            pair_text(finding),
            attack_text(finding.method),
            SEES.get(str(finding.access), str(finding.access)),
            metric_text(metric_of(finding.metrics, "accuracy")),
            metric_text(metric_of(finding.metrics, "auc")),
            *(leaked_text(metric_of(finding.metrics, name)) for name in LEAKED),
        )
        for finding in distribution_findings(report)
    ]
    return Table(head=("worlds", "attack", "sees", "right answers", "AUC", *LEAKED.values()), rows=tuple(rows))


def pair_text(finding: Finding) -> str:
    """Return which worlds were told apart.

    >>> pair_text(Finding(id="kl-1", method="kl", params={"world_0": "50 %", "world_1": "20 %"}))
    '20 % or 50 %'
    """
    return f"{finding.params.get('world_1', '?')} or {finding.params.get('world_0', '?')}"


def leaked_text(metric: Metric | None) -> str:
    """Return a number of draws with its interval; "" where the worlds are no ratios.

    >>> leaked_text(Metric(name="n_leaked_exact", value=math.inf, lower=57.0, upper=math.inf))
    'infinite (at least 57)'
    >>> leaked_text(Metric(name="n_leaked_paper", value=0.612, lower=0.1, upper=2.5))
    '0.61 (0.1 to 2.5)'
    """
    if metric is None or metric.value is None:
        return ""
    if math.isinf(metric.value):
        return "infinite" if metric.lower is None else f"infinite (at least {_draws(metric.lower)})"
    if metric.lower is None or metric.upper is None:
        return _draws(metric.value)
    return f"{_draws(metric.value)} ({_draws(metric.lower)} to {_draws(metric.upper)})"


def _draws(value: float) -> str:
    return "infinite" if math.isinf(value) else f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"


def control_table_of_worlds(report: AuditReport) -> Table:
    """Return one row per attack on two worlds of one law, with the region that guessing stays in."""
    rows = []
    for finding in control_findings(report):
        guessing = metric_of(finding.metrics, "control_accuracy")
        inside = "" if guessing is None else _inside(guessing)
        region = (
            "" if guessing is None else f"{percent_text(guessing.lower or 0)} to {percent_text(guessing.upper or 0)}"
        )
        rows.append((attack_text(finding.method), metric_text(metric_of(finding.metrics, "accuracy")), region, inside))
    return Table(head=("attack", "right answers", "guessing stays within", ""), rows=tuple(rows))


def _inside(metric: Metric) -> str:
    assert metric.value is not None and metric.lower is not None and metric.upper is not None
    if metric.lower <= 0.0 and metric.upper >= 1.0:
        return "too few models to tell"
    return "as guessing" if metric.lower <= metric.value <= metric.upper else "NOT as guessing"


def ratio_table(report: AuditReport) -> Table:
    """Return one row per attack on the ratio and true ratio: mean squared error, and draws that would do as well."""
    rows = []
    for finding in report.findings("distribution"):
        if finding.game != RATIO:
            continue
        ratios = sorted({metric.at for metric in finding.metrics if metric.at is not None})
        for ratio in (*ratios, None):
            error = metric_of(finding.metrics, "mean_squared_error", ratio)
            bias = metric_of(finding.metrics, "mean_estimate", ratio)
            draws = metric_of(finding.metrics, "n_leaked_cramer_rao" if ratio is not None else "n_leaked_bayes", ratio)
            rows.append(
                (
                    attack_text(finding.method),
                    "all" if ratio is None else percent_text(ratio),
                    "" if bias is None or bias.value is None else percent_text(bias.value),
                    "" if error is None or error.value is None else f"{error.value:.4f}",
                    leaked_text(draws),
                )
            )
    return Table(head=("attack", "true ratio", "mean estimate", "mean squared error", "draws leaked"), rows=tuple(rows))


def strongest(report: AuditReport) -> Finding | None:
    """Return the finding with the most right answers, ``None`` without any."""
    found = [finding for finding in distribution_findings(report) if _has_interval(finding)]
    return max(found, key=_accuracy, default=None)


def _has_interval(finding: Finding) -> bool:
    metric = metric_of(finding.metrics, "accuracy")
    return metric is not None and metric.lower is not None


def _accuracy(finding: Finding) -> float:
    metric = metric_of(finding.metrics, "accuracy")
    return -1.0 if metric is None or metric.value is None else metric.value


def distribution_sentences(report: AuditReport) -> tuple[str, ...]:
    """Return in plain sentences what the models say about the population; none without a distribution audit."""
    best = strongest(report)
    if best is None:
        return _of_the_ratio(report)
    accuracy = metric_of(best.metrics, "accuracy")
    assert accuracy is not None and accuracy.value is not None
    n_looks = sum(_has_interval(finding) for finding in distribution_findings(report))
    n_attacks = len({finding.method for finding in distribution_findings(report)})
    which = (
        f"the strongest of {n_attacks} attacks ({attack_text(best.method)})"
        if n_attacks > 1
        else attack_text(best.method)
    )
    of_what = best.params.get("property")
    worlds = f"{pair_text(best)} of the records with {of_what}" if of_what else pair_text(best)
    sentence = (
        f"Told that a model was trained on one of two worlds ({worlds}), {which} says rightly which one for "
        f"{percent_text(accuracy.value)} of the models{_interval(accuracy, n_looks)}; guessing is right for 50 %.{_as_draws(best)}"
    )
    return (sentence,)


def _of_the_ratio(report: AuditReport) -> tuple[str, ...]:
    """What is said where no attack told two worlds apart."""
    found = [finding for finding in report.findings("distribution") if finding.game == RATIO]
    errors = [(metric_of(finding.metrics, "mean_squared_error"), finding) for finding in found]
    known = [(metric.value, finding) for metric, finding in errors if metric is not None and metric.value is not None]
    if not known:
        return ()
    error, finding = min(known, key=lambda pair: pair[0])
    ratios = ", ".join(percent_text(ratio) for ratio in finding.params.get("ratios", ()))
    of_what = finding.params.get("property")
    share = f"the share of records with {of_what}" if of_what else "the ratio"
    sentence = (
        f"From a model's answers, {attack_text(finding.method)} estimates {share} in its training data ({ratios}) with a root mean "
        f"squared error of {percent_text(math.sqrt(error))}."
    )
    return (sentence,)


def _interval(metric: Metric, n_looks: int) -> str:
    """The interval, at the confidence that those of all looks have together."""
    if metric.lower is None or metric.upper is None or metric.confidence is None:
        return ""
    joint = round(1 - n_looks * (1 - metric.confidence), 12)
    together = f", at {confidence_text(joint)} confidence for all attacks and worlds together" if joint > 0 else ""
    return f" ({percent_text(metric.lower)} to {percent_text(metric.upper)}{together})"


def _as_draws(finding: Finding) -> str:
    draws = metric_of(finding.metrics, "n_leaked_exact")
    if draws is None or draws.value is None:
        return ""
    least = draws.lower if draws.lower is not None else draws.value
    if least < 1:
        return ""
    return f" To be right as often from records alone one would have to see at least {_draws(least)} of them."


def distribution_warnings(report: AuditReport) -> tuple[str, ...]:
    """Return what makes the numbers of a distribution audit doubtful: notes that say so themselves."""
    notes = [note for section in report.sections if section.kind == "distribution" for note in section.notes]
    return tuple(dict.fromkeys(note for note in notes if note.startswith("Warning: ")))
