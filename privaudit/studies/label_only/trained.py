"""Networks of a seed, trained side by side in memory, with the design and the records that they were trained on."""

from pathlib import Path

from torch import nn

from privaudit.config import RecipeConfig, parse
from privaudit.data.dataset import Dataset
from privaudit.data.design import make_design
from privaudit.studies.leaderboard.tasks import POPULATION, Task
from privaudit.training.group_training import trained_networks
from privaudit.training.groups import MOST_ON_CPU, TrainerPlan
from privaudit.training.job import TrainingJob, make_job
from privaudit.training.model_spec import ModelSpec
from privaudit.training.randomness import one_thread
from privaudit.training.recipe import resolve_recipe
from privaudit.types import AuditDesign


def train(task: Task, seed: int, data_dir: Path | None, n_models: int) -> tuple[AuditDesign, Dataset, list[nn.Module]]:
    """Draw a seed's records and coins, and train the models of a paired design on one thread.

    Args:
        task: data, network and recipe.
        seed: of the records drawn, coins, weights and batches.
        data_dir: folder of the task's file.
        n_models: number of models, even, at least 4; each may play the target.

    Returns:
        the design, the records, and a network for each model, on the CPU.

    Raises:
        ConfigError: if the data are not there.
    """
    dataset = task.dataset(seed, data_dir)
    design = make_design(
        kind="paired",
        n_models=n_models,
        n_records=dataset.n_records,
        targets="all",
        population=POPULATION,
        seed=seed,
        record_codes=dataset.row,
    )
    job = _job(task, dataset, design)
    starts = range(0, n_models, MOST_ON_CPU)
    with one_thread():
        groups = [trained_networks(job, range(start, min(start + MOST_ON_CPU, n_models))) for start in starts]
    return design, dataset, [network for group in groups for network in group]


def _job(task: Task, dataset: Dataset, design: AuditDesign) -> TrainingJob:
    content = {
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "optimizer": {"name": "adam", "lr": task.lr},
    }
    recipe = resolve_recipe(parse(RecipeConfig, content, where=task.name), n_canaries=len(design.coin_records))
    return make_job(
        dataset,
        design,
        spec=ModelSpec(build="mlp", params={"hidden": [task.hidden]}, train=None, base=None),
        recipes=(recipe,),
        device="cpu",
        folder=Path(),
        plan=TrainerPlan(trainer="ensemble", group_size=min(MOST_ON_CPU, design.n_models)),
    )
