"""Which sections the page has: those that have something to say, in the order of the page."""

from collections.abc import Mapping
from dataclasses import dataclass

from privaudit.report.subgroup_tables import who_sentences
from privaudit.report.tables import Table, notes_of, other_tables
from privaudit.types import AuditReport


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSection:
    """One section of the page.

    Attributes:
        id: the anchor, and the name of the template.
        title: the heading.
        short: its name in the list of sections.
    """

    id: str
    title: str
    short: str


TITLES = (
    ("verdict", "The verdict in exact terms", "verdict"),
    ("epsilon", "Epsilon, from below and from above", "epsilon"),
    ("members", "Telling members from non-members", "attacks"),
    ("queries", "What fewer queries reach", "queries"),
    ("reliability", "What these rates are worth", "thresholds"),
    ("who", "Who is at risk", "who is at risk"),
    ("games", "How the risks relate", "games"),
    ("population", "What the model says about the population", "population"),
    ("canaries", "Canaries and other measurements", "canaries"),
    ("defenses", "Before and after each defense", "defenses"),
    ("control", "Positive control", "control"),
    ("accuracy", "Accuracy of the audited model", "accuracy"),
    ("methods", "Methods", "methods"),
    ("notes", "Notes", "notes"),
    ("provenance", "Provenance", "provenance"),
)


def sections_of(report: AuditReport, *, tables: Mapping[str, Table]) -> tuple[PageSection, ...]:
    """Return the sections that have something to say.

    Args:
        report: the report.
        tables: of `tables_of`.
    """
    has_records = bool(report.attacked())
    there = {name for name in ("queries", "reliability", "games", "accuracy") if tables[name].rows}
    there |= {"verdict", "methods", "provenance"} | ({"notes"} if notes_of(report) else set())
    there |= {"epsilon"} if has_records or tables["estimates"].rows else set()
    there |= {"members"} if tables["findings"].rows else set()
    there |= {"who"} if who_sentences(report) or tables["groups"].rows or tables["histogram"].rows else set()
    there |= (
        {"population"} if tables["worlds"].rows or tables["ratios"].rows or tables["worlds_control"].rows else set()
    )
    there |= {"canaries"} if other_tables(report) else set()
    there |= {"defenses"} if tables["defense_attacks"].rows else set()
    there |= {"control"} if has_records else set()
    return tuple(PageSection(id=id, title=title, short=short) for id, title, short in TITLES if id in there)
