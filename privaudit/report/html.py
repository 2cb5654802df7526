"""The report as one self-contained page: no script, nothing fetched."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from privaudit.report import tables
from privaudit.report.axis_rows import left_out
from privaudit.report.canary_words import control_words, interval_words, verdict_rests_on
from privaudit.report.distribution_figure import distribution_figure
from privaudit.report.distribution_tables import (
    control_table_of_worlds,
    distribution_findings,
    distribution_table,
    outcome_of_worlds,
    pairs_sentence,
    ratio_table,
)
from privaudit.report.figures import epsilon_axis, roc_caption, roc_figure, roc_findings
from privaudit.report.games_table import games_table
from privaudit.report.label_only_tables import expected_table, query_table
from privaudit.report.methods import method_notes
from privaudit.report.query_figure import query_figure
from privaudit.report.reliability_table import reliability_table
from privaudit.report.sentences import beside_membership, headline, warnings_of, what_would_suffice
from privaudit.report.serialise import audit_digest
from privaudit.report.subgroup_figure import group_figure
from privaudit.report.subgroup_tables import (
    agreement_table,
    group_rows,
    group_table,
    histogram_table,
    most_at_risk_table,
    who_sentences,
)
from privaudit.types import AuditReport

OUTCOME_WORDS = {"violated": "claim contradicted", "consistent": "claim not contradicted", "too_weak": "audit too weak"}
MANY_ROWS = 8


def render_html(report: AuditReport) -> str:
    """Return the report as an HTML page; the same report gives the same bytes.

    Args:
        report: the report.

    Returns:
        The page; every text from the report is escaped.

    Raises:
        DataError: if the report holds NaN.
    """
    verdict = report.claim_verdict()
    many_targets = tables.n_targets(report) > tables.MANY_TARGETS
    return _page().render(
        name=report.subject.name,
        outcome=verdict.outcome if verdict else "none",
        badge=OUTCOME_WORDS.get(verdict.outcome, verdict.outcome) if verdict else _without_verdict(report),
        headline=headline(report),
        suffices=what_would_suffice(report),
        warnings=warnings_of(report),
        # The figures are our own markup; their texts are escaped where they are drawn.
        axis=Markup(epsilon_axis(report)),
        left_out=left_out(report),
        roc=Markup(roc_figure(report)) if roc_findings(report) else None,
        roc_caption=roc_caption(report) if roc_findings(report) else "",
        summary=tables.summary_table(report) if many_targets else None,
        findings=tables.finding_table(report),
        estimates=tables.estimate_table(report),
        reliability=reliability_table(report, many=many_targets),
        expected=expected_table(report, many=many_targets),
        queries=query_table(report),
        query_figure=Markup(query_figure(report)),
        who=who_sentences(report),
        groups=group_table(report),
        group_figure=Markup(group_figure(report)) if group_rows(report) else None,
        histogram=histogram_table(report),
        most_at_risk=most_at_risk_table(report),
        agreement=agreement_table(report),
        beside=beside_membership(report),
        worlds=distribution_table(report),
        worlds_are=pairs_sentence(report),
        worlds_figure=Markup(distribution_figure(report)) if distribution_findings(report) else None,
        worlds_control=control_table_of_worlds(report),
        ratios=ratio_table(report),
        games=games_table(report),
        has_records=bool(report.attacked()),
        rests_on=verdict_rests_on(report),
        intervals=interval_words(report),
        control_is=control_words(report),
        assumptions=tables.assumptions_of(report),
        controls=tables.control_table(report),
        accuracy=tables.accuracy_table(report),
        others=tables.other_tables(report),
        verdicts=tables.verdict_table(report),
        notes=tables.notes_of(report),
        methods=method_notes(report),
        provenance=tables.provenance_table(report),
        digest=audit_digest(report),
        many_rows=MANY_ROWS,
    )


def _without_verdict(report: AuditReport) -> str:
    """The badge of a report on the population alone, else that nothing was claimed."""
    return (outcome_of_worlds(report) if not report.attacked() else "") or "no claim"


@cache
def _page() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(files("privaudit.report").joinpath("page.html").read_text(encoding="utf-8"))
