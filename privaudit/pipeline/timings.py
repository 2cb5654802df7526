"""The only place of an audit that looks at a clock; what it sees stands in timings.json, which no report holds."""

import json
import platform
import time
from pathlib import Path
from typing import Any

from privaudit.config import AuditConfig
from privaudit.errors import StoreError
from privaudit.report.serialise import audit_digest, load_report
from privaudit.store.atomic import write_text
from privaudit.store.folder import AuditFolder
from privaudit.types import AuditReport


class Clock:
    """Seconds per stage."""

    def __init__(self) -> None:
        """Start."""
        self._seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Note the seconds since the last lap under a stage's name."""
        now = time.perf_counter()
        self._seconds[stage] = round(now - self._last, 3)
        self._last = now

    def write(self, folder: Path, config: AuditConfig, report: AuditReport) -> None:
        """Write the laps, the date, the host and where things ran, and which report they belong to.

        Args:
            folder: of the audit; arms of a comparison get their own files.
            config: where things ran.
            report: what was found.
        """
        content = {
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "audit_digest": audit_digest(report),
            "seconds": self._seconds,
            "host": platform.node(),
            "engine": config.engine.model_dump(),
            "device": config.device,
            "out": config.out,
        }
        _write(AuditFolder(folder).timings, content)
        for defense in config.defenses:
            arm = AuditFolder(folder / "defenses" / defense.arm)
            whole = {"finished": content["finished"], "host": content["host"], "out": str(arm.path)}
            _write(arm.timings, {**whole, **_whose(arm.path)})


def stamp_again(folder: Path) -> None:
    """Note in the timings of an audit and of its arms that their reports were made anew; models are as old as they were.

    Args:
        folder: of the audit.
    """
    for one in (folder, *sorted((folder / "defenses").glob("*"))):
        path = AuditFolder(one).timings
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # never finished, or not ours to mend
        if isinstance(content, dict):
            _write(path, {**content, **_whose(one)})


def _whose(folder: Path) -> dict[str, Any]:
    """The digest of the report that lies in a folder, if one was asked for as JSON."""
    try:
        return {"audit_digest": audit_digest(load_report(folder / "report.json"))}
    except StoreError:
        return {}


def _write(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1) + "\n")
