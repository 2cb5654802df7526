"""Lay out a distribution audit: the worlds, the draw that each model is trained on, and the queries."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.data.world_draws import available_counts, check_enough, draw_ratio
from privaudit.data.world_layout import (
    ROLES,
    Draw,
    Plan,
    Positions,
    Treat,
    check_labels,
    check_property,
    check_repeatable,
    lay_out,
)
from privaudit.data.world_poison import choose_poison
from privaudit.data.world_pools import Pools, split_pools
from privaudit.errors import ConfigError
from privaudit.types import WorldDesign
from privaudit.types.design import SHADOW
from privaudit.types.worlds import Poison


def make_world_design(
    *,
    labels: ArrayLike,
    n_classes: int,
    has_property: ArrayLike,
    ratios: Sequence[float],
    n_records: int,
    n_shadows: int,
    n_victims: int,
    n_queries: int,
    label_balance: str = "fixed",
    overlap: float = 0.0,
    n_adversary_records: int | None = None,
    has_control: bool = True,
    seed: int,
    treat: Treat | None = None,
    poison: Poison | None = None,
) -> WorldDesign:
    """Lay out an audit of the ratio of a property.

    Args:
        labels: ``(n,)`` classes of all records.
        n_classes: number of classes.
        has_property: ``(n,)`` bool.
        ratios: share of the records with the property in each world, all different; the first one is the base.
        n_records: training records of each victim, the same in every world.
        n_shadows: the adversary's models of each world.
        n_victims: victims of each world.
        n_queries: records of each world that models are asked about, from the adversary's test pool.
        label_balance: ``fixed`` or ``free``, see `privaudit.data.world_draws.draw_ratio`.
        overlap: share of the adversary's training pool that is taken from the victims'.
        n_adversary_records: training records of each shadow model, ``None`` = as the victims.
        has_control: append a world that is drawn by the base's law, independently of it.
        seed: root seed; which stream a model has, see `privaudit.data.world_layout`.
        treat: a defense: role, drawn positions and a generator to the positions (of the drawn ones; repeats are
            allowed) and classes that the model is trained on.
        poison: what the adversary adds to every training set afterwards, see `privaudit.data.world_poison`; the records
            that models draw do not depend on it.

    Returns:
        The design: world after world, in each the shadow models first.

    Raises:
        ConfigError: if a number is illegal, a ratio comes twice, a pool has too few records, or the defense returns
            something else; if there are too few records for the poison, or it is of a class that does not exist.
        DataError: if a label is out of range, or the property is not boolean.
        ShapeError: if labels and property do not fit.

    Source: Suri and Evans, PETS 2022 (the game, disjoint pools); the control at equal ratios is privaudit's own.

    >>> sex, income = np.arange(400) % 2 == 0, np.arange(400) // 200
    >>> design = make_world_design(labels=income, n_classes=2, has_property=sex, ratios=(0.5, 0.2), n_records=20,
    ...                            n_shadows=2, n_victims=1, n_queries=10, seed=0)
    >>> design.names, design.n_models, float(sex[design.members[3]].mean())
    (('50 %', '20 %', '50 % (control)'), 9, 0.2)
    """
    classes = check_labels(labels, n_classes)
    mask = check_property(has_property, len(classes))
    laws = tuple(float(ratio) for ratio in ratios)
    plan = Plan(
        names=tuple(f"{100.0 * ratio:.10g} %" for ratio in laws),
        ratios=laws,
        labels=classes,
        n_classes=n_classes,
        n_records=n_records,
        n_adversary_records=n_adversary_records,
        n_shadows=n_shadows,
        n_victims=n_victims,
        n_queries=n_queries,
        has_control=has_control,
        seed=seed,
    )
    pools = split_pools(len(classes), mask * n_classes + classes, overlap=overlap, seed=seed)
    shares = np.bincount(classes, minlength=n_classes) / len(classes)
    _check_pools(plan, pools, mask, label_balance, shares)
    _check_ratios(plan)
    added = None
    if poison is not None:
        added = choose_poison(
            poison,
            pool=pools.adversary_train,
            has_property=mask,
            labels=classes,
            n_classes=n_classes,
            sizes=tuple(plan.models_of(role)[1] for role in ROLES),
            seed=seed,
        )

    def draw(world: int, pool: Positions, n: int, rng: np.random.Generator) -> Positions:
        return draw_ratio(
            pool, mask, classes, n=n, ratio=laws[world], label_balance=label_balance, class_shares=shares, rng=rng
        )

    return lay_out(plan, pools, draw, treat, added)


def make_transform_design(
    *,
    labels: ArrayLike,
    n_classes: int,
    draw: Draw,
    names: Sequence[str],
    n_records: int,
    n_shadows: int,
    n_victims: int,
    n_queries: int,
    overlap: float = 0.0,
    n_adversary_records: int | None = None,
    has_control: bool = True,
    seed: int,
    treat: Treat | None = None,
) -> WorldDesign:
    """Lay out an audit of any property that is given as a function which draws from its law.

    Args:
        labels: ``(n,)`` classes of all records.
        n_classes: number of classes.
        draw: world, positions of a pool, how many and a generator to that many positions of the pool (repeats are
            allowed); it is called with world 0 for the control too.
        names: name of each world, all different; the first one is the base.
        n_records: as in `make_world_design`, like all that follow.
        n_shadows: likewise.
        n_victims: likewise.
        n_queries: likewise.
        overlap: likewise.
        n_adversary_records: likewise.
        has_control: likewise.
        seed: likewise.
        treat: likewise.

    Returns:
        The design; its ``ratios`` are ``None``. The pools are split evenly by class.

    Raises:
        ConfigError: if a number is illegal, a name comes twice, or a function returns something else.
        DataError: if a label is out of range.
        ShapeError: if the labels are not one-dimensional.

    Source: Suri and Evans, PETS 2022 (worlds are two transforms of one law).

    >>> age = np.arange(400) % 100
    >>> def draw(world, pool, n, rng):
    ...     return rng.choice(pool[age[pool] < 50] if world else pool, n, replace=False)
    >>> design = make_transform_design(labels=age % 2, n_classes=2, draw=draw, names=("all", "young"), n_records=20,
    ...                                n_shadows=2, n_victims=1, n_queries=10, seed=0)
    >>> design.names, int(age[design.members[3]].max()) < 50
    (('all', 'young', 'all (control)'), True)
    """
    classes = check_labels(labels, n_classes)
    plan = Plan(
        names=tuple(names),
        ratios=None,
        labels=classes,
        n_classes=n_classes,
        n_records=n_records,
        n_adversary_records=n_adversary_records,
        n_shadows=n_shadows,
        n_victims=n_victims,
        n_queries=n_queries,
        has_control=has_control,
        seed=seed,
    )
    pools = split_pools(len(classes), classes, overlap=overlap, seed=seed)
    check_repeatable(plan, pools, draw)
    return lay_out(plan, pools, draw, treat)


def _check_ratios(plan: Plan) -> None:
    """Refuse ratios that are one number of records: nothing would tell these worlds apart."""
    assert plan.ratios is not None
    ratios = sorted(plan.ratios)
    for key, n in (
        ("distribution.n_records", plan.n_records),
        ("distribution.adversary.n_records", plan.models_of(SHADOW)[1]),
    ):
        counts = [round(ratio * n) for ratio in ratios]
        for low, high, fewer, more in zip(ratios, ratios[1:], counts, counts[1:], strict=False):
            if fewer == more:
                enough = next(
                    m for m in range(n + 1, n + 2 + int(4 / (high - low))) if round(low * m) != round(high * m)
                )
                raise ConfigError(
                    f"with {n} records the ratios {low:g} and {high:g} are both {fewer} records with the property. Raise {key} (to "
                    f"{enough}, say), or take ratios farther apart.",
                    key=key,
                )


def _check_pools(
    plan: Plan,
    pools: Pools,
    mask: NDArray[np.bool_],
    label_balance: str,
    shares: NDArray[np.float64],
) -> None:
    """Refuse draws that a pool cannot give in some world, before any is made."""
    assert plan.ratios is not None
    own = plan.n_adversary_records
    wanted = [
        ("distribution.n_records", plan.n_records, [("the victims' training pool", pools.victim_train)]),
        (
            "distribution.adversary.n_records",
            plan.n_records if own is None else own,
            [("the adversary's training pool", pools.adversary_train)],
        ),
        ("distribution.n_queries", plan.n_queries, [("the adversary's test pool", pools.adversary_test)]),
    ]
    if own is None:  # one option sets both sizes: what it may be is decided by both pools
        (key, n, victims), (_, _, adversary), queries = wanted
        wanted = [(key, n, victims + adversary), queries]
    for key, n, named in wanted:
        check_enough(
            {where: available_counts(pool, mask, plan.labels, plan.n_classes) for where, pool in named},
            n=n,
            ratios=plan.ratios,
            label_balance=label_balance,
            class_shares=shares,
            key=key,
        )
