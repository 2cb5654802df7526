"""Second question: how much leaks?"""

from collections.abc import Sequence
from dataclasses import dataclass

from privaudit.report.defense_tables import arm_title, arms_of, attacks_of_arm
from privaudit.report.distribution_labels import distribution_findings, of_what, pair_text, world_label
from privaudit.report.distribution_sentences import distribution_sentences, easiest_pair
from privaudit.report.strongest import Strongest, over_targets, strongest
from privaudit.report.tables import attack_findings
from privaudit.report.words import attack_text, metric_of, percent_text
from privaudit.types import AuditReport, Finding

MOST_ARMS = 3
RATES = (0.01, 0.1)  # of false accusations; the first that can be measured is told
GUESSED_AUC = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Nouns:
    """What members and non-members are in this audit.

    Attributes:
        members: in the plural.
        others: those that they are told from.
        pair: one of each, as what follows "tells".
    """

    members: str
    others: str
    pair: str


RECORDS = Nouns(members="training records", others="others", pair="a training record from another one")
CANARIES = Nouns(
    members="canaries planted to be found", others="canaries left out", pair="a planted canary from one left out"
)
RUNS = Nouns(members="runs with the canary", others="runs without it", pair="a run with the canary from one without")


def leak_answer(report: AuditReport) -> str:
    """Return what the strongest attack finds out, and what guessing would.

    Args:
        report: the report.
    """
    attacks = attacks_on_subject(report)
    if not attacks:
        return _of_worlds(report) or (distribution_sentences(report) or ("No attack was run.",))[0]
    found, others = _found(attacks), arms_of(report)[1:]
    if others and found:
        guessed = " (guessing could do as well)" if _is_guessing(attacks) else ""
        return f"Without a defense, {found}{guessed}{_by_arm(report, others)}."
    parts = [text for text in (found, _told(attacks, beside=_rate_told(attacks)[1])) if text]
    text = ", and ".join(parts) + ("; guessing could do as well" if _is_guessing(attacks) else "")
    return f"{text[0].upper()}{text[1:]}." if parts else "No rate could be measured."


def attacks_on_subject(report: AuditReport) -> list[Finding]:
    """Return the findings in which the audited model's members were guessed and rates measured.

    Args:
        report: the report.
    """
    return [finding for finding in attack_findings(report) if finding.attacks_the_subject]


def nouns_of(findings: Sequence[Finding]) -> Nouns:
    """Return the words for what was guessed about.

    Args:
        findings: of attacks; the first decides.
    """
    if not findings or findings[0].game != "canary":
        return RECORDS
    return RUNS if findings[0].unit == "model" else CANARIES


def _found(attacks: Sequence[Finding]) -> str:
    rate, best = _rate_told(attacks)
    if best is None:
        return ""
    nouns, false = nouns_of(attacks), of_hundred(rate)
    return (
        f"the {_which(attacks, best)} finds {of_hundred(best.value)} of 100 {nouns.members} ({_range(best)}guessing finds {false}) while "
        f"it falsely accuses {false} of 100 {nouns.others}"
    )


def _rate_told(attacks: Sequence[Finding]) -> tuple[float, Strongest | None]:
    """The first of the rates that can be measured, and what is found at it."""
    found = [(rate, strongest(attacks, "tpr_at_fpr", rate)) for rate in RATES]
    return next(((rate, best) for rate, best in found if best is not None), (RATES[0], None))


def _told(attacks: Sequence[Finding], *, beside: Strongest | None) -> str:
    best = strongest(attacks, "auc")
    if best is None:
        return ""
    which = f"the {_which(attacks, best)} "
    if beside is not None:
        which = "" if beside.method == best.method else f"another ({attack_text(best.method)}) "
    cases = f"in {of_hundred(best.value)} of 100 cases ({_range(best)}guessing {of_hundred(GUESSED_AUC)})"
    return f"{which}tells {nouns_of(attacks).pair} {cases}"


def _which(attacks: Sequence[Finding], best: Strongest) -> str:
    n = len({finding.method for finding in attacks})
    return f"best of {n} attacks ({attack_text(best.method)})" if n > 1 else f"attack ({attack_text(best.method)})"


def _range(best: Strongest) -> str:
    if best.lower is None or best.upper is None:
        return ""
    over = f" over {best.n_targets} models" if best.n_targets > 1 else ""
    return f"{of_hundred(best.lower)} to {of_hundred(best.upper)}{over}; "


def _is_guessing(attacks: Sequence[Finding]) -> bool:
    """Whether no interval of an only target excludes what guessing finds."""
    found, told = strongest(attacks, "tpr_at_fpr", RATES[0]), strongest(attacks, "auc")
    guessed = ((found, RATES[0]), (told, GUESSED_AUC))
    known = [(one, level) for one, level in guessed if one is not None and one.n_targets == 1]
    return bool(known) and all(one.lower is not None and one.lower <= level for one, level in known)


def of_hundred(share: float) -> str:
    """Return a share as so many of a hundred.

    >>> of_hundred(0.0123), of_hundred(0.5), of_hundred(0.0)
    ('1.2', '50', '0')
    """
    return percent_text(share).removesuffix(" %")


def _by_arm(report: AuditReport, others: Sequence[Finding]) -> str:
    """The same number where a defense stands in the way."""
    rate, first = _rate_told(attacks_on_subject(report))
    found = [(arm, strongest(attacks_of_arm(report, arm.id), "tpr_at_fpr", rate)) for arm in others]
    known = [(arm, best) for arm, best in found if best is not None]
    if len(known) > MOST_ARMS:
        values = [best.value for _, best in known]
        return f"; with the {len(known)} defenses, {of_hundred(min(values))} to {of_hundred(max(values))} (each has its row below)"
    said = (
        f"with “{arm_title(arm)}” {of_hundred(best.value)} ({_by_whom(best, first)}{_range(best)[:-2]})"
        for arm, best in known
    )
    return "".join(f"; {text}" for text in said)


def _by_whom(best: Strongest, first: Strongest | None) -> str:
    """The attack, where it is another one than that which was named first."""
    return "" if first is not None and best.method == first.method else f"{attack_text(best.method)}; "


def _of_worlds(report: AuditReport) -> str:
    """How often the best attack tells rightly which of two worlds a model comes from; of several pairs the easiest one."""
    finding, found = easiest_pair(report), distribution_findings(report)
    metric = None if finding is None else metric_of(finding.metrics, "accuracy")
    if finding is None or metric is None or metric.value is None:
        return ""
    pairs = len({pair_text(one) for one in found})
    easiest = f", the easiest of {pairs} pairs" if pairs > 1 else ""
    asked = "; ".join(filter(None, (f"{pair_text(finding)}{of_what(finding)}{easiest}", world_label(report))))
    ends = f"{of_hundred(metric.lower or 0.0)} to {of_hundred(1.0 if metric.upper is None else metric.upper)}"
    best = over_targets(finding.method, [metric])
    return (
        f"Asked which of two worlds ({asked}) a model was trained in, the {_which(found, best)} is right for "
        f"{of_hundred(metric.value)} of 100 models ({ends}; guessing {of_hundred(GUESSED_AUC)})."
    )
