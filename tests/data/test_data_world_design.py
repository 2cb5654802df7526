import re

import numpy as np
import pytest

from privaudit.data.world_design import make_transform_design, make_world_design
from privaudit.data.world_pools import split_pools
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.types.design import SHADOW, TARGET

N = 1200
MASK = np.random.default_rng(1).random(N) < 0.4
LABELS = (np.random.default_rng(2).random(N) < np.where(MASK, 0.2, 0.4)).astype(np.int64)


def design(**changes):
    given = {"labels": LABELS, "n_classes": 2, "has_property": MASK, "ratios": (0.5, 0.2, 0.7), "n_records": 60}
    given |= {"n_shadows": 3, "n_victims": 2, "n_queries": 30, "seed": 0}
    return make_world_design(**(given | changes))


def transform(draw, **changes):
    given = {
        "labels": LABELS,
        "n_classes": 2,
        "draw": draw,
        "names": ("base", "other"),
        "n_records": 60,
        "n_shadows": 3,
    }
    return make_transform_design(**(given | {"n_victims": 2, "n_queries": 30, "seed": 0} | changes))


def uniform(world, pool, n, rng):
    return rng.choice(pool, n, replace=False)


def records(made):
    """Records of each model by its role, the name of its world and its number there."""
    found = {}
    for role, world, members in zip(made.role.tolist(), made.world.tolist(), made.members, strict=True):
        number = sum(key[:2] == (role, made.names[world]) for key in found)
        found[role, made.names[world], number] = members.tolist()
    return found


@pytest.mark.parametrize("balance", ["fixed", "free"])
def test_each_model_is_drawn_by_its_worlds_law_from_its_sides_pool(balance):
    made = design(label_balance=balance, n_adversary_records=40)
    pools = split_pools(N, MASK * 2 + LABELS, seed=0)
    assert made.names == ("50 %", "20 %", "70 %", "50 % (control)")
    assert made.ratios == (0.5, 0.2, 0.7, 0.5)
    assert made.control == 3
    assert made.world.tolist() == np.repeat(np.arange(4), 5).tolist()
    assert made.role.tolist() == [SHADOW, SHADOW, SHADOW, TARGET, TARGET] * 4
    assert made.member_labels is None
    for world, role, members in zip(made.world, made.role, made.members, strict=True):
        assert len(np.unique(members)) == len(members) == (40 if role == SHADOW else 60)
        assert MASK[members].sum() == round(len(members) * made.ratios[world])
        assert np.isin(members, pools.adversary_train if role == SHADOW else pools.victim_train).all()
    assert len({tuple(members.tolist()) for members in made.members}) == made.n_models


def test_queries_are_records_that_nobody_trains_on():
    for overlap in (0.0, 0.5, 1.0):
        made = design(overlap=overlap)
        assert not np.isin(made.query_records, np.concatenate(made.members)).any()
        assert made.query_world.tolist() == np.repeat(np.arange(4), 30).tolist()
        for world, ratio in enumerate(made.ratios):
            asked = made.query_records[made.query_world == world]
            assert (len(np.unique(asked)), MASK[asked].sum()) == (30, round(30 * ratio))


def test_victims_and_shadows_share_records_only_where_pools_overlap():
    for overlap in (0.0, 1.0):
        made = design(overlap=overlap)
        sides = [np.concatenate([made.members[row] for row in made.rows(role)]) for role in (SHADOW, TARGET)]
        assert bool(np.isin(*sides).any()) == bool(overlap)


def test_no_record_moves_when_models_or_worlds_are_added():
    small = records(design())
    large = records(design(ratios=(0.5, 0.2, 0.7, 0.9), n_shadows=5, n_victims=4, n_queries=40))
    assert len(large) == 45
    assert {key: large[key] for key in small} == small
    assert {key: rows for key, rows in records(design(has_control=False)).items()}.items() <= small.items()


def test_the_control_is_drawn_anew():
    made = records(design())
    assert all(made[role, "50 %", 0] != made[role, "50 % (control)", 0] for role in (SHADOW, TARGET))


def test_the_seed_decides_everything():
    first, again, other = records(design()), records(design()), records(design(seed=1))
    assert first == again
    assert all(first[key] != other[key] for key in first)


def test_a_defense_changes_what_is_trained_on_and_not_what_is_drawn():
    seen = []

    def treat(role, positions, rng):
        seen.append((role, positions.tolist(), rng.integers(0, 2**62)))
        kept = positions[:10].repeat(2)
        return kept, 1 - LABELS[kept]

    plain, made = design(), design(treat=treat)
    assert [(role, rows) for role, rows, _ in seen] == [
        (role, rows.tolist()) for role, rows in zip(plain.role.tolist(), plain.members, strict=True)
    ]
    assert len({number for _, _, number in seen}) == plain.n_models
    for before, after, classes in zip(plain.members, made.members, made.member_labels, strict=True):
        assert np.array_equal(after, before[:10].repeat(2))
        assert np.array_equal(classes, 1 - LABELS[after])
    assert np.array_equal(plain.query_records, made.query_records)


def test_a_defense_that_keeps_the_classes_leaves_none_to_store():
    assert design(treat=lambda role, rows, rng: (rows[:5], LABELS[rows[:5]])).member_labels is None


@pytest.mark.parametrize(
    ("treated", "message"),
    [
        (lambda rows: rows, "positions and classes"),
        (lambda rows: (rows[:0], LABELS[:0]), "records to train on"),
        (lambda rows: (rows, LABELS[rows][:-1]), "one whole class per position"),
        (lambda rows: (rows, LABELS[rows] + 1), "classes 0..1; got 1..2"),
        (lambda rows: (rows * 1.0, LABELS[rows]), "treat must return .* whole numbers"),
        (lambda rows: (np.setdiff1d(np.arange(N), rows), LABELS[: N - len(rows)]), "of the pool it was given"),
    ],
)
def test_what_a_defense_may_not_return_is_refused(treated, message):
    with pytest.raises(ConfigError, match=message):
        design(treat=lambda role, rows, rng: treated(rows))


def test_sizes_that_some_pool_cannot_give_name_the_largest_that_all_can():
    for change, pool in (
        ({"n_records": 1000}, "victims' training"),
        ({"n_adversary_records": 1000}, "adversary's training"),
        ({"n_queries": 1000}, "adversary's test"),
    ):
        ((option, _),) = change.items()
        with pytest.raises(ConfigError, match=f"from the {pool} pool needs") as caught:
            design(**change)
        named = {"n_adversary_records": "adversary.n_records"}.get(option, option)
        assert caught.value.key == f"distribution.{named}"
        most = int(str(caught.value).split()[-1].rstrip("."))
        assert design(**{option: most}).n_models == 20
        with pytest.raises(ConfigError):
            design(**{option: most + 1})


@pytest.mark.parametrize(
    ("error", "change"),
    [
        (ConfigError, {"ratios": (0.5, 0.2, 0.5)}),
        (ConfigError, {"ratios": (0.5,), "has_control": False}),
        (ConfigError, {"ratios": (0.5, 50.0)}),
        (ConfigError, {"ratios": (0.5, float("nan"))}),
        (ConfigError, {"label_balance": "some"}),
        (ConfigError, {"overlap": -0.1}),
        (ConfigError, {"seed": -1}),
        (ConfigError, {"n_adversary_records": 0}),
        *[(ConfigError, {name: 0}) for name in ("n_records", "n_shadows", "n_victims", "n_queries")],
        (ShapeError, {"has_property": MASK[1:]}),
        (DataError, {"has_property": MASK.astype(int)}),
        (DataError, {"labels": LABELS.astype(float)}),
        (DataError, {"n_classes": 1}),
        (ShapeError, {"labels": LABELS[:, None]}),
    ],
)
def test_what_is_no_audit_is_refused(error, change):
    with pytest.raises(error):
        design(**change)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"ratios": (0.5, 0.505), "n_records": 60}, "n_records"),
        ({"ratios": (0.15, 0.25), "n_records": 10}, "n_records"),
        ({"ratios": (0.5, 0.48), "n_adversary_records": 20}, "n_adversary_records"),
    ],
)
def test_ratios_that_are_one_number_of_records_are_refused_with_a_number_that_does(changes, key):
    with pytest.raises(ConfigError, match=r"records with the property\. Raise") as caught:
        design(**changes)
    assert caught.value.key == {"n_records": "distribution.n_records"}.get(key, "distribution.adversary.n_records")
    advised = int(re.search(r"\(to (\d+), say\)", str(caught.value))[1])
    design(**{**changes, key: advised})


def test_a_pool_that_holds_a_single_draw_is_refused():
    """All records of one kind: every model of the world would train on the same ones, and say nothing of the population."""
    pools = split_pools(N, MASK * 2 + LABELS, seed=0)
    most = min(
        int((MASK[pool] == with_it).sum()) for pool in (pools.victim_train, pools.adversary_train) for with_it in (0, 1)
    )
    with pytest.raises(ConfigError, match=r"would train on the same records.*lower distribution\.n_records") as caught:
        design(ratios=(0.0, 1.0), n_records=most, label_balance="free", n_queries=5)
    assert caught.value.key == "distribution.n_records"
    design(ratios=(0.0, 1.0), n_records=most - 5, label_balance="free", n_queries=5)


def test_the_base_can_be_compared_with_its_control_alone():
    assert design(ratios=(0.5,)).names == ("50 %", "50 % (control)")


def test_any_law_can_be_given_as_a_function():
    called = []

    def draw(world, pool, n, rng):
        called.append((world, len(pool), n))
        return rng.choice(pool[:100] if world else pool[-100:], n, replace=False)

    made = transform(draw, n_adversary_records=20)
    pools = split_pools(N, LABELS, seed=0)
    assert (made.names, made.ratios, made.control) == (("base", "other", "base (control)"), None, 2)
    assert [world for world, _, _ in called] == [0, 0] + [0] * 5 + [1] * 5 + [0] * 5 + [0, 1, 0]
    assert made.sizes().tolist() == [20, 20, 20, 60, 60] * 3
    low = {SHADOW: pools.adversary_train[:100], TARGET: pools.victim_train[:100]}
    for world, role, members in zip(made.world, made.role, made.members, strict=True):
        assert np.isin(members, low[role]).all() == (world == 1)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda pool, n: pool[: n - 1], "must return the 60 positions it was asked for; got 59"),
        (lambda pool, n: pool[:n] * 1.0, "whole numbers"),
        (lambda pool, n: pool[:n] < 5, "whole numbers"),
        (lambda pool, n: pool[:n, None], "whole numbers"),
        (lambda pool, n: None, "whole numbers"),
        (lambda pool, n: [[1], [1, 2]], "different lengths"),
        (lambda pool, n: np.setdiff1d(np.arange(N), pool)[:n], "of the pool it was given; got 60 others"),
        (lambda pool, n: np.full(n, -1), "first: -1"),
        (lambda pool, n: np.full(n, 10**9), "first: 1000000000"),
    ],
)
def test_what_a_law_may_not_return_is_refused_by_its_name(returned, message):
    def younger(world, pool, n, rng):
        return returned(pool, n)

    with pytest.raises(ConfigError, match=rf"draw \(younger, world 0\).*{message}"):
        transform(younger)


def test_draws_that_are_not_drawn_are_refused():
    def the_same(world, pool, n, rng):
        return pool[:n] if world == 0 else pool[n : 2 * n]

    with pytest.raises(
        ConfigError, match=r"several shadow models of world base would train on the same records.*the_same"
    ):
        transform(the_same)
    other = np.random.default_rng()

    def of_another_generator(world, pool, n, rng):
        return other.choice(pool, n, replace=False)

    with pytest.raises(ConfigError, match=r"of_another_generator\) gave other records when it was called again"):
        transform(of_another_generator)


def test_names_of_worlds_must_differ():
    with pytest.raises(ConfigError, match="worlds must have different names"):
        transform(uniform, names=("all", "all"))
