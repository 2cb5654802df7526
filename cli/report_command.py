"""``privaudit report``."""

import json
from pathlib import Path

import click

from privaudit.cli.options import debug_option, quiet_option


@click.command("report")
@click.argument("report", required=False, type=click.Path())
@click.option(
    "--format", "output_format", type=click.Choice(["html", "md", "json", "text"]), default="text", show_default=True
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to this file instead of stdout.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of report.json and stop.")
@quiet_option
@debug_option
def command(report: str | None, output_format: str, output: str | None, schema: bool, quiet: bool, debug: bool) -> int:
    """Write REPORT (a report.json, or the folder of an audit) in another format."""
    if schema:
        from privaudit.report.schema import report_json_schema

        _emit(json.dumps(report_json_schema(), indent=2) + "\n", output)
        return 0
    if report is None:
        raise click.UsageError("Missing argument 'REPORT': a report.json, or the folder of an audit.")
    from privaudit.cli.paths import report_file
    from privaudit.report import load_report
    from privaudit.report.write import RENDERERS

    _emit(RENDERERS[output_format](load_report(report_file(report))), output)
    return 0


def _emit(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    from privaudit.store.atomic import write_text

    write_text(Path(output), text)
