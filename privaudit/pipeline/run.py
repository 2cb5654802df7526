"""The whole audit: plan, collect, analyse, write."""

import json
import platform
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from privaudit.config import AuditConfig, load_config, parse
from privaudit.data.dataset import Dataset
from privaudit.errors import ConfigError, TrainingError
from privaudit.interfaces import Progress, ProgressHook
from privaudit.pipeline.analyse import analyse
from privaudit.pipeline.canary_play import play_canaries
from privaudit.pipeline.distribution.train import (
    check_folder,
    check_same_claim,
    collect_planned,
    plan_worlds,
    train_worlds,
)
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
from privaudit.report.write import write_reports
from privaudit.store.atomic import write_text
from privaudit.store.design_file import write_design
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import joint_versions, read_manifest, write_manifest
from privaudit.store.tensors import check_whole
from privaudit.types import AuditReport
from privaudit.types.design import CONTROL


def run_audit(
    config: AuditConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    dataset: Dataset | None = None,
    base: Path | None = None,
    accept_versions: bool = False,
    progress: ProgressHook | None = None,
) -> AuditReport:
    """Run an audit end to end, going on from whatever its folder already holds.

    Args:
        config: an `AuditConfig`, a mapping, the path of an ``audit.yaml``, or ``None`` for the bundled Adult audit.
        dataset: the records, instead of the config's ``data.source``.
        base: folder of relative paths in the config; by default the config file's own.
        accept_versions: use models that were trained with other library versions.
        progress: called after every model.

    Returns:
        the report, which also lies in the config's ``out`` in the formats asked for.

    Raises:
        ConfigError, DataError, UnsupportedError: before anything is trained.
        TrainingError: if models failed; finished ones are kept.
        StoreVersionError: if the folder holds models of another audit.
    """
    if dataset is not None and not isinstance(dataset, Dataset):
        raise ConfigError(
            f"dataset must be a privaudit Dataset; got {type(dataset).__name__}. "
            "privaudit.data.dataset_from_arrays(features, labels, name=...) makes one."
        )
    checked, folder_of_config = _read_config(config)
    clock = _Clock()
    out = train_shadows(
        checked,
        dataset=dataset,
        base=base if base is not None else folder_of_config,
        accept_versions=accept_versions,
        progress=progress,
    )
    clock.lap("train_and_query")
    report = analyse(out, changes=checked)
    clock.lap("analyse")
    write_reports(report, out, checked.report.formats)
    clock.lap("report")
    clock.write(AuditFolder(out).timings, checked)
    return report


def train_shadows(
    config: AuditConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    dataset: Dataset | None = None,
    base: Path | None = None,
    accept_versions: bool = False,
    progress: ProgressHook | None = None,
) -> Path:
    """Do the first half of `run_audit`: train and query every model that the folder does not hold yet.

    Args:
        config: see `run_audit`.
        dataset: the records, instead of the config's ``data.source``.
        base: folder of relative paths in the config; by default the config file's own.
        accept_versions: use models that were trained with other library versions.
        progress: called after every model.

    Returns:
        the audit's folder, ready for `privaudit attack`.

    Raises:
        ConfigError, DataError, UnsupportedError: before anything is trained.
        TrainingError: if models failed; finished ones are kept.
        StoreVersionError: if the folder holds models of another audit.
    """
    checked, folder_of_config = _read_config(config)
    where = base if base is not None else folder_of_config
    options: _Options = {"dataset": dataset, "base": where, "accept_versions": accept_versions, "progress": progress}
    if checked.kind == "canaries":
        return play_canaries(checked, **options)
    if checked.kind == "distribution":
        return train_worlds(checked, out=Path(checked.out), **options)
    beside = None
    if checked.distribution is not None:
        beside = plan_worlds(checked, dataset=dataset, base=where)
        check_folder(beside, AuditFolder(Path(checked.out)).distribution, accept_versions=accept_versions)
    plan = prepare(checked, dataset=dataset, base=where, accept_versions=accept_versions)
    if beside is not None:
        check_same_claim(plan.recipes[0], beside)
    _say_how(plan, progress)
    collect_signals(plan, progress=progress)
    if beside is not None:
        out = AuditFolder(Path(checked.out)).distribution
        collect_planned(beside, out=out, accept_versions=accept_versions, progress=progress)
    return Path(checked.out)


class _Options(TypedDict):
    dataset: Dataset | None
    base: Path | None
    accept_versions: bool
    progress: ProgressHook | None


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
    manifest = plan.manifest
    if folder.manifest.exists():
        stored = read_manifest(folder.manifest)
        check_stored(stored, manifest, plan.design, folder.path, accept_versions=accept_versions)
        manifest = replace(manifest, versions=joint_versions(stored.versions, manifest.versions))
        manifest = with_looks_of(stored, manifest)
        for path in sorted((folder.path / "models").glob("*.safetensors")):
            check_whole(path)
    folder.create()
    # the manifest comes last: until it names the added models, the folder is unfinished, and the same command goes on
    write_design(folder.design, plan.design, plan.records)
    write_manifest(folder.manifest, manifest)
    if released is not None:
        store_released(folder, released)
    if wants_features(make_methods(config)[0]):
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
    job = make_job(
        plan.dataset,
        plan.design,
        spec=plan.spec,
        recipes=plan.recipes,
        device=device,
        folder=out,
        plan=plan.trainer,
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


def _read_config(config: AuditConfig | Mapping[str, Any] | str | Path | None) -> tuple[AuditConfig, Path | None]:
    if isinstance(config, AuditConfig):
        return config, None
    if isinstance(config, Mapping):
        return parse(AuditConfig, dict(config), where="config"), None
    return load_config(config), None if config is None else Path(config).parent


class _Clock:
    """Seconds per stage; the only place of an audit that looks at a clock."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Note the seconds since the last lap under a stage's name."""
        now = time.perf_counter()
        self._seconds[stage] = round(now - self._last, 3)
        self._last = now

    def write(self, path: Path, config: AuditConfig) -> None:
        """Write the laps, the date, the host and where things ran: all that no report may hold."""
        content = {
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "seconds": self._seconds,
            "host": platform.node(),
            "engine": config.engine.model_dump(),
            "device": config.device,
            "out": config.out,
        }
        write_text(path, json.dumps(content, indent=1) + "\n")
