"""``privaudit report``."""

import json
from pathlib import Path

import click

from privaudit.cli.options import debug_option, quiet_option
from privaudit.types import AuditReport
from privaudit.types.report import GateResult

FORMATS = ["html", "md", "json", "text", "junit", "sarif", "card"]


@click.command("report")
@click.argument("report", required=False, type=click.Path())
@click.option("--format", "output_format", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to this file instead of stdout.")
@click.option(
    "--policy", type=click.Path(dir_okay=False), help="Judge by this policy and show it; for md, junit, sarif and card."
)
@click.option(
    "--location",
    default="audit.yaml",
    show_default=True,
    help="The audit config that findings are located at, for sarif; from the root of the repository.",
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of report.json and stop.")
@quiet_option
@debug_option
def command(
    report: str | None,
    output_format: str,
    output: str | None,
    policy: str | None,
    location: str,
    schema: bool,
    quiet: bool,
    debug: bool,
) -> int:
    """Write REPORT (a report.json, or the folder of an audit) in another format.

    The exit code is 0 whatever a policy says; `privaudit gate` is what judges.
    """
    if schema:
        from privaudit.report.schema import report_json_schema

        _emit(json.dumps(report_json_schema(), indent=2) + "\n", output)
        return 0
    if report is None:
        raise click.UsageError("Missing argument 'REPORT': a report.json, or the folder of an audit.")
    from privaudit.cli.paths import report_file
    from privaudit.report import load_report
    from privaudit.report.write import JUDGED, rendered

    if policy is not None and output_format not in JUDGED:
        raise click.UsageError(f"--policy is shown by --format {', '.join(JUDGED)}; got --format {output_format}.")
    path = report_file(report)
    content = load_report(path)
    result = None if policy is None else _judged(content, policy, path.parent)
    _emit(rendered(content, output_format, result=result, location=location), output)
    return 0


def _judged(report: AuditReport, policy: str, folder: Path) -> GateResult:
    from privaudit.cli.judged import judge_stored
    from privaudit.gate import load_policy

    return judge_stored(report, load_policy(policy), folder)


def _emit(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    from privaudit.store.atomic import write_text

    write_text(Path(output), text)
