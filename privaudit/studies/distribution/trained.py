"""Models of one setting and seed, trained side by side in memory, and what they say on every query."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from privaudit.config import RecipeConfig, parse
from privaudit.data.seeds import stream_generator
from privaudit.data.world_design import make_world_design
from privaudit.data.world_layout import Treat
from privaudit.scoring.world_outputs import class_log_probabilities
from privaudit.studies.distribution.population import Population
from privaudit.studies.distribution.settings import Setting, Training
from privaudit.training.group_training import trained_networks
from privaudit.training.groups import MOST_ON_CPU, TrainerPlan
from privaudit.training.model_spec import ModelSpec
from privaudit.training.randomness import one_thread
from privaudit.training.recipe import Recipe, resolve_recipe
from privaudit.training.world_job import WorldJob, make_world_job
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldDesign

PASS_RECORDS = 2**15  # records of all models in one pass, so that their features stay in the cache


class Outputs(NamedTuple):
    """What all models of a setting say.

    Attributes:
        design: who was trained on what.
        labels: ``(n_records,)`` true classes of the population.
        probability: ``(n_models, n_queries)`` float32 of class 1.
    """

    design: WorldDesign
    labels: NDArray[np.int64]
    probability: NDArray[np.float32]


def train(population: Population, setting: Setting, seed: int) -> Outputs:
    """Draw worlds, train all models on one thread, and ask them.

    Args:
        population: the records.
        setting: what to train.
        seed: of pools, draws, initial weights and noise. Settings of the same seed have the same pools and draws.

    Raises:
        ConfigError: if a pool has too few records.
    """
    design = draw_worlds(population, setting, seed)
    job = make_job(population, setting, design)
    queries = torch.from_numpy(population.features[design.query_records])
    probability = np.empty((design.n_models, len(queries)), dtype=np.float32)
    with one_thread():
        for rows in groups(design):
            for row, network in zip(rows, trained_networks(job, rows), strict=True):
                said = np.exp(class_log_probabilities(network, queries))
                probability[row] = _released(setting, design, row, said)[:, 1]
    return Outputs(design, population.labels, probability)


def _released(
    setting: Setting, design: WorldDesign, row: int, probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what a model lets out: an output defense has random numbers of each model's own."""
    if setting.output is None or (design.role[row] == SHADOW and not setting.is_known):
        return probabilities
    return setting.output.release(probabilities, stream_generator(design.seed, "released_outputs", row))


def draw_worlds(population: Population, setting: Setting, seed: int) -> WorldDesign:
    """Draw pools, every model's records and the queries, and defend the training sets.

    Args:
        population: the records.
        setting: ratios, sizes and defense.
        seed: of all draws.
    """
    return make_world_design(
        labels=population.labels,
        n_classes=2,
        has_property=population.has_property,
        ratios=setting.ratios,
        n_records=setting.n_records,
        n_shadows=setting.n_shadows,
        n_victims=setting.n_victims,
        n_queries=setting.n_queries,
        label_balance="fixed",
        has_control=setting.has_control,
        seed=seed,
        treat=_treatment(population, setting),
    )


def _treatment(population: Population, setting: Setting) -> Treat | None:
    defense = setting.defense
    if defense is None:
        return None

    def treat(
        role: str, positions: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if role == SHADOW and not setting.is_known:
            return positions, population.labels[positions]
        return defense.treat(positions, population.has_property, population.labels, rng)

    return treat


def groups(design: WorldDesign) -> list[list[int]]:
    """Return the rows of models that are trained together: of one role, in their order."""
    found = []
    for role in (SHADOW, TARGET):
        rows = design.rows(role).tolist()
        found += [rows[start : start + MOST_ON_CPU] for start in range(0, len(rows), MOST_ON_CPU)]
    return found


def make_job(population: Population, setting: Setting, design: WorldDesign) -> WorldJob:
    """Put the training of a setting's logistic regressions together.

    Args:
        population: the records.
        setting: how each role is trained.
        design: who is trained on what.
    """
    sides = {SHADOW: setting.shadow, TARGET: setting.victim}
    return make_world_job(
        population.features,
        population.labels,
        design,
        n_classes=2,
        spec=ModelSpec(build="linear", params={}, train=None, base=None),
        recipes={role: recipe_of(side, setting.n_trained) for role, side in sides.items()},
        device="cpu",
        folder=Path(),
        plan=TrainerPlan(trainer="ensemble", group_size=MOST_ON_CPU, most_records=PASS_RECORDS // MOST_ON_CPU),
    )


def recipe_of(training: Training, n_records: int) -> Recipe:
    """Return full-batch descent with clipped gradients; without an epsilon the noise is 0.

    Args:
        training: steps and epsilon.
        n_records: public number of records that sums are divided by.
    """
    noise = {"noise_multiplier": 0.0} if training.epsilon is None else {"epsilon": training.epsilon}
    content = {
        "steps": training.steps,
        "sample_rate": 1.0,
        "optimizer": {"name": "sgd", "lr": 1.0},
        "dp": {"max_grad_norm": 1.0, **noise},
    }
    return resolve_recipe(parse(RecipeConfig, content, where="distribution"), n_canaries=2 * n_records)
