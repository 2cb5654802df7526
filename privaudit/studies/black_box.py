"""One canary in many trainings, seen through the final model's loss alone.

From average initial weights a black-box audit of DP-SGD shows little. From worst-case ones, pre-trained on records that
take no part, ordinary records have hardly a gradient left, and a blank canary's loss tells nearly all there is to tell.

Source: Annamalai, De Cristofaro, "Nearly Tight Black-Box Auditing of Differentially Private Machine Learning", NeurIPS
2024.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from privaudit.config import OptimizerConfig
from privaudit.data.record_canaries import make_record_canaries
from privaudit.errors import ConfigError
from privaudit.estimators import Split, audit_scores, noise_for_epsilon
from privaudit.interfaces import ProgressHook
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import signals_from_logits
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Check, StudyOptions, StudyResult, StudyTable
from privaudit.training.ensemble import ModelStream, train_ensemble
from privaudit.training.networks import mlp
from privaudit.training.randomness import isolated_random_state, seeds_of_model
from privaudit.training.recipe import DpRecipe, Recipe
from privaudit.training.worst_case_weights import worst_case_weights
from privaudit.types import Neighbouring

Start = Literal["worst case", "average, fixed", "average, fresh"]
CLAIM, DELTA, CONFIDENCE = 10.0, 1e-5, 0.95
N_RECORDS, STEPS, N_RUNS, N_SEEDS = 500, 50, 250, 3
STARTS: tuple[Start, ...] = ("worst case", "average, fixed", "average, fresh")
CANARIES, RATES = ("blank", "mislabelled", "clipbkd"), (1e-4, 1e-3, 1e-2, 5e-2)
TOGETHER = 50  # runs trained side by side
FILE = "mnist_merged.npz"
LEAST = 5.0


@dataclass(frozen=True, slots=True)
class Game:
    """One audit.

    Attributes:
        folder: where the data lie.
        start: initial weights.
        canary: kind of the record canary.
        lr: learning rate of plain gradient descent on the clipped sum over N.
        seed: of everything random.
        n_runs: on each side.
    """

    folder: str
    start: Start
    canary: str
    lr: float
    seed: int
    n_runs: int


@dataclass(frozen=True, slots=True)
class Found:
    """What it gave: in-family and model-free bounds, and the accuracy of the trained models on other records."""

    gaussian: float
    model_free: float
    accuracy: float


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Play the game from every start, with every canary and learning rate.

    Args:
        options: ``is_quick`` plays one setting with one seed; needs MNIST (``mnist_merged.npz``).
        progress: called after each audit.
    """
    folder = str(data_folder(options.data_dir))
    seeds = range(options.seed, options.seed + (1 if options.is_quick else N_SEEDS))
    cells = [("worst case", "blank", rate) for rate in ((1e-3,) if options.is_quick else RATES)]
    if not options.is_quick:
        cells += [("worst case", canary, 1e-3) for canary in CANARIES[1:]]
        cells += [(start, canary, rate) for start in STARTS[1:] for canary in CANARIES for rate in (1e-3, 1e-2)]
    games = [Game(folder, start, canary, rate, seed, N_RUNS) for start, canary, rate in cells for seed in seeds]
    found = run_tasks(play_game, games, workers=options.workers, progress=progress, stage="black-box audits")
    by_cell = [[found[place * len(seeds) + k] for k in range(len(seeds))] for place in range(len(cells))]
    return StudyResult(
        name="black-box",
        title=f"Black-box audits of DP-SGD at epsilon {CLAIM:g}: minus the final loss at one canary",
        tables=(_table(cells, by_cell),),
        checks=_checks(cells, by_cell),
        notes=(
            (
                f"MNIST, MLP 784-16-10, {STEPS} full batches of {N_RECORDS} records, the sum of clipped gradients over the "
                f"public {N_RECORDS}; {N_RUNS} runs a side; thresholds chosen on a fifth of them; 95 %, delta 1e-5, add/remove."
            ),
            "The GDP bound assumes a Gaussian mechanism, the Clopper-Pearson bound nothing.",
        ),
    )


def data_folder(data_dir: Path | None) -> Path:
    """Return the folder that holds MNIST.

    Raises:
        ConfigError: if it is not there; says what is wanted.
    """
    folder = data_dir or Path(os.environ.get("PRIVAUDIT_DATA", "."))
    if not (folder / FILE).is_file():
        raise ConfigError(
            f"the study needs {FILE} (arrays X (n, 28, 28) and y); none in {folder}. Give its folder by --data-dir or "
            "PRIVAUDIT_DATA.",
            key="data-dir",
        )
    return folder


def play_game(game: Game) -> Found:
    """Train with and without the canary, and bound epsilon by the final losses."""
    data = _data(game.folder, game.seed)
    made = make_record_canaries(
        game.canary, n_canaries=1, features=data.inside, labels=data.labels, n_classes=10, seed=game.seed
    )
    features = torch.tensor(np.concatenate([data.inside, made.features.reshape(1, -1)]))
    labels = torch.tensor(np.append(data.labels, made.labels))
    is_in = np.arange(2 * game.n_runs) % 2 == 0
    scores, accuracy = [], []
    for start in range(0, len(is_in), TOGETHER):
        numbers = range(start, min(start + TOGETHER, len(is_in)))
        networks = [_initial(game, number, data) for number in numbers]
        _train(game, networks, features, labels, [int(number) for number in numbers], is_in)
        for network in networks:
            logits = query_logits(network, features[-1:])
            scores.append(float(signals_from_logits(logits, made.labels)["negative_loss"][0, 0]))
            accuracy.append(_accuracy(network, data))
    values = np.array(scores)
    worlds = values[is_in], values[~is_in]
    gaussian, model_free = (
        audit_scores(
            *worlds,
            method=method,
            threshold=Split(share=0.2),
            delta=DELTA,
            confidence=CONFIDENCE,
            neighbouring=Neighbouring.ADD_REMOVE,
        ).lower
        for method in ("gaussian_dp", "clopper_pearson")
    )
    return Found(gaussian, model_free, float(np.mean(accuracy)))


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    inside: NDArray[np.float32]
    labels: NDArray[np.int64]
    held_out: NDArray[np.float32]
    held_out_labels: NDArray[np.int64]


@cache
def _data(folder: str, seed: int) -> _Data:
    """Return the records of the audited training, and the others, which pre-train and measure accuracy."""
    with np.load(Path(folder) / FILE, allow_pickle=False) as stored:
        pixels, digits = stored["X"], stored["y"]
    order = np.random.default_rng(seed).permutation(len(pixels))
    flat = (pixels.reshape(len(pixels), -1) / np.float32(255)).astype(np.float32)[order]
    classes = digits.astype(np.int64)[order]
    return _Data(flat[:N_RECORDS], classes[:N_RECORDS], flat[N_RECORDS:], classes[N_RECORDS:])


def _initial(game: Game, number: int, data: _Data) -> torch.nn.Module:
    own = number if game.start == "average, fresh" else 0
    with isolated_random_state(seeds_of_model(game.seed, own).weights, torch.device("cpu")):
        network = mlp(data.inside.shape[1], 10, hidden=(16,))
    if game.start == "worst case":
        network.load_state_dict(_worst(game.folder, game.seed))
    return network


@cache
def _worst(folder: str, seed: int) -> dict[str, torch.Tensor]:
    data = _data(folder, seed)
    half = len(data.held_out) // 2
    with isolated_random_state(seeds_of_model(seed, 0).weights, torch.device("cpu")):
        network = mlp(data.inside.shape[1], 10, hidden=(16,))
    worst_case_weights(
        network, torch.tensor(data.held_out[:half]), torch.tensor(data.held_out_labels[:half]), epochs=5, seed=seed
    )
    return {name: value.clone() for name, value in network.state_dict().items()}


def _accuracy(network: torch.nn.Module, data: _Data) -> float:
    half = len(data.held_out) // 2
    logits = query_logits(network, torch.tensor(data.held_out[half : half + 1000]))
    return float((logits.argmax(axis=1) == data.held_out_labels[half : half + 1000]).mean())


def _train(
    game: Game,
    networks: Sequence[torch.nn.Module],
    features: torch.Tensor,
    labels: torch.Tensor,
    numbers: Sequence[int],
    is_in: NDArray[np.bool_],
) -> None:
    noise = noise_for_epsilon(CLAIM, delta=DELTA, sample_rate=1.0, steps=STEPS)
    recipe = Recipe(
        steps=STEPS,
        sample_rate=1.0,
        epochs=None,
        batch_size=None,
        expected_batch_size=1.0,  # the sum: learning rates are those of the paper
        schedule_steps=STEPS,
        optimizer=OptimizerConfig(name="sgd", lr=game.lr),
        dp=DpRecipe(noise_multiplier=noise, max_grad_norm=1.0, delta=DELTA),
    )
    streams = []
    for number in numbers:
        seeds = seeds_of_model(game.seed, number)
        own = np.arange(N_RECORDS + int(is_in[number]))
        streams.append(ModelStream(members=own, batches=seeds.batches, noise=seeds.noise))
    train_ensemble(networks, features, labels, streams=streams, recipe=recipe)


def _table(cells: Sequence[tuple[str, str, float]], by_cell: Sequence[Sequence[Found]]) -> StudyTable:
    rows = [
        (
            *cell,
            round(median(one.gaussian for one in found), 2),
            round(min(one.gaussian for one in found), 2),
            round(median(one.model_free for one in found), 2),
            round(float(np.mean([one.accuracy for one in found])), 3),
        )
        for cell, found in zip(cells, by_cell, strict=True)
    ]
    return StudyTable(
        title=f"Bounds of {len(by_cell[0])} seeds each",
        columns=(
            "initial weights",
            "canary",
            "learning rate",
            "GDP bound, median",
            "least",
            "Clopper-Pearson, median",
            "accuracy",
        ),
        rows=tuple(rows),
    )


def _checks(cells: Sequence[tuple[str, str, float]], by_cell: Sequence[Sequence[Found]]) -> tuple[Check, ...]:
    wanted = [
        (cell[2], median(one.gaussian for one in found))
        for cell, found in zip(cells, by_cell, strict=True)
        if cell[:2] == ("worst case", "blank") and cell[2] <= 1e-2
    ]
    return tuple(
        Check(
            name=f"worst-case weights, blank canary, learning rate {rate:g}",
            wanted=f"GDP bound at least {LEAST:g} (median of seeds)",
            measured=f"{bound:.2f}",
            is_met=bound >= LEAST,
        )
        for rate, bound in wanted
    )
