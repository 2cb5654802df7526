"""What to do, from the plans of one question, in a sentence or two per game."""

from collections.abc import Sequence

from privaudit.estimators.power_plan import PowerPlan
from privaudit.report.words import delta_text, epsilon_text, percent_text

LEAK_NAMES = {"gaussian": "gaussian (DP-SGD-like)", "randomised_response": "randomised_response (best case)"}
CONDITIONS = {
    ("one_run", "gaussian"): "if the leak is that of a Gaussian mechanism (as in DP-SGD)",
    ("one_run", "randomised_response"): "in the best case, where every answer is as right as epsilon allows",
    ("clopper_pearson", "gaussian"): "if the leak is that of a Gaussian mechanism (as in DP-SGD)",
    ("gaussian_dp", "gaussian"): "if the mechanism is known to be Gaussian (gaussian_dp, in_family)",
    ("clopper_pearson", "randomised_response"): "in the best case, where every answer is as right as epsilon allows",
}


def plan_advice(plans: Sequence[PowerPlan]) -> tuple[str, ...]:
    """Return the question and what answers it, a sentence or two per game.

    Args:
        plans: of one question.
    """
    sentences = []
    for game in dict.fromkeys(plan.game for plan in plans):
        group = [plan for plan in plans if plan.game == game]
        is_search = any(plan.n_trainings is None for plan in group)
        ...
    return tuple(sentences)
