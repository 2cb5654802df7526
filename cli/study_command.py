"""``privaudit study``."""

from pathlib import Path
from typing import Literal

import click

from privaudit.cli.console import progress_view
from privaudit.cli.options import debug_option, quiet_option
from privaudit.studies.study import STUDIES, StudyOptions, run_study

DATA_VARIABLE = "PRIVAUDIT_DATA"


@click.command("study", epilog="Studies: " + " ".join(f"{name}: {entry.summary}" for name, entry in STUDIES.items()))
@click.argument("name", type=click.Choice(list(STUDIES)))
@click.option("--quick", "is_quick", is_flag=True, help="A small version, in less than a minute.")
@click.option("--controls", "is_controls", is_flag=True, help="Correct training instead of broken one.  [zoo]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Root of all that is random.")
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes.  [default: one per core]")
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar=DATA_VARIABLE,
    show_envvar=True,
    help="Folder of data sets that are not bundled.  [black-box, leaderboard, record-risk, hyperparameters]",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "md"]),
    default="text",
    show_default=True,
    help="How the tables are written.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write them here instead of to stdout.")
@quiet_option
@debug_option
def command(
    name: str,
    is_quick: bool,
    is_controls: bool,
    seed: int,
    workers: int | None,
    data_dir: Path | None,
    output_format: Literal["text", "json", "md"],
    out: Path | None,
    quiet: bool,
    debug: bool,
) -> int:
    """Run a study: what the audits find on mechanisms whose leak is known.

    The tables go to stdout, with each check as met or not; the exit code is 0 either way. The same seed gives the same
    numbers with any number of workers.
    """
    options = StudyOptions(
        is_quick=is_quick, seed=seed, workers=workers or "auto", data_dir=data_dir, is_controls=is_controls
    )
    with progress_view(quiet=quiet) as progress:
        result = run_study(name, options, progress)
    from privaudit.studies.study_text import study_json, study_markdown, study_text

    content = {"text": study_text, "json": study_json, "md": study_markdown}[output_format](result)
    if out is None:
        click.echo(content)
        return 0
    from privaudit.store.atomic import write_text

    write_text(out, content + "\n")
    click.echo(f"Study: {out}", err=True)
    return 0
