"""``privaudit defend``."""

from pathlib import Path
from typing import Any

import click

from privaudit.cli.console import progress_view, show_report
from privaudit.cli.options import debug_option, format_option, quiet_option, training_options


@click.command("defend")
@click.argument("config", type=click.Path(dir_okay=False))
@click.option(
    "--defense",
    "defenses",
    multiple=True,
    help="A defense, such as top_k or '{name: top_k, k: 1}'; may come several times. [config: defenses]",
)
@training_options
@click.option("--accept-versions", is_flag=True, help="Use stored models that other library versions trained.")
@format_option
@quiet_option
@debug_option
def command(
    config: str,
    defenses: tuple[str, ...],
    accept_versions: bool,
    output_format: str,
    quiet: bool,
    debug: bool,
    **flags: Any,
) -> int:
    """Audit the model of CONFIG without a defense and with each, against attackers who know it.

    CONFIG is an audit.yaml with a list of defenses (`privaudit list defenses` names them), for example

    \b
    defenses:
      - {name: dp_sgd, epsilon: 8}
      - {name: label_smoothing, share: 0.2}
      - {name: top_k, k: 1}

    Every defense has an audit of its own in OUT/defenses; the report in OUT puts them side by side. Output filters are
    asked again and again, and for labels alone, as an attacker would. An interrupted comparison goes on from what its
    folder holds.
    """
    from privaudit.cli.settings import with_defenses, with_flags
    from privaudit.config import load_config
    from privaudit.pipeline import run_audit

    settings = with_defenses(with_flags(load_config(config), **flags), defenses, where=config)
    with progress_view(quiet=quiet) as progress:
        report = run_audit(settings, base=Path(config).parent, accept_versions=accept_versions, progress=progress)
    show_report(report, output_format, settings.out)
    return 0
