"""``privaudit plan``."""

import json
from typing import Literal

import click

from privaudit.cli.options import debug_option, format_option


@click.command("plan")
@click.option("--epsilon", type=float, help="The true epsilon that the audit is to find, at --delta.")
@click.option("--delta", type=float, default=1e-5, show_default=True, help="The delta of every epsilon.")
@click.option("--claim", type=float, default=0.0, show_default=True, help="Show more than this; 0 = that it leaks.")
@click.option("--canaries", "n_canaries", type=int, help="Budget: records with coins in one training.")
@click.option("--trainings", "n_trainings", type=int, help="Budget: trainings, half of them with the one canary.")
@click.option("--game", type=click.Choice(["one_run", "many_runs", "all"]), default="all", show_default=True)
@click.option(
    "--leak",
    type=click.Choice(["gaussian", "randomised_response", "both"]),
    default="both",
    show_default=True,
    help="The assumed shape of the leak.",
)
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the bound.")
@click.option("--power", "wanted_power", type=float, default=0.8, show_default=True, help="Wanted chance of success.")
@click.option("--share", type=float, help="Share of canaries to guess about.  [default: 0.2, above 2,000: 0.1]")
@click.option("--minutes-per-training", type=float, help="Of one training on one worker; adds the cost.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings side by side.")
@format_option
@debug_option
def command(
    epsilon: float | None,
    delta: float,
    claim: float,
    n_canaries: int | None,
    n_trainings: int | None,
    game: Literal["one_run", "many_runs", "all"],
    leak: Literal["gaussian", "randomised_response", "both"],
    confidence: float,
    wanted_power: float,
    share: float | None,
    minutes_per_training: float | None,
    workers: int,
    output_format: str,
    debug: bool,
) -> int:
    """Plan an audit: how many canaries or trainings it needs, what a budget can show, what it costs.

    With --epsilon: the numbers needed to show that a model with this true epsilon exceeds the claim. With --canaries or
    --trainings: the smallest true epsilon that the budget can find, and the largest bound it could return.
    """
    from privaudit.estimators.power import GAMES, cost_in_minutes, plan_audits
    from privaudit.estimators.power_plan import LEAKS
    from privaudit.report.plan_text import plan_record, plan_text

    if minutes_per_training is not None:  # a mistake in the cost is said before any work
        cost_in_minutes(1, minutes_per_training=minutes_per_training, workers=workers)
    plans = plan_audits(
        epsilon=epsilon,
        delta=delta,
        confidence=confidence,
        claim=claim,
        n_canaries=n_canaries,
        n_trainings=n_trainings,
        games=GAMES if game == "all" else (game,),
        leaks=LEAKS if leak == "both" else (leak,),
        share=share,
        wanted_power=wanted_power,
    )
    if output_format == "json":
        record = plan_record(plans, minutes_per_training=minutes_per_training, workers=workers)
        click.echo(json.dumps(record, indent=1))
        return 0
    has_budget = n_canaries is not None or n_trainings is not None
    click.echo(plan_text(plans, has_budget=has_budget, minutes_per_training=minutes_per_training, workers=workers))
    return 0
