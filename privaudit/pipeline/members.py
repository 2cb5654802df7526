"""Left of the seam of a membership audit: lays out the folder, trains and queries what is missing."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from privaudit.config import AuditConfig
from privaudit.data.dataset import Dataset
from privaudit.errors import TrainingError
from privaudit.interfaces import Progress, ProgressHook
from privaudit.pipeline.looks import with_looks_of
from privaudit.pipeline.plan import AuditPlan, make_plan
from privaudit.pipeline.primary import make_methods
from privaudit.pipeline.released import (
    check_outputs_of_released,
    is_released,
    load_released,
    store_blind_scores,
    store_released,
)
from privaudit.pipeline.stored import signals_read, store_features, wants_features
from privaudit.pipeline.top_up import check_stored
from privaudit.registry import create_defense
from privaudit.store.design_file import write_design
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import joint_versions, read_manifest, write_manifest
from privaudit.store.tensors import check_whole
from privaudit.types.design import CONTROL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """An audit that can be laid out: nothing was written for it yet.

    Attributes:
        plan: with its trainer.
        released: what was read of a released model; ``None`` where there is none.
    """

    plan: AuditPlan
    released: Any | None


def prepare(
    config: AuditConfig, *, dataset: Dataset | None = None, base: Path | None = None, accept_versions: bool = False
) -> AuditPlan:
    """Check everything that can be checked before training, and lay out the audit's folder.

    Args:
        config: the audit.
        dataset: the records, instead of the config's source.
        base: folder of relative paths.
        accept_versions: use models that were trained with other library versions.
    """
    return lay_out(check_audit(config, dataset=dataset, base=base, accept_versions=accept_versions))


def check_audit(
    config: AuditConfig, *, dataset: Dataset | None = None, base: Path | None = None, accept_versions: bool = False
) -> Checked:
    """Check everything that can be checked before training, and write nothing.

    Args:
        config: the audit.
        dataset: the records, instead of the config's source.
        base: folder of relative paths.
        accept_versions: use models that were trained with other library versions.
    """
    from privaudit.training.check import check_network
    from privaudit.training.choose_trainer import choose_trainer
    from privaudit.training.device import resolve_device
    from privaudit.training.groups import widest_batch

    device = resolve_device(config.device)
    plan = make_plan(config, dataset=dataset, base=base, device_type=device.partition(":")[0])
    recipe = plan.recipes[0]
    check_network(plan.spec, plan.dataset, is_private=recipe.dp is not None, width=widest_batch(recipe))
    trainer = choose_trainer(
        config.engine,
        spec=plan.spec,
        dataset=plan.dataset,
        recipes=plan.recipes,
        device=device,
    )
    plan = plan.with_trainer(trainer)
    digest = plan.manifest.recipe["model"].get("checkpoint")
    released = None if digest is None else load_released(plan.config, plan.dataset, plan.spec, digest)
    folder = AuditFolder(Path(config.out))
    if folder.manifest.exists():
        check_stored(
            read_manifest(folder.manifest), plan.manifest, plan.design, folder.path, accept_versions=accept_versions
        )
        for path in sorted((folder.path / "models").glob("*.safetensors")):
            check_whole(path)
    return Checked(plan=plan, released=released)


def lay_out(checked: Checked) -> AuditPlan:
    """Write an audit's folder: design, manifest, and what of the data its attacks look at.

    Args:
        checked: the audit.
    """
    plan, manifest = checked.plan, checked.plan.manifest
    folder = AuditFolder(Path(plan.config.out))
    if folder.manifest.exists():
        stored = read_manifest(folder.manifest)
        manifest = replace(manifest, versions=joint_versions(stored.versions, manifest.versions))
        manifest = with_looks_of(stored, manifest)
    folder.create()
    # the manifest comes last: until it names the added models, the folder is unfinished, and the same command goes on
    write_design(folder.design, plan.design, plan.records)
    write_manifest(folder.manifest, manifest)
    if checked.released is not None:
        store_released(folder, checked.released)
    if wants_features(make_methods(plan.config)[0]):
        store_features(folder, plan.dataset.features)
    return plan


def collect_signals(plan: AuditPlan, *, progress: ProgressHook | None = None) -> None:
    """Train and query every model of a plan that is not on disk yet.

    Raises:
        TrainingError: if a target or shadow model diverged or failed; finished ones are kept.
    """
    from privaudit.collect.run import collect_all
    from privaudit.training.device import resolve_device
    from privaudit.training.executors import make_executor
    from privaudit.training.job import make_job

    config = plan.config
    device = resolve_device(config.device)
    out = Path(config.out).resolve()
    assert plan.trainer is not None  # prepare() chose it
    _say_how(plan, progress)
    job = make_job(
        plan.dataset,
        plan.design,
        spec=plan.spec,
        recipes=plan.recipes,
        device=device,
        folder=out,
        plan=plan.trainer,
        release=None if config.output is None else create_defense(config.output.name, config.output.params),
    )
    engine = make_executor(config.engine, device_type=device.partition(":")[0], logs=out / "logs")
    try:
        diverged = collect_all(
            plan.collectors, job, plan.design, executor=engine, progress=progress, wanted=signals_read(config)
        )
    finally:
        engine.close()
    lost = [model for model in diverged if plan.design.role[model] != CONTROL]
    if is_released(plan.design):
        check_outputs_of_released(plan.design, lost)
        store_blind_scores(AuditFolder(out), plan.dataset, plan.design)
    if lost:
        raise TrainingError(
            f"{len(lost)} models diverged (first: model {lost[0]}): their weights or outputs are not finite, and none may "
            "be left out of an audit. Lower recipe.optimizer.lr; finished models of this recipe stay in the folder.",
            models=lost,
        )


def _say_how(plan: AuditPlan, progress: ProgressHook | None) -> None:
    """Tell a user who did not ask for it that the slower trainer is used, and why."""
    if progress is not None and plan.trainer is not None and plan.trainer.is_fallback:
        progress(Progress(stage="training", done=0, total=plan.design.n_models, note=plan.trainer.excuse))
