"""Black-box audits of DP-SGD: how near the final model's loss at one canary comes to the claim.

From average initial weights it shows little. From weights pre-trained on other records of the same kind, ordinary records
have hardly a gradient left, and a blank canary's loss tells most of what there is to tell.

Source: Annamalai, De Cristofaro, "Nearly Tight Black-Box Auditing of Differentially Private Machine Learning", NeurIPS
2024.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privaudit.data.raw_files import read_arrays
from privaudit.errors import ConfigError, DataError
from privaudit.estimators import Split, audit_scores, noise_for_epsilon
from privaudit.interfaces import ProgressHook
from privaudit.studies.black_box_game import CANARIES, STARTS, Game, PlayedRuns, Runs, make_setting, play_runs
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Check, StudyOptions, StudyResult, StudyTable
from privaudit.training.randomness import one_thread
from privaudit.types import Neighbouring

FILE = "mnist_merged.npz"
CLAIM, DELTA, STEPS, N_RECORDS, N_RUNS, N_SEEDS = 10.0, 1e-5, 50, 500, 250, 3
RATES, QUICK_RATE, HIGHEST_CHECKED_RATE, LEAST = (1e-4, 1e-3, 1e-2, 5e-2), 1e-3, 1e-2, 5.0
TOGETHER = 20  # runs trained side by side
COLUMNS = ("initial weights", "canary", "learning rate", "seed", "GDP bound", "Clopper-Pearson", "accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the runs of a game came to.

    Attributes:
        game: the game.
        gaussian: bound on epsilon, were the mechanism Gaussian.
        model_free: bound on epsilon by Clopper-Pearson.
        accuracy: mean of some of the trained models on other records.
    """

    game: Game
    gaussian: float
    model_free: float
    accuracy: float


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Play the game from every start, with every canary and learning rate.

    Args:
        options: quick = one game; ``data_dir`` holds MNIST as ``mnist_merged.npz``.
        progress: called as runs are done.

    Raises:
        ConfigError: if the data are not there.
    """
    features, labels = read_images(options.data_dir)
    games = quick_games(options.seed) if options.is_quick else all_games(options.seed)
    audited = play_games(games, features, labels, options=options, progress=progress)
    checked: list[Audited] = []
    others: list[Audited] = []
    for one in audited:
        (checked if _is_worst(one.game) else others).append(one)
    tables = [_table("Worst-case initial weights, blank canary", checked)]
    if others:
        tables.append(_table("Other initial weights and canaries", others))
    return StudyResult(
        name="black-box",
        title=f"Black-box audits of DP-SGD at epsilon {CLAIM:g}: minus the final loss at one canary",
        tables=tuple(tables),
        checks=_checks(checked),
        notes=(
            (
                f"MNIST, MLP 784-16-10, {STEPS} full batches of {N_RECORDS} records, learning rate on the sum of the clipped "
                f"gradients, {N_RUNS} runs a side. Bounds: delta {DELTA:g}, 95 %, add/remove, thresholds chosen on a fifth of "
                "the runs, which take no part in the bound."
            ),
            (
                "The GDP bound assumes that the mechanism is Gaussian, as full batches are. Clopper-Pearson assumes nothing, "
                "and so few runs cannot show more than about 4."
            ),
            "Average weights are random: fixed = the same in all runs, fresh = drawn in each.",
        ),
    )


def quick_games(seed: int) -> list[Game]:
    """Return the one game of the quick study."""
    return [Game(number=0, seed=seed, start="worst case", canary="blank", lr=QUICK_RATE)]


def all_games(seed: int) -> list[Game]:
    """Return the games of the study: those that are checked with several seeds, the others with the first.

    Args:
        seed: the first one.
    """
    games: list[Game] = []
    for start in STARTS:
        for canary in CANARIES:
            for rate in RATES:
                n_seeds = N_SEEDS if (start, canary) == ("worst case", "blank") else 1
                for own in range(seed, seed + n_seeds):
                    games.append(Game(number=len(games), seed=own, start=start, canary=canary, lr=rate))
    return games


def play_games(
    games: Sequence[Game],
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    options: StudyOptions,
    progress: ProgressHook | None = None,
    n_records: int = N_RECORDS,
    n_runs: int = N_RUNS,
    steps: int = STEPS,
) -> list[Audited]:
    """Play games on worker processes, and bound epsilon in each.

    Args:
        games: of any seeds.
        features: ``(n_all, n_features)`` all records.
        labels: ``(n_all,)`` their classes.
        options: workers.
        progress: called as runs are done.
        n_records: of every training.
        n_runs: of each side of each game.
        steps: of every training.
    """
    with one_thread():
        settings = {
            seed: make_setting(features, labels, n_records=n_records, seed=seed)
            for seed in sorted({game.seed for game in games})
        }
    noise = noise_for_epsilon(CLAIM, delta=DELTA, sample_rate=1.0, steps=steps)
    starts = range(0, 2 * n_runs, TOGETHER)
    tasks = [Runs(game, range(s, min(s + TOGETHER, 2 * n_runs))) for game in games for s in starts]
    played = run_tasks(
        partial(play_runs, settings, noise, steps, DELTA),
        tasks,
        workers=options.workers,
        progress=progress,
        stage="black-box games",
        unit=f"groups of {TOGETHER} runs",
    )
    each = len(starts)
    return [audit_game(game, played[row * each : (row + 1) * each]) for row, game in enumerate(games)]


def audit_game(game: Game, played: Sequence[PlayedRuns]) -> Audited:
    """Bound epsilon from all runs of a game.

    Args:
        game: the game.
        played: its runs.
    """
    scores = np.concatenate([part.scores for part in played])
    is_in = np.concatenate([part.is_in for part in played])
    gaussian, model_free = (
        audit_scores(
            scores[is_in],
            scores[~is_in],
            method=method,
            threshold=Split(share=0.2, seed=game.seed),
            delta=DELTA,
            neighbouring=Neighbouring.ADD_REMOVE,
        ).lower
        for method in ("gaussian_dp", "clopper_pearson")
    )
    accuracy = float(np.mean([part.accuracy for part in played]))
    return Audited(game=game, gaussian=gaussian, model_free=model_free, accuracy=accuracy)


def read_images(data_dir: Path | None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return MNIST as ``(n, 784)`` float32 in [0, 1] with its classes.

    Args:
        data_dir: folder of the file.

    Raises:
        ConfigError: if no folder is given, or the file is not in it.
        DataError: if the file holds something else.
    """
    if data_dir is None or not (data_dir / FILE).is_file():
        where = "no folder was given" if data_dir is None else f"there is none in {data_dir}"
        raise ConfigError(
            f"this study needs {FILE} (MNIST; arrays X (n, 28, 28) of 0..255 and y (n,)), which is not bundled; {where}. "
            "Name its folder by --data-dir or the variable PRIVAUDIT_DATA.",
            key="data_dir",
        )
    stored = read_arrays(data_dir / FILE)
    if not {"X", "y"} <= stored.keys():
        raise DataError(f"{FILE} must hold arrays X and y; got {', '.join(stored)}.")
    pixels, labels = stored["X"], stored["y"]
    if pixels.ndim != 3 or labels.shape != pixels.shape[:1]:
        raise DataError(f"{FILE} must hold X (n, 28, 28) and y (n,); got {pixels.shape} and {labels.shape}.")
    return (pixels.reshape(len(pixels), -1) / np.float32(255)).astype(np.float32), labels.astype(np.int64)


def _is_worst(game: Game) -> bool:
    return (game.start, game.canary) == ("worst case", "blank")


def _table(title: str, audited: Sequence[Audited]) -> StudyTable:
    rows = [
        (one.game.start, one.game.canary, one.game.lr, one.game.seed, one.gaussian, one.model_free, one.accuracy)
        for one in audited
    ]
    return StudyTable(title=title, columns=COLUMNS, rows=tuple(rows))


def _checks(audited: Sequence[Audited]) -> tuple[Check, ...]:
    """Return a check of each learning rate: at so many runs a single seed may fall short, the middle one should not."""
    rates = sorted({one.game.lr for one in audited if one.game.lr <= HIGHEST_CHECKED_RATE})
    found = {rate: [one.gaussian for one in audited if one.game.lr == rate] for rate in rates}
    return tuple(
        Check(
            name=f"worst-case initial weights, blank canary, learning rate {rate:g}",
            wanted=f"median of GDP bounds at least {LEAST:g}",
            measured=f"{np.median(bounds):.3g} of {len(bounds)} seed{'s' if len(bounds) > 1 else ''} "
            f"({min(bounds):.3g} to {max(bounds):.3g})",
            is_met=bool(np.median(bounds) >= LEAST),
        )
        for rate, bounds in found.items()
    )
