"""LiRA without the target's hyperparameters, and the risk of tuning them on the training data.

Source: Pradhan, Jälkö, Tobaben, Honkela, "Hyperparameters in Score-Based Membership Inference Attacks", SaTML 2025 (arXiv
2502.06374): the attacks and both questions. The grid's paired data sets, the tests and their margins are ours.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from privaudit.interfaces import ProgressHook
from privaudit.studies.hyperparameters.checks import checks, quick_checks
from privaudit.studies.hyperparameters.claim import DELTA, EPSILON, STEPS, highest_auc
from privaudit.studies.hyperparameters.contest import ATTACKS, Figures, contest, diagonal
from privaudit.studies.hyperparameters.played import DRAWN_TARGETS, ELSEWHERE, PRIVATE, PRIVATE_DRAWN, TUNED, Played
from privaudit.studies.hyperparameters.pools import DIGITS, SHOTS, TASKS, Pools, Task
from privaudit.studies.hyperparameters.trained import make_grid, tuned_elsewhere
from privaudit.studies.hyperparameters.tuning import N_TRIALS
from privaudit.studies.leaderboard.intervals import mean_of
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Cell, StudyOptions, StudyResult, StudyTable

N_REPEATS, PRIVATE_REPEATS, QUICK_REPEATS = 8, 5, 2
N_DATASETS, QUICK_DATASETS = 32, 16
COLUMNS = ("targets", "shadows' hyperparameters", "repeats", "AUC", "+-", "TPR at 1 %", "+-")


class Turn(NamedTuple):
    """One repeat of one task, without privacy or at the claim."""

    task: Task
    repeat: int
    private: bool


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Train grids of heads, and attack those on the diagonal.

    Args:
        options: quick = digits, two repeats, 16 data sets; else ``data_dir`` holds the features of CIFAR-10.
        progress: called after each grid.

    Raises:
        ConfigError: if the data are not there.
    """
    tasks, n_datasets = ((DIGITS,), QUICK_DATASETS) if options.is_quick else (TASKS, N_DATASETS)
    for task in tasks:
        task.check_there(options.data_dir)
    played = run_tasks(
        partial(play, n_datasets, options.data_dir, options.seed),
        turns(tasks, is_quick=options.is_quick),
        workers=options.workers,
        progress=progress,
        stage="hyperparameters",
        unit="grids",
    )
    by_task = {task.name: [one for one in played if one.task == task.name] for task in tasks}
    return StudyResult(
        name="hyperparameters",
        title="LiRA without the target's hyperparameters, and hyperparameters tuned on the training data",
        tables=tuple(_table(name, rows) for name, rows in by_task.items()),
        checks=quick_checks(by_task) if options.is_quick else checks(by_task),
        notes=(
            (
                f"{n_datasets} data sets in complementary pairs, of {SHOTS} records a class in expectation; softmax heads, "
                f"{STEPS} steps of Adam. Tuning: {N_TRIALS} random trials, learning rate log-uniform in 1e-4 to 1e-1, sample rate "
                ".1, .3 or 1. Every data set is the target once, without its complement; the mean is one number per repeat."
            ),
            (
                "Candidates: what was tuned on each other data set, and as many log-uniform draws. KL: the candidate whose heads "
                "are most like the target on their own members. accuracy: each shadow's own tuned ones. random: each shadow's own draw."
            ),
            "+-: 95 % t-intervals over repeats, which draw overlapping pools from the same records: somewhat too narrow.",
            "The claim is of one training; what tuning on the same records spends is not in it.",
        ),
    )


def turns(tasks: Sequence[Task], *, is_quick: bool) -> list[Turn]:
    """Return all repeats, those at the claim last.

    Args:
        tasks: the data sets.
        is_quick: two repeats without privacy, and one at the claim.
    """
    n_repeats, n_private = (QUICK_REPEATS, QUICK_REPEATS) if is_quick else (N_REPEATS, PRIVATE_REPEATS)
    plain = [Turn(task, repeat, False) for task in tasks for repeat in range(n_repeats)]
    return plain + [Turn(task, repeat, True) for task in tasks for repeat in range(n_private)]


def play(n_datasets: int, data_dir: Path | None, seed: int, turn: Turn) -> Played:
    """Train and attack the grid of one repeat.

    Args:
        n_datasets: number of data sets.
        data_dir: folder of the data.
        seed: of the study.
        turn: the repeat.
    """
    own = 100_000 * seed + 1_000 * TASKS.index(turn.task) + 100 * turn.private + 4 * turn.repeat
    pools = turn.task.pools(own, data_dir)
    figures, claim = (_at_claim if turn.private else _without_privacy)(pools, n_datasets, own)
    return Played(turn.task.name, turn.repeat, figures, claim)


def _without_privacy(
    pools: Pools, n_datasets: int, seed: int
) -> tuple[dict[str, Mapping[str, Figures]], dict[str, float]]:
    grid = make_grid(pools, n_datasets=n_datasets, private=False, seed=seed)
    elsewhere, _ = tuned_elsewhere(pools, grid, seed=seed)
    each = np.arange(n_datasets)
    targets = {
        TUNED: diagonal(grid.margin[:, :n_datasets], each),
        DRAWN_TARGETS: diagonal(grid.margin[:, n_datasets:], n_datasets + each),
        ELSEWHERE: diagonal(elsewhere, each),
    }
    return {name: contest(grid, attacked) for name, attacked in targets.items()}, {}


def _at_claim(pools: Pools, n_datasets: int, seed: int) -> tuple[dict[str, Mapping[str, Figures]], dict[str, float]]:
    grid = make_grid(pools, n_datasets=n_datasets, private=True, seed=seed)
    each = np.arange(n_datasets)
    figures = {
        PRIVATE: contest(grid, diagonal(grid.margin[:, :n_datasets], each)),
        PRIVATE_DRAWN: contest(grid, diagonal(grid.margin[:, n_datasets:], n_datasets + each)),
    }
    rates = {PRIVATE: grid.tuned.sample_rate, PRIVATE_DRAWN: grid.drawn.sample_rate}
    claim = {name: float(np.mean([highest_auc(float(rate)) for rate in rates[name]])) for name in rates}
    return figures, claim


def _table(name: str, played: Sequence[Played]) -> StudyTable:
    rows: list[tuple[Cell, ...]] = []
    kinds = dict.fromkeys(kind for one in played for kind in one.figures)
    for kind in kinds:
        there = [one.figures[kind] for one in played if kind in one.figures]
        for attack in ATTACKS:
            means = [mean_of([one[attack][place] for one in there]) for place in (0, 1)]
            cells = [round(number, 4) for mean in means for number in (mean.value, mean.half_width)]
            rows.append((kind, attack, len(there), *cells))
    claim = np.mean([value for one in played for value in one.claim.values()])
    return StudyTable(
        title=name,
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(
            f"epsilon {EPSILON:g} at delta {DELTA:g}, DP-SGD, clip 1: no attack's AUC can be above {claim:.3f} in expectation.",
        ),
    )
