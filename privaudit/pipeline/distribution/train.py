"""Left of the seam of a distribution audit: lays out the folder, trains and queries what is missing."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from privaudit.config import AuditConfig
from privaudit.data.dataset import Dataset
from privaudit.errors import ConfigError, TrainingError
from privaudit.interfaces import Progress, ProgressHook
from privaudit.pipeline.distribution.plan import DistributionPlan, make_distribution_plan
from privaudit.pipeline.distribution.weights import check_weights, collect_weights
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import Manifest, check_same, joint_versions, read_manifest, write_manifest
from privaudit.store.tensors import check_whole
from privaudit.store.world_file import StoredWorlds, write_worlds
from privaudit.training.groups import TrainerPlan
from privaudit.training.recipe import Recipe
from privaudit.types.design import SHADOW, TARGET

if TYPE_CHECKING:
    from torch import nn


class Planned(Protocol):
    """What a folder is laid out by: a plan of records or of graphs."""

    @property
    def manifest(self) -> Manifest:
        """What the models will be a function of."""
        ...

    @property
    def stored(self) -> StoredWorlds:
        """What the analysis needs."""
        ...


def train_worlds(
    config: AuditConfig,
    *,
    out: Path,
    dataset: Dataset | None = None,
    base: Path | None = None,
    accept_versions: bool = False,
    progress: ProgressHook | None = None,
) -> Path:
    """Train and query every model of every world that the folder does not hold yet.

    Args:
        config: the audit, with its distribution block.
        out: the folder.
        dataset: the records, instead of the config's source.
        base: folder of relative paths.
        accept_versions: use models that other library versions trained.
        progress: called after every group of models.

    Returns:
        the folder.

    Raises:
        ConfigError, DataError, UnsupportedError: before anything is trained.
        TrainingError: if models failed or diverged; finished ones are kept.
    """
    plan = plan_worlds(config, dataset=dataset, base=base)
    return collect_planned(plan, out=out, accept_versions=accept_versions, progress=progress)


def plan_worlds(config: AuditConfig, *, dataset: Dataset | None = None, base: Path | None = None) -> DistributionPlan:
    """Check everything that can be checked before training, and choose the trainers.

    Args:
        config: the audit, with its distribution block.
        dataset: the records, instead of the config's source.
        base: folder of relative paths.

    Raises:
        ConfigError, DataError, UnsupportedError: whatever is wrong.
    """
    from privaudit.training.device import resolve_device

    device = resolve_device(config.device)
    plan = make_distribution_plan(config, dataset=dataset, base=base, device_type=device.partition(":")[0])
    return plan.with_trainers(_trainers(plan, device))


def collect_planned(
    plan: DistributionPlan, *, out: Path, accept_versions: bool = False, progress: ProgressHook | None = None
) -> Path:
    """Train and query what a plan's folder does not hold yet.

    Args:
        plan: with its trainers.
        out: the folder.
        accept_versions: use models that other library versions trained.
        progress: called after every group of models.

    Returns:
        the folder.

    Raises:
        StoreVersionError: if the folder holds models of another audit.
        TrainingError: if models failed or diverged; finished ones are kept.
    """
    from privaudit.training.device import resolve_device

    folder = AuditFolder(out.resolve())
    lay_out(folder, plan, accept_versions=accept_versions)
    for trainer in plan.trainers.values():
        if progress is not None and trainer.is_fallback:
            progress(Progress(stage="training", done=0, total=plan.design.n_models, note=trainer.excuse))
    refuse_diverged(_collect(plan, folder, resolve_device(plan.config.device), progress))
    return folder.path


def refuse_diverged(lost: Sequence[int]) -> None:
    """Say which models diverged; none may be left out.

    Args:
        lost: their rows.

    Raises:
        TrainingError: if there is one.
    """
    if lost:
        raise TrainingError(
            f"{len(lost)} models diverged (first: model {lost[0]}): their weights or outputs are not finite, and none may "
            "be left out of an audit. Lower recipe.optimizer.lr; finished models of this recipe stay in the folder.",
            models=lost,
        )


def check_same_claim(recipe: Recipe, plan: DistributionPlan) -> None:
    """Refuse a report whose one claim would be that of the membership audit's models alone.

    Args:
        recipe: of the membership audit's models.
        plan: of the distribution audit beside it.

    Raises:
        ConfigError: if training sets of another size make DP-SGD's parameters others.
    """
    wanted, got = (each.dp_sgd_params() for each in (recipe, plan.recipes[TARGET]))
    if wanted != got:
        raise ConfigError(
            "the models of both audits must keep one claim, and with recipe.epochs and batch_size the sample rate depends on the "
            "number of records. Give recipe.steps and sample_rate.",
            key="recipe.sample_rate",
        )


def _trainers(plan: DistributionPlan, device: str) -> dict[str, TrainerPlan]:
    """Check both sides' models on a few records and choose how they are trained."""
    from privaudit.training.check import check_network
    from privaudit.training.choose_trainer import choose_trainer
    from privaudit.training.groups import widest_batch

    found = {}
    for role in (TARGET, SHADOW):
        spec, recipe, dataset = plan.specs[role], plan.recipes[role], plan.datasets[role]
        check_network(spec, dataset, is_private=recipe.dp is not None, width=widest_batch(recipe))
        found[role] = choose_trainer(plan.config.engine, spec=spec, dataset=dataset, recipes=(recipe,), device=device)
    check_weights(plan.config, partial(_fresh_network, plan), has_filter=plan.defended.output is not None)
    return found


def _fresh_network(plan: DistributionPlan) -> "nn.Module":
    import torch

    from privaudit.training.networks import build_network
    from privaudit.training.randomness import isolated_random_state

    data = plan.datasets[TARGET]
    with isolated_random_state(0, torch.device("cpu")):
        return build_network(plan.specs[TARGET], record_shape=data.record_shape, n_classes=data.n_classes)


def check_folder(plan: Planned, out: Path, *, accept_versions: bool = False) -> Manifest:
    """Refuse a folder that holds models of another plan, before anything is written anywhere.

    Args:
        plan: of records with its trainers, or of graphs.
        out: the folder, which need not be there.
        accept_versions: use models that other library versions trained.

    Returns:
        the manifest to be written.

    Raises:
        StoreVersionError: if the folder holds models of another audit.
        CorruptStoreError: if a model is cut short.
    """
    folder = AuditFolder(out.resolve())
    if not folder.manifest.exists():
        return plan.manifest
    stored = read_manifest(folder.manifest)
    check_same(stored, plan.manifest, folder.path, accept_versions=accept_versions)
    for path in sorted((folder.path / "models").glob("*.safetensors")):
        check_whole(path)
    return replace(plan.manifest, versions=joint_versions(stored.versions, plan.manifest.versions))


def lay_out(folder: AuditFolder, plan: Planned, *, accept_versions: bool) -> None:
    """Make the folder, or check that what it holds was trained by the same plan.

    Args:
        folder: the folder.
        plan: of records with its trainers, or of graphs.
        accept_versions: use models that other library versions trained.

    Raises:
        StoreVersionError: if the folder holds models of another audit.
    """
    manifest = check_folder(plan, folder.path, accept_versions=accept_versions)
    folder.create()
    write_worlds(folder.worlds, plan.stored)
    write_manifest(folder.manifest, manifest)


def _collect(plan: DistributionPlan, folder: AuditFolder, device: str, progress: ProgressHook | None) -> list[int]:
    from privaudit.collect.worlds import Side, collect_worlds, load_network
    from privaudit.training.executors import make_executor
    from privaudit.training.world_job import make_world_job

    sides = {}
    for role in (SHADOW, TARGET):
        data = plan.datasets[role]
        job = make_world_job(
            data.features,
            data.labels,
            plan.design,
            n_classes=data.n_classes,
            spec=plan.specs[role],
            recipes=plan.recipes,
            device=device,
            folder=folder.path,
            plan=plan.trainers[role],
        )
        labels_alone = role == TARGET and plan.config.access == "label"
        rows = plan.design.rows(role).tolist()
        sides[role] = Side(job, rows, labels_alone, plan.defended.release(role))
    engine = make_executor(plan.config.engine, device_type=device.partition(":")[0], logs=folder.path / "logs")
    try:
        lost = collect_worlds(tuple(sides.values()), plan.design.query_records, executor=engine, progress=progress)
        if not lost:
            collect_weights(
                plan.config,
                folder,
                plan.design,
                load=lambda row: load_network(sides[str(plan.design.role[row])].job, row),
                device=device,
                executor=engine,
                progress=progress,
            )
        return lost
    finally:
        engine.close()
