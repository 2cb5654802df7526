"""Report files in a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

from privaudit.errors import ConfigError, StoreError
from privaudit.report.serialise import report_to_json
from privaudit.store.atomic import write_text
from privaudit.types import AuditReport
from privaudit.validate import nearest


def _html(report: AuditReport) -> str:
    # Imported here because jinja2 and matplotlib are slow to load and json needs neither.
    from privaudit.report.html import render_html

    return render_html(report)


def _markdown(report: AuditReport) -> str:
    from privaudit.report.markdown import render_markdown

    return render_markdown(report)


def _text(report: AuditReport) -> str:
    from privaudit.report.terminal import render_text

    return render_text(report) + "\n"


FILES: dict[str, Callable[[AuditReport], str]] = {"json": report_to_json, "html": _html, "md": _markdown}
RENDERERS = {**FILES, "text": _text}


def write_reports(report: AuditReport, folder: str | Path, formats: Sequence[str]) -> list[Path]:
    """Write report.json, report.html and report.md, each whole or not at all.

    Args:
        report: the report.
        folder: made if missing.
        formats: any of ``json``, ``html``, ``md``.

    Returns:
        The files written, in the order of ``formats``.

    Raises:
        ConfigError: if a format is unknown; nothing is written then.
        StoreError: if a file cannot be written.
    """
    for name in formats:
        if name not in FILES:
            known = ", ".join(FILES)
            raise ConfigError(f"report formats are {known}; got {name!r}.{nearest(name, FILES)}", key="formats")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror}.") from error
    # Rendered before anything is written: a report that cannot be drawn leaves no half of itself.
    texts = {Path(folder) / f"report.{name}": FILES[name](report) for name in dict.fromkeys(formats)}
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)
