"""Decides how an audit's models are trained: side by side where that computes the same, else one at a time."""

from collections.abc import Sequence

from privaudit.config import EngineConfig
from privaudit.data.dataset import Dataset
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.training.batchable import check_full_width, probe_network
from privaudit.training.groups import TrainerPlan, plan_groups, widest_batch
from privaudit.training.model_spec import ModelSpec
from privaudit.training.opacus_gradients import check_opacus_gradients
from privaudit.training.recipe import Recipe
from privaudit.training.stacked_layers import NotBatchableError

ASKED_FOR = "engine.trainer asks for it"


def choose_trainer(
    engine: EngineConfig, *, spec: ModelSpec, dataset: Dataset, recipes: Sequence[Recipe], device: str
) -> TrainerPlan:
    """Return the plan that every worker follows.

    Args:
        engine: trainer, memory budget, precision.
        spec: which model.
        dataset: the records; a few are run through the model.
        recipes: of every variant of the design.
        device: where to train, e.g. ``cpu`` or ``cuda:0``.

    Raises:
        ConfigError: if options of the batched trainer are set beside ``trainer: loop``.
        UnsupportedError: if the batched trainer, or an option of it, was asked for and cannot serve; or if the loop must
            serve, and Opacus errs on this model.
    """
    try:
        if engine.trainer == "loop":
            raise NotBatchableError(ASKED_FOR)
        return _batched_plan(engine, spec, dataset, recipes, device)
    except NotBatchableError as error:
        _refuse_what_needs_the_ensemble(engine, str(error))
        for recipe in recipes:
            if recipe.dp is not None and spec.train is None:
                check_opacus_gradients(spec, dataset, recipe)
        return TrainerPlan(trainer="loop", reason=str(error), is_fallback=engine.trainer != "loop")


def _batched_plan(
    engine: EngineConfig, spec: ModelSpec, dataset: Dataset, recipes: Sequence[Recipe], device: str
) -> TrainerPlan:
    probes = [probe_network(spec, dataset, recipe, device=device) for recipe in recipes]
    device_type = device.partition(":")[0]
    resident = 0 if device_type == "cpu" else dataset.features.nbytes
    plans = [
        plan_groups(
            recipe,
            n_weights=probe.n_weights,
            memory=probe.memory,
            n_records=dataset.n_records,
            has_convolution=probe.has_convolution,
            device_type=device_type,
            memory_gb=engine.memory_gb,
            resident_bytes=resident,
        )
        for recipe, probe in zip(recipes, probes, strict=True)
    ]
    size = min(size for size, _ in plans)
    most_records = min((most for _, most in plans if most is not None), default=None)
    width = most_records or max(widest_batch(recipe) for recipe in recipes)
    check_full_width(spec, dataset, n_models=size, width=width, device=device)
    return TrainerPlan(
        trainer="ensemble",
        group_size=size,
        most_records=most_records,
        memory_gb=engine.memory_gb,
        precision=engine.precision,
        compiled=engine.compile,
    )


def _refuse_what_needs_the_ensemble(engine: EngineConfig, reason: str) -> None:
    wanted = {
        "engine.trainer: ensemble": engine.trainer == "ensemble",
        f"engine.precision: {engine.precision}": engine.precision != "float32",
        "engine.compile: true": engine.compile,
    }
    asked = [name for name, is_asked in wanted.items() if is_asked]
    if asked and reason == ASKED_FOR:
        raise ConfigError(
            f"{asked[0]} does not go with engine.trainer: loop. Remove one of them.", key="engine.trainer"
        )
    if asked:
        raise UnsupportedError(
            f"{asked[0]} needs models that can be trained side by side, and these cannot: {reason}. Remove the key."
        )
