"""``privaudit run``."""

import faulthandler
from pathlib import Path
from typing import Any

import click

from privaudit.cli.console import progress_view, show_report
from privaudit.cli.options import debug_option, format_option, quiet_option, training_options


@click.command("run")
@click.argument("config", required=False, type=click.Path(dir_okay=False))
@training_options
@click.option("--policy", type=click.Path(dir_okay=False), help="Judge the report by this policy; sets the exit code.")
@click.option("--accept-versions", is_flag=True, help="Use stored models that other library versions trained.")
@click.option(
    "--stop-when",
    type=click.Choice(["decided"]),
    help="End a many-runs canary game once the claim is exceeded, or cannot be. [config: canaries.stop_when]",
)
@format_option
@quiet_option
@debug_option
def command(
    config: str | None,
    policy: str | None,
    accept_versions: bool,
    output_format: str,
    quiet: bool,
    debug: bool,
    **flags: Any,
) -> int:
    """Train target and shadow models, attack, estimate, report.

    CONFIG is an audit.yaml (see `privaudit init`). Without it the bundled audit runs: one model on 12,000 records of
    Adult, trained without DP-SGD, with it, and with its clipping but no noise, side by side. An interrupted audit goes
    on from what its folder holds.
    """
    faulthandler.enable(file=2)  # a model whose native code crashes in the check before training leaves a word
    from privaudit.cli.gate_command import judge_and_show
    from privaudit.cli.settings import with_flags
    from privaudit.config import load_config
    from privaudit.gate import load_policy
    from privaudit.pipeline import run_audit

    rules = load_policy(policy) if policy else None
    settings = with_flags(load_config(config), **flags)
    with progress_view(quiet=quiet) as progress:
        report = run_audit(
            settings,
            base=Path(config).parent if config else None,
            accept_versions=accept_versions,
            progress=progress,
        )
    show_report(report, output_format, settings.out)
    if rules is None:
        return 0
    return judge_and_show(report, rules, "text", err=output_format == "json", folder=settings.out)
