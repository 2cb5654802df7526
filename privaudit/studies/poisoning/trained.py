"""Models of one setting, share of poison and seed, trained side by side in memory."""

from pathlib import Path

import numpy as np
import torch

from privaudit.config import RecipeConfig, parse
from privaudit.data.world_design import make_world_design
from privaudit.scoring.world_outputs import class_log_probabilities
from privaudit.studies.distribution.population import Population
from privaudit.studies.distribution.trained import PASS_RECORDS, Outputs, groups
from privaudit.studies.poisoning.settings import Setting, Training, poison_of
from privaudit.training.group_training import trained_networks
from privaudit.training.groups import MOST_ON_CPU, TrainerPlan
from privaudit.training.model_spec import ModelSpec
from privaudit.training.randomness import one_thread
from privaudit.training.recipe import Recipe, resolve_recipe
from privaudit.training.world_job import WorldJob, make_world_job
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldDesign


def train(population: Population, setting: Setting, share: float, seed: int) -> Outputs:
    """Draw worlds, poison them, train all models on one thread, and ask them.

    Args:
        population: the records.
        setting: what to train.
        share: of poison, 0 = none.
        seed: of pools, draws, poison, initial weights and batches; they are the same whatever the share.

    Raises:
        ConfigError: if a pool has too few records.
    """
    design = draw_worlds(population, setting, share, seed)
    job = make_job(population, setting, design)
    queries = torch.from_numpy(population.features[design.query_records])
    probability = np.empty((design.n_models, len(queries)), dtype=np.float32)
    with one_thread():
        for rows in groups(design):
            for row, network in zip(rows, trained_networks(job, rows), strict=True):
                probability[row] = np.exp(class_log_probabilities(network, queries))[:, 1]
    return Outputs(design, population.labels, probability)


def draw_worlds(population: Population, setting: Setting, share: float, seed: int) -> WorldDesign:
    """Draw pools, every model's records and the queries, and add the poison.

    Args:
        population: the records.
        setting: ratios and sizes.
        share: of poison, 0 = none.
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
        poison=poison_of(share) if share else None,
    )


def make_job(population: Population, setting: Setting, design: WorldDesign) -> WorldJob:
    """Put the training of a setting's models together.

    Args:
        population: the records.
        setting: the training.
        design: who is trained on what.
    """
    recipe = recipe_of(setting.training, int(design.sizes().min()))
    return make_world_job(
        population.features,
        population.labels,
        design,
        n_classes=2,
        spec=ModelSpec(build=setting.training.build, params=setting.training.params, train=None, base=None),
        recipes={SHADOW: recipe, TARGET: recipe},
        device="cpu",
        folder=Path(),
        plan=TrainerPlan(trainer="ensemble", group_size=MOST_ON_CPU, most_records=PASS_RECORDS // MOST_ON_CPU),
    )


def recipe_of(training: Training, n_records: int) -> Recipe:
    """Return a training's recipe.

    Args:
        training: which.
        n_records: of each training set, poison included, which is public.
    """
    return resolve_recipe(parse(RecipeConfig, dict(training.recipe), where="poisoning"), n_canaries=2 * n_records)
