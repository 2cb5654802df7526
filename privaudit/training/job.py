"""Everything a worker needs to train or query any model of an audit, as one picklable value."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.dataset import Dataset
from privaudit.errors import ConfigError
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import Recipe
from privaudit.types import AuditDesign


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingJob:
    """Data, coins and recipes of one audit.

    Attributes:
        features: ``(n_records, ...)`` float32.
        labels: ``(n_records,)`` int64.
        n_classes: number of classes.
        is_in: ``(n_models, n_records)`` the coins.
        variant: ``(n_models,)`` row of ``recipes`` that each model is trained with.
        recipes: recipe of each variant.
        spec: which model.
        seed: root seed.
        device: e.g. ``cpu`` or ``cuda:0``.
        folder: the audit's folder.
        code: digests of the user's files when the job was made.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    n_classes: int
    is_in: NDArray[np.uint8]
    variant: NDArray[np.int64]
    recipes: tuple[Recipe, ...]
    spec: ModelSpec
    seed: int
    device: str
    folder: Path
    code: Mapping[str, str]

    def members(self, model: int) -> NDArray[np.int64]:
        """Records that a model trains on."""
        return np.flatnonzero(self.is_in[model])

    def recipe(self, model: int) -> Recipe:
        """The recipe of a model."""
        return self.recipes[int(self.variant[model])]

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
    dataset: Dataset, design: AuditDesign, *, spec: ModelSpec, recipes: tuple[Recipe, ...], device: str, folder: Path
) -> TrainingJob:
    """Put a job together.

    Args:
        dataset: the records of the design, in its order.
        design: the coins.
        spec: which model.
        recipes: recipe of each variant of the design.
        device: where to train, resolved (never ``auto``).
        folder: the audit's folder.
    """
    shared: dict[str, Any] = {"features": dataset.features, "labels": dataset.labels, "n_classes": dataset.n_classes}
    absolute = replace(spec, base=(spec.base or Path()).resolve())  # a worker may have another working folder
    return TrainingJob(
        **shared,
        is_in=design.is_in,
        variant=design.variant,
        recipes=recipes,
        spec=absolute,
        seed=design.seed,
        device=device,
        folder=folder.resolve(),
        code=absolute.code_digests(),
    )
