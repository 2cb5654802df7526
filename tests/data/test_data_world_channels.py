import numpy as np
import pytest
from scipy.stats import binom

from privaudit.data.world_channels import world_channels
from privaudit.data.world_design import make_world_design
from privaudit.types import WorldDesign

N = 3000
MASK = np.random.default_rng(1).random(N) < 0.5
LABELS = (np.random.default_rng(2).random(N) < np.where(MASK, 0.1, 0.6)).astype(np.int64)


def channels(n_classes=2, labels=LABELS, **changes):
    given = {"labels": labels, "n_classes": n_classes, "has_property": MASK, "ratios": (0.5, 0.2), "n_records": 150}
    given |= {"n_shadows": 10, "n_victims": 10, "n_queries": 10, "seed": 0}
    return {
        (each.name, each.world): each
        for each in world_channels(make_world_design(**given | changes), labels, n_classes)
    }


def test_a_fixed_balance_has_no_channel():
    found = channels()
    assert list(found) == [(name, world) for world in (1, 2) for name in ("size", "class 1 share")]
    assert all(each.is_constant and each.accuracy == 0.5 and each.n_right == 10 for each in found.values())


def test_shadow_models_of_another_size_open_no_channel():
    found = channels(n_adversary_records=77)
    assert all(each.is_constant and each.accuracy == 0.5 for each in found.values())


def test_natural_classes_tell_the_ratio():
    """Class 1 has share .35 and .5 in expectation, with sd .035 at most per model."""
    found = channels(label_balance="free")
    share = found["class 1 share", 1]
    assert share.accuracy > 0.85
    assert share.n_right == round(share.accuracy * 20)
    assert not share.is_constant
    assert found["class 1 share", 2].accuracy < 0.85  # the control: at most 16 of 20 by chance but with chance .0013
    assert found["size", 1].is_constant


def under_sample(role, rows, rng):
    with_property, without = rows[MASK[rows]], rows[~MASK[rows]]
    n = min(len(with_property), len(without))
    kept = np.concatenate([with_property[:n], without[:n]])
    return kept, LABELS[kept]


def test_the_size_that_a_defense_leaves_is_detected_and_named():
    found = channels(treat=under_sample)
    assert found["size", 1].accuracy == 1.0
    assert found["size", 1].n_victims == 20
    assert found["size", 2].is_constant


def test_repeats_and_changed_classes_are_channels():
    def over_sample(role, rows, rng):
        kept = np.resize(rows[MASK[rows]], len(rows))
        return kept, MASK[kept].astype(int)

    found = channels(treat=over_sample)
    assert found["distinct records", 1].accuracy == 1.0
    assert found["size", 1].is_constant
    assert found["class 1 share", 1].is_constant


def test_of_more_classes_each_has_its_share():
    found = channels(n_classes=3, labels=np.arange(N) % 3)
    assert [name for name, world in found if world == 1] == ["size", *(f"class {label} share" for label in range(3))]


def hand_made(shadow_sizes, victim_sizes):
    """Two models of each role and world, of these sizes."""
    sizes = [*shadow_sizes[:2], *victim_sizes[:2], *shadow_sizes[2:], *victim_sizes[2:]]
    return WorldDesign(
        names=("a", "b"),
        ratios=None,
        world=np.repeat([0, 1], 4),
        role=np.array(["shadow", "shadow", "target", "target"] * 2),
        members=tuple(np.arange(size) for size in sizes),
        query_records=np.arange(0),
        query_world=np.arange(0),
        control=None,
        seed=0,
    )


@pytest.mark.parametrize(
    ("victims", "accuracy"),
    [
        ((10, 12, 20, 22), 1.0),
        ((20, 22, 10, 12), 1.0),  # the other way round
        ((10, 20, 20, 10), 0.0),  # what one half says is wrong for the other
        ((10, 10, 20, 20), 1.0),
        ((10, 10, 10, 10), 0.5),  # nothing to tell
    ],
)
def test_the_threshold_is_that_of_the_other_half_of_the_victims(victims, accuracy):
    for shadows in ((10, 12, 20, 22), (22, 20, 12, 10), (5, 5, 5, 5)):  # whatever the adversary's own sets are
        size = world_channels(hand_made(shadows, victims), np.arange(30) % 2, 2)[0]
        assert (size.accuracy, size.n_right) == (accuracy, round(4 * accuracy))


def test_a_size_is_named_also_where_the_adversary_does_not_know_the_defense():
    def of_victims_alone(role, rows, rng):
        return under_sample(role, rows, rng) if role == "target" else (rows, LABELS[rows])

    for changes in ({}, {"n_adversary_records": 250, "ratios": (0.5, 0.3)}):
        size = channels(treat=of_victims_alone, **changes)["size", 1]
        assert size.accuracy == 1.0 and size.p_value < 2e-5  # 2 / C(20, 10)


@pytest.mark.statistical
def test_equal_laws_are_called_different_no_more_often_than_stated():
    """2,000 pairs of worlds of 6 victims each at level .05: a right test passes with more than 1 - 1e-6."""
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(2000):
        sizes = rng.integers(10, 14, 12)  # many ties
        design = WorldDesign(
            names=("a", "b"),
            ratios=None,
            world=np.repeat([0, 1], 6),
            role=np.full(12, "target"),
            members=tuple(np.arange(size) for size in sizes),
            query_records=np.arange(0),
            query_world=np.arange(0),
            control=None,
            seed=0,
        )
        called += world_channels(design, np.zeros(20, dtype=np.int64), 1)[0].p_value <= 0.05
    assert called <= binom.ppf(1 - 1e-6, 2000, 0.05)


def test_few_victims_of_sizes_that_are_fixed_apart_are_certain_and_many_give_no_warning_of_scipys():
    size = world_channels(hand_made((1, 1, 1, 1), (10, 10, 20, 20)), np.arange(30) % 2, 2)[0]
    assert size.is_fixed and size.p_value > 0.3 and size.n_apart == 10  # no test could say so of four victims
    assert not world_channels(hand_made((1, 1, 1, 1), (10, 11, 20, 20)), np.arange(30) % 2, 2)[0].is_fixed
    n = 600
    many = WorldDesign(
        names=("a", "b"),
        ratios=None,
        world=np.repeat([0, 1], n),
        role=np.full(2 * n, "target"),
        members=tuple(np.arange(size) for size in np.repeat([3, 4], n)),
        query_records=np.arange(0),
        query_world=np.arange(0),
        control=None,
        seed=0,
    )
    assert world_channels(many, np.arange(5) % 2, 2)[0].p_value < 1e-100
