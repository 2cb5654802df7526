"""Flags that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

debug_option = click.option("--debug", is_flag=True, help="Show the traceback of an error.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What goes to stdout.",
)


def training_options(command: Command) -> Command:
    """Add the flags that override a config's keys where things run."""
    for option in (
        click.option("--workers", type=click.IntRange(min=1), help="Worker processes. [config: engine.workers]"),
        click.option(
            "--engine", type=click.Choice(["inline", "process", "ray"]), help="Executor. [config: engine.kind]"
        ),
        click.option("--device", help="auto, cpu or cuda:N. [config: device]"),
        click.option("--seed", type=click.IntRange(min=0), help="Root seed. [config: seed]"),
        click.option("--out", type=click.Path(file_okay=False), help="Folder of the audit. [config: out]"),
    ):
        command = option(command)
    return command
