"""``privaudit list``."""

import json
from dataclasses import asdict

import click

from privaudit.cli.options import debug_option, format_option

PLURALS = {
    "attacks": "attack",
    "distribution-attacks": "distribution_attack",
    "defenses": "defense",
    "estimators": "estimator",
    "collectors": "collector",
    "canaries": "canary",
    "games": "game",
    "models": "model",
    "data": "data",
}


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(list(PLURALS)))
@format_option
@debug_option
def command(kind: str | None, output_format: str, debug: bool) -> int:
    """List what a config can name, with what each needs."""
    from privaudit.registry import list_methods

    methods = list_methods(PLURALS[kind] if kind else None)
    if output_format == "json":
        click.echo(json.dumps([asdict(method) for method in methods], indent=1))
        return 0
    width = max(len(method.name) for method in methods)
    last = ""
    for method in methods:
        if method.kind != last:
            click.echo(f"{'' if not last else chr(10)}{method.kind}")
            last = method.kind
        needs = "" if method.needs == "nothing" else f"needs {method.needs}"
        if method.source:  # too much for one line
            click.echo(f"  {method.name:<{width}}  {method.summary}")
            cost = f" Cost: {method.cost}." if method.cost else ""
            click.echo(f"  {'':<{width}}    {needs}.{cost} Source: {method.source}.")
        else:
            click.echo(f"  {method.name:<{width}}  {method.summary}{f' ({needs})' if needs else ''}")
    return 0
