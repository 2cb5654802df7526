"""What a distribution audit found, in sentences."""

import math
from collections.abc import Sequence

from scipy.special import ndtri

from privaudit.report.distribution_labels import (
    control_findings,
    distribution_findings,
    is_of_graphs,
    labelled,
    of_what,
    pair_text,
    ratio_findings,
)
from privaudit.report.distribution_tables import FAILED, draws_text, guessing_text
from privaudit.report.estimate_words import confidence_text
from privaudit.report.words import attack_text, metric_of, percent_text
from privaudit.types import AuditReport, Finding, Metric

GUESSING = 0.5
NARROW = 0.1  # half the width of an interval that would tell something
DRAWS = {
    "n_leaked_exact": "records",
    "n_leaked_degree_kl": "nodes with their degrees",
    "n_leaked_clustering_kl": "nodes with their clustering coefficients",
}
GRAPH_TRIALS = {
    "fresh": "Every model has a graph of its own, so intervals are about fresh graphs of the same laws.",
    "independent": (
        "Audited models have parts of one base graph, the adversary's models parts of another: intervals are about fresh parts of "
        "these two, not about other base graphs."
    ),
    "shared": "All graphs are parts of one base graph: intervals are about fresh parts of it, and say nothing certain of its law.",
}
RECORD_TRIALS = "They are about fresh models of the same kind, trained on new draws from the same records."


def pairs_sentence(report: AuditReport) -> str:
    """Return what was told apart, with how many models; "" without a distribution audit."""
    findings = distribution_findings(report)
    if not findings:
        return ""
    first = findings[0]
    pairs = "; ".join(dict.fromkeys(pair_text(finding) for finding in findings))
    size, unit = first.params.get("n_records"), "nodes" if first.params.get("graph_property") else "records"
    each = f", each trained on {size:,} {unit}" if isinstance(size, int) else ""
    return (
        f"{labelled('Told apart', report)}: {pairs}{of_what(first)}; {first.n_out} audited models per world{each}, and {first.params.get('n_shadows', 0)} of the "
        "adversary's own in both."
    )


def world_words(report: AuditReport) -> str:
    """Return what a world is in this report, and what its intervals are about; "" without a distribution audit."""
    findings = distribution_findings(report)
    if not findings:
        return ""
    is_graph = is_of_graphs(report)
    world = (
        "a law that graphs are drawn by; each model is trained on the nodes of one graph"
        if is_graph
        else "a population, here one ratio; models are trained on records drawn from it"
    )
    trials = GRAPH_TRIALS.get(str(findings[0].params.get("protocol")), "") if is_graph else RECORD_TRIALS
    return (
        f"A world is {world}. An attack that knows both worlds, and has trained models of its own on them, says which one each "
        f"audited model comes from. Intervals hold for all rows at once. {trials}".rstrip()
    )


def draws_words(report: AuditReport) -> str:
    """Return what the columns of draws leaked count; "" without a distribution audit."""
    findings = distribution_findings(report)
    if not findings:
        return ""
    measured = {metric.name for finding in findings for metric in finding.metrics}
    nodes = next((words for name, words in DRAWS.items() if name in measured and is_of_graphs(report)), "")
    if not nodes:
        return (
            "Draws leaked: how many records drawn at random would tell the two worlds apart as well. "
            '"Exact" inverts the best possible guess; "as published" inverts an upper bound on it and is a smaller number.'
        )
    published = '; "as published" is for Zipf laws fitted to the degrees' if "n_leaked_degree_zipf" in measured else ""
    return (
        f'Leaked: how many {nodes} would tell the two worlds apart as well, if they were drawn independently. "By divergence" is a '
        f"lower bound, from histograms{published}."
    )


def distribution_sentences(report: AuditReport) -> tuple[str, ...]:
    """Return in plain sentences what the models say about the population; none without a distribution audit."""
    findings = [finding for finding in distribution_findings(report) if _has_interval(finding)]
    if not findings:
        return _of_the_ratio(report)
    n_attacks = len({finding.method for finding in findings})
    best = _best_of_pairs(findings)
    told = [finding for finding in best if _is_told(finding)]
    joint = round(1 - len(findings) * (1 - (_metric(findings[0]).confidence or 1.0)), 12)
    what = of_what(best[0])
    share = f" (share{what})" if best[0].params.get("property") else what and f" ({what.strip()})"
    which = f"the strongest of {n_attacks} attacks" if n_attacks > 1 else f"the attack ({attack_text(best[0].method)})"
    told_that = labelled("Told that a model was trained on one of two worlds", report)
    start = f"{told_that}, {which} says rightly which one"
    pairs = "; ".join(_of_pair(finding, names_attack=n_attacks > 1) for finding in best)
    hold = f" All intervals hold together at {confidence_text(joint)} confidence." if joint > 0 else ""
    sentences = [f"{start}{share}: {pairs}. Guessing is right for 50 %.{hold}"]
    if not told:
        sentences.append(_too_weak(best, labelled("No worlds are shown to be told apart", report)))
    return tuple(sentences)


def outcome_of_worlds(report: AuditReport) -> str:
    """Return the outcome of a distribution audit in two or three words; "" without one.

    ``told apart``: of one pair of worlds at least, by more than guessing, all looks considered; ``control failed``: equal
    worlds were told apart as well; else ``not told apart``, which is no proof that they cannot be.
    """
    if any(guessing_text(finding) == FAILED for finding in control_findings(report)):
        return "control failed"
    findings = [finding for finding in distribution_findings(report) if _has_interval(finding)]
    if not findings:
        return "worlds not judged" if distribution_findings(report) else ""
    return "worlds told apart" if any(_is_told(finding) for finding in findings) else "worlds not told apart"


def easiest_pair(report: AuditReport) -> Finding | None:
    """Return the finding that tells a pair of worlds apart best, ``None`` where none has an interval.

    Args:
        report: the report.
    """
    findings = [finding for finding in distribution_findings(report) if _has_interval(finding)]
    return max(findings, key=_strength, default=None)


def distribution_warnings(report: AuditReport) -> tuple[str, ...]:
    """Return what makes the numbers of a distribution audit doubtful: notes that say so themselves."""
    notes = [note for section in report.sections if section.kind == "distribution" for note in section.notes]
    return tuple(dict.fromkeys(note for note in notes if note.startswith("Warning: ")))


def _has_interval(finding: Finding) -> bool:
    metric = metric_of(finding.metrics, "accuracy")
    return metric is not None and metric.lower is not None


def _strength(finding: Finding) -> float:
    value = _metric(finding).value
    return -1.0 if value is None else max(value, 1.0 - value)


def _best_of_pairs(findings: Sequence[Finding]) -> list[Finding]:
    """The finding with the most right answers of each pair of worlds, in the order of the pairs."""
    pairs = dict.fromkeys(finding.params.get("world") for finding in findings)
    return [max((f for f in findings if f.params.get("world") == pair), key=_strength) for pair in pairs]


def _of_pair(finding: Finding, *, names_attack: bool) -> str:
    metric = _metric(finding)
    attack = f", {attack_text(finding.method)}" if names_attack else ""
    attack += "; the opposite answer is right" if (metric.upper or 1.0) < GUESSING else ""
    return (
        f"{pair_text(finding)}, for {percent_text(metric.value or 0.0)} of the models ({percent_text(metric.lower or 0.0)} to "
        f"{percent_text(metric.upper or 0.0)}{attack}{_as_draws(finding)})"
    )


def _too_weak(best: Sequence[Finding], start: str) -> str:
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
        f"{start}. That is no proof that they cannot be: up to {percent_text(upper, 'up')} right answers "
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
    errors = [(metric_of(finding.metrics, "mean_squared_error"), finding) for finding in ratio_findings(report)]
    known = [(metric.value, finding) for metric, finding in errors if metric is not None and metric.value is not None]
    if not known:
        return ()
    error, finding = min(known, key=lambda pair: pair[0])
    ratios = ", ".join(percent_text(ratio) for ratio in finding.params.get("ratios", ()))
    named = finding.params.get("property")
    share = f"the share of records with {named}" if named else "the ratio"
    start = labelled(f"From a model's {'weights' if finding.access == 'white_box' else 'answers'}", report)
    sentence = (
        f"{start}, {attack_text(finding.method)} estimates {share} in its training data ({ratios}) with a root mean "
        f"squared error of {percent_text(math.sqrt(error))}."
    )
    return (sentence,)


def _as_draws(finding: Finding) -> str:
    """The accuracy as draws of a law; none where it is not about a law alone."""
    for name, what in DRAWS.items() if finding.is_about_the_law else ():
        draws = metric_of(finding.metrics, name)
        if draws is not None and draws.lower is not None and draws.lower >= 1:
            return f"; as much as seeing {draws_text(draws.lower)} {what} at least"
    return ""
