"""Models of a task, trained side by side in memory, and what was measured on them."""

from pathlib import Path

import numpy as np
import torch

from privaudit.config import RecipeConfig, parse
from privaudit.data.dataset import Dataset
from privaudit.data.design import make_design
from privaudit.interfaces import AuditInputs
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import SIGNALS, signals_from_logits
from privaudit.studies.leaderboard.tasks import POPULATION, Task
from privaudit.training.group_training import trained_networks
from privaudit.training.groups import MOST_ON_CPU, TrainerPlan
from privaudit.training.job import TrainingJob, make_job
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import resolve_recipe
from privaudit.types import SignalTable


def trained_inputs(task: Task, dataset: Dataset, *, n_models: int, seed: int) -> AuditInputs:
    """Train the models of a paired design and query all of them.

    Args:
        task: network and recipe.
        dataset: the records.
        n_models: number of models, every one of which may play the target.
        seed: of coins, weights and batches.
    """
    design = make_design(
        kind="paired",
        n_models=n_models,
        n_records=dataset.n_records,
        targets="all",
        population=POPULATION,
        seed=seed,
        record_codes=dataset.row,
    )
    optimizer = {"name": "adam", "lr": task.lr}
    content = {"epochs": task.epochs, "batch_size": task.batch_size, "optimizer": optimizer}
    recipe = resolve_recipe(parse(RecipeConfig, content, where=task.name), n_canaries=len(design.coin_records))
    job = make_job(
        dataset,
        design,
        spec=ModelSpec(build="mlp", params={"hidden": [task.hidden]}, train=None, base=None),
        recipes=(recipe,),
        device="cpu",
        folder=Path(),
        plan=TrainerPlan(trainer="ensemble", group_size=MOST_ON_CPU),
    )
    measured = [
        _measured(job, range(start, min(start + MOST_ON_CPU, n_models))) for start in range(0, n_models, MOST_ON_CPU)
    ]
    signals = {
        name: SignalTable(
            name=name,
            values=np.concatenate([part[name] for part in measured]),
            model_index=np.arange(n_models),
            record_index=np.arange(dataset.n_records),
        )
        for name in SIGNALS
    }
    return AuditInputs(
        design=design,
        labels=dataset.labels,
        signals=signals,
        usable=np.arange(n_models),
        features=dataset.features,
    )


def _measured(job: TrainingJob, rows: range) -> dict[str, np.ndarray]:
    features = torch.from_numpy(np.array(job.features))
    logits = [query_logits(network, features) for network in trained_networks(job, rows)]
    each = [signals_from_logits(of_model, job.labels) for of_model in logits]
    return {name: np.stack([signals[name] for signals in each]) for name in SIGNALS}
