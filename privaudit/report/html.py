"""The report as one self-contained page: readable without the small script in it, and nothing is fetched."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from privaudit.report.first_screen import first_screen
from privaudit.report.page_figures import figures_of
from privaudit.report.page_script import script_of_page
from privaudit.report.page_sections import sections_of
from privaudit.report.page_tables import tables_of
from privaudit.report.page_words import words_of
from privaudit.report.thin import thin_report
from privaudit.types import AuditReport

MANY_ROWS = 8
FOLDER = "page"
UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def render_html(report: AuditReport) -> str:
    """Return the report as an HTML page; the same report gives the same bytes.

    Args:
        report: the report.

    Returns:
        The page; every text from the report is escaped.

    Raises:
        DataError: if the report holds NaN.
    """
    report = thin_report(report)  # once, and as report.json holds it
    content: dict[str, Any] = {
        "answers": first_screen(report),
        # The figures are our own markup; their texts are escaped where they are drawn.
        "figures": {name: Markup(figure) for name, figure in figures_of(report).items()},
        "tables": tables_of(report),
        "words": words_of(report),
        "many_rows": MANY_ROWS,
    }
    sections = sections_of(report, tables=content["tables"])
    return _environment().get_template("page.html").render(content, sections=sections, **_constants())


def _constants() -> dict[str, Any]:
    """What is the same on every page: the style, the script and its digest, in that order allowed by the page's policy."""
    script, digest = script_of_page()
    return {"style": Markup(_read("style.css")), "script": Markup(script), "script_digest": digest}


@cache
def _environment() -> Environment:
    loader = FunctionLoader(_read)
    # One after the other: what a page cannot hold is taken out of every text, then the text is escaped.
    return Environment(
        loader=loader,
        autoescape=True,
        finalize=_showable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _showable(value: Any) -> Any:
    """Texts without control characters, halves of characters and marks that turn the direction of what follows."""
    return UNSHOWN.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _read(name: str) -> str:
    return files("privaudit.report").joinpath(FOLDER, name).read_text(encoding="utf-8")
