"""The tables of the study: accuracies by ratio, the control, the regressions' errors, and one regression's answers for all pairs."""

from collections.abc import Mapping, Sequence

import numpy as np

from privaudit.studies.leaderboard.intervals import mean_of
from privaudit.studies.study import Cell, StudyTable
from privaudit.studies.white_box.contest import ATTACKS
from privaudit.studies.white_box.played import Played, mean_accuracy
from privaudit.studies.white_box.regressions import PIN_REGRESSION, REGRESSIONS

DIGITS = 3
Seeds = Sequence[Played]


def ratio_table(played: Seeds) -> StudyTable:
    """Accuracy of every attack, and of both regressions, at every ratio.

    Args:
        played: seeds of one number of shadow models.
    """
    ratios = sorted(played[0].figures)
    rows: list[tuple[Cell, ...]] = []
    for attack in ATTACKS:
        each = [_round(mean_accuracy(played, attack, ratio).value) for ratio in ratios]
        mean = mean_accuracy(played, attack)
        area = np.mean([one.figures[ratio][attack].auc for one in played for ratio in ratios])
        rows.append((attack, *each, _round(mean.value), _round(mean.half_width), _round(float(area))))
    for attack in REGRESSIONS:
        each = [_round(float(np.mean([one.regression_accuracy(attack, ratio) for one in played]))) for ratio in ratios]
        mean = mean_of([one.regression_accuracy(attack) for one in played])
        rows.append((f"{attack}, nearer ratio", *each, _round(mean.value), _round(mean.half_width), None))
    first = played[0]
    return StudyTable(
        title=f"Adult, share of women: {first.name} of each world, {_seeds(played)}",
        columns=("attack", *(f"{ratio:g}" for ratio in ratios), "mean", "+-", "AUC"),
        rows=tuple(rows),
        notes=(
            (
                f"accuracy (mean of both worlds' shares of right answers) against the base {first.base:g}; "
                f"{first.task.setting.n_victims} victims of each world; regressions have the shadow models of all ratios."
            ),
            f"task accuracy of the base's victims: {np.mean([one.task_accuracy for one in played]):.3f}.",
        ),
    )


def control_table(by_name: Mapping[str, Seeds]) -> StudyTable:
    """Every attack on two worlds of one law, seed by seed.

    Args:
        by_name: models and number of shadow models -> seeds.
    """
    seeds = [one.seed for one in next(iter(by_name.values()))]
    rows: list[tuple[Cell, ...]] = []
    for name, played in by_name.items():
        for attack in ATTACKS:
            each = [one.control[attack].accuracy for one in played]
            rows.append((name, attack, *(_round(value) for value in each), _round(float(np.mean(each)))))
    return StudyTable(
        title="Control: two worlds of the same ratio, drawn and trained apart",
        columns=("models", "attack", *(f"seed {seed}" for seed in seeds), "mean"),
        rows=tuple(rows),
    )


def error_table(by_name: Mapping[str, Seeds]) -> StudyTable:
    """Squared errors of both regressions, and where their estimates lie.

    Args:
        by_name: models and number of shadow models -> seeds.
    """
    rows: list[tuple[Cell, ...]] = []
    for name, played in by_name.items():
        for attack in REGRESSIONS:
            error = mean_of([one.squared_error(attack) for one in played])
            ends = [
                float(np.mean([one.regressions[attack].mean_estimate[ratio] for one in played]))
                for ratio in (min(played[0].figures), played[0].base, max(played[0].figures))
            ]
            width = round(error.half_width, 5) if np.isfinite(error.half_width) else None
            rows.append((name, attack, round(error.value, 5), width, *(_round(end) for end in ends)))
    return StudyTable(
        title="Regressions: squared error of the estimated ratio",
        columns=("models", "attack", "squared error", "+-", "mean at lowest", "mean at base", "mean at highest"),
        rows=tuple(rows),
        notes=(
            "mean estimates of the victims of the lowest ratio, the base and the highest: how far they are drawn to the middle.",
        ),
    )


def pair_table(played: Seeds) -> StudyTable:
    """Every two ratios told apart by one regression on weights.

    Args:
        played: seeds of one number of shadow models.
    """
    ratios = sorted(played[0].regressions[PIN_REGRESSION].squared_error)
    rows: list[tuple[Cell, ...]] = []
    for row in ratios:
        cells: list[Cell] = [f"{row:g}"]
        for column in ratios:
            pair = (min(row, column), max(row, column))
            values = [one.regressions[PIN_REGRESSION].accuracy[pair] for one in played if row != column]
            cells.append(_round(float(np.mean(values))) if values else None)
        rows.append(tuple(cells))
    return StudyTable(
        title=f"{PIN_REGRESSION}: accuracy between any two ratios, {played[0].name} of each",
        columns=("ratio", *(f"{ratio:g}" for ratio in ratios)),
        rows=tuple(rows),
        notes=("one regression answers all: whichever ratio its estimate is nearer to.",),
    )


def change_table(by_name: Mapping[str, Seeds]) -> StudyTable:
    """How far log-odds move when hidden units are put in another order.

    Args:
        by_name: models and number of shadow models -> seeds.
    """
    rows: list[tuple[Cell, ...]] = []
    for name, played in by_name.items():
        for form in played[0].changes:
            rows.append((name, form, float(f"{max(one.changes[form] for one in played):.1e}")))
    return StudyTable(
        title="Largest change of log-odds when the victims' hidden units are put in another order",
        columns=("models", "form", "change"),
        rows=tuple(rows),
        notes=(
            "the victims' functions stay the same; the published form is invariant in the first layer's code alone.",
        ),
    )


def _seeds(played: Seeds) -> str:
    return f"{len(played)} seed{'s' if len(played) > 1 else ''}"


def _round(value: float) -> float | None:
    return round(value, DIGITS) if np.isfinite(value) else None  # no interval from a single seed
