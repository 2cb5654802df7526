"""The zoo's controls: audits of correct training, by Opacus and by the batched trainer, that must not be flagged.

Each audit is one training run with 1,000 coordinate canaries, or many runs of the batched trainer with one canary; it is
flagged where the claimed curve is refuted at 95 %. The test of a curve is conservative (both rates get half the error,
and counts are whole), so far fewer than 5 % are to be expected: the sharper limit for its own size stands beside.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from privaudit.estimators import Split, audit_curve, noise_probe
from privaudit.interfaces import ProgressHook
from privaudit.studies.audit_seed import audit_seed
from privaudit.studies.digit_games import DELTA, digit_game, play_runs
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Check, StudyOptions, StudyResult, StudyTable
from privaudit.studies.zoo.opacus_control import opacus_outcome
from privaudit.types import DpSgdParams

EPSILONS = (1.0, 4.0, 10.0)
CONFIDENCE, SURPRISE = 0.95, 1e-6
N_CANARIES, WIDE, N_RECORDS = 1000, 128, 200
RUNS_A_SIDE = 150
MOST_SECONDS = 10.0


class Control(NamedTuple):
    """One audit of correct training."""

    trainer: str
    game: str
    epsilon: float
    seed: int


class Found(NamedTuple):
    """What it gave."""

    is_flagged: bool
    probe_refuted: bool | None
    seconds: float


def control_study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Audit correct training 1,200 times, and count the flags.

    Args:
        options: ``is_quick`` makes 12 audits.
        progress: called after each audit.
    """
    n_each = 2 if options.is_quick else 200
    kinds = (("Opacus", "one run", n_each), ("batched", "one run", n_each // 2), ("batched", "many runs", n_each // 2))
    tasks = [
        Control(trainer, game, epsilon, audit_seed(options.seed, f"{trainer} {game}", epsilon, number))
        for trainer, game, n in kinds
        for epsilon in EPSILONS
        for number in range(n)
    ]
    found = run_tasks(judge_control, tasks, workers=options.workers, progress=progress, stage="controls")
    pairs = list(zip(tasks, found, strict=True))
    return StudyResult(
        name="zoo",
        title="Controls of the zoo: audits of correct training",
        tables=(_table(pairs, kinds),),
        checks=_checks(pairs),
        notes=("Flagged: the claimed trade-off curve is refuted at 95 %. The noise probe is counted apart.",),
    )


def judge_control(task: Control) -> Found:
    """Play one audit and judge it, with its seconds."""
    import time

    start = time.perf_counter()
    scores, is_in, params, noise = _opacus(task) if task.trainer == "Opacus" else _batched(task)
    test = audit_curve(scores[is_in], scores[~is_in], params=params, confidence=CONFIDENCE, threshold=Split(share=0.2))
    probe = None
    if noise is not None and noise.size:
        probe = noise_probe(
            noise,
            noise_multiplier=params.noise_multiplier,
            max_grad_norm=1.0,  # noise is in clips
            confidence=CONFIDENCE,
            sample_rate=params.sample_rate,
            delta=DELTA,
        ).is_refuted
    return Found(test.is_refuted, probe, time.perf_counter() - start)


Played = tuple[
    "np.ndarray[tuple[int, ...], np.dtype[np.float64]]",
    "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]",
    DpSgdParams,
    "np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None",
]


def _batched(task: Control) -> Played:
    is_many = task.game == "many runs"
    game = digit_game(
        epsilon=task.epsilon,
        seed=task.seed,
        is_many_runs=is_many,
        n_canaries=1 if is_many else N_CANARIES,
        hidden=16 if is_many else WIDE,
        n_records=32 if is_many else N_RECORDS,
    )
    played = play_runs(game, 2 * RUNS_A_SIDE if is_many else 1)
    params = game.recipe.dp_sgd_params()
    assert params is not None
    if is_many:
        scores = np.concatenate([part.scores[:, 0] for part in played])
        is_in = np.concatenate([part.is_in[:, 0] for part in played])
    else:
        scores, is_in = played[0].scores[0], played[0].is_in[0]
    return scores, is_in.astype(bool), params, played[0].idle_noise


def _opacus(task: Control) -> Played:
    return opacus_outcome(epsilon=task.epsilon, seed=task.seed, n_canaries=N_CANARIES, hidden=WIDE, n_records=N_RECORDS)


def _table(pairs: Sequence[tuple[Control, Found]], kinds: Sequence[tuple[str, str, int]]) -> StudyTable:
    rows = []
    for trainer, game, _ in kinds:
        for epsilon in EPSILONS:
            own = [found for task, found in pairs if task[:3] == (trainer, game, epsilon)]
            probes = [found.probe_refuted for found in own if found.probe_refuted is not None]
            probed = f"{sum(probes)} of {len(probes)}"
            slowest = round(max(found.seconds for found in own), 1)
            rows.append((trainer, game, epsilon, len(own), sum(found.is_flagged for found in own), probed, slowest))
    return StudyTable(
        title="Flags of correct training",
        columns=("trainer", "game", "epsilon", "audits", "flagged", "noise probe refuted", "slowest s"),
        rows=tuple(rows),
    )


def _checks(pairs: Sequence[tuple[Control, Found]]) -> tuple[Check, ...]:
    flags = [found.is_flagged for _, found in pairs]
    probes = [found.probe_refuted for _, found in pairs if found.probe_refuted is not None]
    slowest = max(found.seconds for _, found in pairs)
    return (
        _at_most("claimed curve refuted", flags, 0.05),
        _at_most("claimed curve refuted, at the size the test has", flags, 0.01),
        _at_most("noise probe refuted", probes, 0.05),
        Check(
            name="time of an audit",
            wanted=f"each under {MOST_SECONDS:g} s",
            measured=f"slowest {slowest:.1f} s",
            is_met=slowest < MOST_SECONDS,
        ),
    )


def _at_most(name: str, flags: Sequence[bool], level: float) -> Check:
    most = int(binom.ppf(1.0 - SURPRISE, len(flags), level))
    return Check(
        name=name,
        wanted=f"at most {most} of {len(flags)} (level {level:g}, missed with probability 1e-6)",
        measured=f"{sum(flags)} of {len(flags)}",
        is_met=sum(flags) <= most,
    )
