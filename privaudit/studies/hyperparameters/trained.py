"""The grid of one repeat: every data set trained with every candidate, and what the attacks read off it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.data.design import paired_coins
from privaudit.numerics import logit_margin
from privaudit.studies.hyperparameters.claim import STEPS
from privaudit.studies.hyperparameters.pools import Pools
from privaudit.studies.hyperparameters.tuning import Hyperparameters, draw, heads_of, joined, tune
from privaudit.training.linear_grid import train_heads

TOGETHER = 64  # heads whose logits are held at a time


class Grid(NamedTuple):
    """Signals of one repeat's heads. Columns 0 to M - 1 are tuned on data set 0 to M - 1, columns M to 2 M - 1 drawn.

    Attributes:
        is_in: ``(M, n_records)`` bool, the data sets.
        pair: ``(M,)`` each one's complement.
        margin: ``(M, 2 M, n_records)`` logit margins.
        tuned: hyperparameters of columns 0 to M - 1.
        drawn: of the others.
    """

    is_in: NDArray[np.bool_]
    pair: NDArray[np.int64]
    margin: NDArray[np.float64]
    tuned: Hyperparameters
    drawn: Hyperparameters


def make_grid(pools: Pools, *, n_datasets: int, private: bool, seed: int) -> Grid:
    """Draw data sets, tune on each, and train all on all.

    Args:
        pools: the records.
        n_datasets: M, even.
        private: DP-SGD, in tuning as well.
        seed: of all that is random.
    """
    is_in = paired_coins(n_datasets, len(pools.labels), seed).astype(bool)
    tuned = tune(pools.features, pools.labels, is_in, private=private, seed=seed)
    drawn = draw(n_datasets, np.random.default_rng([seed, 17]))
    margin = cross_margins(pools, is_in, joined(tuned, drawn), private=private, seed=seed + 1)
    return Grid(is_in, np.arange(n_datasets) ^ 1, margin, tuned, drawn)


def tuned_elsewhere(pools: Pools, grid: Grid, *, seed: int) -> tuple[NDArray[np.float64], Hyperparameters]:
    """Train all data sets with hyperparameters that were tuned on other records, chosen by the same coins.

    Args:
        pools: the records.
        grid: of data sets without privacy.
        seed: of the grid.

    Returns:
        ``(M, M, n_records)`` margins, column t with what was tuned for data set t, and these hyperparameters.
    """
    tuned = tune(pools.other_features, pools.labels, grid.is_in, private=False, seed=seed)
    return cross_margins(pools, grid.is_in, tuned, private=False, seed=seed + 2), tuned


def cross_margins(
    pools: Pools, is_in: NDArray[np.bool_], candidates: Hyperparameters, *, private: bool, seed: int
) -> NDArray[np.float64]:
    """Train every data set with every candidate.

    Args:
        pools: the records.
        is_in: ``(n_datasets, n_records)``.
        candidates: of n hyperparameters.
        private: DP-SGD.
        seed: of batches and noise.

    Returns:
        ``(n_datasets, n, n_records)`` logit margins.
    """
    n = len(candidates.learning_rate)
    every = candidates.of(np.tile(np.arange(n), len(is_in)))
    heads = heads_of(np.repeat(is_in, n, axis=0), every, private=private)
    weights = train_heads(
        pools.features, pools.labels, heads, steps=STEPS, expected_size=len(pools.labels) / 2, seed=seed
    )
    return margins(pools, weights).reshape(len(is_in), n, -1)


def margins(pools: Pools, weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logit margins of heads at all records.

    Args:
        pools: the records.
        weights: ``(n_heads, n_features, n_classes)``.

    Returns:
        ``(n_heads, n_records)``.
    """
    n_classes = weights.shape[2]
    parts = []
    for start in range(0, len(weights), TOGETHER):
        logits = pools.features @ weights[start : start + TOGETHER]
        labels = np.tile(pools.labels, len(logits))
        parts.append(logit_margin(logits.reshape(-1, n_classes), labels).reshape(len(logits), -1))
    return np.concatenate(parts)
