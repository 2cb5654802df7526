"""Canary games on scikit-learn's digits with the batched trainer: what the studies of correct DP-SGD play."""

import numpy as np

from privaudit.collect.canary_game import CanaryGame, PlayedRuns, play, runs_together
from privaudit.config import OptimizerConfig
from privaudit.data.bundled import load_digits_dataset
from privaudit.data.gradient_canaries import make_gradient_canaries
from privaudit.estimators import noise_for_epsilon
from privaudit.training.model_spec import ModelSpec
from privaudit.training.networks import build_network
from privaudit.training.recipe import DpRecipe, Recipe

DELTA = 1e-5
LEARNING_RATE = 0.1


def digit_game(
    *,
    epsilon: float,
    seed: int,
    is_many_runs: bool,
    n_canaries: int = 1,
    hidden: int = 16,
    n_records: int = 32,
    steps: int = 20,
    sample_rate: float = 1.0,
    shape: str = "coordinate",
) -> CanaryGame:
    """Return a game whose claim is an epsilon at delta 1e-5.

    Args:
        epsilon: the claimed one; the accountant finds its noise.
        seed: root seed.
        is_many_runs: one canary in many runs, else many canaries in each run.
        n_canaries: coins of a run.
        hidden: width of the network's hidden layer.
        n_records: records beside the canaries.
        steps: of each run.
        sample_rate: of records and canaries.
        shape: of the gradient canaries, which are 100 clips long before the clip.
    """
    digits = load_digits_dataset()
    spec = ModelSpec(build="mlp", params={"hidden": [hidden]}, train=None)
    network = build_network(spec, record_shape=digits.features.shape[1:], n_classes=10)
    noise = noise_for_epsilon(epsilon, delta=DELTA, sample_rate=sample_rate, steps=steps)
    return CanaryGame(
        features=np.array(digits.features[:n_records]),
        labels=np.array(digits.labels[:n_records]),
        n_records=n_records,
        n_classes=10,
        spec=spec,
        recipe=_recipe(noise, sample_rate=sample_rate, steps=steps, n_records=n_records),
        gradients=make_gradient_canaries(
            shape,
            weights={name: tuple(weight.shape) for name, weight in network.named_parameters()},
            n_canaries=n_canaries,
            norm=100.0,
            seed=seed,
        ),
        is_many_runs=is_many_runs,
        n_canaries=n_canaries,
        noise_in_scores=noise,
        seed=seed,
        device="cpu",
    )


def _recipe(noise: float, *, sample_rate: float, steps: int, n_records: int) -> Recipe:
    return Recipe(
        steps=steps,
        sample_rate=sample_rate,
        epochs=None,
        batch_size=None,
        expected_batch_size=sample_rate * n_records,
        schedule_steps=steps,
        optimizer=OptimizerConfig(name="sgd", lr=LEARNING_RATE),
        dp=DpRecipe(noise_multiplier=noise, max_grad_norm=1.0, delta=DELTA),
    )


def play_runs(game: CanaryGame, n_runs: int) -> list[PlayedRuns]:
    """Play the runs 0, 1, ... of a game, group after group.

    Args:
        game: the game.
        n_runs: how many.
    """
    assert game.gradients is not None
    size = runs_together(game, n_weights=game.gradients.directions.shape[1])
    groups = [tuple(range(start, min(start + size, n_runs))) for start in range(0, n_runs, size)]
    return [play(game, group) for group in groups]
