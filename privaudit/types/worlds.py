"""Worlds of a distribution audit: which model was trained on a draw of which law, and what an attack may see of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.frozen import set_array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorldDesign:
    """Which model was trained on which draw of which world.

    Attributes:
        names: name of each world; the first one is the base that every other is compared with.
        ratios: share of the records with the property in each world, ``None`` where worlds are no ratios.
        world: ``(n_models,)`` int64 place of each model's world in ``names``.
        role: ``(n_models,)`` ``shadow`` (the adversary's) or ``target`` (a victim).
        members: one ``(n,)`` int64 array per model: positions of its training records in the data; a position may repeat.
        member_labels: classes of ``members`` where a defense changed some, ``None`` where every model sees the true ones.
        query_records: ``(n_queries,)`` int64 positions of the records that models are asked about.
        query_world: ``(n_queries,)`` int64 world that each of them was drawn from.
        control: place of the world that is drawn by the same law as the base, ``None`` without one.
        seed: the root seed.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a role or world does not exist.
    """

    names: tuple[str, ...]
    ratios: tuple[float, ...] | None
    world: NDArray[np.int64]
    role: NDArray[np.str_]
    members: tuple[NDArray[np.int64], ...]
    member_labels: tuple[NDArray[np.int64], ...] | None = None
    query_records: NDArray[np.int64]
    query_world: NDArray[np.int64]
    control: int | None
    seed: int

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        world = set_array(self, "world", self.world, np.int64)
        role = set_array(self, "role", self.role, np.str_)
        queries = set_array(self, "query_records", self.query_records, np.int64)
        query_world = set_array(self, "query_world", self.query_world, np.int64)
        if not len(world) == len(role) == len(self.members):
            raise ShapeError(
                f"world, role and members must have one entry per model; got {len(world)}, {len(role)}, {len(self.members)}."
            )
        if queries.shape != query_world.shape:
            raise ShapeError(f"query_records and query_world must fit; got {queries.shape} and {query_world.shape}.")
        for name, values in (("world", world), ("query_world", query_world)):
            if len(values) and not 0 <= values.min() <= values.max() < self.n_worlds:
                raise DataError(f"{name} must lie in 0..{self.n_worlds - 1}; got {values.min()}..{values.max()}.")
        if not np.isin(role, (SHADOW, TARGET)).all():
            raise DataError(f"role must be {SHADOW} or {TARGET}; got {', '.join(np.unique(role))}.")
        if self.ratios is not None and len(self.ratios) != self.n_worlds:
            raise ShapeError(f"ratios must have one entry per world ({self.n_worlds}); got {len(self.ratios)}.")

    @property
    def n_worlds(self) -> int:
        """Number of worlds, the control included."""
        return len(self.names)

    @property
    def n_models(self) -> int:
        """Number of models of all worlds."""
        return len(self.members)

    def rows(self, role: str, *worlds: int) -> NDArray[np.int64]:
        """Rows of the models of a role, of some worlds (all if none is named), in their order."""
        chosen = self.role == role
        return np.flatnonzero(chosen & np.isin(self.world, worlds) if worlds else chosen)

    def sizes(self) -> NDArray[np.int64]:
        """``(n_models,)`` number of training records of each model, repeats counted."""
        return np.array([len(rows) for rows in self.members], dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorldInputs:
    """All that an attack on the distribution may see: which of several worlds do the victims come from?

    In a comparison of two worlds the base is 0 and the other one 1. Nothing here tells a victim's world.

    Attributes:
        shadows: ``(n_shadows, n_queries, n_classes)`` float64 probabilities of the adversary's own models.
        shadow_world: ``(n_shadows,)`` int64 world of each.
        victims: ``(n_victims, n_queries, n_classes)`` float64 probabilities of the audited models; ``None`` where they give
            labels alone.
        victim_labels: ``(n_victims, n_queries)`` int64 class that each victim gives each query.
        query_label: ``(n_queries,)`` int64 true class of each query record.
        query_world: ``(n_queries,)`` int64 world that each query record was drawn from.
        ratios: share of the records with the property in each world, ``None`` where worlds are no ratios.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a probability is outside [0, 1].
        ConfigError: if a world has no shadow model.
    """

    shadows: NDArray[np.float64]
    shadow_world: NDArray[np.int64]
    victims: NDArray[np.float64] | None
    victim_labels: NDArray[np.int64]
    query_label: NDArray[np.int64]
    query_world: NDArray[np.int64]
    ratios: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        shadows = set_array(self, "shadows", self.shadows, np.float64)
        world = set_array(self, "shadow_world", self.shadow_world, np.int64)
        labels = set_array(self, "victim_labels", self.victim_labels, np.int64)
        for name in ("query_label", "query_world"):
            values = set_array(self, name, getattr(self, name), np.int64)
            if shadows.ndim != 3 or values.shape != shadows.shape[1:2]:
                raise ShapeError(
                    f"shadows {shadows.shape} and {name} {values.shape} must fit: (n, n_queries, n_classes)."
                )
        if world.shape != shadows.shape[:1] or labels.shape[1:] != shadows.shape[1:2]:
            raise ShapeError(
                f"shadow_world {world.shape} and victim_labels {labels.shape} do not fit shadows {shadows.shape}."
            )
        tables = [("shadows", shadows)]
        if self.victims is not None:
            victims = set_array(self, "victims", self.victims, np.float64)
            if victims.shape != (len(labels), *shadows.shape[1:]):
                raise ShapeError(
                    f"victims {victims.shape} do not fit shadows {shadows.shape} and {len(labels)} labels."
                )
            tables.append(("victims", victims))
        for name, table in tables:
            if table.size and not (table.min() >= 0.0 and table.max() <= 1.0 + 1e-9):
                raise DataError(f"{name} must be probabilities; got {table.min():g}..{table.max():g}, or NaN.")
        present = np.unique(world).tolist()
        if present != list(range(len(present))) or len(present) < 2:
            raise ConfigError(f"every world needs a shadow model, and there are two worlds at least; got {present}.")

    @property
    def n_worlds(self) -> int:
        """Number of worlds."""
        return int(self.shadow_world.max()) + 1

    @property
    def n_victims(self) -> int:
        """Number of audited models."""
        return len(self.victim_labels)

    def without_probabilities(self) -> "WorldInputs":
        """Return the same inputs for an attack that sees the victims' labels alone."""
        return WorldInputs(
            shadows=self.shadows,
            shadow_world=self.shadow_world,
            victims=None,
            victim_labels=self.victim_labels,
            query_label=self.query_label,
            query_world=self.query_world,
            ratios=self.ratios,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VictimScores:
    """What one attack said about every victim.

    Attributes:
        scores: ``(n_victims,)`` float64; in a comparison of two worlds higher = more like world 1, and the attack says
            world 1 where the score is at least 0; of an attack on the ratio the estimated ratio.
        notes: what a reader must know, e.g. which query set was chosen on the shadow models.

    Raises:
        DataError: if a score is NaN.
    """

    scores: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Freeze the array and refuse NaN."""
        scores = set_array(self, "scores", self.scores, np.float64)
        if np.isnan(scores).any():
            raise DataError(f"scores must not be NaN; {int(np.isnan(scores).sum())} of {len(scores)} are.")
