"""Trains the models of worlds of graphs and asks them about the query nodes; what is on disk is not done again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from privaudit.collect.worlds import signals_of
from privaudit.errors import DataError, PrivauditError, ShapeError, TrainingError
from privaudit.interfaces import Executor, ProgressHook
from privaudit.scoring.graph_outputs import GraphQueries, ask_queries, graph_queries
from privaudit.store.folder import AuditFolder
from privaudit.store.world_file import LOG_PROBABILITIES, PREDICTED
from privaudit.training.graphs.graph_recipe import GraphRecipe
from privaudit.training.graphs.networks import build_graph_network
from privaudit.training.graphs.train import train_graph_models
from privaudit.training.groups import groups_of
from privaudit.training.one_model import Outcome
from privaudit.training.pool import run_outcomes
from privaudit.training.randomness import full_precision, isolated_random_state, one_thread
from privaudit.training.weights import load_weights, save_weights
from privaudit.types.design import SHADOW, TARGET, model_name
from privaudit.types.graphs import GraphWorlds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphJob:
    """Everything a worker needs to train or query any model of an audit of graphs, as one picklable value.

    Attributes:
        worlds: the graphs, and who is trained on what.
        recipe: how.
        folder: the audit's folder.
        device: resolved, e.g. ``cpu``.
        labels_alone: whether the audited models give the class only.
        group_size: models in one task.
    """

    worlds: GraphWorlds
    recipe: GraphRecipe
    folder: Path
    device: str
    labels_alone: bool
    group_size: int

    def signals(self, row: int) -> tuple[str, ...]:
        """Names of what is stored of a model."""
        return signals_of(self.labels_alone and str(self.worlds.design.role[row]) == TARGET)


def collect_graph_worlds(job: GraphJob, *, executor: Executor, progress: ProgressHook | None = None) -> list[int]:
    """Train and query shadow models and victims; every file that is left is whole.

    Args:
        job: the graphs and the recipe.
        executor: where to train and query.
        progress: called after every group.

    Returns:
        rows of the models that diverged.

    Raises:
        TrainingError: if a model failed for another reason; finished ones are kept.
    """
    diverged: list[int] = []
    for role in (SHADOW, TARGET):
        rows = job.worlds.design.rows(role).tolist()
        lost = _train(job, rows, executor, progress)
        diverged += lost + _query(job, [row for row in rows if row not in lost], executor, progress)
    return sorted(diverged)


def load_graph_network(job: GraphJob, row: int) -> nn.Module:
    """Return a trained model, on the CPU.

    Args:
        job: trained it.
        row: of the model.

    Raises:
        StoreError: if it is not there.
    """
    with isolated_random_state(0, torch.device("cpu")):
        network = build_graph_network(job.recipe, job.worlds.features.shape[1], job.worlds.n_classes)
    load_weights(AuditFolder(job.folder).model(row), network)
    return network


def _train(job: GraphJob, rows: Sequence[int], executor: Executor, progress: ProgressHook | None) -> list[int]:
    missing = AuditFolder(job.folder).missing_models(rows)
    is_target = (job.worlds.design.role == TARGET).astype(np.int64)
    return run_outcomes(
        partial(train_graph_group, job),
        list(groups_of(is_target, missing, size=job.group_size)),
        missing,
        name=model_name,
        executor=executor,
        progress=progress,
        stage="training",
        n_total=len(rows),
    )


def train_graph_group(job: GraphJob, rows: Sequence[int]) -> list[Outcome]:
    """Train a group of models and store those that are not on disk.

    Args:
        job: the graphs and the recipe.
        rows: the whole group.

    Returns:
        an outcome for each row; a model whose weights are not finite is not stored.
    """
    diverged: list[int] = []
    try:
        networks = _trained(job, rows)
    except TrainingError as error:
        if not error.models:
            return [Outcome(row, str(error)) for row in rows]
        diverged = list(error.models)
        kept = [row for row in rows if row not in diverged]
        lost = [Outcome(row, "its weights are not finite", diverged=True) for row in diverged]
        return lost + (train_graph_group(job, kept) if kept else [])
    except (PrivauditError, RuntimeError, MemoryError) as error:
        return [Outcome(row, _one_line(error)) for row in rows]
    return [_stored(job, row, network) for row, network in zip(rows, networks, strict=True)]


def _trained(job: GraphJob, rows: Sequence[int]) -> list[nn.Module]:
    with one_thread(), full_precision(torch.device(job.device)):
        return train_graph_models(job.worlds, rows, job.recipe, device=job.device)


def _stored(job: GraphJob, row: int, network: nn.Module) -> Outcome:
    folder = AuditFolder(job.folder)
    if folder.model(row).exists():
        return Outcome(row)
    try:
        folder.forget_signals(row)
        save_weights(folder.model(row), network)
    except (PrivauditError, OSError) as error:
        return Outcome(row, _one_line(error))
    return Outcome(row)


def _query(job: GraphJob, rows: Sequence[int], executor: Executor, progress: ProgressHook | None) -> list[int]:
    folder = AuditFolder(job.folder)
    missing = [row for row in rows if folder.missing_signals(job.signals(row), [row])]
    return run_outcomes(
        partial(query_graph_models, job),
        [tuple(missing[start : start + job.group_size]) for start in range(0, len(missing), job.group_size)],
        missing,
        name=model_name,
        executor=executor,
        progress=progress,
        stage="querying",
        n_total=len(rows),
    )


def query_graph_models(job: GraphJob, rows: Sequence[int]) -> list[Outcome]:
    """Ask some models about all query nodes, and store what they say.

    Args:
        job: the graphs, and the queries.
        rows: of the models.
    """
    with one_thread(), full_precision(torch.device(job.device)):
        queries = graph_queries(job.worlds, job.device)
        return [_query_one(job, queries, row) for row in rows]


def _query_one(job: GraphJob, queries: GraphQueries, row: int) -> Outcome:
    folder = AuditFolder(job.folder)
    try:
        said = ask_queries(load_graph_network(job, row).to(job.device), queries)
        values = {LOG_PROBABILITIES: said, PREDICTED: said.argmax(axis=1).astype(np.float64)[:, None]}
        for name in job.signals(row):
            folder.write_signal(name, row, values[name], job.worlds.design.query_records)
    except (PrivauditError, RuntimeError, MemoryError, OSError) as error:
        is_infinite = isinstance(error, DataError) and not isinstance(error, ShapeError)
        reason = "its outputs are not finite: " if is_infinite else ""
        return Outcome(row, reason + _one_line(error), diverged=is_infinite)
    return Outcome(row)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, PrivauditError) else f"{type(error).__name__}: {text}"
