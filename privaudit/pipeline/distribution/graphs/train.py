"""Left of the seam of an audit of graphs: draws the graphs, trains and queries what the folder does not hold."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from privaudit.config import AuditConfig
from privaudit.data.dataset import Dataset
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import ProgressHook
from privaudit.pipeline.distribution.graphs.plan import GROUP_SIZE, GraphPlan, make_graph_plan
from privaudit.pipeline.distribution.train import lay_out, refuse_diverged
from privaudit.pipeline.distribution.weights import check_weights, collect_weights
from privaudit.store.folder import AuditFolder

if TYPE_CHECKING:
    from torch import nn


def train_graph_worlds(
    config: AuditConfig,
    *,
    out: Path,
    dataset: Dataset | None = None,
    base: Path | None = None,
    accept_versions: bool = False,
    progress: ProgressHook | None = None,
) -> Path:
    """Train and query every model of every world of graphs that the folder does not hold yet.

    Args:
        config: the audit, with ``distribution.graphs``.
        out: the folder.
        dataset: refused: records are no graphs.
        base: folder of relative paths.
        accept_versions: use models that other library versions trained.
        progress: called after every group of models.

    Returns:
        the folder.

    Raises:
        ConfigError, DataError, UnsupportedError: before anything is trained.
        TrainingError: if models failed or diverged; finished ones are kept.
    """
    if dataset is not None:
        raise ConfigError(
            "a data set was handed over, and distribution.graphs has its own file or generator. Leave the data set out.",
            key="distribution.graphs",
        )
    plan = plan_graph_worlds(config, base=base)
    folder = AuditFolder(out.resolve())
    lay_out(folder, plan, accept_versions=accept_versions)
    refuse_diverged(_collect(plan, folder, progress))
    return folder.path


def plan_graph_worlds(config: AuditConfig, *, base: Path | None = None) -> GraphPlan:
    """Check everything that can be checked before training, and draw the graphs.

    Args:
        config: the audit, with ``distribution.graphs``.
        base: folder of a relative ``distribution.graphs.file``.

    Raises:
        ConfigError, DataError, UnsupportedError: whatever is wrong.
    """
    from privaudit.training.device import resolve_device

    device = resolve_device(config.device)
    if device == "mps":
        raise UnsupportedError("models on graphs need sparse products, which device mps lacks. Use --device cpu.")
    plan = make_graph_plan(config, base=base, device=device)
    check_weights(config, partial(_fresh_network, plan), has_filter=False)
    return plan


def _fresh_network(plan: GraphPlan) -> "nn.Module":
    import torch

    from privaudit.training.graphs.networks import build_graph_network
    from privaudit.training.randomness import isolated_random_state

    with isolated_random_state(0, torch.device("cpu")):
        return build_graph_network(plan.recipe, plan.worlds.features.shape[1], plan.worlds.n_classes)


def _collect(plan: GraphPlan, folder: AuditFolder, progress: ProgressHook | None) -> list[int]:
    from privaudit.collect.graph_worlds import GraphJob, collect_graph_worlds, load_graph_network
    from privaudit.training.executors import make_executor

    job = GraphJob(
        worlds=plan.worlds,
        recipe=plan.recipe,
        folder=folder.path,
        device=plan.device,
        labels_alone=plan.config.access == "label",
        group_size=GROUP_SIZE,
    )
    engine = make_executor(plan.config.engine, device_type=plan.device.partition(":")[0], logs=folder.path / "logs")
    try:
        lost = collect_graph_worlds(job, executor=engine, progress=progress)
        if not lost:
            collect_weights(
                plan.config,
                folder,
                plan.worlds.design,
                load=partial(load_graph_network, job),
                device=plan.device,
                executor=engine,
                progress=progress,
            )
        return lost
    finally:
        engine.close()
