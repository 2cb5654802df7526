"""A job whose models train on draws of worlds instead of by coins of one set of records."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privaudit.training.groups import ONE_BY_ONE, TrainerPlan
from privaudit.training.job import TrainingJob
from privaudit.training.model_spec import ModelSpec
from privaudit.training.recipe import Recipe
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldDesign

VARIANTS = (SHADOW, TARGET)  # recipes by role, so that no victim is trained side by side with a shadow model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorldJob(TrainingJob):
    """A `TrainingJob` whose models list their records themselves; a record may come several times.

    Attributes:
        member_rows: one ``(n,)`` array per model: rows of ``features`` that it trains on.
    """

    member_rows: tuple[NDArray[np.int64], ...]

    def members(self, row: int) -> NDArray[np.int64]:
        """Rows of the features that the model of a row trains on."""
        return self.member_rows[row]


def make_world_job(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    design: WorldDesign,
    *,
    n_classes: int,
    spec: ModelSpec,
    recipes: Mapping[str, Recipe],
    device: str,
    folder: Path,
    plan: TrainerPlan = ONE_BY_ONE,
) -> WorldJob:
    """Put a job together; where a defense changed classes, copies of the records carry them.

    Args:
        features: ``(n_records, ...)`` the data.
        labels: ``(n_records,)`` their true classes.
        design: who trains on what.
        n_classes: number of classes.
        spec: which model.
        recipes: recipe of each role, ``shadow`` and ``target``.
        device: where to train, resolved (never ``auto``).
        folder: the audit's folder.
        plan: trainer and groups; by default one model at a time.
    """
    rows, features, labels = _with_changed_classes(features, labels, design)
    absolute = ModelSpec(build=spec.build, params=spec.params, train=spec.train, base=(spec.base or Path()).resolve())
    return WorldJob(
        member_rows=rows,
        features=features,
        labels=labels,
        n_classes=n_classes,
        is_in=np.zeros((design.n_models, 0), dtype=np.uint8),
        numbers=np.arange(design.n_models, dtype=np.int64),
        variant=(design.role == TARGET).astype(np.int64),
        recipes=tuple(recipes[role] for role in VARIANTS),
        spec=absolute,
        seed=design.seed,
        device=device,
        folder=folder.resolve(),
        code=absolute.code_digests(),
        plan=plan,
        design_kind="balanced",  # no coins of models to come: a short group is not filled up
        is_population=np.zeros(len(labels), dtype=np.bool_),
    )


def _with_changed_classes(
    features: NDArray[np.float32], labels: NDArray[np.int64], design: WorldDesign
) -> tuple[tuple[NDArray[np.int64], ...], NDArray[np.float32], NDArray[np.int64]]:
    """Return rows, features and labels; each pair of a record and a class that is not its own becomes one more row."""
    if design.member_labels is None:
        return design.members, features, labels
    n_records, n_classes = len(labels), int(max(labels.max(), max(own.max() for own in design.member_labels))) + 1
    keys = [rows * n_classes + own for rows, own in zip(design.members, design.member_labels, strict=True)]
    changed = [own != labels[rows] for rows, own in zip(design.members, design.member_labels, strict=True)]
    extra = np.unique(np.concatenate([key[mask] for key, mask in zip(keys, changed, strict=True)]))
    members = tuple(
        np.where(mask, n_records + np.searchsorted(extra, key), rows)
        for rows, key, mask in zip(design.members, keys, changed, strict=True)
    )
    records, classes = np.divmod(extra, n_classes)
    return members, np.concatenate([features, features[records]]), np.concatenate([labels, classes])
