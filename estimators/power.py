"""Planning an audit: every game that could answer a question, with its numbers, its power and its cost."""

import math
from dataclasses import dataclass
from typing import Literal, TypedDict

from privaudit.errors import ConfigError
from privaudit.estimators.power_many_runs import COUNT_ESTIMATORS, many_runs_power, trainings_needed
from privaudit.estimators.power_one_run import canaries_needed, one_run_power
from privaudit.estimators.power_plan import LEAKS, Leak, PowerPlan

Game = Literal["one_run", "many_runs"]
GAMES: tuple[Game, ...] = ("one_run", "many_runs")

DEFINITIONS = {
    "power": "the probability that the bound exceeds the claim if the true epsilon is the assumed one",
    "typical": "the bound at the median counts if the true epsilon is the assumed one",
    "ceiling": "the largest bound that the audit could return, with no wrong answer",
    "detectable_epsilon": "the smallest true epsilon, at this delta, at which the bound exceeds the claim with the wanted "
    "power; where a threshold was fixed, at that one",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowAdvice:
    """How many shadow models an attack wants: it makes the attack stronger and says nothing about epsilon.

    Attributes:
        n_trainings: shadow models.
        use: what they suffice for.
    """

    n_trainings: int
    use: str


SHADOW_ADVICE = (
    ShadowAdvice(n_trainings=8, use="at least"),
    ShadowAdvice(n_trainings=16, use="pooled variance"),
    ShadowAdvice(n_trainings=64, use="per-record variance"),
)


class _Question(TypedDict):
    delta: float
    confidence: float
    claim: float
    wanted_power: float


def plan_audits(
    *,
    epsilon: float | None = None,
    delta: float,
    confidence: float = 0.95,
    claim: float = 0.0,
    n_canaries: int | None = None,
    n_trainings: int | None = None,
    games: tuple[Game, ...] = GAMES,
    leaks: tuple[Leak, ...] = LEAKS,
    share: float | None = None,
    wanted_power: float = 0.8,
) -> tuple[PowerPlan, ...]:
    """Return a plan per game, estimator and leak: the numbers needed, or what a stated budget can show.

    Args:
        epsilon: the assumed true epsilon at ``delta``, above the claim.
        delta: the delta of every epsilon here.
        confidence: of the bounds.
        claim: the epsilon that the bound is to exceed; 0 asks for any leak at all.
        n_canaries: a budget for the game ``one_run``; ``None`` looks for the number needed.
        n_trainings: a budget for the game ``many_runs``, half of it with the canary; ``None`` likewise.
        games: the games to plan.
        leaks: the shapes of leak to assume.
        share: share of the canaries to guess about; ``None`` = 20 % of up to 2,000 canaries, 10 % of more.
        wanted_power: the probability with which the bound must exceed the claim.

    Raises:
        ConfigError: if neither an epsilon nor a budget is stated, or both budgets, or an argument is out of range.

    Source: see `one_run_power` and `many_runs_power`.

    >>> plans = plan_audits(epsilon=4.0, delta=1e-5, claim=1.0, leaks=("randomised_response",))
    >>> [(plan.game, plan.n_trainings, plan.n_canaries) for plan in plans]
    [('one_run', 1, 50), ('many_runs', 28, 1)]
    """
    _check_budgets(epsilon, n_canaries, n_trainings, games, share)
    question = _Question(delta=delta, confidence=confidence, claim=claim, wanted_power=wanted_power)
    plans: list[PowerPlan] = []
    if "one_run" in games and n_trainings is None:
        plans += _one_run(n_canaries, epsilon, leaks, share, question)
    if "many_runs" in games and n_canaries is None:
        plans += _many_runs(n_trainings, epsilon, leaks, question)
    return tuple(plans)


def _one_run(
    n_canaries: int | None, epsilon: float | None, leaks: tuple[Leak, ...], share: float | None, question: _Question
) -> list[PowerPlan]:
    if n_canaries is not None:
        return [one_run_power(n_canaries, epsilon=epsilon, share=share, leak=leak, **question) for leak in leaks]
    if epsilon is not None:
        return [canaries_needed(epsilon=epsilon, share=share, leak=leak, **question) for leak in leaks]
    return []


def _many_runs(
    n_trainings: int | None, epsilon: float | None, leaks: tuple[Leak, ...], question: _Question
) -> list[PowerPlan]:
    pairs = [(estimator, leak) for leak in leaks for estimator in COUNT_ESTIMATORS]
    plans = []
    for estimator, leak in pairs:
        if estimator == "gaussian_dp" and leak != "gaussian":
            continue
        if n_trainings is not None:
            half = n_trainings // 2
            plans.append(many_runs_power(half, epsilon=epsilon, estimator=estimator, leak=leak, **question))
        elif epsilon is not None:
            plans.append(trainings_needed(epsilon=epsilon, estimator=estimator, leak=leak, **question))
    return plans


def _check_budgets(
    epsilon: float | None,
    n_canaries: int | None,
    n_trainings: int | None,
    games: tuple[Game, ...],
    share: float | None,
) -> None:
    if n_canaries is not None and n_trainings is not None:
        raise ConfigError("state one budget, canaries (one_run) or trainings (many_runs); got both.", key="canaries")
    if epsilon is None and n_canaries is None and n_trainings is None:
        raise ConfigError(
            "a plan needs the true epsilon to be found (--epsilon), or a budget (--canaries or --trainings); got none.",
            key="epsilon",
        )
    if n_canaries is not None and "one_run" not in games:
        raise ConfigError("canaries are the budget of the game one_run; got the game many_runs.", key="canaries")
    if n_trainings is not None and "many_runs" not in games:
        raise ConfigError("trainings are the budget of the game many_runs; got the game one_run.", key="trainings")
    if n_trainings is not None and n_trainings % 2:
        raise ConfigError(
            f"trainings must be an even number, half of them with the canary; got {n_trainings}.", key="trainings"
        )
    if share is not None and ("one_run" not in games or n_trainings is not None):
        raise ConfigError("a share of guesses belongs to the game one_run, which is not planned here.", key="share")


def cost_in_minutes(n_trainings: int, *, minutes_per_training: float, workers: int = 1) -> float:
    """Return how long trainings take: one training runs on one worker, so the last round may be part-filled.

    Args:
        n_trainings: trainings in all.
        minutes_per_training: of one training on one worker.
        workers: trainings that run side by side.

    Raises:
        ConfigError: if the minutes are no positive number or there is no worker.

    Source: none; arithmetic.

    >>> cost_in_minutes(34, minutes_per_training=3.0, workers=8)
    15.0
    """
    if not (0.0 < minutes_per_training < math.inf):
        raise ConfigError(
            f"minutes per training must be a positive number; got {minutes_per_training}.", key="minutes_per_training"
        )
    if workers < 1:
        raise ConfigError(f"workers must be at least 1; got {workers}.", key="workers")
    return math.ceil(n_trainings / workers) * minutes_per_training
