"""From worlds and pools to the records of every model.

Every model has a random stream of its own, by its role, its world and its number in that world: the named stream
``world_draws`` with the role as its index, whose key is then lengthened by two words, the world's and the number. The
control's word is that of no other world. So the records of a model change neither when models are added nor when worlds
are. A defense has one more word, so that what a model drew before it is the same with and without it. Poison has a stream of
its own and comes last, so that all before it is the same with and without it too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.data.seeds import stream_generator, stream_seed
from privaudit.data.world_poison import PoisonRecords
from privaudit.data.world_pools import Pools, check_positions
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.types import WorldDesign
from privaudit.types.design import SHADOW, TARGET

CONTROL_WORD = 2**32 - 1
ROLES = (SHADOW, TARGET)  # their order in each world; the place is the index of the role's streams

Positions = NDArray[np.int64]
Draw = Callable[[int, Positions, int, np.random.Generator], Positions]
Treat = Callable[[str, Positions, np.random.Generator], tuple[Positions, NDArray[np.int64]]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """How many models of which sizes, in which worlds.

    Attributes:
        names: name of each world, without the control.
        ratios: share of the records with the property in each, ``None`` where worlds are no ratios.
        labels: ``(n,)`` int64 classes of all records.
        n_classes: number of classes.
        n_records: training records of each victim.
        n_adversary_records: training records of each shadow model, ``None`` = as the victims.
        n_shadows: shadow models of each world.
        n_victims: victims of each world.
        n_queries: queries of each world.
        has_control: whether a world that is drawn as the base is stands at the end.
        seed: root seed.

    Raises:
        ConfigError: if a number is below 1, a name comes twice, or there are fewer than two worlds.
    """

    names: tuple[str, ...]
    ratios: tuple[float, ...] | None
    labels: NDArray[np.int64]
    n_classes: int
    n_records: int
    n_adversary_records: int | None
    n_shadows: int
    n_victims: int
    n_queries: int
    has_control: bool
    seed: int

    def __post_init__(self) -> None:
        """Check the numbers and names."""
        for name in ("n_records", "n_adversary_records", "n_shadows", "n_victims", "n_queries"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be at least 1; got {value}.", key=f"distribution.{name}")
        if len(set(self.all_names)) < len(self.all_names):
            raise ConfigError(
                f"worlds must have different names; got {', '.join(self.all_names)}. The control is named after the base.",
                key="distribution",
            )
        if len(self.names) + self.has_control < 2:
            raise ConfigError(f"an audit compares two worlds at least; got {len(self.names)}.", key="distribution")

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names of all worlds, the control last."""
        return (*self.names, f"{self.names[0]} (control)") if self.has_control else self.names

    @property
    def all_ratios(self) -> tuple[float, ...] | None:
        """Ratios of all worlds, the control's last."""
        return (*self.ratios, self.ratios[0]) if self.ratios is not None and self.has_control else self.ratios

    def law_and_word(self, world: int) -> tuple[int, int]:
        """World whose law this one is drawn by, and its word in the keys of random streams."""
        return (0, CONTROL_WORD) if world == len(self.names) else (world, world)

    def models_of(self, role: str) -> tuple[int, int]:
        """Models of a role in each world, and their training records."""
        if role == TARGET:
            return self.n_victims, self.n_records
        return self.n_shadows, self.n_records if self.n_adversary_records is None else self.n_adversary_records


def lay_out(
    plan: Plan, pools: Pools, draw: Draw, treat: Treat | None, poison: PoisonRecords | None = None
) -> WorldDesign:
    """Draw the records of every model and the queries.

    Args:
        plan: how many models of which sizes, in which worlds.
        pools: who may draw from which records.
        draw: world, positions of a pool, how many and a generator to that many positions of the pool.
        treat: a defense, or ``None``.
        poison: what the adversary adds to every training set, or ``None``.

    Raises:
        ConfigError: if a function returns something else.
    """
    rows = [
        (role, world, number)
        for world in range(len(plan.all_names))
        for role in ROLES
        for number in range(plan.models_of(role)[0])
    ]
    drawn = [_drawn_set(plan, pools, draw, *row) for row in rows]
    _check_different(plan, draw, rows, drawn)
    sets = [_training_set(plan, treat, positions, *row) for positions, row in zip(drawn, rows, strict=True)]
    if poison is not None:
        sets = [_poisoned(plan, poison, role, *own) for own, (role, _, _) in zip(sets, rows, strict=True)]
    asked = [_queries(plan, pools, draw, world) for world in range(len(plan.all_names))]
    sees_truth = all(np.array_equal(plan.labels[positions], classes) for positions, classes in sets)
    return WorldDesign(
        names=plan.all_names,
        ratios=plan.all_ratios,
        world=np.array([world for _, world, _ in rows], dtype=np.int64),
        role=np.array([role for role, _, _ in rows]),
        members=tuple(positions for positions, _ in sets),
        member_labels=None if sees_truth else tuple(classes for _, classes in sets),
        query_records=np.concatenate(asked),
        query_world=np.repeat(np.arange(len(asked)), plan.n_queries),
        control=len(plan.names) if plan.has_control else None,
        seed=plan.seed,
        poison=None if poison is None else poison.poison,
    )


def _drawn_set(plan: Plan, pools: Pools, draw: Draw, role: str, world: int, number: int) -> Positions:
    pool = pools.victim_train if role == TARGET else pools.adversary_train
    law = plan.law_and_word(world)[0]
    return _checked_draw(draw, law, pool, plan.models_of(role)[1], _generator(plan, role, world, number))


def _generator(plan: Plan, role: str, world: int, number: int, *more: int) -> np.random.Generator:
    """The random stream of a model's draw; with one more word that of its defense."""
    key = stream_seed(plan.seed, "world_draws", ROLES.index(role))
    words = (*key.spawn_key, plan.law_and_word(world)[1], number, *more)
    return np.random.default_rng(np.random.SeedSequence(key.entropy, spawn_key=words))


def _check_different(plan: Plan, draw: Draw, rows: Sequence[tuple[str, int, int]], drawn: Sequence[Positions]) -> None:
    """Refuse training sets of one world that are the same: their models say nothing about the world's population."""
    seen: dict[tuple[str, int], set[bytes]] = {}
    for (role, world, _), positions in zip(rows, drawn, strict=True):
        sets, content = seen.setdefault((role, world), set()), np.sort(positions).tobytes()
        if content in sets:
            who = "several models" if role == TARGET else "several shadow models"
            remedy = (
                "The pool holds no other draw of this size: lower distribution.n_records."
                if plan.ratios is not None
                else f"{_named(draw)} has to draw with the generator that it is given, from more records than n."
            )
            raise ConfigError(
                f"{who} of world {plan.all_names[world]} would train on the same records: an attack would tell these records and not "
                f"the population. {remedy}",
                key="distribution.n_records" if plan.ratios is not None else "distribution.worlds.draw",
            )
        sets.add(content)


def _training_set(
    plan: Plan, treat: Treat | None, positions: Positions, role: str, world: int, number: int
) -> tuple[Positions, NDArray[np.int64]]:
    if treat is None:
        return positions, plan.labels[positions]
    return _checked_treatment(plan, positions, treat(role, positions, _generator(plan, role, world, number, 0)))


def _poisoned(
    plan: Plan, poison: PoisonRecords, role: str, positions: Positions, classes: NDArray[np.int64]
) -> tuple[Positions, NDArray[np.int64]]:
    added, planted = poison.added_to(plan.models_of(role)[1])
    return _frozen(np.concatenate([positions, added])), _frozen(np.concatenate([classes, planted]))


def _queries(plan: Plan, pools: Pools, draw: Draw, world: int) -> Positions:
    law, word = plan.law_and_word(world)
    return _checked_draw(
        draw, law, pools.adversary_test, plan.n_queries, stream_generator(plan.seed, "world_queries", word)
    )


def check_repeatable(plan: Plan, pools: Pools, draw: Draw) -> None:
    """Refuse a draw that depends on anything but its arguments.

    Raises:
        ConfigError: if it gives other records for the same generator.
    """
    n = plan.models_of(TARGET)[1]
    first, again = (_checked_draw(draw, 0, pools.victim_train, n, np.random.default_rng(plan.seed)) for _ in range(2))
    if not np.array_equal(first, again):
        raise ConfigError(
            f"{_named(draw)} gave other records when it was called again with the same generator. Draw from the generator that "
            "it is given, and from nothing else.",
            key="distribution.worlds.draw",
        )


def _named(draw: Draw) -> str:
    return f"draw ({getattr(draw, '__name__', type(draw).__name__)})"


def _checked_draw(draw: Draw, law: int, pool: Positions, n: int, rng: np.random.Generator) -> Positions:
    name = f"{_named(draw)[:-1]}, world {law})"
    positions = check_positions(name, draw(law, pool, n, rng), pool)
    if len(positions) != n:
        raise ConfigError(f"{name} must return the {n} positions it was asked for; got {len(positions)}.")
    return _frozen(positions)


def _checked_treatment(plan: Plan, drawn: Positions, treated: object) -> tuple[Positions, NDArray[np.int64]]:
    if not isinstance(treated, tuple) or len(treated) != 2:
        raise ConfigError(f"treat must return positions and classes; got {type(treated).__name__}.")
    positions = check_positions("treat", treated[0], np.sort(drawn))
    classes = np.asarray(treated[1])
    if not len(positions):
        raise ConfigError("treat must leave a model records to train on; it returned none.")
    if classes.shape != positions.shape or classes.dtype.kind not in "iu":
        raise ConfigError(
            f"treat must return one whole class per position; got {classes.dtype} of shape {classes.shape}."
        )
    if not 0 <= classes.min() <= classes.max() < plan.n_classes:
        raise ConfigError(f"treat must return classes 0..{plan.n_classes - 1}; got {classes.min()}..{classes.max()}.")
    return _frozen(positions), _frozen(classes.astype(np.int64))


def _frozen(array: NDArray[np.int64]) -> NDArray[np.int64]:
    array.flags.writeable = False
    return array


def check_labels(labels: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Return classes as int64.

    Raises:
        ShapeError: if they are not one-dimensional.
        DataError: if they are no whole numbers of 0..n_classes-1.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ShapeError(f"labels must have shape (n,); got {array.shape}.")
    if array.dtype.kind not in "iu" or not len(array):
        raise DataError(f"labels must be whole numbers, one at least; got {len(array)} of {array.dtype}.")
    if not 0 <= array.min() <= array.max() < n_classes:
        raise DataError(f"labels must lie in 0..{n_classes - 1}; got {array.min()}..{array.max()}.")
    return array.astype(np.int64)


def check_property(has_property: Sequence[bool] | ArrayLike, n_records: int) -> NDArray[np.bool_]:
    """Return the property as booleans.

    Raises:
        ShapeError: if there is not one per record.
        DataError: if they are no booleans.
    """
    array = np.asarray(has_property)
    if array.shape != (n_records,):
        raise ShapeError(f"has_property must have shape ({n_records},), one per label; got {array.shape}.")
    if array.dtype != np.bool_:
        raise DataError(
            f"has_property must be boolean; got {array.dtype}. Compare with the group, e.g. sex == 'Female'."
        )
    return array
