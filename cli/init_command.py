"""``privaudit init``."""

from importlib.resources import files
from pathlib import Path

import click

from privaudit.cli.options import debug_option
from privaudit.errors import ConfigError

TEMPLATES = {"audit.yaml": "audit_template.yaml", "target.py": "target_template.tmpl"}


@click.command("init")
@click.argument("folder", default=".", type=click.Path(file_okay=False))
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@debug_option
def command(folder: str, force: bool, debug: bool) -> int:
    """Write a commented audit.yaml and a target.py into FOLDER, ready to run and to be replaced by your own."""
    there = [name for name in TEMPLATES if (Path(folder) / name).exists()]
    if there and not force:
        raise ConfigError(
            f"{folder} already holds {' and '.join(there)}; choose another folder, or --force to overwrite."
        )
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, template in TEMPLATES.items():
        (Path(folder) / name).write_text(files("privaudit.cli").joinpath(template).read_text(encoding="utf-8"))
        click.echo(f"wrote {Path(folder) / name}")
    click.echo(
        f"next: replace load_data and build_model in target.py, then `privaudit run {Path(folder) / 'audit.yaml'} --out {Path(folder) / 'out'}`"
    )
    return 0
