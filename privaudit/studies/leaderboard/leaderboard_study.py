"""Every attack on fixed small tasks with few and many shadow models, over seeds."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import isnan
from pathlib import Path
from typing import NamedTuple

from privaudit.interfaces import ProgressHook
from privaudit.studies.leaderboard.checks import checks
from privaudit.studies.leaderboard.contest import CONTESTANTS, WITHOUT_SHADOWS, Figures, contest, one_pair
from privaudit.studies.leaderboard.flags import FlagCounts, flag_counts
from privaudit.studies.leaderboard.intervals import mean_of
from privaudit.studies.leaderboard.tasks import TASKS, Task
from privaudit.studies.leaderboard.trained import trained_inputs
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Cell, StudyOptions, StudyResult, StudyTable

N_SEEDS, QUICK_SEEDS = 10, 3
SIZES, QUICK_SIZES = (8, 16, 64), (8, 16)
COLUMNS = ("attack", "models", "AUC", "+-", "TPR at 1 %", "+-", "TPR at 0.1 %", "+-")


class Played(NamedTuple):
    """What one seed of one task gave.

    Attributes:
        task: name of the task.
        seed: of its models.
        figures: number of models -> attack -> figures.
        alone: attack that needs no shadow models -> figures.
        one_pair: mean AUCs of attackers with a single trained pair; empty in a quick study.
        flags: of quantile regression on one target.
        accuracy: mean of the models on members, and on other records.
    """

    task: str
    seed: int
    figures: Mapping[int, Mapping[str, Figures]]
    alone: Mapping[str, Figures]
    one_pair: Mapping[str, float]
    flags: FlagCounts
    accuracy: tuple[float, float]


class Turn(NamedTuple):
    """One seed of one task."""

    task: Task
    seed: int


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Train models for every task and seed, attack them, and compare.

    Args:
        options: quick = digits with up to 16 models and three seeds; else ``data_dir`` holds the other data sets.
        progress: called after each seed.

    Raises:
        ConfigError: if the data are not there.
    """
    tasks = [task for task in TASKS if task.file is None or not options.is_quick]
    sizes = QUICK_SIZES if options.is_quick else SIZES
    first = options.seed * 1000
    turns = [Turn(task, first + seed) for task in tasks for seed in range(QUICK_SEEDS if options.is_quick else N_SEEDS)]
    for turn in turns[:: max(1, len(turns) // len(tasks))]:
        turn.task.dataset(turn.seed, options.data_dir)  # refuses missing data before anything is trained
    played = run_tasks(
        partial(play, sizes, options.data_dir),
        turns,
        workers=options.workers,
        progress=progress,
        stage="leaderboard",
        unit="seeds",
    )
    by_task = {task.name: [one for one in played if one.task == task.name] for task in tasks}
    return StudyResult(
        name="leaderboard",
        title="Score-based attacks on fixed small tasks",
        tables=tuple(_table(name, rows) for name, rows in by_task.items()),
        checks=checks(by_task),
        notes=(
            (
                "Means over seeds with 95 % t-intervals (+-). A seed draws coins, initial weights and batches anew, for fashion "
                "also the records, for digits the flipped classes; up to 12 models play the target in turn, and their mean is one "
                "number. location30 and digits are the same records for all seeds, so their intervals say nothing of other records."
            ),
            "TPR by the floor rule. Models: all that are there, the target and its complement included.",
        ),
    )


def play(sizes: Sequence[int], data_dir: Path | None, turn: Turn) -> Played:
    """Train the models of one seed and attack them.

    Args:
        sizes: numbers of models to give to the attacker.
        data_dir: folder of the data.
        turn: the seed.
    """
    dataset = turn.task.dataset(turn.seed, data_dir)
    inputs = trained_inputs(turn.task, dataset, n_models=max(sizes), seed=turn.seed)
    correct, is_in = inputs.dense("correct"), inputs.design.is_in.astype(bool)
    return Played(
        task=turn.task.name,
        seed=turn.seed,
        figures={size: contest(inputs, CONTESTANTS, n_models=size) for size in sizes},
        alone=contest(inputs, WITHOUT_SHADOWS, n_models=max(sizes)),
        one_pair=one_pair(inputs, n_models=max(sizes)),
        flags=flag_counts(inputs),
        accuracy=(float(correct[is_in].mean()), float(correct[~is_in].mean())),
    )


def _table(name: str, played: Sequence[Played]) -> StudyTable:
    rows = [_row(attack, "any", [one.alone[attack] for one in played]) for attack in played[0].alone]
    for size in played[0].figures:
        rows += [
            _row(attack, size, [one.figures[size][attack] for one in played]) for attack in played[0].figures[size]
        ]
    inside, outside = (mean_of([one.accuracy[side] for one in played]) for side in (0, 1))
    return StudyTable(
        title=f"{name}, {len(played)} seeds",
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(f"Accuracy on members {inside}, on other records {outside}.",),
    )


def _row(attack: str, models: Cell, found: Sequence[Figures]) -> tuple[Cell, ...]:
    means = [mean_of([figures[place] for figures in found]) for place in range(3)]
    cells = [number for mean in means for number in (mean.value, mean.half_width)]
    return attack, models, *(None if isnan(cell) else round(cell, 4) for cell in cells)  # too few non-members
