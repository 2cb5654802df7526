"""``privaudit plan``."""

import json
from typing import TYPE_CHECKING, Any

import click

from privaudit.cli.options import debug_option, format_option

if TYPE_CHECKING:
    from privaudit.estimators.power_plan import PowerPlan

HEAD = ("game", "estimator", "leak", "canaries", "guesses", "trainings", "power", "typical bound", "ceiling")


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
    game: str,
    leak: str,
    minutes_per_training: float | None,
    workers: int,
    output_format: str,
    debug: bool,
    **asked: Any,
) -> int:
    """Plan an audit: how many canaries or trainings it needs, what a budget can show, what it costs.

    With --epsilon: the numbers needed to show that a model with this true epsilon exceeds the claim. With --canaries or
    --trainings: the smallest true epsilon that the budget can find, and the largest bound it could return.
    """
    from privaudit.estimators.power import DEFINITIONS, GAMES, SHADOW_ADVICE, cost_in_minutes, plan_audits
    from privaudit.estimators.power_plan import LEAKS
    from privaudit.report.codec import encode

    games, leaks = (GAMES if game == "all" else (game,)), (LEAKS if leak == "both" else (leak,))

    def minutes(n_trainings: int | None) -> float | None:
        if minutes_per_training is None or n_trainings is None:
            return None
        return cost_in_minutes(n_trainings, minutes_per_training=minutes_per_training, workers=workers)

    minutes(1)  # a mistake in the cost is said before any work
    plans = plan_audits(games=games, leaks=leaks, **asked)  # type: ignore[arg-type]
    costs = [minutes(plan.n_trainings) for plan in plans]
    advice_costs = [minutes(advice.n_trainings) for advice in SHADOW_ADVICE]
    if output_format == "json":
        rows = [{**encode(plan), "minutes": cost} for plan, cost in zip(plans, costs, strict=True)]
        shadow = [{**encode(advice), "minutes": cost} for advice, cost in zip(SHADOW_ADVICE, advice_costs, strict=True)]
        click.echo(json.dumps({"plans": rows, "shadow": shadow, "definitions": DEFINITIONS}, indent=1))
        return 0
    lines = [_row(plan, cost) for plan, cost in zip(plans, costs, strict=True)]
    for advice, cost in zip(SHADOW_ADVICE, advice_costs, strict=True):
        lines.append(("shadow", advice.use, *[""] * 3, f"{advice.n_trainings:,}", *[""] * 4, _minutes(cost)))
    _show(lines, plans)
    return 0


def _row(plan: "PowerPlan", cost: float | None) -> tuple[str, ...]:
    from privaudit.report.words import epsilon_text

    counts = (plan.n_canaries, plan.n_guesses, plan.n_trainings)
    epsilons = (plan.typical, plan.ceiling, plan.detectable_epsilon)
    return (
        plan.game,
        plan.estimator,
        plan.leak,
        *("none" if count is None else f"{count:,}" for count in counts),
        "" if plan.power is None else f"{plan.power:.3f}",
        *("" if value is None else epsilon_text(value) for value in epsilons),
        _minutes(cost),
    )


def _minutes(cost: float | None) -> str:
    return "" if cost is None else f"{cost:,.4g}" if cost < 1e4 else f"{cost:,.0f}"


def _show(rows: list[tuple[str, ...]], plans: "tuple[PowerPlan, ...]") -> None:
    from privaudit.estimators.power import DEFINITIONS
    from privaudit.report.tables import Table
    from privaudit.report.terminal import plain_table
    from privaudit.report.words import delta_text, percent_text

    head = (*HEAD, "detectable epsilon", "minutes")
    used = [column for column in range(len(head)) if any(row[column] for row in rows)]
    table = Table(head=tuple(head[c] for c in used), rows=tuple(tuple(row[c] for c in used) for row in rows))
    click.echo(plain_table(table))
    asked = plans[0]
    click.echo(
        f"\nAt delta {delta_text(asked.delta)} and confidence {percent_text(asked.confidence)}; the claim is "
        f"{asked.claim:g}, the wanted power {asked.wanted_power:g}"
        + ("." if asked.epsilon is None else f", the assumed true epsilon {asked.epsilon:g}.")
    )
    for plan in plans:
        if plan.reason:
            click.echo(f"{plan.game}, {plan.estimator}, {plan.leak}: {plan.reason}.")
    for name, meaning in DEFINITIONS.items():
        if any(getattr(plan, name) is not None for plan in plans):
            click.echo(f"{name.replace('_', ' ')}: {meaning}.")
    for game in dict.fromkeys(plan.game for plan in plans):
        said = dict.fromkeys(line for plan in plans if plan.game == game for line in plan.assumptions)
        click.echo(f"assumed for {game}: {'; '.join(said)}.")
    click.echo(
        "shadow: models that make an attack stronger, a rule of thumb that promises no epsilon. A positive control costs "
        "as much again as the audit it stands beside."
    )
