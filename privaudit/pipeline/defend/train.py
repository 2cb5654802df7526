"""Left of the seam of a comparison: every arm is checked before the first model is trained."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from privaudit.config import AuditConfig
from privaudit.data.dataset import Dataset
from privaudit.interfaces import Progress, ProgressHook
from privaudit.pipeline.defend.arms import Arm, arms_of
from privaudit.pipeline.distribution.train import check_folder, collect_planned, plan_worlds
from privaudit.pipeline.members import check_audit, collect_signals, lay_out


def share_models(source: Path, folder: Path) -> None:
    """Give an arm whose models are those of the audit without a defense their files; none that is there is touched.

    Args:
        source: folder of the audit without a defense.
        folder: folder of the arm.
    """
    for path in sorted((source / "models").glob("*.safetensors")):
        goal = folder / "models" / path.name
        if not goal.exists():
            waiting = goal.with_suffix(".part")
            waiting.unlink(missing_ok=True)
            try:
                os.link(path, waiting)
            except OSError:  # another file system, or one without links
                shutil.copyfile(path, waiting)
            os.replace(waiting, goal)


def hook_of(arm: Arm, progress: ProgressHook | None) -> ProgressHook | None:
    """Return a hook that says which arm a step belongs to.

    Args:
        arm: the arm.
        progress: the hook of the whole audit.
    """
    if progress is None:
        return None

    def tell(step: Progress) -> None:
        progress(
            Progress(stage=f"{arm.id}: {step.stage}", done=step.done, total=step.total, note=step.note, unit=step.unit)
        )

    return tell


def train_arms(
    config: AuditConfig,
    *,
    dataset: Dataset | None,
    base: Path | None,
    accept_versions: bool,
    progress: ProgressHook | None,
) -> Path:
    """Train and query what the folders of all arms do not hold yet.

    Args:
        config: with ``defenses``.
        dataset: the records, instead of the config's source.
        base: folder of relative paths.
        accept_versions: use models that other library versions trained.
        progress: called after every model.

    Returns:
        the folder of the whole.
    """
    arms = arms_of(config)
    if config.kind == "distribution":
        return _train_worlds(arms, dataset=dataset, base=base, accept_versions=accept_versions, progress=progress)
    return _train_members(arms, dataset=dataset, base=base, accept_versions=accept_versions, progress=progress)


def _train_members(
    arms: Sequence[Arm],
    *,
    dataset: Dataset | None,
    base: Path | None,
    accept_versions: bool,
    progress: ProgressHook | None,
) -> Path:
    # no folder is touched before all can be: the manifest of the whole says what the arms are made of
    checked = [check_audit(arm.config, dataset=dataset, base=base, accept_versions=accept_versions) for arm in arms]
    plans = [lay_out(one) for one in checked]
    for arm, plan in zip(arms, plans, strict=True):
        if arm.kind == "output":  # what a model says is another, not the model
            share_models(arms[0].folder, arm.folder)
        collect_signals(plan, progress=hook_of(arm, progress))
    return arms[0].folder


def _train_worlds(
    arms: Sequence[Arm],
    *,
    dataset: Dataset | None,
    base: Path | None,
    accept_versions: bool,
    progress: ProgressHook | None,
) -> Path:
    plans = [plan_worlds(arm.config, dataset=dataset, base=base) for arm in arms]
    for arm, plan in zip(arms, plans, strict=True):
        check_folder(plan, arm.folder, accept_versions=accept_versions)
    for arm, plan in zip(arms, plans, strict=True):
        collect_planned(plan, out=arm.folder, accept_versions=accept_versions, progress=hook_of(arm, progress))
    return arms[0].folder
