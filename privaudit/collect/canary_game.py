"""Plays canary games with the batched trainer: groups of runs side by side, each with its own coins, batches and noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.attacks.step_scores import trajectory_scores
from privaudit.data.gradient_canaries import GradientCanaries
from privaudit.data.seeds import stream_generator, stream_seed
from privaudit.errors import TrainingError
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import signals_from_logits
from privaudit.training.canary_observer import CanaryObserver, idle_coordinates
from privaudit.training.ensemble import ModelStream, train_ensemble
from privaudit.training.model_spec import ModelSpec
from privaudit.training.networks import build_network
from privaudit.training.randomness import ModelSeeds, full_precision, isolated_random_state, one_thread, seeds_of_model
from privaudit.training.recipe import Recipe
from privaudit.training.weights import weights_are_finite

GROUP_NUMBERS = 2**25  # weights, gradients and activations of one group, in float32 numbers: 128 MiB
MOST_RUNS = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CanaryGame:
    """One game, picklable: what every run trains on, what is inserted, and how it is scored.

    Attributes:
        features: ``(n_records + n_inserted, ...)`` float32; record canaries stand behind the records.
        labels: ``(n_records + n_inserted,)`` int64.
        n_records: records that are in every run.
        n_classes: number of classes.
        spec: which model.
        recipe: with ``dp``.
        gradients: gradient canaries, or ``None`` for record canaries.
        is_many_runs: one canary, in every even run and in no odd one; else fair coins for each canary of each run.
        n_canaries: how many.
        noise_in_scores: noise multiplier that the score of subsampled steps is made for: the claimed one, also in the
            control.
        seed: root seed.
        device: where to train.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    n_records: int
    n_classes: int
    spec: ModelSpec
    recipe: Recipe
    gradients: GradientCanaries | None
    is_many_runs: bool
    n_canaries: int
    noise_in_scores: float
    seed: int
    device: str

    def coins(self, number: int) -> NDArray[np.uint8]:
        """``(n_canaries,)`` which canaries are in the run of a number."""
        if self.is_many_runs:
            return np.full(self.n_canaries, 1 - number % 2, dtype=np.uint8)
        return stream_generator(self.seed, "canary_coins", number).integers(0, 2, self.n_canaries, dtype=np.uint8)

    def members(self, coins: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Rows that a run trains on: every record, and the record canaries that are in."""
        own = np.arange(self.n_records)
        return own if self.gradients is not None else np.append(own, self.n_records + np.flatnonzero(coins))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayedRuns:
    """What a group of runs gave.

    Attributes:
        numbers: ``(n_runs,)`` of the runs.
        scores: ``(n_runs, n_canaries)`` higher = more member-like.
        is_in: ``(n_runs, n_canaries)`` the coins.
        projections: ``(n_steps, n_canaries)`` of the first run, in clips; empty for record canaries.
        sampled: ``(n_steps, n_canaries)`` of the first run: the canary was in the step's batch.
        idle_noise: ``(n_steps, n_idle)`` of the first run: noisy sums on coordinates without a canary, in clips.
    """

    numbers: NDArray[np.int64]
    scores: NDArray[np.float64]
    is_in: NDArray[np.uint8]
    projections: NDArray[np.float64]
    sampled: NDArray[np.uint8]
    idle_noise: NDArray[np.float64]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, to be stored."""
        names = ("numbers", "scores", "is_in", "projections", "sampled", "idle_noise")
        return {name: getattr(self, name) for name in names}


def runs_together(game: CanaryGame, *, n_weights: int) -> int:
    """Return how many runs are trained side by side: a function of recipe and model alone, even for pairs of runs.

    Args:
        game: the game.
        n_weights: trained numbers of one model.
    """
    recipe = game.recipe
    width = int(recipe.expected_batch_size or 1)
    of_canaries = 0 if game.gradients is None else 2 * game.n_canaries
    per_run = 6 * n_weights + width * (int(np.prod(game.features.shape[1:])) + 256) + of_canaries
    return max(2, min(MOST_RUNS, GROUP_NUMBERS // per_run) // 2 * 2)


def play(game: CanaryGame, numbers: tuple[int, ...]) -> PlayedRuns:
    """Train the runs of some numbers side by side and score their canaries.

    All runs of a game start from the same weights; each has batches and noise of its own.

    Args:
        game: the game.
        numbers: of the runs.

    Raises:
        TrainingError: if a run diverged.
    """
    coins = np.stack([game.coins(number) for number in numbers])
    seeds = [seeds_of_model(game.seed, number) for number in numbers]
    with one_thread():
        networks, observer = _trained(game, coins, seeds, numbers)
        lost = [number for number, network in zip(numbers, networks, strict=True) if not weights_are_finite(network)]
        if lost:
            raise TrainingError(
                f"{len(lost)} runs diverged (first: run {lost[0]}): their weights are not finite, and none may be left out. "
                "Lower recipe.optimizer.lr.",
                models=lost,
            )
        scores = _record_scores(game, networks) if observer is None else _gradient_scores(game, observer)
    return _played(numbers, coins, scores, observer)


def _trained(
    game: CanaryGame, coins: NDArray[np.uint8], seeds: list[ModelSeeds], numbers: tuple[int, ...]
) -> tuple[list[nn.Module], CanaryObserver | None]:
    device = torch.device(game.device)
    networks = [_initial(game, device) for _ in numbers]
    streams = [
        ModelStream(members=game.members(own), batches=seed.batches, noise=seed.noise)
        for own, seed in zip(coins, seeds, strict=True)
    ]
    observer = None
    if game.gradients is not None:
        observer = CanaryObserver(
            game.gradients,
            coins,
            recipe=game.recipe,
            seeds=[_sampling_seed(game.seed, number) for number in numbers],
            idle=idle_coordinates(game.gradients),
        )
    features, labels = torch.tensor(game.features).to(device), torch.tensor(game.labels).to(device)
    with isolated_random_state(seeds[0].dropout, device), full_precision(device):
        train_ensemble(networks, features, labels, streams=streams, recipe=game.recipe, observer=observer)
    return networks, observer


def _initial(game: CanaryGame, device: torch.device) -> nn.Module:
    with isolated_random_state(seeds_of_model(game.seed, 0).weights, device):
        shape = tuple(game.features.shape[1:])
        return build_network(game.spec, record_shape=shape, n_classes=game.n_classes).to(device)


def _sampling_seed(root: int, number: int) -> int:
    return int(stream_seed(root, "canary_sampling", number).generate_state(1, dtype=np.uint64)[0] >> 1)


def _gradient_scores(game: CanaryGame, observer: CanaryObserver) -> NDArray[np.float64]:
    assert game.recipe.sample_rate is not None
    steps = np.stack(observer.projections)  # (n_steps, n_runs, n_canaries)
    n_steps, n_runs, n_canaries = steps.shape
    scores = trajectory_scores(
        steps.reshape(n_steps, -1),
        sample_rate=game.recipe.sample_rate,
        noise_multiplier=game.noise_in_scores,
    )
    return scores.reshape(n_runs, n_canaries)


def _record_scores(game: CanaryGame, networks: list[nn.Module]) -> NDArray[np.float64]:
    """Minus the loss of each canary at the end."""
    inputs = torch.tensor(game.features[game.n_records :]).to(torch.device(game.device))
    labels = game.labels[game.n_records :]
    rows = [signals_from_logits(query_logits(network, inputs), labels)["negative_loss"][:, 0] for network in networks]
    return np.stack(rows)


def _played(
    numbers: tuple[int, ...], coins: NDArray[np.uint8], scores: NDArray[np.float64], observer: CanaryObserver | None
) -> PlayedRuns:
    empty = np.zeros((0, 0))
    if observer is None:
        projections, sampled, noise = empty, empty.astype(np.uint8), empty
    else:
        projections = np.stack([step[0] for step in observer.projections])
        sampled = np.stack([step[0] for step in observer.sampled]).astype(np.uint8)
        noise = np.stack([step[0] for step in observer.idle_noise])
    return PlayedRuns(
        numbers=np.array(numbers, dtype=np.int64),
        scores=scores,
        is_in=coins,
        projections=projections,
        sampled=sampled,
        idle_noise=noise,
    )
