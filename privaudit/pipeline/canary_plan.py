"""What a canary audit will do, checked before the first run is trained."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from privaudit.config import AuditConfig
from privaudit.config.canaries import CanaryConfig
from privaudit.data.dataset import Dataset
from privaudit.data.duplicates import draw_records, without_duplicates
from privaudit.data.record_canaries import RecordCanaries, make_record_canaries
from privaudit.data.sources import load_dataset
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.pipeline.canary_stopping import check_budget
from privaudit.pipeline.plan import LEFT_OF_THE_SEAM
from privaudit.store.manifest import Manifest, library_versions
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import Recipe, resolve_recipe


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CanaryPlan:
    """One canary audit, checked and ready to be played.

    Attributes:
        config: what was asked for.
        canaries: the game.
        dataset: the records that are in every run.
        inserted: record canaries, or ``None``.
        recipe: how every run is trained.
        spec: which model.
        manifest: what the outcomes will be a function of.
    """

    config: AuditConfig
    canaries: CanaryConfig
    dataset: Dataset
    inserted: RecordCanaries | None
    recipe: Recipe
    spec: ModelSpec
    manifest: Manifest

    @property
    def n_coins(self) -> int:
        """Canaries with a coin in each run."""
        return 1 if self.canaries.game == "many_runs" else self.canaries.n_canaries


def make_canary_plan(
    config: AuditConfig, *, dataset: Dataset | None = None, base: Path | None = None, device_type: str = "cpu"
) -> CanaryPlan:
    """Load the data, make the record canaries, resolve the recipe.

    The public expected batch size is the sample rate times the number of records without canaries.

    Args:
        config: the audit, of kind ``canaries``.
        dataset: the records, instead of the config's source.
        base: folder that the config's relative paths are looked up in.
        device_type: ``cpu`` or ``cuda``, as it enters the recipe's digest.

    Raises:
        ConfigError, DataError, UnsupportedError: whatever is wrong, before anything is trained.
    """
    if config.model.train is not None or config.model.checkpoint is not None:
        raise UnsupportedError(
            "a canary audit trains with the built-in DP-SGD. For a training script of your own take CanaryAudit around it, "
            "or `privaudit canaries insert` and `evaluate`; remove model.train and model.checkpoint."
        )
    canaries = config.canaries or CanaryConfig()
    data = config.data
    source = dataset or load_dataset(
        data.source, label=data.label, record_id=data.id, groups=data.groups, drop=data.drop, base=base
    )
    records = draw_records(without_duplicates(source), data.n_records, config.seed)
    recipe = resolve_recipe(config.recipe, n_canaries=2 * records.n_records)
    if recipe.dp is None or not recipe.dp.noise_multiplier:
        raise ConfigError("a canary audit needs a claim; recipe.dp has no noise.", key="recipe.dp.noise_multiplier")
    check_budget(config, canaries, recipe)
    inserted = None
    if not canaries.is_gradient:
        n_inserted = 1 if canaries.game == "many_runs" else canaries.n_canaries
        inserted = make_record_canaries(
            canaries.kind,
            n_canaries=n_inserted,
            features=records.features,
            labels=records.labels,
            n_classes=records.n_classes,
            seed=config.seed,
        )
    spec = ModelSpec(
        build=config.model.build,
        params=config.model.params,
        train=None,
        base=(base or Path()).resolve(),  # a worker may have another working folder
    )
    manifest = _manifest(config, canaries, records, recipe, spec, device_type)
    return CanaryPlan(
        config=config,
        canaries=canaries,
        dataset=records,
        inserted=inserted,
        recipe=recipe,
        spec=spec,
        manifest=manifest,
    )


def without_noise(recipe: Recipe) -> Recipe:
    """Return the control's recipe: noise 0, the clip kept, for canaries enter before it."""
    assert recipe.dp is not None
    return replace(recipe, dp=replace(recipe.dp, noise_multiplier=0.0))


def with_inserted(plan: CanaryPlan) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    """Return features and labels of all records, canaries last."""
    features, labels = plan.dataset.features, plan.dataset.labels
    if plan.inserted is None:
        return features, labels
    added = np.asarray(plan.inserted.features, dtype=np.float32).reshape(-1, *features.shape[1:])
    return np.concatenate([features, added]), np.concatenate([labels, plan.inserted.labels])


def _manifest(
    config: AuditConfig, canaries: CanaryConfig, dataset: Dataset, recipe: Recipe, spec: ModelSpec, device_type: str
) -> Manifest:
    model: dict[str, Any] = {"build": spec.build, "params": dict(spec.params), "train": None}
    return Manifest(
        data={
            "digest": dataset.digest(),
            "name": dataset.name,
            "n_records": dataset.n_records,
            "n_classes": dataset.n_classes,
        },
        recipe={
            "model": {**model, "code": spec.code_digests()},
            "variants": [recipe.to_dict()],
            "device_type": device_type,
        },
        design={"kind": "canaries", "seed": config.seed, **canaries.model_dump(mode="json")},
        versions=library_versions(),
        config=config.model_dump(mode="json", exclude=set(LEFT_OF_THE_SEAM)),
    )
