"""``privaudit gate``."""

import json

import click

from privaudit.cli.options import debug_option, format_option, quiet_option
from privaudit.gate import GatePolicy, judge
from privaudit.report.codec import encode
from privaudit.types import AuditReport


@click.command("gate")
@click.argument("report", type=click.Path())
@click.option("--policy", required=True, type=click.Path(dir_okay=False), help="The policy file.")
@format_option
@quiet_option
@debug_option
def command(report: str, policy: str, output_format: str, quiet: bool, debug: bool) -> int:
    """Judge REPORT (a report.json, or the folder of an audit) by a policy.

    Exit code 0: pass. 1: fail. 3: inconclusive.
    """
    from privaudit.cli.paths import report_file
    from privaudit.gate import load_policy
    from privaudit.report import load_report

    rules = load_policy(policy)
    return judge_and_show(load_report(report_file(report)), rules, output_format)


def judge_and_show(report: AuditReport, policy: GatePolicy, output_format: str, *, err: bool = False) -> int:
    """Print the verdict per rule and return the exit code."""
    result = judge(report, policy)
    if output_format == "json":
        click.echo(json.dumps(encode(result), indent=1), err=err)
    else:
        for verdict in result.verdicts:
            click.echo(f"{verdict.outcome:<13} {verdict.rule}: {verdict.reason}", err=err)
        click.echo(f"gate: {result.outcome}. {result.reason}", err=err)
    return {"pass": 0, "fail": 1}.get(result.outcome, 3)
