"""Chameleon with the calibrated recipe, over seeds.

Source: Chaudhari, Severi, Oprea, Ullman, "Chameleon: Increasing Label-Only Membership Leakage with Adaptive Poisoning",
ICLR 2024: the attack. Recipe, tie-break, comparisons and what is asked of them are ours.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isnan
from pathlib import Path

import numpy as np

from privaudit.collect.chameleon_rounds import PoisonPlan
from privaudit.interfaces import ProgressHook
from privaudit.studies.chameleon.arms import (
    ADAPTIVE,
    PRIVATE,
    PRIVATE_AWARE,
    TIE_BREAK,
    Figures,
    adaptive_arms,
    answers,
    chameleon_figures,
    decide,
    fixed_arm,
    query_curve,
)
from privaudit.studies.chameleon.baselines import baseline_figures
from privaudit.studies.chameleon.checks import checks, quick_checks
from privaudit.studies.chameleon.models import DELTA, models_of
from privaudit.studies.chameleon.played import Played, shadows_of
from privaudit.studies.chameleon.task import DIGITS, FASHION, Drawn, Task
from privaudit.studies.leaderboard.intervals import mean_of
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Cell, Check, StudyOptions, StudyResult, StudyTable

N_SEEDS, QUICK_SEEDS = 3, 2
LEVEL_SHADOWS = 4  # unpoisoned shadow models on which the baseline's noise is chosen
COLUMNS = ("arm", "AUC", "+-", "TPR, floor", "+-", "TPR, expected", "+-", "TPR at 5 %", "at top", "queries", "accuracy")
CURVE_COLUMNS = ("queries at most", "AUC", "TPR, expected", "AUC, ties broken", "TPR, ties broken")
SEED_COLUMNS = (
    "seed",
    "rounds",
    "copies",
    "of one copy",
    "correlation",
    "still above",
    "kept",
    "TPR, floor",
    "ties broken",
    "at top",
)


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Poison, train and attack, for several seeds.

    Args:
        options: quick = digits with fewer and smaller models; else ``data_dir`` holds Fashion-MNIST.
        progress: called after each seed.

    Raises:
        ConfigError: if the data are not there.
    """
    task, n_seeds = (DIGITS, QUICK_SEEDS) if options.is_quick else (FASHION, N_SEEDS)
    task.check_there(options.data_dir)
    played = run_tasks(
        partial(play, task, options.data_dir),
        [1000 * options.seed + seed for seed in range(n_seeds)],
        workers=options.workers,
        progress=progress,
        stage="chameleon",
        unit="seeds",
    )
    find: Callable[..., tuple[Check, ...]] = quick_checks if options.is_quick else checks
    return StudyResult(
        name="chameleon",
        title=f"Chameleon: label-only membership inference with adaptive poisoning, {task.name}",
        tables=(_arms_table(task, played), _curve_table(played), _seeds_table(played)),
        checks=find(played, fixed=task.fixed),
        notes=_notes(task),
    )


def play(task: Task, data_dir: Path | None, seed: int) -> Played:
    """Play all arms of one seed.

    Args:
        task: data and recipe.
        data_dir: folder of the data.
        seed: of everything random.
    """
    drawn = task.drawn(seed, data_dir)
    models = models_of(task, drawn, seed=seed)
    plan = decide(task, models, seed=seed)
    adaptive = answers(models, plan.copies, plan.labels)
    arms, accuracy = dict(adaptive_arms(adaptive, plan.kept)), {ADAPTIVE: adaptive.accuracy}
    baselines: Mapping[str, Figures] = {}
    for copies in task.fixed:
        found = answers(models, np.full_like(plan.copies, copies), plan.labels)
        arms[fixed_arm(copies)] = chameleon_figures(found, plan.kept)
        accuracy[fixed_arm(copies)] = found.accuracy
        if copies == 0:
            shadows = models.trained(models.shadows[:LEVEL_SHADOWS], np.zeros_like(plan.copies), plan.labels)
            baselines = baseline_figures(models, found, shadows)
    if task.epsilon is not None:
        for arm, figures, right in private_arms(task, drawn, plan, seed=seed):
            arms[arm], accuracy[arm] = figures, right
    return Played(
        seed=seed,
        arms=arms,
        baselines=baselines,
        curve=query_curve(adaptive, plan.kept),
        accuracy=accuracy,
        shadows=shadows_of(plan, threshold=task.settings.poison_threshold),
    )


def private_arms(task: Task, drawn: Drawn, plan: PoisonPlan, *, seed: int) -> list[tuple[str, Figures, float]]:
    """Attack targets trained with DP-SGD, by two attackers: one whose shadows are plain, one whose shadows are private too.

    Args:
        task: data and recipe.
        drawn: the records.
        plan: what the plain shadows came to.
        seed: of everything random.
    """
    models = models_of(task, drawn, seed=seed, is_private=True)
    found = []
    for arm, own in ((PRIVATE, plan), (PRIVATE_AWARE, decide(task, models, seed=seed))):
        answered = answers(models, own.copies, own.labels)
        found.append((arm, chameleon_figures(answered, own.kept), answered.accuracy))
    return found


def _arms_table(task: Task, played: Sequence[Played]) -> StudyTable:
    rows = [
        *(_row(name, [one.baselines[name] for one in played], None) for name in played[0].baselines),
        *(_row(name, [one.arms[name] for one in played], _accuracy(name, played)) for name in played[0].arms),
    ]
    return StudyTable(
        title=f"{task.name}, {len(played)} seeds, TPR at 1 % FPR",
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(
            (
                "floor: by the floor rule. expected: equal scores are accepted by lot; chance is .01. at top: share of the "
                "non-members with the highest score; once it passes 1 %, the floor rule falls to 0. The first rows are plain attacks on "
                "unpoisoned models. accuracy: of the targets, on test images."
            ),
        ),
    )


def _row(name: str, found: Sequence[Figures], accuracy: float | None) -> tuple[Cell, ...]:
    means = [mean_of([getattr(one, figure) for one in found]) for figure in ("auc", "floor", "expected")]
    cells = [_cell(number) for mean in means for number in (mean.value, mean.half_width)]
    others = [float(np.mean([getattr(one, figure) for one in found])) for figure in ("wider", "at_top", "queries")]
    return (name, *cells, *(round(number, 4) for number in others), None if accuracy is None else round(accuracy, 4))


def _cell(value: float, digits: int = 4) -> Cell:
    """Nothing where a number cannot be measured: a rate of 1 % among fewer than 100 non-members, what does not vary."""
    return None if isnan(value) else round(value, digits)


def _accuracy(name: str, played: Sequence[Played]) -> float | None:
    return float(np.mean([one.accuracy[name] for one in played])) if name in played[0].accuracy else None


def _curve_table(played: Sequence[Played]) -> StudyTable:
    rows: list[tuple[Cell, ...]] = []
    for limit in played[0].curve:
        pairs = [one.curve[limit] for one in played]
        cells = [
            round(float(np.mean([getattr(pair[side], figure) for pair in pairs])), 4)
            for side in (0, 1)
            for figure in ("auc", "expected")
        ]
        rows.append((limit, *cells))
    return StudyTable(
        title="Adaptive arm with fewer queries per record, means over seeds",
        columns=CURVE_COLUMNS,
        rows=tuple(rows),
        notes=("The record itself first, then the neighbours, then, to break ties, the other candidates.",),
    )


def _seeds_table(played: Sequence[Played]) -> StudyTable:
    rows = [
        (
            one.seed,
            one.shadows.n_rounds,
            round(one.shadows.mean_copies, 3),
            round(one.shadows.share_of_one, 3),
            _cell(one.shadows.correlation, 3),
            round(one.shadows.above_threshold, 3),
            one.shadows.kept,
            _cell(one.arms[ADAPTIVE].floor),
            _cell(one.arms[TIE_BREAK].floor),
            round(one.arms[ADAPTIVE].at_top, 4),
        )
        for one in played
    ]
    return StudyTable(
        title="Each seed: what the shadow models decided, and the adaptive arm",
        columns=SEED_COLUMNS,
        rows=tuple(rows),
        notes=(
            (
                "copies: mean. correlation: of a record's copies with its unpoisoned confidence without it. still above: records "
                "whose confidence is above the threshold in the last round. kept: queries in a neighbourhood, median."
            ),
        ),
    )


def _notes(task: Task) -> tuple[str, ...]:
    settings = task.settings
    private = f" DP-SGD: epsilon {task.epsilon:g} at delta {DELTA:g}, clip 1." if task.epsilon else ""
    return (
        (
            f"{task.n_challenge} challenge records among {task.n_records} with fair coins, {task.n_targets} targets of pairs of their "
            f"own, {settings.n_out_models} pairs of shadow models in each of at most {settings.most_copies + 1} rounds; "
            f"{task.n_components} whitened principal components of other images, one hidden layer of {task.hidden}, "
            f"{task.epochs} epochs of Adam.{private}"
        ),
        (
            "+-: 95 % t-intervals over seeds, which draw records, coins, weights and batches anew. The targets of a seed share "
            "challenge records and copies: they are one sample together, never trials of their own."
        ),
    )
