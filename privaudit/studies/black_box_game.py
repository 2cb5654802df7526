"""The game of one canary in many trainings, seen through the final model's loss at the canary alone.

Source: Annamalai, De Cristofaro, "Nearly Tight Black-Box Auditing of Differentially Private Machine Learning", NeurIPS
2024.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.config import OptimizerConfig
from privaudit.data.record_canaries import RecordCanaries, make_record_canaries
from privaudit.errors import DataError
from privaudit.scoring.query import query_logits
from privaudit.training.ensemble import ModelStream, train_ensemble
from privaudit.training.loss import classification_loss
from privaudit.training.networks import mlp
from privaudit.training.randomness import ModelSeeds, isolated_random_state, seeds_of_model
from privaudit.training.recipe import DpRecipe, Recipe
from privaudit.training.worst_case_weights import worst_case_weights

Start = Literal["worst case", "average, fixed", "average, fresh"]
STARTS: tuple[Start, ...] = ("worst case", "average, fixed", "average, fresh")
CANARIES = ("blank", "mislabelled", "clipbkd")
HIDDEN, MOST_TESTED = 16, 1000
RUNS_OF_A_GAME = 10_000  # numbers that are kept apart for the runs of one game


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """Records, canaries and weights of one seed; what is pre-trained on, trained on and tested on is disjoint.

    Attributes:
        seed: root of all that is random.
        features: ``(n, n_features)`` records of every training.
        labels: ``(n,)`` their classes.
        canaries: kind -> its one canary, made of records that no training holds.
        test_features: ``(n_test, n_features)`` records that measure accuracy.
        test_labels: ``(n_test,)`` their classes.
        n_classes: number of classes.
        worst_weights: pre-trained on the held-out half, by name.
    """

    seed: int
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    canaries: Mapping[str, RecordCanaries]
    test_features: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    n_classes: int
    worst_weights: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """What is audited: one choice of initial weights, canary and learning rate.

    Attributes:
        number: of the game; runs of two games have different noise.
        seed: names its setting.
        start: initial weights.
        canary: kind of the canary.
        lr: learning rate on the sum of clipped gradients.
    """

    number: int
    seed: int
    start: Start
    canary: str
    lr: float


class Runs(NamedTuple):
    """Some runs of a game, an even number of them: those at even places hold the canary."""

    game: Game
    numbers: range


class PlayedRuns(NamedTuple):
    """Scores of runs (higher = more member-like), whether each held the canary, and the mean accuracy."""

    scores: NDArray[np.float64]
    is_in: NDArray[np.bool_]
    accuracy: float


def make_setting(features: NDArray[np.float32], labels: NDArray[np.int64], *, n_records: int, seed: int) -> Setting:
    """Divide records in halves: one pre-trains, the other trains, makes the canaries and measures accuracy.

    Args:
        features: ``(n_all, n_features)`` all records.
        labels: ``(n_all,)`` their classes.
        n_records: of every training.
        seed: of the division, the canaries and the pre-training.

    Raises:
        DataError: if half of the records do not suffice.
    """
    half, n_classes = len(labels) // 2, int(labels.max()) + 1
    if half < n_records + 2:
        raise DataError(f"a game of {n_records} records needs {2 * n_records + 4} records in all; got {len(labels)}.")
    order = np.random.default_rng(seed).permutation(len(labels))
    held_out, trained, rest = order[:half], order[half : half + n_records], order[half + n_records :]
    tested = rest[:MOST_TESTED]
    canaries = {
        kind: make_record_canaries(
            kind, n_canaries=1, features=features[rest], labels=labels[rest], n_classes=n_classes, seed=seed
        )
        for kind in CANARIES
    }
    network = _fresh_network(features.shape[1], n_classes, seeds_of_model(seed, 0))
    worst_case_weights(
        network,
        torch.from_numpy(features[held_out]),
        torch.from_numpy(labels[held_out]),
        seed=seed,
    )
    return Setting(
        seed=seed,
        features=features[trained],
        labels=labels[trained],
        canaries=canaries,
        test_features=features[tested],
        test_labels=labels[tested],
        n_classes=n_classes,
        worst_weights={name: value.numpy() for name, value in network.state_dict().items()},
    )


def play_runs(
    settings: Mapping[int, Setting], noise_multiplier: float, steps: int, delta: float, runs: Runs
) -> PlayedRuns:
    """Train some runs side by side, by DP-SGD on full batches, and score each by minus its loss at the canary.

    Args:
        settings: seed -> setting.
        noise_multiplier: of each step, at clip 1.
        steps: of each run.
        delta: of the claim.
        runs: which ones.
    """
    game, setting = runs.game, settings[runs.game.seed]
    canary = setting.canaries[game.canary]
    features = torch.from_numpy(np.concatenate([setting.features, canary.features]))
    labels = torch.from_numpy(np.concatenate([setting.labels, canary.labels]))
    seeds = [seeds_of_model(game.seed, 1 + game.number * RUNS_OF_A_GAME + number) for number in runs.numbers]
    is_in = np.array([number % 2 == 0 for number in runs.numbers])
    networks = [_initial_network(setting, game.start, own) for own in seeds]
    streams = [
        ModelStream(members=np.arange(len(setting.labels) + int(held)), batches=own.batches, noise=own.noise)
        for own, held in zip(seeds, is_in, strict=True)
    ]
    recipe = _recipe(game.lr, noise_multiplier, steps, delta)
    train_ensemble(networks, features, labels, streams=streams, recipe=recipe)
    with torch.no_grad():
        losses = [float(classification_loss(network(features[-1:]), labels[-1:], 0.0)) for network in networks]
    return PlayedRuns(-np.array(losses), is_in, _accuracy(networks[-1], setting))


def _recipe(lr: float, noise_multiplier: float, steps: int, delta: float) -> Recipe:
    return Recipe(
        steps=steps,
        sample_rate=1.0,
        epochs=None,
        batch_size=None,
        expected_batch_size=1.0,  # a public constant: the sum of the gradients, as in the paper
        schedule_steps=steps,
        optimizer=OptimizerConfig(name="sgd", lr=lr),
        dp=DpRecipe(noise_multiplier=noise_multiplier, max_grad_norm=1.0, delta=delta),
    )


def _initial_network(setting: Setting, start: Start, own: ModelSeeds) -> nn.Module:
    seeds = own if start == "average, fresh" else seeds_of_model(setting.seed, 0)
    network = _fresh_network(setting.features.shape[1], setting.n_classes, seeds)
    if start == "worst case":
        network.load_state_dict({name: torch.tensor(value) for name, value in setting.worst_weights.items()})
    return network


def _fresh_network(n_features: int, n_classes: int, seeds: ModelSeeds) -> nn.Module:
    with isolated_random_state(seeds.weights, torch.device("cpu")):
        return mlp(n_features, n_classes, hidden=(HIDDEN,))


def _accuracy(network: nn.Module, setting: Setting) -> float:
    guesses = query_logits(network, torch.from_numpy(setting.test_features)).argmax(axis=1)
    return float((guesses == setting.test_labels).mean())
