"""Reads what models of a distribution audit said, and cuts it into comparisons of two worlds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import StoreError
from privaudit.store.folder import AuditFolder
from privaudit.store.world_file import LOG_PROBABILITIES, PREDICTED, StoredWorlds
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldDesign, WorldInputs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """What all models said about all query records.

    Attributes:
        worlds: who was trained on what.
        probabilities: ``(n_models, n_queries, n_classes)`` float64; rows of victims that give labels alone are
            NaN and never handed out.
        predicted: ``(n_models, n_queries)`` int64 the class that each model gives.
        has_scores: whether victims give probabilities.
        signals: name -> ``(n_models, n_worlds)`` what was computed from each victim's weights for the comparison of each world
            with the base, in column 0 for all ratios at once; NaN where nothing was.
    """

    worlds: StoredWorlds
    probabilities: NDArray[np.float64]
    predicted: NDArray[np.int64]
    has_scores: bool
    signals: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def between(self, world: int) -> tuple[WorldInputs, NDArray[np.int64]]:
        """Return what an attack may see of the base (0) and another world (1), and the rows of the victims."""
        return self._of((0, world), compared=world)

    def over_ratios(self) -> tuple[WorldInputs, NDArray[np.int64]]:
        """Return what an attack on the ratio may see, of all worlds but the control, and the rows of the victims."""
        design = self.worlds.design
        return self._of(tuple(world for world in range(design.n_worlds) if world != design.control), compared=0)

    def _of(self, chosen: tuple[int, ...], *, compared: int) -> tuple[WorldInputs, NDArray[np.int64]]:
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
            query_property=None if ratios is None else self.worlds.has_property[design.query_records[queries]],
            poison=design.poison,
            victim_signals=self._of_weights(victims, compared),
        )
        return inputs, victims

    def _of_weights(self, victims: NDArray[np.int64], compared: int) -> dict[str, NDArray[np.float64]]:
        """Signals of the victims for one comparison, those that were computed for it."""
        found = {name: table[victims, compared] for name, table in self.signals.items()}
        return {name: values for name, values in found.items() if not np.isnan(values).any()}


def read_said(folder: AuditFolder, worlds: StoredWorlds, *, has_scores: bool, of_weights: Sequence[str] = ()) -> Said:
    """Read what every model said.

    Args:
        folder: the audit's folder.
        worlds: who was trained on what.
        has_scores: whether victims give probabilities.
        of_weights: names of what was computed from the victims' weights.

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
    return Said(
        worlds=worlds,
        probabilities=probabilities,
        predicted=predicted.astype(np.int64),
        has_scores=has_scores,
        signals={name: _of_weights(folder, design, name) for name in of_weights},
    )


def _of_weights(folder: AuditFolder, design: WorldDesign, name: str) -> NDArray[np.float64]:
    """Read ``(n_models, n_worlds)`` of a signal: where a membership signal has records, this one has worlds."""
    victims = design.rows(TARGET).tolist()
    missing = list(folder.missing_signals([name], victims))
    if missing:
        raise StoreError(
            f"{folder.path} holds no {name} of {len(missing)} of {len(victims)} audited models. Run the same command again, with the "
            "attack that reads it in its config; it goes on from there."
        )
    table = folder.read_signal(name, {row: row for row in victims})
    found = np.full((design.n_models, design.n_worlds), np.nan)
    found[np.ix_(table.model_index, table.record_index)] = table.values[:, :, 0]
    return found
