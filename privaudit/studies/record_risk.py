"""Who is at risk, from losses alone: members by their loss traces, models by the tail of their losses; against LiRA.

Source: Pollock et al., arXiv 2411.05743 (loss traces); Dodd et al., arXiv 2510.19773 (tail of the losses).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from privaudit.interfaces import ProgressHook
from privaudit.studies.leaderboard.contest import played
from privaudit.studies.leaderboard.intervals import Mean, mean_of
from privaudit.studies.leaderboard.tasks import TASKS
from privaudit.studies.leaderboard.trained import trained_inputs
from privaudit.studies.record_risk_measures import RANKINGS, Agreement, Level, Ranked, agreement, level, ranked
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Check, StudyOptions, StudyResult, StudyTable

TASK = next(task for task in TASKS if task.name == "location30")
N_SEEDS, N_RECORDS, N_MODELS, PER_LEVEL = 10, 3000, 32, 8  # of 3,000 records 2,400 have coins
LEVELS = (0.0, *np.geomspace(2.5e-3, 0.126, 13).round(5).tolist())
LEAST_PRECISION, LEAST_RATIO, LEAST_SPAN, LEAST_CORRELATION = 0.75, 3.0, 10.0, 0.8
Part = Literal["ranking", "levels"]


class Turn(NamedTuple):
    """One part of one seed."""

    part: Part
    seed: int


class Scale(NamedTuple):
    """How large a study is.

    Attributes:
        n_models: shadow models of the ranking, targets included.
        most: of them that play the target.
        levels: strengths of weight decay.
    """

    n_models: int
    most: int
    levels: tuple[float, ...]


FULL, QUICK = Scale(N_MODELS, 12, LEVELS), Scale(24, 4, LEVELS[::4])


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Train models for every seed, and compare what losses say with what LiRA finds.

    Args:
        options: quick = one seed with fewer targets and levels; ``data_dir`` holds ``location30.npz``.
        progress: called after each part of a seed.

    Raises:
        ConfigError: if the data are not there.
    """
    scale, n_seeds = (QUICK, 1) if options.is_quick else (FULL, N_SEEDS)
    seeds = [options.seed * 1000 + number for number in range(n_seeds)]
    TASK.dataset(seeds[0], options.data_dir)  # refuses missing data before anything is trained
    turns = [Turn(part, seed) for part in ("levels", "ranking") for seed in seeds]
    found = run_tasks(
        partial(play, scale, options.data_dir),
        turns,
        workers=options.workers,
        progress=progress,
        stage="record risk",
        unit="parts",
    )
    rankings = [one for one in found if isinstance(one, Ranked)]
    levels = [one for one in found if isinstance(one, tuple) and not isinstance(one, Ranked)]
    agreements = [agreement(one) for one in levels]
    return StudyResult(
        name="record-risk",
        title="Who is at risk, from losses alone, on location30",
        tables=(_ranking_table(rankings, scale.n_models), _level_table(levels, agreements)),
        checks=(*_ranking_checks(rankings), *_level_checks(agreements)),
        notes=(
            (
                "Means over seeds with 95 % t-intervals (+-). A seed draws coins, initial weights and batches anew, for the "
                "levels also the records; the records of the ranking are the same for all seeds, so that its intervals say nothing "
                "of other records."
            ),
        ),
    )


def play(scale: Scale, data_dir: Path | None, turn: Turn) -> Ranked | tuple[Level, ...]:
    """Train the models of one part and measure them.

    Args:
        scale: of the study.
        data_dir: folder of the data.
        turn: part and seed.
    """
    if turn.part == "ranking":
        dataset = TASK.dataset(turn.seed, data_dir)
        inputs = trained_inputs(TASK, dataset, n_models=scale.n_models, seed=turn.seed, is_traced=True)
        return ranked(inputs, played(scale.n_models, most=scale.most))
    drawn = replace(TASK, n_records=N_RECORDS).dataset(turn.seed, data_dir)
    return tuple(
        level(trained_inputs(TASK, drawn, n_models=PER_LEVEL, seed=turn.seed, weight_decay=decay), decay)
        for decay in scale.levels
    )


def _ranking_table(rankings: Sequence[Ranked], n_models: int) -> StudyTable:
    base = mean_of([one.base_rate for one in rankings])
    rows = []
    for name in RANKINGS:
        mean, ratio = (_over_seeds(rankings, name, is_ratio=is_ratio) for is_ratio in (False, True))
        rows.append((name, *_cells(mean), *_cells(ratio)))
    first = rankings[0]
    return StudyTable(
        title=f"Members at risk among the 1 % ranked first ({_seeds(rankings)})",
        columns=("ranking", "precision", "+-", "over base rate", "+-"),
        rows=tuple(rows),
        notes=(
            (
                f"At risk: members whose LiRA score ({n_models} models) is above the threshold at 0.1 % FPR of their own model "
                f"(floor rule); base rate {_text(base)}. Mean over {first.n_targets} models; some {first.n_top} members are "
                "ranked first."
            ),
        ),
    )


def _level_table(levels: Sequence[Sequence[Level]], agreements: Sequence[Agreement]) -> StudyTable:
    rows = []
    for place, one in enumerate(levels[0]):
        means = (mean_of([float(of_seed[place][column]) for of_seed in levels]) for column in (1, 2, 3))
        rows.append((one.weight_decay, *(cell for mean in means for cell in _cells(mean))))
    tail, gap = (mean_of([one[column] for one in agreements]) for column in (1, 2))
    return StudyTable(
        title=f"Models by their weight decay ({_seeds(levels)})",
        columns=("weight decay", "LiRA TPR at 1 %", "+-", "tail-TNR", "+-", "train/test gap", "+-"),
        rows=tuple(rows),
        notes=(
            (
                f"{PER_LEVEL} models a level, each in the role of the target; LiRA with pooled variances; tail-TNR at 1 % of "
                f"the members. Rank correlation with LiRA's rate over the levels: tail-TNR {_text(tail)}, train/test gap "
                f"{_text(gap)}."
            ),
        ),
    )


def _seeds(found: Sequence[object]) -> str:
    return "1 seed" if len(found) == 1 else f"{len(found)} seeds"


def _over_seeds(rankings: Sequence[Ranked], name: str, *, is_ratio: bool) -> Mean:
    return mean_of([one.precision[name] / (one.base_rate if is_ratio else 1.0) for one in rankings])


def _cells(mean: Mean) -> tuple[float, float | None]:
    return round(mean.value, 4), round(mean.half_width, 4) if mean.n > 1 else None


def _text(mean: Mean) -> str:
    return f"{mean.value:.3f} (1 seed)" if mean.n == 1 else str(mean)


def _ranking_checks(rankings: Sequence[Ranked]) -> tuple[Check, ...]:
    precision, ratio = (_over_seeds(rankings, RANKINGS[0], is_ratio=is_ratio) for is_ratio in (False, True))
    return (
        _check("LT-IQR: precision at 1 %", precision, LEAST_PRECISION),
        _check("LT-IQR: precision over base rate", ratio, LEAST_RATIO),
    )


def _level_checks(agreements: Sequence[Agreement]) -> tuple[Check, ...]:
    """Say first that the levels differ enough: over a narrow grid no correlation would mean anything."""
    span = min(one.span for one in agreements)
    return (
        Check(
            name="weight decay: LiRA's largest over its smallest TPR",
            wanted=f"at least {LEAST_SPAN:g} with every seed",
            measured=f"{span:.3g} at least",
            is_met=span >= LEAST_SPAN,
        ),
        _check(
            "weight decay: rank correlation of tail-TNR with LiRA's TPR",
            mean_of([one.of_tail for one in agreements]),
            LEAST_CORRELATION,
        ),
    )


def _check(name: str, mean: Mean, least: float) -> Check:
    """Compare the lower end of an interval with a limit, or the value itself where one seed has no interval."""
    is_single = mean.n == 1
    return Check(
        name=name,
        wanted=f"{'value' if is_single else 'lower 95 % limit'} at least {least:g}",
        measured=_text(mean),
        is_met=bool((mean.value if is_single else mean.lower) >= least),
    )
