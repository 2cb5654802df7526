"""``privaudit lint``."""

import json
from dataclasses import asdict

import click

from privaudit.cli.options import debug_option, format_option

NAMES = {"config": "audit config", "policy": "policy"}


@click.command("lint")
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option(
    "--kind",
    type=click.Choice(list(NAMES)),
    help="What the files are. [default: told by each file's keys]",
)
@format_option
@debug_option
def command(files: tuple[str, ...], kind: str | None, output_format: str, debug: bool) -> int:
    """Check audit configs and policies without data, without torch and without running anything.

    Names and parameters of methods are looked up, functions are looked for in their files, the baseline that a policy
    names is read. Every file is looked at; each problem is one line, `FILE: problem`.

    Exit code 0: all can be used. 2: something is wrong.
    """
    from datetime import date

    from privaudit.pipeline.lint_files import check_files

    checks = check_files(files, kind=kind, today=date.today())  # type: ignore[arg-type]  # click has checked the kind
    if output_format == "json":
        click.echo(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        for check in checks:
            good = () if check.problems else (f"{NAMES[check.kind or 'config']}, ok",)
            for said in (*check.problems, *(f"warning: {warning}" for warning in check.warnings), *good):
                click.echo(_one_line(f"{check.file}: {said}"))
    return 2 if any(check.problems for check in checks) else 0


def _one_line(text: str) -> str:
    """File names and what files say may hold anything."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))
