"""Progress on stderr, results on stdout; no logic."""

import os
import sys
import time
from types import TracebackType

import click

from privaudit.interfaces import Progress
from privaudit.types import AuditReport

SECONDS_BETWEEN_LINES = 10.0


class ProgressLine:
    """Shows how far long work is and how long it still takes.

    On a terminal one line is rewritten; elsewhere (a CI log) a line is written every ten seconds and at each end.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        """Start the clock."""
        self._quiet = quiet
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._stage = ""
        self._started = self._shown = time.monotonic()
        self._first = 0

    def __enter__(self) -> "ProgressLine":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the rewritten line."""
        if self._live and self._stage and not self._quiet:
            click.echo(err=True)

    def __call__(self, step: Progress) -> None:
        """Show one step."""
        now = time.monotonic()
        if step.stage != self._stage:
            if self._live and self._stage and not self._quiet:
                click.echo(err=True)
            self._stage, self._started, self._first = step.stage, now, step.done
        ends = step.done in (self._first, step.total)
        if self._quiet or not (self._live or ends or now - self._shown > SECONDS_BETWEEN_LINES):
            return
        self._shown = now
        text = f"{step.stage}: {step.done} of {step.total} models{self._time_left(step, now)}"
        click.echo(f"\r{text:<70}" if self._live else text, nl=not self._live, err=True)

    def _time_left(self, step: Progress, now: float) -> str:
        fresh = step.done - self._first
        if step.done == step.total:
            return f", {now - self._started:.0f} s" if fresh else ", all on disk already"
        if not fresh:
            return ""
        left = (now - self._started) / fresh * (step.total - step.done)
        return f", about {left:.0f} s left"


def show_report(report: AuditReport, output_format: str, folder: str) -> None:
    """Print a report's summary, or the whole report as JSON."""
    if output_format == "json":
        from privaudit.report.serialise import report_to_json

        click.echo(report_to_json(report), nl=False)
        return
    from privaudit.report.terminal import render_text

    click.echo(render_text(report))
    click.echo(f"\nReport: {folder}")
