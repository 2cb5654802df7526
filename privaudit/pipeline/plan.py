"""What an audit will do, checked before the first model is trained."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from privaudit.collect.stages import CollectContext, Collector
from privaudit.config import AuditConfig
from privaudit.data.dataset import Dataset
from privaudit.data.design import make_design
from privaudit.data.duplicates import draw_records, without_duplicates
from privaudit.data.released import released_design
from privaudit.data.sources import load_dataset
from privaudit.defenses.base import OutputDefense
from privaudit.defenses.top_k import TopK
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import Attack
from privaudit.pipeline.looks import analysis_of
from privaudit.pipeline.primary import check_guesses, check_primary, make_methods
from privaudit.pipeline.released import checkpoint_content, is_released, records_of_released
from privaudit.pipeline.top_up import design_settings
from privaudit.registry import create_collectors, create_defense
from privaudit.store.design_file import AuditRecords
from privaudit.store.manifest import Manifest, library_versions
from privaudit.training.batches import trace_steps
from privaudit.training.groups import TrainerPlan
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import Recipe, resolve_recipe
from privaudit.types import AuditDesign
from privaudit.types.design import CONTROL

LEFT_OF_THE_SEAM = ("out", "device", "engine")  # where things run; enters no digest and no report


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditPlan:
    """One audit, checked and ready to run.

    Attributes:
        config: what was asked for.
        dataset: the records, de-duplicated and drawn.
        design: the coins.
        recipes: the recipe, and the control's as second one where there is a control.
        spec: which model.
        collectors: what is trained and measured for the attacks, in order.
        manifest: what the models will be a function of.
        trainer: how they are trained, once `with_trainer` has said so; nothing is trained without.
    """

    config: AuditConfig
    dataset: Dataset
    design: AuditDesign
    recipes: tuple[Recipe, ...]
    spec: ModelSpec
    collectors: tuple[Collector, ...]
    manifest: Manifest
    trainer: TrainerPlan | None = None

    def with_trainer(self, trainer: TrainerPlan) -> "AuditPlan":
        """Return the plan with the trainer, which is part of what the models are a function of."""
        recipe = {**self.manifest.recipe, **trainer.to_dict()}
        more = (f"Models were trained {trainer.excuse}",) if trainer.is_fallback else ()
        remarks = (*self.manifest.remarks, *more)
        return replace(self, trainer=trainer, manifest=replace(self.manifest, recipe=recipe, remarks=remarks))

    @property
    def records(self) -> AuditRecords:
        """Labels, groups and ids of the records."""
        return AuditRecords(labels=self.dataset.labels, groups=self.dataset.groups, record_ids=self.dataset.record_ids)


def make_plan(
    config: AuditConfig, *, dataset: Dataset | None = None, base: Path | None = None, device_type: str = "cpu"
) -> AuditPlan:
    """Load the data, throw the coins, resolve the recipe and check that every method can serve.

    Args:
        config: the audit.
        dataset: the records, instead of the config's source.
        base: folder that the config's relative paths are looked up in.
        device_type: ``cpu`` or ``cuda``, as it enters the recipe's digest.

    Raises:
        ConfigError, DataError, UnsupportedError: whatever is wrong, before anything is trained.
    """
    attacks, estimators = make_methods(config)
    for attack in attacks:
        # `exclude` and `fewest_population` are optional members of an attack: a protocol cannot say so, its docstring does
        if getattr(attack, "exclude", "pair") != "pair":
            raise UnsupportedError(
                f"attack {attack.name} with exclude: target keeps the target's complement among the shadows, which tells "
                "its coins; no audit can be made of it. Use exclude: pair."
            )
    records, design, remarks = _records_and_design(config, dataset or _load(config, base), base)
    _check_population(attacks, design)
    n_controls = len(design.models_with_role(CONTROL))
    if not is_released(design):
        for estimator in estimators:
            estimator.check(design)
        check_primary(config, design)
        check_guesses(config, attacks)
    recipe = resolve_recipe(config.recipe, n_canaries=len(design.coin_records))
    recipes = (recipe, recipe.without_privacy()) if n_controls else (recipe,)
    spec = ModelSpec(build=config.model.build, params=config.model.params, train=config.model.train, base=base)
    _check_output(config, records.n_classes)
    collectors = _checked_collectors(attacks, records, design, spec, recipe, is_filtered=config.output is not None)
    manifest = replace(_manifest(config, records, design, recipes, spec, device_type), remarks=remarks)
    return AuditPlan(
        config=config,
        dataset=records,
        design=design,
        recipes=recipes,
        spec=spec,
        collectors=collectors,
        manifest=manifest,
    )


def _check_population(attacks: Sequence[Attack], design: AuditDesign) -> None:
    for attack in attacks:
        wanted, held_out = getattr(attack, "fewest_population", 0), int(design.is_population.sum())
        if held_out < wanted:
            raise UnsupportedError(
                f"attack {attack.name} needs {wanted} population records; design.population holds {held_out} out. Raise it."
            )


def _check_output(config: AuditConfig, n_classes: int) -> None:
    """Refuse what is no output filter, or filters nothing; collectors refuse to read models past one."""
    if config.output is None:
        return
    built = create_defense(config.output.name, config.output.params)
    if isinstance(built, TopK) and built.k >= n_classes - 1:
        raise ConfigError(
            f"top_k with k: {built.k} withholds nothing of {n_classes} classes: what is left out follows from what is told. Give a "
            "smaller k, rounding, or access: label.",
            key="output.k",
        )
    if not isinstance(built, OutputDefense):
        raise ConfigError(
            f"output takes what changes a model's answers; {config.output.name} changes its training or its data. See "
            "`privaudit list defenses`.",
            key="output",
        )


def _checked_collectors(
    attacks: Sequence[Attack],
    records: Dataset,
    design: AuditDesign,
    spec: ModelSpec,
    recipe: Recipe,
    *,
    is_filtered: bool,
) -> tuple[Collector, ...]:
    collectors = create_collectors(attacks)
    context = CollectContext(
        design=design,
        record_shape=records.features.shape[1:],
        has_own_training=spec.train is not None,
        n_trace_points=len(trace_steps(recipe, records.n_records)),
        labels=records.labels,
        n_classes=records.n_classes,
        is_filtered=is_filtered,
    )
    for collector in collectors:
        collector.check(context)
    return collectors


def _records_and_design(
    config: AuditConfig, source: Dataset, base: Path | None
) -> tuple[Dataset, AuditDesign, tuple[str, ...]]:
    """Draw records and coins; with a released model its owner says which records, and the remarks say which not."""
    wanted = config.design
    if config.model.checkpoint is not None:
        released = records_of_released(config, source, base)
        design = released_design(released, n_models=wanted.n_models, population=wanted.population, seed=config.seed)
        return released.dataset, design, released.notes()
    records = draw_records(without_duplicates(source), config.data.n_records, config.seed)
    design = make_design(
        kind=wanted.kind,
        n_models=wanted.n_models,
        n_records=records.n_records,
        targets=wanted.targets,
        population=wanted.population,
        seed=config.seed,
        record_codes=records.row,
        n_control_models=config.control.n_models if config.recipe.dp is not None else 0,
    )
    return records, design, ()


def _load(config: AuditConfig, base: Path | None) -> Dataset:
    data = config.data
    return load_dataset(data.source, label=data.label, record_id=data.id, groups=data.groups, drop=data.drop, base=base)


def _manifest(
    config: AuditConfig,
    dataset: Dataset,
    design: AuditDesign,
    recipes: tuple[Recipe, ...],
    spec: ModelSpec,
    device_type: str,
) -> Manifest:
    model: dict[str, Any] = {"build": spec.build, "params": dict(spec.params), "train": spec.train}
    if config.model.checkpoint is not None:
        model["checkpoint"] = hashlib.sha256(checkpoint_content(config, spec.base)).hexdigest()
    return Manifest(
        data={
            "digest": dataset.digest(),
            "name": dataset.name,
            "n_records": dataset.n_records,
            "n_classes": dataset.n_classes,
        },
        recipe={
            "model": {**model, "code": spec.code_digests()},
            "variants": [recipe.to_dict() for recipe in recipes],
            "device_type": device_type,
            **({} if config.output is None else {"output": config.output.model_dump(mode="json")}),
        },
        design=design_settings(design, population=config.design.population),
        versions=library_versions(),
        config=config.model_dump(mode="json", exclude=set(LEFT_OF_THE_SEAM)),
        looks=(analysis_of(config, design),),
    )
