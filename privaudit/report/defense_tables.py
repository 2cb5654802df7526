"""What each defense changed, as tables: a column per arm where there is room, else a row."""

from collections.abc import Callable

from privaudit.report.distribution_labels import labelled
from privaudit.report.estimate_words import confidence_text
from privaudit.report.strongest import strongest
from privaudit.report.tables import Table
from privaudit.report.words import (
    NOT_MEASURABLE,
    attack_text,
    claimed_text,
    estimate_text,
    metric_of,
    metric_text,
)
from privaudit.types import AuditReport, Finding, Metric

ARM = "defense"  # the method of a finding about an arm itself
MOST_COLUMNS = 4
ACCURACIES = ("accuracy_population", "accuracy_out", "accuracy")
OUTCOMES = {"violated": "contradicted", "consistent": "not contradicted", "too_weak": "audit too weak"}
POLICY_OUTCOMES = {"pass": "passes", "fail": "fails", "inconclusive": "open"}
RATE = 0.01
POLICY = "policy of privaudit"
ON_WORLDS = "right answers on the population"
DIFFERENCE = "auc_difference"

Cell = Callable[[AuditReport, Finding], str]


def arms_of(report: AuditReport) -> list[Finding]:
    """Return the findings about the arms themselves; the first is the model without a defense."""
    return [finding for finding in report.findings("defense") if finding.method == ARM]


def arm_title(arm: Finding) -> str:
    """Return what to call an arm."""
    return str(arm.params.get("title") or arm.id)


def attacks_of_arm(report: AuditReport, arm: str) -> list[Finding]:
    """Return the findings of the attacks on an arm.

    Args:
        report: the report.
        arm: its id.
    """
    return [f for f in report.findings("defense") if f.method != ARM and f.params.get("arm") == arm]


def defense_notes(report: AuditReport) -> tuple[str, ...]:
    """Return what the comparison of the arms says in whole sentences, for the first screen."""
    notes = [note for section in report.sections if section.kind == "defense" for note in section.notes]
    return tuple(dict.fromkeys(notes))


def defense_table(report: AuditReport) -> Table:
    """Return what became of accuracy, leak and claim in each arm.

    Args:
        report: with a section of kind ``defense``.

    Returns:
        A column per arm for up to `MOST_COLUMNS` arms, else a row per arm; without rows where nothing was compared.
    """
    arms = arms_of(report)
    if not arms:
        return Table(head=(), rows=())
    limits = {POLICY: f"{POLICY} ({arms[0].params['policy_limits']})"} if arms[0].params.get("policy_limits") else {}
    limits[ON_WORLDS] = labelled(ON_WORLDS, report, "defense")
    lines = [(limits.get(name, name), [cell(report, arm) for arm in arms]) for name, cell in MEASURES]
    told = [(name, cells) for name, cells in lines if any(cells)]
    titles = tuple(map(arm_title, arms))
    if len(arms) <= MOST_COLUMNS:
        return Table(head=("", *titles), rows=tuple((name, *cells) for name, cells in told))
    rows = tuple((title, *(cells[place] for _, cells in told)) for place, title in enumerate(titles))
    return Table(head=("defense", *(name for name, _ in told)), rows=rows)


def defense_attack_table(report: AuditReport) -> Table:
    """Return one row per arm and attack: AUC, what the defense changed of it, and the members found.

    Args:
        report: with a section of kind ``defense``.
    """
    rows = [
        (
            arm_title(arm),
            attack_text(finding.method),
            str(finding.params.get("world") or finding.params.get("target", "")),
            *(_cell(finding, *column) for column in COLUMNS.values()),
            "; ".join(f"{estimate_text(e)} ({confidence_text(e.confidence)})" for e in finding.estimates),
        )
        for arm in arms_of(report)
        for finding in attacks_of_arm(report, arm.id)
    ]
    names = (labelled(name, report, "defense") if column[0] in OF_WORLDS else name for name, column in COLUMNS.items())
    head = ("arm", "attack", "target", *names, "epsilon (confidence)")
    used = [place for place in range(len(head)) if any(row[place] for row in rows)]
    return Table(head=tuple(head[place] for place in used), rows=tuple(tuple(row[p] for p in used) for row in rows))


def _cell(finding: Finding, name: str, at: float | None) -> str:
    metric = metric_of(finding.metrics, name, at)
    return "" if metric is None else _short(metric)


def _accuracy(_: AuditReport, arm: Finding) -> str:
    found = (metric_of(arm.metrics, name) for name in ACCURACIES)
    return next((metric_text(metric) for metric in found if metric is not None), "")


def _gap(_: AuditReport, arm: Finding) -> str:
    metric = metric_of(arm.metrics, "train_test_gap")
    return "" if metric is None else metric_text(metric)


def _largest(name: str, at: float | None = None) -> Cell:
    """Make a cell with what the strongest attack on an arm reaches, and which one it is."""

    def cell(report: AuditReport, arm: Finding) -> str:
        attacks = attacks_of_arm(report, arm.id)
        best = strongest(attacks, name, at)
        if best is None:
            return NOT_MEASURABLE if any(metric_of(f.metrics, name, at) for f in attacks) else ""
        over = f" over {best.n_targets} models" if best.n_targets > 1 else ""
        told = Metric(name=name, at=at, value=best.value, lower=best.lower, upper=best.upper)
        return f"{_short(told)}{over}\n{attack_text(best.method)}"

    return cell


def _short(metric: Metric) -> str:
    """A metric with its interval, without the false positive rate that was reached."""
    text = metric_text(metric)
    return text if metric.achieved_fpr is None else text[: text.rindex(" at ")]


def _claim(_: AuditReport, arm: Finding) -> str:
    epsilon = arm.params.get("claim_epsilon")
    if epsilon is None:
        return "none"
    outcome = str(arm.params.get("claim_outcome") or "")
    return f"epsilon {claimed_text(epsilon)}\n{OUTCOMES.get(outcome, outcome or 'not judged')}"


def _policy(_: AuditReport, arm: Finding) -> str:
    outcome, failed = str(arm.params.get("policy") or ""), arm.params.get("policy_failed") or ()
    said = POLICY_OUTCOMES.get(outcome, outcome)
    return said + (f"\n{', '.join(map(str, failed))}" if outcome != "pass" and failed else "")


COLUMNS: dict[str, tuple[str, float | None]] = {
    "right answers": ("accuracy", None),
    "right answers less those without a defense": ("accuracy_difference", None),
    "AUC": ("auc", None),
    "AUC less that without a defense": (DIFFERENCE, None),
    "TPR at 0.1 % FPR": ("tpr_at_fpr", 0.001),
    "TPR at 1 % FPR": ("tpr_at_fpr", 0.01),
    "TPR at 10 % FPR": ("tpr_at_fpr", 0.1),
}
OF_WORLDS = ("accuracy", "accuracy_difference")
MEASURES: tuple[tuple[str, Cell], ...] = (
    ("accuracy on new records", _accuracy),
    ("train/test gap", _gap),
    ("members found at 1 % false accusations", _largest("tpr_at_fpr", RATE)),
    ("AUC (0.5 is guessing)", _largest("auc")),
    (ON_WORLDS, _largest("accuracy")),
    ("claim", _claim),
    (POLICY, _policy),
)
