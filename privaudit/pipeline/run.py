"""The whole audit: plan, collect, analyse, write."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from privaudit.config import AuditConfig, load_config, parse
from privaudit.data.dataset import Dataset
from privaudit.errors import ConfigError
from privaudit.interfaces import ProgressHook
from privaudit.pipeline.analyse import analyse
from privaudit.pipeline.canary_play import play_canaries
from privaudit.pipeline.defend.train import train_arms
from privaudit.pipeline.distribution.graphs.train import train_graph_worlds
from privaudit.pipeline.distribution.train import (
    check_folder,
    check_same_claim,
    collect_planned,
    plan_worlds,
    train_worlds,
)
from privaudit.pipeline.members import collect_signals, prepare
from privaudit.pipeline.timings import Clock
from privaudit.report.write import write_reports
from privaudit.store.folder import AuditFolder
from privaudit.types import AuditReport


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
    clock = Clock()
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
    clock.write(out, checked, report)
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
    if checked.defenses:
        return train_arms(checked, **options)
    if checked.kind == "canaries":
        return play_canaries(checked, **options)
    if checked.kind == "distribution":
        has_graphs = checked.distribution is not None and checked.distribution.graphs is not None
        return (train_graph_worlds if has_graphs else train_worlds)(checked, out=Path(checked.out), **options)
    beside = None
    if checked.distribution is not None:
        beside = plan_worlds(checked, dataset=dataset, base=where)
        check_folder(beside, AuditFolder(Path(checked.out)).distribution, accept_versions=accept_versions)
    plan = prepare(checked, dataset=dataset, base=where, accept_versions=accept_versions)
    if beside is not None:
        check_same_claim(plan.recipes[0], beside)
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


def _read_config(config: AuditConfig | Mapping[str, Any] | str | Path | None) -> tuple[AuditConfig, Path | None]:
    if isinstance(config, AuditConfig):
        return config, None
    if isinstance(config, Mapping):
        return parse(AuditConfig, dict(config), where="config"), None
    return load_config(config), None if config is None else Path(config).parent
