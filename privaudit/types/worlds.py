"""Worlds of a distribution audit: which model was trained on a draw of which law, and what an attack may see of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError, DataError, MissingSignalError, ShapeError
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.frozen import set_array


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """Records that an adversary adds to every training set: their class is changed before they are handed over.

    Attributes:
        share: of a training set that is poison.
        true_class: class that the records have.
        planted_class: class that they are given.

    Raises:
        DataError: if the share is not in (0, 1), or both classes are the same.
    """

    share: float
    true_class: int
    planted_class: int

    def __post_init__(self) -> None:
        """Refuse what changes nothing."""
        if not 0.0 < self.share < 1.0:
            raise DataError(f"the share of poison must lie in (0, 1); got {self.share}.")
        if self.true_class == self.planted_class:
            raise DataError(f"poison must be given another class than its own; both are {self.true_class}.")


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
        poison: what an adversary added to every training set, at the end of ``members``; ``None`` = nothing.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a role or world does not exist, or there is poison and no ``member_labels``.
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
    poison: Poison | None = None

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
        if self.poison is not None and self.member_labels is None:
            raise DataError("a poisoned design must hold member_labels: the poison's classes are not the true ones.")

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
        query_property: ``(n_queries,)`` bool, True for queries with the property; ``None`` where worlds are no ratios.
        poison: what the adversary added to every training set, ``None`` = nothing.
        victim_signals: name -> ``(n_victims,)`` float64: what was computed from each victim's weights before, e.g. a
            meta-classifier's log-odds for world 1 (``pin_logit``).

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
    query_property: NDArray[np.bool_] | None = None
    poison: Poison | None = None
    victim_signals: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the arrays and check that they fit."""
        shadows = set_array(self, "shadows", self.shadows, np.float64)
        world = set_array(self, "shadow_world", self.shadow_world, np.int64)
        labels = set_array(self, "victim_labels", self.victim_labels, np.int64)
        for name, dtype in (("query_label", np.int64), ("query_world", np.int64), ("query_property", np.bool_)):
            if name == "query_property" and self.query_property is None:
                continue
            values = set_array(self, name, getattr(self, name), dtype)
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
        object.__setattr__(self, "victim_signals", dict(self.victim_signals))
        for name, values in self.victim_signals.items():
            if np.shape(values) != labels.shape[:1] or not np.isfinite(values).all():
                raise DataError(f"signal {name} must have one finite value per victim ({len(labels)}).")
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
        return replace(self, victims=None, victim_signals={})

    def with_signals(self, names: frozenset[str]) -> "WorldInputs":
        """Return the same inputs with those of the victims' signals that are named, as far as they are there."""
        kept = {name: values for name, values in self.victim_signals.items() if name in names}
        return replace(self, victim_signals=kept)

    def victim_signal(self, name: str) -> NDArray[np.float64]:
        """Return ``(n_victims,)`` values of a signal.

        Raises:
            MissingSignalError: if it was not collected.
        """
        if name not in self.victim_signals:
            raise MissingSignalError(
                f"signal {name} was not collected; got {sorted(self.victim_signals)}. Run the audit again with the attack that "
                "reads it in its config, and access: white_box."
            )
        return self.victim_signals[name]


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
