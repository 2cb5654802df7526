"""Reads what models of a distribution audit said, and cuts it into comparisons of two worlds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import StoreError
from privaudit.store.folder import AuditFolder
from privaudit.store.world_file import LOG_PROBABILITIES, PREDICTED, StoredWorlds
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldInputs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """What all models said about all query records.

    Attributes:
        worlds: who was trained on what.
        probabilities: ``(n_models, n_queries, n_classes)`` float64; rows of victims that give labels alone are
            NaN and never handed out.
        predicted: ``(n_models, n_queries)`` int64 the class that each model gives.
        has_scores: whether victims give probabilities.
    """

    worlds: StoredWorlds
    probabilities: NDArray[np.float64]
    predicted: NDArray[np.int64]
    has_scores: bool

    def between(self, world: int) -> tuple[WorldInputs, NDArray[np.int64]]:
        """Return what an attack may see of the base (0) and another world (1), and the rows of the victims."""
        return self._of((0, world))

    def over_ratios(self) -> tuple[WorldInputs, NDArray[np.int64]]:
        """Return what an attack on the ratio may see, of all worlds but the control, and the rows of the victims."""
        design = self.worlds.design
        return self._of(tuple(world for world in range(design.n_worlds) if world != design.control))

    def _of(self, chosen: tuple[int, ...]) -> tuple[WorldInputs, NDArray[np.int64]]:
        design = self.worlds.design
        place = np.full(design.n_worlds, -1)
        place[list(chosen)] = np.arange(len(chosen))
        shadows = design.rows(SHADOW, *chosen)
        # not world by world: their order must tell an attack nothing
        victims = np.random.default_rng(design.seed).permutation(design.rows(TARGET, *chosen))
        queries = np.flatnonzero(np.isin(design.query_world, chosen))
        ratios = design.ratios
        inputs = WorldInputs(
            shadows=self.probabilities[np.ix_(shadows, queries)],
            shadow_world=place[design.world[shadows]],
            victims=self.probabilities[np.ix_(victims, queries)] if self.has_scores else None,
            victim_labels=self.predicted[np.ix_(victims, queries)],
            query_label=self.worlds.labels[design.query_records[queries]],
            query_world=place[design.query_world[queries]],
            ratios=None if ratios is None else tuple(ratios[world] for world in chosen),
        )
        return inputs, victims


def read_said(folder: AuditFolder, worlds: StoredWorlds, *, has_scores: bool) -> Said:
    """Read what every model said.

    Args:
        folder: the audit's folder.
        worlds: who was trained on what.
        has_scores: whether victims give probabilities.

    Raises:
        StoreError: if a model was not asked yet.
        CorruptStoreError: if a file is damaged.
    """
    design = worlds.design
    rows = np.arange(design.n_models)
    scored = rows if has_scores else design.rows(SHADOW)
    missing = {*folder.missing_signals([LOG_PROBABILITIES], scored.tolist())}
    missing.update(folder.missing_signals([PREDICTED], rows.tolist()))
    if missing:
        raise StoreError(
            f"{folder.path} is not finished: outputs of {len(missing)} of {design.n_models} models are missing. Run the same "
            "command again; it goes on from there."
        )
    log_probabilities = folder.read_signal(LOG_PROBABILITIES, {row: row for row in scored.tolist()}).values
    probabilities = np.full((design.n_models, *log_probabilities.shape[1:]), np.nan)
    probabilities[scored] = np.exp(log_probabilities)
    predicted = folder.read_signal(PREDICTED, {row: row for row in rows.tolist()}).values[:, :, 0]
    return Said(worlds=worlds, probabilities=probabilities, predicted=predicted.astype(np.int64), has_scores=has_scores)
