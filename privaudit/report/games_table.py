"""The table of privacy games: what was measured, what follows, and from what."""

import math

from privaudit.games.game_titles import ACCESS_TITLES, GAME_TITLES, NEIGHBOUR_TITLES, game_title
from privaudit.games.propagation_words import VACUOUS_FROM, confidence_text, number_text
from privaudit.report.tables import Table
from privaudit.report.words import delta_text
from privaudit.types import AuditReport, Finding, Metric, Neighbouring

HEAD = ("game", "adversary sees", "neighbours", "measured advantage", "at least", "at most", "by")
NOTHING, NOT_SHOWN = "no bound", "nothing shown"
NOT_ATTACKED = "not attacked"


def games_table(report: AuditReport) -> Table:
    """Return one row per game that is measured or bounded.

    Args:
        report: with a section that relates games, as `privaudit.pipeline.games_table` makes it.

    Returns:
        The table, without rows where no section does.

    >>> from privaudit.types import Subject
    >>> empty = AuditReport(subject=Subject(name="m", model_digest="", data_digest=""), claim=None, sections=())
    >>> games_table(empty).rows
    ()
    """
    findings = [finding for finding in report.findings("games") if finding.method in GAME_TITLES]
    return Table(head=HEAD, rows=tuple(_row(finding) for finding in findings))


def _row(finding: Finding) -> tuple[str, ...]:
    about = finding.params.get("about")
    stated = finding.params.get("neighbouring")
    metrics = [metric for metric in finding.metrics if metric.name in ("advantage", "epsilon")]
    measured = next((metric.value for metric in metrics if metric.value is not None), None)
    return (
        game_title(finding.game) + (f": {about}" if about else ""),
        ACCESS_TITLES[finding.access],
        NEIGHBOUR_TITLES[None if stated is None else Neighbouring(stated)],
        NOT_ATTACKED if measured is None else f"{measured:.3f}",
        "\n".join(_lower(metric) for metric in metrics if metric.lower is not None) or NOT_SHOWN,
        "\n".join(_upper(metric) for metric in metrics if metric.upper is not None) or NOTHING,
        _by(finding),
    )


def _by(finding: Finding) -> str:
    """The ways of both bounds; of several quantities that came the same way once."""
    measured = finding.params.get("measured_by")
    said = [f"measured: {measured}"] if measured else []
    for words, key in (("at least", "at_least_by"), ("at most", "at_most_by")):
        said += [f"{words}: {way}" for way in dict.fromkeys(finding.params.get(key, ()))]
    return "\n".join(said).replace(" -> ", " → ")


def _what(metric: Metric) -> str:
    return "epsilon " if metric.name == "epsilon" else ""


def _at(metric: Metric) -> str:
    return "" if metric.at is None else f" (delta {delta_text(float(f'{metric.at:.3g}'))})"


def _lower(metric: Metric) -> str:
    assert metric.lower is not None
    held = "" if metric.confidence in (None, 1.0) else f" at {confidence_text(metric.confidence or 1.0)}"
    return f"{_what(metric)}{number_text(metric.lower, rounds_up=False)}{_at(metric)}{held}"


def _upper(metric: Metric) -> str:
    assert metric.upper is not None
    if math.isinf(metric.upper):
        return f"{_what(metric)}{NOTHING}"
    vacuous = " (vacuous)" if metric.name == "advantage" and metric.upper > VACUOUS_FROM else ""
    return f"{_what(metric)}{number_text(metric.upper, rounds_up=True)}{_at(metric)}{vacuous}"
