"""What to do, from the plans of one question, in a sentence or two per game."""

import math
from collections.abc import Callable, Sequence

from privaudit.estimators.power_plan import LARGEST_NUMBER, PowerPlan
from privaudit.report.words import delta_text, epsilon_text, percent_text

GAUSSIAN = ", if the leak is that of a Gaussian mechanism (as in DP-SGD)"
FAMILY = ", if the mechanism is known to be Gaussian (gaussian_dp, in_family)"
BEST = " in the best case"
BEST_SAID = ", where every answer is as right as epsilon allows"


def plan_advice(plans: Sequence[PowerPlan], *, has_budget: bool) -> tuple[str, ...]:
    """Return what answers the question, a sentence or two per game.

    Args:
        plans: of one question.
        has_budget: the numbers were stated, not looked for.
    """
    groups = [[p for p in plans if p.game == game] for game in dict.fromkeys(plan.game for plan in plans)]
    if has_budget:
        found = [sentence for group in groups for sentence in _budget(group)]
        return (*found, f"The question is whether the model {_question(plans[0])}.")
    first = plans[0]
    start = f"To show that a model whose true epsilon is {first.epsilon:g} {_question(first)}: "
    return tuple(("" if number else start) + _needed(group, is_first=not number) for number, group in enumerate(groups))


def _question(plan: PowerPlan) -> str:
    what, claim = (f"exceeds a claim of {plan.claim:g}", "") if plan.claim else ("leaks anything at all", "claim 0, ")
    levels = f"{percent_text(plan.confidence)}, power {percent_text(plan.wanted_power)}"
    return f"{what} ({claim}delta {delta_text(plan.delta)}, {levels})"


def _needed(plans: list[PowerPlan], *, is_first: bool) -> str:
    one_run = plans[0].game == "one_run"
    unit, rest = ("canaries", " in one training") if one_run else ("trainings", " (half of them with the one canary)")
    counts = [plan.n_canaries if one_run else plan.n_trainings for plan in plans]
    named = next((place for place, count in enumerate(counts) if count is not None), 0)

    def say(place: int, plan: PowerPlan) -> str:
        count = counts[place]
        size = f"no number of {unit} up to {LARGEST_NUMBER:,}" if count is None else f"{count:,}"
        return size + (f" {unit}" if place == named and count is not None else "") + (rest if place == named else "")

    return ("" if is_first else "Or ") + _each(plans, say, is_first=is_first) + "."


def _budget(plans: list[PowerPlan]) -> list[str]:
    first = plans[0]
    size = (
        f"{first.n_canaries:,} canaries in one training"
        if first.game == "one_run"
        else f"{first.n_trainings:,} trainings (half of them with the one canary)"
    )
    if all(plan.detectable_epsilon is None for plan in plans):
        found = "no true epsilon, however large"
    else:
        found = "a true epsilon of " + _each(plans, lambda place, plan: _detectable(plan), is_first=True)
    sentences = [f"{size} find {found}; the largest bound they can return is {_ceilings(plans)}."]
    if first.epsilon is not None:
        shown = _each(plans, lambda place, plan: _power(plan), is_first=False)
        sentences.append(
            f"At a true epsilon of {first.epsilon:g} the bound exceeds the claim with probability {shown}."
        )
    return sentences


def _detectable(plan: PowerPlan) -> str:
    value = plan.detectable_epsilon
    return "no size" if value is None else f"{epsilon_text(value, 'up')} or more"


def _power(plan: PowerPlan) -> str:
    return percent_text(math.floor(1e4 * (plan.power or 0.0)) / 1e4, "down")


def _ceilings(plans: list[PowerPlan]) -> str:
    found = {plan.estimator: epsilon_text(plan.ceiling or 0.0, "up") for plan in plans}
    return ", ".join(f"{text} ({name})" if len(found) > 1 else text for name, text in found.items())


def _each(plans: list[PowerPlan], say: Callable[[int, PowerPlan], str], *, is_first: bool) -> str:
    """Say something of each plan, with the condition under which it holds."""
    parts = []
    for place, plan in enumerate(plans):
        if plan.leak == "gaussian":
            condition = FAMILY if plan.estimator == "gaussian_dp" else GAUSSIAN
        else:
            condition = BEST + (BEST_SAID if is_first else "")
        parts.append(say(place, plan) + condition)
    return "; ".join(parts)
