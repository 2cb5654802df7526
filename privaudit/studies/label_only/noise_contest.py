"""Noise robustness and augmentation agreement against the gap attack, on one seed's models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from privaudit.data.dataset import Dataset
from privaudit.estimators import auc, expected_tpr
from privaudit.games.declared import run_declared
from privaudit.interfaces import AuditInputs
from privaudit.registry import create_attack
from privaudit.scoring.label_noise import read_noisy_correct_share
from privaudit.scoring.label_oracle import label_oracle_of
from privaudit.scoring.label_views import read_augmented_correct
from privaudit.scoring.signals import AUGMENTED_CORRECT, NOISY_CORRECT
from privaudit.studies.label_only.trained import train
from privaudit.studies.leaderboard.tasks import Task
from privaudit.training.randomness import one_thread
from privaudit.types import AttackResult, AuditDesign, SignalTable

N_MODELS = 8
FPR = 0.01
ATTACKS = ("gap", "augmentation", "noise")


class Figures(NamedTuple):
    """What an attack reached on one seed, in the mean over the models in the role of the target.

    Attributes:
        auc: area under the curve.
        tpr: true positive rate at 1 % FPR, equal scores accepted by lot.
        levels: the noise level of each target; empty for attacks without.
    """

    auc: float
    tpr: float
    levels: tuple[int, ...]


def contest(task: Task, seed: int, data_dir: Path | None, *, n_models: int = N_MODELS) -> dict[str, Figures]:
    """Train a seed's models, ask each for labels, and run the attacks on every one of them.

    The noise level of a target is chosen on the models that are neither it nor its complement.

    Args:
        task: data, network and recipe.
        seed: of records, coins, weights, batches and queries.
        data_dir: folder of the task's file.
        n_models: number of models, even, at least 4.

    Returns:
        attack -> what it reached.
    """
    design, dataset, networks = train(task, seed, data_dir, n_models)
    inputs = label_inputs(design, dataset, networks, seed=seed)
    results = {name: run_declared(create_attack(name, {}), inputs, targets=range(n_models)) for name in ATTACKS}
    return {name: figures(found) for name, found in results.items()}


def label_inputs(design: AuditDesign, dataset: Dataset, networks: Sequence[nn.Module], *, seed: int) -> AuditInputs:
    """Measure, by labels alone, what the three attacks read.

    Args:
        design: who was trained on what.
        dataset: the records.
        networks: one for each model, on the CPU.
        seed: of views and noise.
    """
    with one_thread():
        measured = [_measured(network, dataset, seed) for network in networks]
    signals = {
        name: SignalTable(
            name=name,
            values=np.stack([of_model[name] for of_model in measured]),
            model_index=np.arange(len(networks)),
            record_index=np.arange(dataset.n_records),
        )
        for name in measured[0]
    }
    return AuditInputs(design=design, labels=dataset.labels, signals=signals, usable=np.arange(len(networks)))


def _measured(network: nn.Module, dataset: Dataset, seed: int) -> Mapping[str, NDArray[np.float64]]:
    oracle = label_oracle_of(network, n_records=dataset.n_records)
    augmented = read_augmented_correct(oracle, dataset.features, dataset.labels, seed)
    noisy = read_noisy_correct_share(oracle, dataset.features, dataset.labels, seed)
    return {AUGMENTED_CORRECT: augmented, NOISY_CORRECT: noisy, "correct": augmented[:, :1]}


def figures(results: Sequence[AttackResult]) -> Figures:
    """Average an attack's figures over its targets."""
    areas = [auc(result.scores, result.label) for result in results]
    rates = [expected_tpr(result.scores, result.label, FPR) for result in results]
    levels = tuple(int(result.params["level"]) for result in results if "level" in result.params)
    return Figures(float(np.mean(areas)), float(np.mean(rates)), levels)
