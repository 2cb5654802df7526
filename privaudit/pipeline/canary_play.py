"""Left of the seam of a canary audit: lays out the folder and plays what is missing."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from privaudit.config import AuditConfig
from privaudit.data.dataset import Dataset
from privaudit.data.gradient_canaries import GradientCanaries, make_gradient_canaries
from privaudit.errors import UnsupportedError
from privaudit.interfaces import ProgressHook
from privaudit.pipeline.canary_analyse import stopped_after
from privaudit.pipeline.canary_plan import CanaryPlan, make_canary_plan, with_inserted, without_noise
from privaudit.store.canary_folder import PlayedFolder
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import check_same, read_manifest, write_manifest
from privaudit.types.design import FIRST_CONTROL

if TYPE_CHECKING:
    from privaudit.collect.canary_game import CanaryGame


def play_canaries(
    config: AuditConfig,
    *,
    dataset: Dataset | None = None,
    base: Path | None = None,
    accept_versions: bool = False,
    progress: ProgressHook | None = None,
) -> Path:
    """Play the game of a config, and its control, going on from what its folder holds.

    Args:
        config: the audit, of kind ``canaries``.
        dataset: the records, instead of the config's source.
        base: folder of relative paths.
        accept_versions: use runs that were played with other library versions.
        progress: called after every group of runs.

    Returns:
        the audit's folder.
    """
    from privaudit.collect.canaries import CanaryCollector
    from privaudit.training.device import resolve_device
    from privaudit.training.executors import make_executor

    device = resolve_device(config.device)
    plan = make_canary_plan(config, dataset=dataset, base=base, device_type=device.partition(":")[0])
    game, group_size = make_game(plan, device)
    folder = _lay_out(plan, group_size, accept_versions=accept_versions)
    engine = make_executor(config.engine, device_type=device.partition(":")[0], logs=folder.path / "logs")
    try:
        groups = groups_of_runs(plan, group_size)
        decided = None
        if plan.canaries.stop_when is not None:

            def decided(n_groups: int) -> bool:
                return stopped_after(folder.path, n_groups) is not None

        collector = CanaryCollector(game=game, groups=groups, is_decided=decided)
        n_played = collector.collect(folder.path, executor=engine, progress=progress)
        if config.control.n_models:
            silent = replace(game, recipe=without_noise(game.recipe))
            as_control = [tuple(FIRST_CONTROL + number for number in group) for group in groups[:n_played]]
            CanaryCollector(game=silent, groups=as_control, stem="control").collect(
                folder.path, executor=engine, progress=progress
            )
    finally:
        engine.close()
    return folder.path


def groups_of_runs(plan: CanaryPlan, group_size: int) -> list[tuple[int, ...]]:
    """Return the numbers of the runs of each group; pairs of runs (with, without) are never cut."""
    n_runs = plan.canaries.n_runs if plan.canaries.game == "many_runs" else 1
    return [tuple(range(start, min(start + group_size, n_runs))) for start in range(0, n_runs, group_size)]


def make_game(plan: CanaryPlan, device: str) -> tuple["CanaryGame", int]:
    """Return the game of a plan, and how many of its runs are trained side by side.

    Raises:
        UnsupportedError: if the model cannot be trained by the batched trainer, which puts the canaries in.
    """
    import torch

    from privaudit.collect.canary_game import CanaryGame, runs_together
    from privaudit.training.check import check_network
    from privaudit.training.groups import widest_batch
    from privaudit.training.networks import build_network
    from privaudit.training.randomness import isolated_random_state
    from privaudit.training.stacked_layers import NotBatchableError
    from privaudit.training.stacked_network import StackedNetwork

    check_network(plan.spec, plan.dataset, is_private=True, width=widest_batch(plan.recipe))
    with isolated_random_state(0, torch.device("cpu")):
        shape = tuple(plan.dataset.features.shape[1:])
        network = build_network(plan.spec, record_shape=shape, n_classes=plan.dataset.n_classes)
    try:
        StackedNetwork([network])
    except NotBatchableError as error:
        raise UnsupportedError(
            f"canaries are put in by the batched trainer, and it cannot train this model: {error}. Take CanaryAudit around "
            "your own Opacus script."
        ) from None
    shapes = {name: tuple(weight.shape) for name, weight in network.named_parameters() if weight.requires_grad}
    features, labels = with_inserted(plan)
    assert plan.recipe.dp is not None
    game = CanaryGame(
        features=features,
        labels=labels,
        n_records=plan.dataset.n_records,
        n_classes=plan.dataset.n_classes,
        spec=plan.spec,
        recipe=plan.recipe,
        gradients=_gradients(plan, shapes),
        is_many_runs=plan.canaries.game == "many_runs",
        n_canaries=plan.n_coins,
        noise_in_scores=plan.recipe.dp.noise_multiplier,
        seed=plan.config.seed,
        device=device,
    )
    n_weights = sum(int(np.prod(shape)) for shape in shapes.values())
    return game, runs_together(game, n_weights=n_weights)


def _gradients(plan: CanaryPlan, shapes: dict[str, tuple[int, ...]]) -> GradientCanaries | None:
    if not plan.canaries.is_gradient:
        return None
    return make_gradient_canaries(
        plan.canaries.kind,
        weights=shapes,
        n_canaries=plan.n_coins,
        norm=plan.canaries.norm,
        seed=plan.config.seed,
        layer=plan.canaries.layer,
    )


def _lay_out(plan: CanaryPlan, group_size: int, *, accept_versions: bool) -> AuditFolder:
    """Make the folder, or check that what it holds was played by the same plan."""
    folder = AuditFolder(Path(plan.config.out).resolve())
    manifest = replace(plan.manifest, recipe={**plan.manifest.recipe, "group_size": group_size})
    if folder.manifest.exists():
        stored = read_manifest(folder.manifest)
        check_same(stored, manifest, folder.path, accept_versions=accept_versions)
        manifest = replace(manifest, versions={**manifest.versions, **stored.versions})
    folder.create()
    (PlayedFolder(folder.path, "group").path / "played").mkdir(exist_ok=True)
    write_manifest(folder.manifest, manifest)
    return folder
