"""Progress on stderr, results on stdout; no logic."""

import sys
import time
from types import TracebackType
from typing import Protocol, Self

import click

from privaudit.interfaces import Progress
from privaudit.types import AuditReport

SECONDS_BETWEEN_LINES = 10.0


class ProgressView(Protocol):
    """Shows how far long work is; a context manager and a progress hook in one."""

    def __enter__(self) -> Self:
        """Start."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        ...

    def __call__(self, step: Progress) -> None:
        """Show one step."""
        ...


class _Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        return None

    def __call__(self, step: Progress) -> None:
        return None


class _Lines(_Silent):
    """Writes a line every ten seconds and at both ends of a stage, for logs."""

    def __init__(self) -> None:
        self._stage, self._first = "", 0
        self._started = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __call__(self, step: Progress) -> None:
        now = time.monotonic()
        if step.note:
            click.echo(f"{step.stage}: {step.note}", err=True)
            return
        if step.stage != self._stage:
            self._stage, self._started, self._first = step.stage, now, step.done
        if step.done in (self._first, step.total) or now - self._shown > SECONDS_BETWEEN_LINES:
            self._shown = now
            click.echo(f"{step.stage}: {step.done} of {step.total} {step.unit}{self._time_left(step, now)}", err=True)

    def _time_left(self, step: Progress, now: float) -> str:
        fresh = step.done - self._first
        if step.done == step.total:
            return f", {now - self._started:.0f} s" if fresh else ", all on disk already"
        left = (now - self._started) / fresh * (step.total - step.done) if fresh else 0.0
        return f", about {left:.0f} s left" if fresh else ""


class _Bar(_Silent):
    """A live bar per stage with the time left, for terminals."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}, left"),
            TimeRemainingColumn(),
        )
        self._bars = Bars(*columns, console=Console(stderr=True))
        self._stage, self._task = "", self._bars.add_task("preparing", total=None, visible=False, unit="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bars.stop()

    def __call__(self, step: Progress) -> None:
        if step.note:
            self._bars.console.print(f"{step.stage}: {step.note}", markup=False)
            return
        if step.stage != self._stage:
            self._stage = step.stage
            self._task = self._bars.add_task(step.stage, total=step.total, unit=step.unit)
        self._bars.update(self._task, completed=step.done)


def progress_view(*, quiet: bool) -> ProgressView:
    """Return a live bar on a terminal, lines elsewhere, nothing if quiet."""
    if quiet:
        return _Silent()
    return _Bar() if sys.stderr.isatty() else _Lines()


def show_report(report: AuditReport, output_format: str, folder: str | None) -> None:
    """Print a report's summary and where its files are, or the whole report as JSON."""
    if output_format == "json":
        from privaudit.report.serialise import report_to_json

        click.echo(report_to_json(report), nl=False)
        return
    from privaudit.report.terminal import render_text

    click.echo(render_text(report))
    if folder is not None:
        click.echo(f"\nReport: {folder}")
