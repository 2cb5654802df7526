"""Report files in a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

from privaudit.errors import ConfigError, StoreError
from privaudit.report.serialise import report_to_json
from privaudit.store.atomic import write_text
from privaudit.types import AuditReport
from privaudit.types.report import GateResult
from privaudit.validate import nearest

LOCATION = "audit.yaml"
Renderer = Callable[[AuditReport, GateResult | None, str], str]


def _json(report: AuditReport, result: GateResult | None, location: str) -> str:
    return report_to_json(report)


def _html(report: AuditReport, result: GateResult | None, location: str) -> str:
    # Imported here because jinja2 and matplotlib are slow to load and json needs neither.
    from privaudit.report.html import render_html

    return render_html(report)


def _markdown(report: AuditReport, result: GateResult | None, location: str) -> str:
    from privaudit.report.markdown import render_markdown

    return render_markdown(report, result)


def _text(report: AuditReport, result: GateResult | None, location: str) -> str:
    from privaudit.report.terminal import render_text

    return render_text(report) + "\n"


def _junit(report: AuditReport, result: GateResult | None, location: str) -> str:
    from privaudit.report.junit import render_junit

    return render_junit(report, result)


def _sarif(report: AuditReport, result: GateResult | None, location: str) -> str:
    from privaudit.report.sarif import render_sarif

    return render_sarif(report, result, location=location)


def _card(report: AuditReport, result: GateResult | None, location: str) -> str:
    from privaudit.report.card import render_card

    return render_card(report, result)


FILES = {
    "json": "report.json",
    "html": "report.html",
    "md": "report.md",
}  # what every audit writes unless told otherwise
MACHINE_FILES = {"junit": "report.junit.xml", "sarif": "report.sarif", "card": "model-card.yaml"}
RENDERERS: dict[str, Renderer] = {
    "json": _json,
    "html": _html,
    "md": _markdown,
    "junit": _junit,
    "sarif": _sarif,
    "card": _card,
    "text": _text,
}
JUDGED = ("md", "junit", "sarif", "card")  # formats that show what a gate says


def rendered(report: AuditReport, name: str, *, result: GateResult | None = None, location: str = LOCATION) -> str:
    """Return a report in one format.

    Args:
        report: the report.
        name: a key of `RENDERERS`.
        result: what a gate said about it; shown by the formats in `JUDGED`, ignored by the others.
        location: the audit config that findings are located at, in ``sarif``.

    Raises:
        ConfigError: if the format is unknown.
    """
    _check_format(name, tuple(RENDERERS))
    return RENDERERS[name](report, result, location)


def write_reports(report: AuditReport, folder: str | Path, formats: Sequence[str]) -> list[Path]:
    """Write report.json, report.html, report.md and others, each whole or not at all.

    Args:
        report: the report.
        folder: made if missing.
        formats: any of ``json``, ``html``, ``md``, ``junit``, ``sarif``, ``card``.

    Returns:
        The files written, in the order of ``formats``.

    Raises:
        ConfigError: if a format is unknown; nothing is written then.
        StoreError: if a file cannot be written.
    """
    names = {**FILES, **MACHINE_FILES}
    for name in formats:
        _check_format(name, tuple(names))
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror}.") from error
    # Rendered before anything is written: a report that cannot be drawn leaves no half of itself.
    texts = {Path(folder) / names[name]: rendered(report, name) for name in dict.fromkeys(formats)}
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def _check_format(name: str, known: Sequence[str]) -> None:
    if name not in known:
        listed = ", ".join(known)
        raise ConfigError(f"report formats are {listed}; got {name!r}.{nearest(name, known)}", key="formats")
