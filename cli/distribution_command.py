"""``privaudit distribution``."""

from pathlib import Path
from typing import Any

import click

from privaudit.cli.console import progress_view, show_report
from privaudit.cli.options import debug_option, format_option, quiet_option, training_options


@click.command("distribution")
@click.argument("config", type=click.Path(dir_okay=False))
@training_options
@click.option("--accept-versions", is_flag=True, help="Use stored models that other library versions trained.")
@format_option
@quiet_option
@debug_option
def command(config: str, accept_versions: bool, output_format: str, quiet: bool, debug: bool, **flags: Any) -> int:
    """Train models of several worlds and tell from their answers which world each was trained on.

    CONFIG is an audit.yaml with kind: distribution, for example

    \b
    kind: distribution
    data: {source: adult}
    model: {build: linear}
    recipe: {steps: 40, sample_rate: 1.0, optimizer: {lr: 1.0},
             dp: {noise_multiplier: 0, max_grad_norm: 1.0}}
    distribution:
      property: {group: sex, value: Female}
      ratios: [0.5, 0.2]

    or, of models that train on graphs,

    \b
    kind: distribution
    model: {build: gcn}
    recipe: {steps: 100, optimizer: {name: adam, lr: 0.01}}
    distribution:
      graphs: {property: clustering, values: [0.0, 0.9]}

    access: white_box hands out the weights as well, distribution.poison adds an
    attacker's records (docs/distribution.md, docs/graphs.md).

    An interrupted audit goes on from what its folder holds.
    """
    from privaudit.cli.settings import with_flags
    from privaudit.config import load_config
    from privaudit.errors import ConfigError
    from privaudit.pipeline import run_audit

    settings = with_flags(load_config(config), **flags)
    if settings.kind != "distribution":
        raise ConfigError(
            f"{config}: kind is {settings.kind} (membership where none is given). Write kind: distribution, or use `privaudit run`.",
            key="kind",
        )
    with progress_view(quiet=quiet) as progress:
        report = run_audit(settings, base=Path(config).parent, accept_versions=accept_versions, progress=progress)
    show_report(report, output_format, settings.out)
    return 0
