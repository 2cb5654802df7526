"""What a distribution audit found, as tables and sentences."""

import math
from collections.abc import Sequence

from scipy.special import ndtri

from privaudit.report.estimate_words import confidence_text
from privaudit.report.tables import Table
from privaudit.report.words import attack_text, metric_of, metric_text, percent_text
from privaudit.types import AuditReport, Finding, Metric

TOLD_APART, RATIO = "distribution_inference", "ratio_regression"
SEES = {"score": "scores", "label": "labels"}
GUESSING, FAILED = 0.5, "NOT as guessing"
NARROW = 0.1  # half the width of an interval that would tell something
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
    """Return one row per pair of worlds and attack: right answers, draws leaked and AUC, with intervals.

    A single pair of worlds has no column; `pairs_sentence` names it.
    """
    findings = distribution_findings(report)
    skipped = 1 if len({pair_text(finding) for finding in findings}) == 1 else 0
    rows = [
        (
            pair_text(finding),
            attack_text(finding.method),
            metric_text(metric_of(finding.metrics, "accuracy")),
            *(leaked_text(metric_of(finding.metrics, name)) for name in LEAKED),
            metric_text(metric_of(finding.metrics, "auc")),
            SEES.get(str(finding.access), str(finding.access)),
        )
        for finding in findings
    ]
    head = ("worlds", "attack", "right answers", *LEAKED.values(), "AUC", "sees")
    return Table(head=head[skipped:], rows=tuple(row[skipped:] for row in rows))


def pairs_sentence(report: AuditReport) -> str:
    """Return what was told apart, with how many models; "" without a distribution audit."""
    findings = distribution_findings(report)
    if not findings:
        return ""
    first = findings[0]
    pairs = "; ".join(dict.fromkeys(pair_text(finding) for finding in findings))
    of_what = first.params.get("property")
    records = f" of the records with {of_what}" if of_what else ""
    size = first.params.get("n_records")
    each = f", each trained on {size:,} records" if isinstance(size, int) else ""
    return (
        f"Told apart: {pairs}{records}; {first.n_out} audited models per world{each}, and {first.params.get('n_shadows', 0)} of the "
        "adversary's own in both."
    )


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
        inside = _guessing(finding)
        region = (
            "" if guessing is None else f"{percent_text(guessing.lower or 0)} to {percent_text(guessing.upper or 0)}"
        )
        rows.append((attack_text(finding.method), metric_text(metric_of(finding.metrics, "accuracy")), region, inside))
    return Table(head=("attack", "right answers", "guessing stays within", ""), rows=tuple(rows))


def _guessing(finding: Finding) -> str:
    """Whether a control's right answers lie where guessing keeps them."""
    metric = metric_of(finding.metrics, "control_accuracy")
    if metric is None or metric.value is None or metric.lower is None or metric.upper is None:
        return ""
    if metric.lower <= 0.0 and metric.upper >= 1.0:
        return "too few models to tell"
    return "as guessing" if metric.lower <= metric.value <= metric.upper else FAILED


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


def _has_interval(finding: Finding) -> bool:
    metric = metric_of(finding.metrics, "accuracy")
    return metric is not None and metric.lower is not None


def _strength(finding: Finding) -> float:
    value = _metric(finding).value
    return -1.0 if value is None else max(value, 1.0 - value)


def distribution_sentences(report: AuditReport) -> tuple[str, ...]:
    """Return in plain sentences what the models say about the population; none without a distribution audit."""
    findings = [finding for finding in distribution_findings(report) if _has_interval(finding)]
    if not findings:
        return _of_the_ratio(report)
    n_attacks = len({finding.method for finding in findings})
    best = _best_of_pairs(findings)
    told = [finding for finding in best if _is_told(finding)]
    joint = round(1 - len(findings) * (1 - (_metric(findings[0]).confidence or 1.0)), 12)
    of_what = best[0].params.get("property")
    share = f" of the records with {of_what}" if of_what else ""
    which = f"the strongest of {n_attacks} attacks" if n_attacks > 1 else f"the attack ({attack_text(best[0].method)})"
    start = f"Told that a model was trained on one of two worlds, {which} says rightly which one"
    pairs = "; ".join(_of_pair(finding, names_attack=n_attacks > 1) for finding in best)
    hold = f" All intervals hold together at {confidence_text(joint)} confidence." if joint > 0 else ""
    sentences = [f"{start}{share and f' (share{share})'}: {pairs}. Guessing is right for 50 %.{hold}"]
    if not told:
        sentences.append(_too_weak(best))
    return tuple(sentences)


def outcome_of_worlds(report: AuditReport) -> str:
    """Return the outcome of a distribution audit in two or three words; "" without one.

    ``told apart``: of one pair of worlds at least, by more than guessing, all looks considered; ``control failed``: equal
    worlds were told apart as well; else ``not told apart``, which is no proof that they cannot be.
    """
    if any(_guessing(finding) == FAILED for finding in control_findings(report)):
        return "control failed"
    findings = [finding for finding in distribution_findings(report) if _has_interval(finding)]
    if not findings:
        return "worlds not judged" if distribution_findings(report) else ""
    return "worlds told apart" if any(_is_told(finding) for finding in findings) else "worlds not told apart"


def _best_of_pairs(findings: Sequence[Finding]) -> list[Finding]:
    """The finding with the most right answers of each pair of worlds, in the order of the pairs."""
    pairs = dict.fromkeys(finding.params.get("world") for finding in findings)
    return [max((f for f in findings if f.params.get("world") == pair), key=_strength) for pair in pairs]


def easiest_pair(report: AuditReport) -> Finding | None:
    """Return the finding that tells a pair of worlds apart best, ``None`` where none has an interval.

    Args:
        report: the report.
    """
    findings = [finding for finding in distribution_findings(report) if _has_interval(finding)]
    return max(findings, key=_strength, default=None)


def _of_pair(finding: Finding, *, names_attack: bool) -> str:
    metric = _metric(finding)
    attack = f", {attack_text(finding.method)}" if names_attack else ""
    attack += "; the opposite answer is right" if (metric.upper or 1.0) < GUESSING else ""
    return (
        f"{pair_text(finding)}, for {percent_text(metric.value or 0.0)} of the models ({percent_text(metric.lower or 0.0)} to "
        f"{percent_text(metric.upper or 0.0)}{attack}{_as_draws(finding)})"
    )


def _too_weak(best: Sequence[Finding]) -> str:
    """What an audit that told no worlds apart leaves open, and what would narrow it."""
    upper = max(max(_metric(finding).upper or 1.0, 1.0 - (_metric(finding).lower or 0.0)) for finding in best)
    confidence = _metric(best[0]).confidence or 0.95
    wanted = math.ceil((float(ndtri((1 + confidence) / 2)) * 0.5 / NARROW) ** 2 / 2)
    n_now = min(best[0].n_in or 0, best[0].n_out or 0)
    more = (
        f" With n_victims: {wanted} the interval would be about {percent_text(2 * NARROW)} wide."
        if wanted > n_now
        else ""
    )
    return (
        f"No worlds are shown to be told apart. That is no proof that they cannot be: up to {percent_text(upper, 'up')} right answers "
        f"are not ruled out.{more}"
    )


def _metric(finding: Finding) -> Metric:
    metric = metric_of(finding.metrics, "accuracy")
    assert metric is not None  # `distribution_findings` took those that have one
    return metric


def _is_told(finding: Finding) -> bool:
    """Whether an attack is right, or wrong, more often than guessing: who is mostly wrong has to say the opposite."""
    metric = _metric(finding)
    return (metric.lower or 0.0) > GUESSING or (1.0 if metric.upper is None else metric.upper) < GUESSING


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


def _as_draws(finding: Finding) -> str:
    draws = metric_of(finding.metrics, "n_leaked_exact")
    least = None if draws is None else draws.lower
    return "" if least is None or least < 1 else f"; as much as seeing {_draws(least)} records at least"


def distribution_warnings(report: AuditReport) -> tuple[str, ...]:
    """Return what makes the numbers of a distribution audit doubtful: notes that say so themselves."""
    notes = [note for section in report.sections if section.kind == "distribution" for note in section.notes]
    return tuple(dict.fromkeys(note for note in notes if note.startswith("Warning: ")))
