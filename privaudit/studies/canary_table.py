"""What gradient canaries show of correct DP-SGD at epsilon 1, 2, 4 and 10: many runs, and one run.

Full batches, add/remove neighbours, coordinate canaries 100 clips long before the clip, scores from every step.
"""

from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Literal, NamedTuple

import numpy as np

from privaudit.estimators import Split, audit_scores
from privaudit.interfaces import ProgressHook
from privaudit.pipeline.canary_steps import noise_probe_of, step_bound_of
from privaudit.studies.audit_seed import audit_seed
from privaudit.studies.digit_games import DELTA, digit_game, play_runs
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Check, StudyOptions, StudyResult, StudyTable
from privaudit.types import Neighbouring

Method = Literal["one_run", "fdp_one_run", "clopper_pearson", "gaussian_dp", "posterior"]
EPSILONS = (1.0, 2.0, 4.0, 10.0)
CONFIDENCE = 0.95
SPLIT = Split(share=0.2)
N_CANARIES = 1000
WIDE = 128  # hidden units of the one-run game: 9,610 weights
SUBSAMPLED = ((0.01, 1000), (0.1, 200), (0.5, 50))  # sample rate, steps
LEAST_GAUSSIAN = {1.0: 0.55, 2.0: 1.5, 4.0: 3.4, 10.0: 9.0}  # of 5,000 runs a side, median


class Task(NamedTuple):
    """One audit: which game, at which epsilon, with which seed."""

    game: str
    epsilon: float
    seed: int
    size: int
    sample_rate: float = 1.0
    steps: int = 20


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Run the games and put the table together.

    Args:
        options: ``is_quick`` plays 1,000 runs a side, 2 seeds and 4 one-run audits at epsilon 4 and 10.
        progress: called after each audit.
    """
    epsilons = (4.0, 10.0) if options.is_quick else EPSILONS
    n_runs, n_seeds, n_single = (1000, 2, 4) if options.is_quick else (5000, 5, 20)
    rates = SUBSAMPLED[1:2] if options.is_quick else SUBSAMPLED
    tasks = [Task("many", e, audit_seed(options.seed, "many", e, s), n_runs) for e in epsilons for s in range(n_seeds)]
    tasks += [
        Task("one", e, audit_seed(options.seed, "one", e, s), N_CANARIES) for e in epsilons for s in range(n_single)
    ]
    tasks += [
        Task("steps", e, audit_seed(options.seed, f"steps {rate:g}", e, 0), N_CANARIES, rate, steps)
        for rate, steps in rates
        for e in epsilons
    ]
    found = run_tasks(_play, tasks, workers=options.workers, progress=progress, stage="canary audits")
    rows = dict(zip(tasks, found, strict=True))
    many = [(e, [rows[t] for t in tasks if t.game == "many" and t.epsilon == e]) for e in epsilons]
    one = [(e, [rows[t] for t in tasks if t.game == "one" and t.epsilon == e]) for e in epsilons]
    steps = [(t, rows[t]) for t in tasks if t.game == "steps"]
    checks = () if options.is_quick else (*_many_checks(many), *_one_checks(dict(one)[10.0]))
    return StudyResult(
        name="canary-table",
        title="Gradient canaries against correct DP-SGD, batched trainer, digits",
        tables=(_many_table(many, n_runs), _one_table(one), _step_table(steps)),
        checks=(*checks, *_probe_checks(steps)),
        notes=("Lower bounds at 95 %, delta 1e-5, add/remove. Thresholds are chosen on 20 % of the outcomes.",),
    )


def _play(task: Task) -> dict[str, float]:
    return {"many": _many_runs, "one": _one_run, "steps": _single_steps}[task.game](task)


def _many_runs(task: Task) -> dict[str, float]:
    game = digit_game(epsilon=task.epsilon, seed=task.seed, is_many_runs=True)
    played = play_runs(game, 2 * task.size)
    scores = np.concatenate([part.scores[:, 0] for part in played])
    is_in = np.concatenate([part.is_in[:, 0] for part in played]).astype(bool)
    return _bounds(scores[is_in], scores[~is_in], ("gaussian_dp", "clopper_pearson", "posterior"))


def _one_run(task: Task) -> dict[str, float]:
    game = digit_game(
        epsilon=task.epsilon, seed=task.seed, is_many_runs=False, n_canaries=task.size, hidden=WIDE, n_records=200
    )
    (played,) = play_runs(game, 1)
    scores, is_in = played.scores[0], played.is_in[0].astype(bool)
    return _bounds(scores[is_in], scores[~is_in], ("one_run", "fdp_one_run", "gaussian_dp"))


def _bounds(
    scores_in: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    scores_out: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    methods: Sequence[Method],
) -> dict[str, float]:
    bound = partial(
        audit_scores, scores_in, scores_out, delta=DELTA, confidence=CONFIDENCE, neighbouring=Neighbouring.ADD_REMOVE
    )
    rule = {"one_run": None, "fdp_one_run": None}
    found = {method: bound(method=method, threshold=rule.get(method, SPLIT)) for method in methods}
    ceilings = {f"{method} ceiling": estimate.ceiling for method, estimate in found.items()}
    return {method: estimate.lower for method, estimate in found.items()} | ceilings


def _single_steps(task: Task) -> dict[str, float]:
    """One run with subsampling: hidden coins by the one-run bound, known coins by single steps, and the noise probe."""
    game = digit_game(
        epsilon=task.epsilon,
        seed=task.seed,
        is_many_runs=False,
        n_canaries=task.size,
        hidden=WIDE,
        n_records=200,
        steps=task.steps,
        sample_rate=task.sample_rate,
    )
    (played,) = play_runs(game, 1)
    scores, is_in = played.scores[0], played.is_in[0].astype(bool)
    sampled = played.sampled.astype(bool)
    params = game.recipe.dp_sgd_params()
    assert params is not None
    known = step_bound_of(played.projections, sampled, params, delta=DELTA, confidence=CONFIDENCE)
    assert known is not None  # the rate is below 1, and both worlds are in every half
    probe = noise_probe_of(played.idle_noise, params, delta=DELTA, confidence=CONFIDENCE)
    found = _bounds(scores[is_in], scores[~is_in], ("one_run",))
    return found | {"known_coin_step": known.lower, "noise_probe": probe.estimate.lower}


def _middle(rows: Sequence[dict[str, float]], name: str) -> float:
    return round(median(row[name] for row in rows), 3)


def _many_table(many: Sequence[tuple[float, list[dict[str, float]]]], n_runs: int) -> StudyTable:
    methods = ("gaussian_dp", "clopper_pearson", "posterior")
    return StudyTable(
        title=f"One canary, {n_runs:,} runs with it and {n_runs:,} without; medians over seeds",
        columns=("epsilon", "seeds", "GDP (in family)", "Clopper-Pearson", "posterior (credible)", "CP ceiling"),
        rows=tuple(
            (e, len(rows), *(_middle(rows, m) for m in methods), _middle(rows, "clopper_pearson ceiling"))
            for e, rows in many
        ),
    )


def _one_table(one: Sequence[tuple[float, list[dict[str, float]]]]) -> StudyTable:
    methods = ("one_run", "fdp_one_run", "gaussian_dp")
    return StudyTable(
        title=f"One run, {N_CANARIES:,} canaries, 100 + 100 guesses; medians over runs",
        columns=("epsilon", "runs", "model-free", "f-DP (in family)", "GDP (in family)", "model-free ceiling"),
        rows=tuple(
            (e, len(rows), *(_middle(rows, m) for m in methods), _middle(rows, "one_run ceiling")) for e, rows in one
        ),
    )


def _step_table(steps: Sequence[tuple[Task, dict[str, float]]]) -> StudyTable:
    return StudyTable(
        title=f"One run with subsampling, {N_CANARIES:,} canaries",
        columns=("sample rate", "steps", "epsilon", "hidden coins, model-free", "known coins, composed", "noise probe"),
        rows=tuple(
            (
                t.sample_rate,
                t.steps,
                t.epsilon,
                *(round(row[m], 3) for m in ("one_run", "known_coin_step", "noise_probe")),
            )
            for t, row in steps
        ),
        notes=(
            "Known coins and the noise probe audit the noise; they assume the sample rate (and the probe the clip).",
        ),
    )


def _many_checks(many: Sequence[tuple[float, list[dict[str, float]]]]) -> tuple[Check, ...]:
    return tuple(
        Check(
            name=f"GDP bound of 5,000 runs a side at epsilon {e:g}",
            wanted=f"median of 5 seeds at least {LEAST_GAUSSIAN[e]:g}",
            measured=f"{_middle(rows, 'gaussian_dp'):.3f}",
            is_met=_middle(rows, "gaussian_dp") >= LEAST_GAUSSIAN[e],
        )
        for e, rows in many
    )


def _one_checks(rows: list[dict[str, float]]) -> tuple[Check, ...]:
    wanted = (("gaussian_dp", 7.5), ("fdp_one_run", 5.0), ("one_run", 3.2))
    checks = [
        Check(
            name=f"one run at epsilon 10: {method}",
            wanted=f"median of {len(rows)} runs at least {least}",
            measured=f"{_middle(rows, method):.3f}",
            is_met=_middle(rows, method) >= least,
        )
        for method, least in wanted
    ]
    n_good = sum(row["one_run"] >= 2.8 for row in rows)
    return (
        *checks,
        Check(
            name="one run at epsilon 10: model-free, each run",
            wanted="at least 2.8 in 18 of 20",
            measured=f"{n_good} of {len(rows)}",
            is_met=n_good >= 18,
        ),
    )


def _probe_checks(steps: Sequence[tuple[Task, dict[str, float]]]) -> tuple[Check, ...]:
    least = min(row["noise_probe"] / task.epsilon for task, row in steps)
    return (
        Check(
            name="noise probe in one run",
            wanted="at least 0.98 of the theoretical epsilon in every cell",
            measured=f"{least:.4f}",
            is_met=least >= 0.98,
        ),
    )
