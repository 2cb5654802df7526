"""How records get into batches."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from privaudit.training.recipe import Recipe


def poisson_batches(n: int, *, sample_rate: float, steps: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield Poisson samples: every record independently with the same probability in every step.

    Drawn in float64: a float32 uniform would round the rate. A batch may be empty.

    Args:
        n: number of records.
        sample_rate: the probability.
        steps: number of batches.
        rng: source of randomness.
    """
    for _ in range(steps):
        yield np.flatnonzero(rng.random(n) < sample_rate)


def shuffled_batches(n: int, *, batch_size: int, epochs: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield each epoch's records in a new order, cut into batches; the last one may be short.

    One record left over joins the batch before it: BatchNorm cannot train on one record, and whether one is left over
    is a matter of each model's coins.
    """
    n_batches = batches_per_epoch(n, batch_size)
    for _ in range(epochs):
        order = rng.permutation(n)
        for batch in range(n_batches):
            is_last = batch == n_batches - 1
            yield order[batch * batch_size : n if is_last else (batch + 1) * batch_size]


def batches_per_epoch(n: int, batch_size: int) -> int:
    """Number of shuffled batches that n records are cut into."""
    n_batches = math.ceil(n / batch_size)
    return n_batches - 1 if n_batches > 1 and batch_size > 1 and n % batch_size == 1 else n_batches


def recipe_batches(recipe: Recipe, n: int, rng: np.random.Generator) -> tuple[Iterator[NDArray[np.int64]], int]:
    """Return a recipe's batches and how many there are."""
    if recipe.steps is not None and recipe.sample_rate is not None:
        return poisson_batches(n, sample_rate=recipe.sample_rate, steps=recipe.steps, rng=rng), recipe.steps
    assert recipe.epochs is not None and recipe.batch_size is not None
    batches = shuffled_batches(n, batch_size=recipe.batch_size, epochs=recipe.epochs, rng=rng)
    return batches, n_steps(recipe, n)


def n_steps(recipe: Recipe, n: int) -> int:
    """Number of steps of a model with n records."""
    if recipe.steps is not None:
        return recipe.steps
    assert recipe.epochs is not None and recipe.batch_size is not None
    return recipe.epochs * batches_per_epoch(n, recipe.batch_size)


def trace_steps(recipe: Recipe, n: int) -> NDArray[np.int64]:
    """Return after how many steps a model is read: at the end of every epoch.

    The e-th epoch of Poisson batches ends after ``ceil(e / sample_rate)`` steps, as `resolve_recipe` turns epochs into
    steps, and the last point is the end of training. How many points there are is public: the same for every model.

    Args:
        recipe: how the model is trained.
        n: number of its records, on which the length of a shuffled epoch depends.

    Returns:
        ``(n_points,)`` numbers of steps, ascending.
    """
    if recipe.steps is not None and recipe.sample_rate is not None:
        n_epochs = max(1, math.ceil(recipe.steps * recipe.sample_rate - 1e-9))
        ends = np.ceil(np.arange(1, n_epochs + 1) / recipe.sample_rate - 1e-9).astype(np.int64)
        return np.append(ends[ends < recipe.steps], recipe.steps)
    assert recipe.epochs is not None and recipe.batch_size is not None
    return batches_per_epoch(n, recipe.batch_size) * np.arange(1, recipe.epochs + 1)
