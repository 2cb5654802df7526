"""Models of one task and seed, with their weights and what they say on every query."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from privaudit.scoring.world_outputs import class_log_probabilities
from privaudit.studies.distribution.population import Population
from privaudit.studies.distribution.trained import Outputs, draw_worlds, groups, make_job
from privaudit.studies.white_box.tasks import Task
from privaudit.training.group_training import trained_networks
from privaudit.training.meta_classifier.weight_layers import WeightLayers, read_layers
from privaudit.training.model_spec import ModelSpec
from privaudit.training.randomness import one_thread


class Trained(NamedTuple):
    """Models of all worlds.

    Attributes:
        outputs: who was trained on what, and what all models say.
        layers: their weights.
    """

    outputs: Outputs
    layers: WeightLayers


def train(population: Population, task: Task, seed: int) -> Trained:
    """Draw worlds and train all models on one thread.

    Args:
        population: the records.
        task: what to train.
        seed: of pools, draws and initial weights.

    Raises:
        ConfigError: if a pool has too few records.
    """
    design = draw_worlds(population, task.setting, seed)
    job = replace(make_job(population, task.setting, design), spec=_spec(task))
    queries = torch.from_numpy(population.features[design.query_records])
    networks: list[torch.nn.Module | None] = [None] * design.n_models
    probability = np.empty((design.n_models, len(queries)), dtype=np.float32)
    with one_thread():
        for rows in groups(design):
            for row, network in zip(rows, trained_networks(job, rows), strict=True):
                networks[row] = network
                probability[row] = np.exp(class_log_probabilities(network, queries)[:, 1])
    layers = read_layers([network for network in networks if network is not None])
    return Trained(Outputs(design, population.labels, probability), layers)


def _spec(task: Task) -> ModelSpec:
    if not task.hidden:
        return ModelSpec(build="linear", params={}, train=None, base=None)
    return ModelSpec(build="mlp", params={"hidden": task.hidden}, train=None, base=None)
