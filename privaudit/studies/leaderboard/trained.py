"""Models of a task, trained side by side in memory, and what was measured on them."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from privaudit.collect.run import TRACINGS
from privaudit.config import RecipeConfig, parse
from privaudit.data.dataset import Dataset
from privaudit.data.design import make_design
from privaudit.interfaces import AuditInputs
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import LOSS_TRACE, SIGNALS, signals_from_logits
from privaudit.studies.leaderboard.tasks import POPULATION, Task
from privaudit.training.group_training import trained_networks
from privaudit.training.groups import MOST_ON_CPU, TrainerPlan
from privaudit.training.job import TrainingJob, make_job
from privaudit.training.model_spec import ModelSpec
from privaudit.training.one_model import make_tracer
from privaudit.training.recipe import resolve_recipe
from privaudit.types import SignalTable


def trained_inputs(
    task: Task, dataset: Dataset, *, n_models: int, seed: int, weight_decay: float = 0.0, is_traced: bool = False
) -> AuditInputs:
    """Train the models of a paired design and query all of them.

    Args:
        task: network and recipe.
        dataset: the records.
        n_models: number of models, every one of which may play the target.
        seed: of coins, weights and batches.
        weight_decay: of Adam, added to the gradients.
        is_traced: record every loss after each epoch as well.
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
    optimizer = {"name": "adam", "lr": task.lr, "weight_decay": weight_decay}
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
        _measured(job, range(start, min(start + MOST_ON_CPU, n_models)), is_traced=is_traced)
        for start in range(0, n_models, MOST_ON_CPU)
    ]
    signals = {
        name: SignalTable(
            name=name,
            values=np.concatenate([part[name] for part in measured]),
            model_index=np.arange(n_models),
            record_index=np.arange(dataset.n_records),
        )
        for name in measured[0]
    }
    return AuditInputs(
        design=design,
        labels=dataset.labels,
        signals=signals,
        usable=np.arange(n_models),
        features=dataset.features,
    )


def _measured(job: TrainingJob, rows: range, *, is_traced: bool) -> dict[str, NDArray[np.float64]]:
    features = torch.from_numpy(np.array(job.features))
    tracer = make_tracer(job, rows, TRACINGS[LOSS_TRACE]) if is_traced else None
    logits = [query_logits(network, features) for network in trained_networks(job, rows, tracer)]
    each = [signals_from_logits(of_model, job.labels) for of_model in logits]
    measured = {name: np.stack([signals[name] for signals in each]) for name in SIGNALS}
    return measured if tracer is None else {**measured, LOSS_TRACE: np.stack(tracer.values)}
