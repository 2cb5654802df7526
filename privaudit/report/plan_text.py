"""What planned audits need and could show, as plain text for a terminal."""

import textwrap
from collections.abc import Sequence

from privaudit.estimators.power import DEFINITIONS, SHADOW_ADVICE, cost_in_minutes
from privaudit.estimators.power_plan import PowerPlan
from privaudit.report.codec import encode
from privaudit.report.plan_advice import plan_advice
from privaudit.report.tables import Table
from privaudit.report.terminal import WIDTH, plain_table, wrapped
from privaudit.report.words import epsilon_text

LEAK_NAMES = {"gaussian": "gaussian (DP-SGD-like)", "randomised_response": "randomised_response (best case)"}
GAMES = {
    "one_run": "one_run: many canaries, each in the training set by its own coin; one training",
    "many_runs": "many_runs: one canary, in half of many trainings",
}
TYPICAL, DETECTABLE = "typical", "detectable"
NAMES = {"detectable_epsilon": DETECTABLE}
CONTROL = "A positive control costs as much again as the audit it stands beside."


def plan_text(
    plans: Sequence[PowerPlan], *, has_budget: bool, minutes_per_training: float | None = None, workers: int = 1
) -> str:
    """Return plans as advice, a table per game, and what the words mean.

    Args:
        plans: of one question.
        has_budget: the numbers were stated, not looked for.
        minutes_per_training: of one training on one worker; adds the cost.
        workers: trainings that run side by side.

    Raises:
        ConfigError: if the minutes are no positive number or there is no worker.
    """
    costs = [_minutes(plan.n_trainings, minutes_per_training, workers) for plan in plans]
    parts = ["\n".join(wrapped(sentence) for sentence in plan_advice(plans, has_budget=has_budget))]
    for game, title in GAMES.items():
        rows = [_row(plan, cost) for plan, cost in zip(plans, costs, strict=True) if plan.game == game]
        if rows:
            parts.append(f"{title}\n{plain_table(_table(rows))}")
    if any(plan.reason for plan in plans):
        parts.append(_lines("Why there is none", _reasons(plans)))
    parts.append(_lines("Words", _definitions(plans)))
    parts.append(_lines("Assumed", list(dict.fromkeys(_assumption(a) for plan in plans for a in plan.assumptions))))
    return "\n\n".join([*parts, wrapped(f"{_shadow(minutes_per_training, workers)} {CONTROL}")])


def plan_record(
    plans: Sequence[PowerPlan], *, minutes_per_training: float | None = None, workers: int = 1
) -> dict[str, object]:
    """Return plans as JSON values, with what they cost and what the words mean.

    Args:
        plans: of one question.
        minutes_per_training: of one training on one worker; ``None`` leaves the cost out.
        workers: trainings that run side by side.

    Raises:
        ConfigError: if the minutes are no positive number or there is no worker.
    """

    def with_cost(row: object, n_trainings: int | None) -> dict[str, object]:
        return {**encode(row), "minutes": _minutes(n_trainings, minutes_per_training, workers)}

    return {
        "plans": [with_cost(plan, plan.n_trainings) for plan in plans],
        "shadow": [with_cost(advice, advice.n_trainings) for advice in SHADOW_ADVICE],
        "definitions": DEFINITIONS,
    }


def _minutes(n_trainings: int | None, minutes_per_training: float | None, workers: int) -> float | None:
    if minutes_per_training is None or n_trainings is None:
        return None
    return cost_in_minutes(n_trainings, minutes_per_training=minutes_per_training, workers=workers)


def _minutes_text(cost: float) -> str:
    return f"{cost:,.4g}" if cost < 1e4 else f"{cost:,.0f}" if cost < 1e6 else f"{cost:.3g}"


def _row(plan: PowerPlan, cost: float | None) -> dict[str, str]:
    one_run = plan.game == "one_run"
    counts = {"canaries": plan.n_canaries, "guesses": plan.n_guesses} if one_run else {"trainings": plan.n_trainings}
    detectable = plan.detectable_epsilon
    return {
        **({} if one_run else {"estimator": plan.estimator}),
        "leak": LEAK_NAMES[plan.leak],
        **{name: "none" if count is None else f"{count:,}" for name, count in counts.items()},
        "power": "" if plan.power is None else f"{plan.power:.3f}",
        TYPICAL: "" if plan.typical is None else epsilon_text(plan.typical, "down"),
        "ceiling": "" if plan.ceiling is None else epsilon_text(plan.ceiling, "up"),
        DETECTABLE: epsilon_text(detectable, "up") if detectable is not None else "none" if plan.n_trainings else "",
        "validity": str(plan.validity),
        "minutes": "" if cost is None else _minutes_text(cost),
    }


def _table(rows: list[dict[str, str]]) -> Table:
    used = [name for name in rows[0] if any(row[name] for row in rows)]
    return Table(head=tuple(used), rows=tuple(tuple(row[name] for name in used) for row in rows))


def _reasons(plans: Sequence[PowerPlan]) -> list[str]:
    reasons = dict.fromkeys((plan.estimator, plan.reason) for plan in plans if plan.reason)
    return [
        f"{estimator}, {' and '.join(LEAK_NAMES[p.leak] for p in plans if (p.estimator, p.reason) == (estimator, reason))}: "
        f"{reason}."
        for estimator, reason in reasons
    ]


def _definitions(plans: Sequence[PowerPlan]) -> list[str]:
    used = [name for name in DEFINITIONS if any(getattr(plan, name) is not None for plan in plans)]
    return [f"{NAMES.get(name, name)}: {DEFINITIONS[name]}." for name in used]


def _assumption(text: str) -> str:
    for leak, name in LEAK_NAMES.items():
        text = text.replace(f"leak {leak}:", f"leak {name}:")
    return f"{text}."


def _lines(title: str, lines: Sequence[str]) -> str:
    fold = textwrap.TextWrapper(WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join([f"{title}:", *(fold.fill(line) for line in lines)])


def _shadow(minutes_per_training: float | None, workers: int) -> str:
    uses = []
    for advice in SHADOW_ADVICE:
        cost = _minutes(advice.n_trainings, minutes_per_training, workers)
        n = advice.n_trainings
        words = f"{advice.use} {n}" if advice.use == "at least" else f"{n} with {advice.use}"
        uses.append(words + ("" if cost is None else f" ({_minutes_text(cost)} minutes)"))
    return f"Shadow models strengthen an attack: {', '.join(uses)}; that is a rule of thumb and promises no epsilon."
