"""Models of one seed: trained anew for each set of planted copies, in groups, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.collect.chameleon_rounds import Round, RoundOutputs
from privaudit.config import RecipeConfig, parse
from privaudit.data.design import make_design
from privaudit.numerics import is_correct, logit_margin
from privaudit.scoring.query import query_logits
from privaudit.studies.chameleon.task import Drawn, Task
from privaudit.training.group_training import trained_networks
from privaudit.training.groups import MOST_ON_CPU, TrainerPlan
from privaudit.training.job import TrainingJob, make_job
from privaudit.training.model_spec import ModelSpec
from privaudit.training.poisoned_job import poisoned_job
from privaudit.training.recipe import Recipe, resolve_recipe
from privaudit.types import AuditDesign

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Models:
    """What models of a seed are trained from.

    Attributes:
        drawn: the records.
        design: pairs of shadow models first, then a pair for each target.
        job: of all of them, unpoisoned.
        n_shadows: the first that many models are shadows.
    """

    drawn: Drawn
    design: AuditDesign
    job: TrainingJob
    n_shadows: int

    @property
    def challenge(self) -> Integers:
        """The challenge records: the first of all."""
        return np.arange(self.drawn.n_challenge)

    @property
    def shadows(self) -> list[int]:
        """Numbers of the shadow models, in complementary pairs."""
        return list(range(self.n_shadows))

    @property
    def targets(self) -> list[int]:
        """Numbers of the targets: one of each further pair, so that their coins are their own."""
        return list(range(self.n_shadows, self.design.n_models, 2))

    def trained(self, numbers: Sequence[int], copies: Integers, labels: Integers) -> list[nn.Module]:
        """Train models from their own initial weights, with copies of the challenge records planted in all of them.

        Args:
            numbers: of the models.
            copies: ``(n_challenge,)`` copies of each challenge record.
            labels: ``(n_challenge,)`` their class.
        """
        job = poisoned_job(self.job, np.repeat(self.challenge, copies), np.repeat(labels, copies))
        starts = range(0, len(numbers), MOST_ON_CPU)
        return [model for start in starts for model in trained_networks(job, numbers[start : start + MOST_ON_CPU])]

    def shadow_outputs(self, request: Round) -> RoundOutputs:
        """Train the shadow models of a round and ask them."""
        networks = self.trained(self.shadows, request.copies, request.labels)
        n, n_queries = self.drawn.candidates.shape[:2]
        labels = self.drawn.dataset.labels[: self.drawn.n_challenge]
        clean = torch.from_numpy(np.ascontiguousarray(self.drawn.candidates[:, 0]))
        logits = np.stack([query_logits(network, clean) for network in networks])
        if not request.wants_candidates:
            return RoundOutputs(logits=logits)
        every = torch.from_numpy(self.drawn.candidates.reshape(n * n_queries, -1))
        repeated = np.repeat(labels, n_queries)
        margins = [logit_margin(query_logits(network, every), repeated).reshape(n, n_queries) for network in networks]
        return RoundOutputs(logits=logits, margins=np.stack(margins))

    def accuracy(self, networks: Sequence[nn.Module]) -> float:
        """Return the mean accuracy on test images."""
        features = torch.from_numpy(self.drawn.test_features)
        each = [is_correct(query_logits(network, features), self.drawn.test_labels).mean() for network in networks]
        return float(np.mean(each))


def models_of(task: Task, drawn: Drawn, *, seed: int, is_private: bool = False) -> Models:
    """Draw the coins of a seed's models.

    Args:
        task: network and recipe.
        drawn: the records.
        seed: of coins, weights, batches and noise.
        is_private: train by DP-SGD at the task's epsilon.
    """
    n_shadows = task.settings.n_shadows
    n_models = n_shadows + 2 * task.n_targets
    design = make_design(
        kind="paired",
        n_models=n_models,
        n_records=drawn.dataset.n_records,
        targets=list(range(n_shadows, n_models, 2)),
        population=0.0,
        seed=seed,
        record_codes=drawn.dataset.row,
    )
    job = make_job(
        drawn.dataset,
        design,
        spec=ModelSpec(build="mlp", params={"hidden": [task.hidden]}, train=None, base=None),
        recipes=(recipe_of(task, is_private=is_private),),
        device="cpu",
        folder=Path(),
        plan=TrainerPlan(trainer="ensemble", group_size=MOST_ON_CPU),
    )
    return Models(drawn=drawn, design=design, job=job, n_shadows=n_shadows)


def recipe_of(task: Task, *, is_private: bool) -> Recipe:
    """Return how the models of a task are trained.

    Args:
        task: learning rate, epochs and batch size.
        is_private: by DP-SGD at the task's epsilon; planted copies are not what is protected, and not in the expected size.
    """
    content: dict[str, Any] = {
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "optimizer": {"name": "adam", "lr": task.lr},
        "schedule": "cosine",
    }
    if is_private:
        content["dp"] = {"epsilon": task.epsilon, "delta": DELTA, "max_grad_norm": 1.0}
    return resolve_recipe(parse(RecipeConfig, content, where=task.name), n_canaries=task.n_records)


DELTA = 1e-5
