"""Hyperparameters of a head, drawn at random, and the random search that tunes them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privaudit.studies.hyperparameters.claim import CLIP, STEPS, noise_of
from privaudit.training.linear_grid import Heads, train_heads

N_TRIALS, HELD_OUT = 20, 0.3
LOWEST_RATE, HIGHEST_RATE = 1e-4, 1e-1
SAMPLE_RATES = (0.1, 0.3, 1.0)


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Of several heads.

    Attributes:
        learning_rate: ``(n,)`` of Adam.
        sample_rate: ``(n,)`` of Poisson batches.
    """

    learning_rate: NDArray[np.float64]
    sample_rate: NDArray[np.float64]

    def of(self, rows: NDArray[np.int64]) -> "Hyperparameters":
        """Return those of some of the heads, which may repeat."""
        return Hyperparameters(self.learning_rate[rows], self.sample_rate[rows])


def draw(n: int, rng: np.random.Generator) -> Hyperparameters:
    """Draw a log-uniform learning rate and one of three sample rates.

    Args:
        n: how many.
        rng: to draw from.
    """
    exponents = rng.uniform(np.log10(LOWEST_RATE), np.log10(HIGHEST_RATE), n)
    return Hyperparameters(10**exponents, rng.choice(SAMPLE_RATES, n))


def joined(first: Hyperparameters, second: Hyperparameters) -> Hyperparameters:
    """Put two sets one behind the other."""
    return Hyperparameters(
        np.append(first.learning_rate, second.learning_rate), np.append(first.sample_rate, second.sample_rate)
    )


def heads_of(is_in: NDArray[np.bool_], chosen: Hyperparameters, *, private: bool) -> Heads:
    """Return what the trainer needs.

    Args:
        is_in: ``(n, n_records)`` the records of each head.
        chosen: n hyperparameters.
        private: DP-SGD with the study's claim.
    """
    if not private:
        return Heads(is_in, chosen.learning_rate, chosen.sample_rate)
    noise = np.array([noise_of(float(rate)) for rate in chosen.sample_rate])
    return Heads(is_in, chosen.learning_rate, chosen.sample_rate, np.full(len(noise), CLIP), noise)


def tune(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    is_in: NDArray[np.bool_],
    *,
    private: bool,
    seed: int,
) -> Hyperparameters:
    """Choose each data set's hyperparameters by random search: the most accurate on 30 % of it, trained on the rest.

    Trials and splits depend on the seed alone, so tuning on other records differs in these records only.

    Args:
        features: ``(n_records, n_features)`` of the pool to tune on.
        labels: ``(n_records,)`` its classes.
        is_in: ``(n_datasets, n_records)`` the records of each data set.
        private: DP-SGD.
        seed: of trials, splits and trainings.
    """
    n_datasets, n_records = is_in.shape
    rng = np.random.default_rng([seed, 13])
    held_out = rng.random(is_in.shape) < HELD_OUT
    trials = draw(n_datasets * N_TRIALS, rng)
    trained_on = np.repeat(is_in & ~held_out, N_TRIALS, axis=0)
    weights = train_heads(
        features,
        labels,
        heads_of(trained_on, trials, private=private),
        steps=STEPS,
        expected_size=(1 - HELD_OUT) * n_records / 2,
        seed=seed,
    )
    is_right = np.stack([(features @ each).argmax(axis=1) == labels for each in weights])
    tested = np.repeat(is_in & held_out, N_TRIALS, axis=0)
    accuracy = (is_right & tested).sum(axis=1) / np.maximum(tested.sum(axis=1), 1)
    best = accuracy.reshape(n_datasets, N_TRIALS).argmax(axis=1)
    return trials.of(np.arange(n_datasets) * N_TRIALS + best)
