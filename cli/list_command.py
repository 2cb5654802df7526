"""``privaudit list``."""

import json
from dataclasses import MISSING, asdict, fields
from importlib import import_module

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
        takes = (
            f" Takes {parameters}." if method.kind == "defense" and (parameters := _parameters(method.where)) else ""
        )
        needs = "" if method.needs == "nothing" else f"needs {method.needs}"
        if method.source:  # too much for one line
            click.echo(f"  {method.name:<{width}}  {method.summary}")
            cost = f" Cost: {method.cost}." if method.cost else ""
            click.echo(f"  {'':<{width}}    {needs}.{takes}{cost} Source: {method.source}.")
        else:
            click.echo(f"  {method.name:<{width}}  {method.summary}{f' ({needs})' if needs else ''}")
    return 0


def _parameters(where: str) -> str:
    """Names of a method's parameters; those that must be given stand first and alone."""
    module, _, attribute = where.partition(":")
    own = [one for one in fields(getattr(import_module(module), attribute)) if one.init]
    needed = [one.name for one in own if one.default is MISSING and one.default_factory is MISSING]
    free = [one.name for one in own if one.name not in needed]
    return ", ".join([*needed, *(f"{name} (optional)" for name in free)])
