"""What a distribution audit will do, checked before the first model is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.config import AuditConfig, RecipeConfig
from privaudit.config.distribution import DistributionConfig
from privaudit.config.model import ModelConfig
from privaudit.data.bundled import BUNDLED
from privaudit.data.dataset import Dataset
from privaudit.data.duplicates import draw_records, without_duplicates
from privaudit.data.sources import load_dataset
from privaudit.data.user_code import user_code_digest
from privaudit.data.world_design import make_transform_design, make_world_design
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.world_accuracy import LEAST_CONFIDENCE
from privaudit.pipeline.distribution.defended import Defended, defended_by
from privaudit.pipeline.distribution.methods import distribution_attacks
from privaudit.pipeline.distribution.poisoned import POISONED_MODELS, poison_of, poison_text
from privaudit.pipeline.distribution.worlds import property_of, transform_of
from privaudit.pipeline.plan import LEFT_OF_THE_SEAM
from privaudit.store.manifest import Manifest, library_versions
from privaudit.store.world_file import StoredWorlds, draws_digest
from privaudit.training.groups import TrainerPlan
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import Recipe, resolve_recipe
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldDesign
from privaudit.validate import nearest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DistributionPlan:
    """One distribution audit, checked and ready to run; what differs between the sides goes by role.

    Attributes:
        config: what was asked for.
        settings: its distribution block.
        datasets: role -> the same records as that side's models see them.
        has_property: ``(n_records,)`` True for records with the property; all False where worlds are no ratios.
        design: who is trained on what.
        specs: role -> which model.
        recipes: role -> how it is trained.
        defended: what the defense does to training sets and outputs.
        manifest: what the models will be a function of.
        trainers: role -> how the models are trained, once chosen.
    """

    config: AuditConfig
    settings: DistributionConfig
    datasets: Mapping[str, Dataset]
    has_property: NDArray[np.bool_]
    design: WorldDesign
    specs: Mapping[str, ModelSpec]
    recipes: Mapping[str, Recipe]
    defended: Defended
    manifest: Manifest
    trainers: Mapping[str, TrainerPlan]

    @property
    def stored(self) -> StoredWorlds:
        """What the analysis needs of it."""
        labels = self.datasets[TARGET].labels
        return StoredWorlds(design=self.design, labels=labels, has_property=self.has_property)

    def with_trainers(self, trainers: Mapping[str, TrainerPlan]) -> "DistributionPlan":
        """Return the plan with its trainers, which are part of what the models are a function of."""
        recipe = {**self.manifest.recipe, **trainers[TARGET].to_dict(), "shadow_trainer": trainers[SHADOW].to_dict()}
        slow = dict.fromkeys(trainer.excuse for trainer in trainers.values() if trainer.is_fallback)
        remarks = (*self.manifest.remarks, *(f"Models were trained {excuse}" for excuse in slow))
        manifest = replace(self.manifest, recipe=recipe, remarks=remarks)
        return replace(self, trainers=trainers, manifest=manifest)


def make_distribution_plan(
    config: AuditConfig, *, dataset: Dataset | None = None, base: Path | None = None, device_type: str = "cpu"
) -> DistributionPlan:
    """Load the data, draw the worlds, resolve the recipes and check that every method can serve.

    Args:
        config: the audit, with its distribution block.
        dataset: the records, instead of the config's source.
        base: folder that the config's relative paths are looked up in.
        device_type: ``cpu`` or ``cuda``, as it enters the recipe's digest.

    Raises:
        ConfigError, DataError, UnsupportedError: whatever is wrong, before anything is trained.
    """
    settings = config.distribution
    assert settings is not None  # the config has checked
    distribution_attacks(settings, config.access)
    check_confidence(config.confidence)
    datasets = _datasets(config, settings, dataset, base)
    data = datasets[TARGET]
    has_property = np.zeros(data.n_records, dtype=np.bool_)
    if settings.property is not None:
        has_property = property_of(settings.property, data, base)
    defended = defended_by(settings, data, has_property)
    design = _design(config, settings, data, has_property, defended, base)
    recipes = _recipes(config, settings, design)
    specs = _specs(config, settings, base)
    return DistributionPlan(
        config=config,
        settings=settings,
        datasets=datasets,
        has_property=has_property,
        design=design,
        specs=specs,
        recipes=recipes,
        defended=defended,
        manifest=_manifest(config, settings, data, design, specs, recipes, base, device_type),
        trainers={},
    )


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that intervals of an accuracy are not made for.

    Raises:
        ConfigError: if it is too low.
    """
    if confidence < LEAST_CONFIDENCE:
        raise ConfigError(
            f"confidence must be at least {LEAST_CONFIDENCE} for a distribution audit; got {confidence}.",
            key="confidence",
        )


def _datasets(
    config: AuditConfig, settings: DistributionConfig, dataset: Dataset | None, base: Path | None
) -> dict[str, Dataset]:
    """Load the records, once more without the columns that shadow models do not see."""
    group = () if settings.property is None or settings.property.group is None else (settings.property.group,)
    groups = tuple(dict.fromkeys((*config.data.groups, *group)))
    if dataset is None and config.data.source in BUNDLED:  # other sources say so themselves, once they are loaded
        _check_group(group, config.data.source, BUNDLED[config.data.source].groups)
    source = _load(config, groups, (), base) if dataset is None else dataset
    records = draw_records(without_duplicates(source), config.data.n_records, config.seed)
    _check_group(group, records.name, tuple(records.groups))
    dropped = settings.adversary.drop
    if not dropped:
        return {TARGET: records, SHADOW: records}
    if dataset is not None:
        raise UnsupportedError(
            "distribution.adversary.drop loads the data once more without these columns, and a data set that was handed over "
            "cannot be. Name it as data.source."
        )
    less = _load(config, groups, dropped, base)
    place = {row: position for position, row in enumerate(less.row.tolist())}
    return {TARGET: records, SHADOW: less.subset([place[row] for row in records.row.tolist()])}


def _check_group(wanted: tuple[str, ...], source: str, known: tuple[str, ...]) -> None:
    if not set(wanted) <= set(known):
        raise ConfigError(
            f"{source} has no group {wanted[0]!r}; its groups: {', '.join(known) or 'none'}.{nearest(wanted[0], known)}",
            key="distribution.property.group",
        )


def _load(config: AuditConfig, groups: tuple[str, ...], dropped: tuple[str, ...], base: Path | None) -> Dataset:
    data = config.data
    return load_dataset(
        data.source, label=data.label, record_id=data.id, groups=groups, drop=(*data.drop, *dropped), base=base
    )


def _design(
    config: AuditConfig,
    settings: DistributionConfig,
    data: Dataset,
    has_property: NDArray[np.bool_],
    defended: Defended,
    base: Path | None,
) -> WorldDesign:
    shared: dict[str, Any] = {
        "labels": data.labels,
        "n_classes": data.n_classes,
        "n_records": settings.n_records,
        "n_shadows": settings.n_shadows,
        "n_victims": settings.n_victims,
        "n_queries": settings.n_queries,
        "overlap": settings.adversary.overlap,
        "n_adversary_records": settings.adversary.n_records,
        "has_control": settings.control,
        "seed": config.seed,
        "treat": defended.treat,
    }
    if settings.worlds is not None:
        draw = transform_of(settings.worlds.draw, data, base)
        return make_transform_design(draw=draw, names=settings.worlds.names, **shared)
    return make_world_design(
        has_property=has_property,
        ratios=settings.ratios,
        label_balance=settings.class_balance,
        poison=poison_of(settings, data, has_property),
        **shared,
    )


def _recipes(config: AuditConfig, settings: DistributionConfig, design: WorldDesign) -> dict[str, Recipe]:
    """Resolve each side's recipe for a public training set size: the smallest where a defense lets sizes differ."""
    wanted: dict[str, RecipeConfig] = {TARGET: config.recipe, SHADOW: settings.adversary.recipe or config.recipe}
    sizes = design.sizes()
    return {
        role: resolve_recipe(recipe, n_canaries=2 * int(sizes[design.rows(role)].min()))
        for role, recipe in wanted.items()
    }


def _specs(config: AuditConfig, settings: DistributionConfig, base: Path | None) -> dict[str, ModelSpec]:
    models: dict[str, ModelConfig] = {TARGET: config.model, SHADOW: settings.adversary.model or config.model}
    for model in models.values():
        if model.checkpoint is not None:
            raise UnsupportedError("a distribution audit trains every model itself; remove checkpoint.")
    return {
        role: ModelSpec(build=model.build, params=model.params, train=model.train, base=base)
        for role, model in models.items()
    }


def _manifest(
    config: AuditConfig,
    settings: DistributionConfig,
    data: Dataset,
    design: WorldDesign,
    specs: Mapping[str, ModelSpec],
    recipes: Mapping[str, Recipe],
    base: Path | None,
    device_type: str,
) -> Manifest:
    functions = [settings.worlds.draw if settings.worlds else None, settings.property and settings.property.function]
    models = {
        role: {"build": spec.build, "params": dict(spec.params), "train": spec.train, "code": spec.code_digests()}
        for role, spec in specs.items()
    }
    return Manifest(
        data={
            "digest": data.digest(),
            "name": data.name,
            "n_records": data.n_records,
            "n_classes": data.n_classes,
        },
        recipe={
            "model": models[TARGET],
            "shadow_model": models[SHADOW],
            "variants": [recipes[TARGET].to_dict(), recipes[SHADOW].to_dict()],
            "device_type": device_type,
        },
        design={
            "kind": "distribution",
            "seed": config.seed,
            **settings.design(),
            "access": config.access,
            "draws": draws_digest(design),
            "functions": {spec: user_code_digest(spec, base) for spec in functions if spec},
        },
        versions=library_versions(),
        remarks=()
        if design.poison is None
        else (f"{POISONED_MODELS}: {poison_text(design.poison, data.class_names)}",),
        config=config.model_dump(mode="json", exclude=set(LEFT_OF_THE_SEAM)),
    )
