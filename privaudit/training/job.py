"""Everything a worker needs to train or query any model of an audit, as one picklable value."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.dataset import Dataset
from privaudit.defenses.base import OutputDefense
from privaudit.errors import ConfigError
from privaudit.training.groups import ONE_BY_ONE, TrainerPlan
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import Recipe
from privaudit.types import AuditDesign
from privaudit.types.design import DesignKind, model_name


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingJob:
    """Data, coins and recipes of one audit; a row is a model's place in the design, a number names it for good.

    Attributes:
        features: ``(n_records, ...)`` float32.
        labels: ``(n_records,)`` int64.
        n_classes: number of classes.
        is_in: ``(n_models, n_records)`` the coins.
        numbers: ``(n_models,)`` number of each row's model, which names its seeds and files.
        variant: ``(n_models,)`` row of ``recipes`` that each model is trained with.
        recipes: recipe of each variant.
        spec: which model.
        seed: root seed.
        device: e.g. ``cpu`` or ``cuda:0``.
        folder: the audit's folder.
        code: digests of the user's files when the job was made.
        plan: trainer and groups.
        design_kind: ``paired`` or ``balanced``.
        is_population: ``(n_records,)`` True for records held out of every model.
        release: the filter that users see every model's answers through; ``None`` = they see everything.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    n_classes: int
    is_in: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    variant: NDArray[np.int64]
    recipes: tuple[Recipe, ...]
    spec: ModelSpec
    seed: int
    device: str
    folder: Path
    code: Mapping[str, str]
    plan: TrainerPlan
    design_kind: DesignKind
    is_population: NDArray[np.bool_]
    release: OutputDefense | None = None

    def members(self, row: int) -> NDArray[np.int64]:
        """Records that the model of a row trains on."""
        return np.flatnonzero(self.is_in[row])

    def recipe(self, row: int) -> Recipe:
        """The recipe of a row's model."""
        return self.recipes[int(self.variant[row])]

    def number(self, row: int) -> int:
        """The number of a row's model."""
        return int(self.numbers[row])

    def name(self, row: int) -> str:
        """What users call a row's model."""
        return model_name(self.number(row))

    def check_code(self) -> None:
        """Refuse files of the user's that changed since the audit began: half the models would be of another kind.

        Raises:
            ConfigError: names the file.
        """
        now = self.spec.code_digests()
        changed = sorted(part for part in now if now[part] != self.code[part])
        if changed:
            raise ConfigError(
                f"{getattr(self.spec, changed[0])}: the file changed while the audit runs. Put it back and run the "
                "same command again, or choose another --out.",
                key=f"model.{changed[0]}",
            )

    @property
    def record_shape(self) -> tuple[int, ...]:
        """Shape of one record."""
        return tuple(self.features.shape[1:])


def make_job(
    dataset: Dataset,
    design: AuditDesign,
    *,
    spec: ModelSpec,
    recipes: tuple[Recipe, ...],
    device: str,
    folder: Path,
    plan: TrainerPlan = ONE_BY_ONE,
    release: OutputDefense | None = None,
) -> TrainingJob:
    """Put a job together.

    Args:
        dataset: the records of the design, in its order.
        design: the coins.
        spec: which model.
        recipes: recipe of each variant of the design.
        device: where to train, resolved (never ``auto``).
        folder: the audit's folder.
        plan: trainer and groups; by default one model at a time.
        release: the filter that users see every model's answers through, shadow models and controls included.
    """
    shared: dict[str, Any] = {"features": dataset.features, "labels": dataset.labels, "n_classes": dataset.n_classes}
    absolute = replace(spec, base=(spec.base or Path()).resolve())  # a worker may have another working folder
    return TrainingJob(
        **shared,
        is_in=design.is_in,
        numbers=design.numbers,
        variant=design.variant,
        recipes=recipes,
        spec=absolute,
        seed=design.seed,
        device=device,
        folder=folder.resolve(),
        code=absolute.code_digests(),
        plan=plan,
        design_kind=design.kind,
        is_population=design.is_population,
        release=release,
    )
