"""Attacks that see labels alone, on fixed small tasks over seeds."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from privaudit.attacks.label_only.boundary import CHECKPOINTS
from privaudit.attacks.label_only.dhattack import Calibration
from privaudit.interfaces import ProgressHook
from privaudit.studies.label_only.boundary_contest import BoundaryFigures, boundary_contest
from privaudit.studies.label_only.direction_contest import DirectionFigures, direction_check, direction_contest
from privaudit.studies.label_only.noise_contest import ATTACKS, Figures, contest
from privaudit.studies.label_only.tasks import QUICK_TASKS, TASKS
from privaudit.studies.label_only.trained import train
from privaudit.studies.leaderboard.intervals import Mean, mean_of
from privaudit.studies.leaderboard.tasks import Task
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Cell, Check, StudyOptions, StudyResult, StudyTable

N_SEEDS, QUICK_SEEDS = 4, 2
N_MODELS, REFERENCE_MODELS, QUICK_MODELS = 8, 34, 8
LEAST_GAIN = {"location30": 0.10, "fashion": 0.02}  # of noise over gap, AUC
DIRECTION_TASKS = ("fashion",)  # others are reported without a bar
Part = Literal["near", "boundary", "direction"]


class Turn(NamedTuple):
    """One part of one seed of one task: attacks near each record, the boundary's distance, or the steps along a line."""

    part: Part
    task: Task
    seed: int


class Played(NamedTuple):
    """What a turn gave: the figures of its part."""

    part: Part
    task: str
    near: Mapping[str, Figures] = {}
    boundary: BoundaryFigures | None = None
    direction: Mapping[Calibration, DirectionFigures] = {}


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Train models for every task and seed, ask them for labels, and attack them.

    Args:
        options: quick = digits, fewer models and seeds, and no boundary; else ``data_dir`` holds the data sets.
        progress: called after each part of a seed.

    Raises:
        ConfigError: if the data are not there.
    """
    tasks = QUICK_TASKS if options.is_quick else TASKS
    parts: tuple[Part, ...] = ("direction", "near") if options.is_quick else ("direction", "boundary", "near")
    for task in tasks:
        task.dataset(1000 * options.seed, options.data_dir)  # refuses missing data before anything is trained
    seeds = [1000 * options.seed + number for number in range(QUICK_SEEDS if options.is_quick else N_SEEDS)]
    played = run_tasks(
        partial(play, QUICK_MODELS if options.is_quick else REFERENCE_MODELS, options.data_dir),
        [Turn(part, task, seed) for part in parts for task in tasks for seed in seeds],
        workers=options.workers,
        progress=progress,
        stage="label-only attacks",
        unit="parts",
    )
    of_part = {part: [one for one in played if one.part == part] for part in parts}
    tables = [_near_table(of_part["near"]), _direction_table(of_part["direction"])]
    tables += [_boundary_table(of_part["boundary"])] if "boundary" in of_part else []
    return StudyResult(
        name="label-only",
        title="Membership inference from labels alone",
        tables=tuple(tables),
        checks=(*_near_checks(of_part["near"]), *_direction_checks(of_part["direction"])),
        notes=(
            (
                "Means over seeds with 95 % t-intervals (+-). A seed draws records, coins, initial weights and batches anew. Of the "
                "attacks near a record every model plays the target, of the others up to 12 or one; their mean is one number. expected: "
                "equal scores are accepted by lot; chance is .01."
            ),
        ),
    )


def play(n_references: int, data_dir: Path | None, turn: Turn) -> Played:
    """Train the models of a turn and attack them.

    Args:
        n_references: models of a seed of the direction's part.
        data_dir: folder of the data.
        turn: part, task and seed.
    """
    if turn.part == "near":
        return Played(turn.part, turn.task.name, near=contest(turn.task, turn.seed, data_dir, n_models=N_MODELS))
    n_models = n_references if turn.part == "direction" else 4
    trained = train(turn.task, turn.seed, data_dir, n_models)
    if turn.part == "boundary":
        return Played(turn.part, turn.task.name, boundary=boundary_contest(*trained))
    return Played(turn.part, turn.task.name, direction=direction_contest(*trained))


def _by_task(played: Sequence[Played]) -> dict[str, list[Played]]:
    return {name: [one for one in played if one.task == name] for name in dict.fromkeys(one.task for one in played)}


def _near_table(played: Sequence[Played]) -> StudyTable:
    rows = [
        (task, attack, *_cells([one.near[attack][:2] for one in of_task]))
        for task, of_task in _by_task(played).items()
        for attack in ATTACKS
    ]
    return StudyTable(
        title=f"Labels near a record, {_seeds(played)}",
        columns=("task", "attack", "AUC", "+-", "TPR at 1 %, expected", "+-"),
        rows=tuple(rows),
        notes=("noise: its level is chosen on models that are neither the target nor its complement.",),
    )


def _direction_table(played: Sequence[Played]) -> StudyTable:
    names = list(played[0].direction)
    rows = [
        (task, name, *_cells([one.direction[name] for one in of_task]))
        for task, of_task in _by_task(played).items()
        for name in names
    ]
    return StudyTable(
        title=f"DHAttack: steps along one direction, {_seeds(played)}",
        columns=("task", "calibration", "AUC", "+-", "TPR at 1 %, floor", "+-", "expected", "+-"),
        rows=tuple(rows),
        notes=("none: the number of steps itself; the others compare it with models without the record.",),
    )


def _boundary_table(played: Sequence[Played]) -> StudyTable:
    rows: list[tuple[Cell, ...]] = []
    for task, of_task in _by_task(played).items():
        found = [one.boundary for one in of_task if one.boundary is not None]
        cells = _cells([(one.boundary, one.gap, one.boundary - one.gap) for one in found])
        early = [round(float(area), 4) for area in np.mean([one.early for one in found], axis=0)]
        rows.append((task, *cells, round(float(np.mean([one.n_queries for one in found]))), *early))
    heads = [f"AUC after {n}" for n in CHECKPOINTS]
    return StudyTable(
        title=f"Distance to the boundary, {_seeds(played)}",
        columns=("task", "AUC", "+-", "gap", "+-", "difference", "+-", "queries", *heads),
        rows=tuple(rows),
        notes=(
            "queries: mean per record. AUC after 0, 1, ... iterations; the distance is never larger after more of them.",
        ),
    )


def _cells(found: Sequence[Sequence[float]]) -> list[Cell]:
    """Mean and half width of each figure over the seeds."""
    means = [mean_of(column) for column in zip(*found, strict=True)]
    return [round(number, 4) for mean in means for number in (mean.value, mean.half_width)]


def _seeds(played: Sequence[Played]) -> str:
    return f"{len(next(iter(_by_task(played).values())))} seeds"


def _near_checks(played: Sequence[Played]) -> list[Check]:
    return [
        gain_check(task, mean_of([one.near["noise"].auc - one.near["gap"].auc for one in of_task]), LEAST_GAIN[task])
        for task, of_task in _by_task(played).items()
        if task in LEAST_GAIN
    ]


def gain_check(task: str, gain: Mean, least: float) -> Check:
    """Compare what noise adds to the gap attack with what is asked.

    Args:
        task: its name.
        gain: AUC of noise less that of gap.
        least: smallest mean.
    """
    return Check(
        name=f"{task}: noise minus gap, AUC",
        wanted=f"mean at least {least:g}, interval above 0",
        measured=str(gain),
        is_met=gain.value >= least and gain.lower > 0,
    )


def _direction_checks(played: Sequence[Played]) -> list[Check]:
    return [
        direction_check(task, [one.direction for one in of_task])
        for task, of_task in _by_task(played).items()
        if task in DIRECTION_TASKS
    ]
