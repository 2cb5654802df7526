"""``privaudit attack``."""

from pathlib import Path

import click

from privaudit.cli.console import show_report
from privaudit.cli.options import debug_option, format_option, quiet_option


@click.command("attack")
@click.argument("out", type=click.Path(file_okay=False))
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    help="Take attacks (distribution.attacks, too), estimators, primary, confidence and report from this audit.yaml.",
)
@format_option
@quiet_option
@debug_option
def command(out: str, config: str | None, output_format: str, quiet: bool, debug: bool) -> int:
    """Attack, estimate and report again from the signals stored in OUT, without training and without torch."""
    from privaudit.config import load_config
    from privaudit.pipeline.analyse import analyse
    from privaudit.pipeline.stored import stored_config
    from privaudit.pipeline.timings import stamp_again
    from privaudit.report.write import write_reports
    from privaudit.store.manifest import read_manifest

    changes = load_config(config) if config else None
    report = analyse(Path(out), changes=changes)
    formats = stored_config(read_manifest(Path(out) / "manifest.json"), changes).report.formats
    write_reports(report, Path(out), formats)
    stamp_again(Path(out))
    show_report(report, output_format, out)
    return 0
