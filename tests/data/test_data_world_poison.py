"""Poison in a design: which records, how many, with which classes, and what it must leave alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.data.world_channels import world_channels
from privaudit.data.world_design import make_world_design
from privaudit.data.world_poison import choose_poison, n_added
from privaudit.data.world_pools import split_pools
from privaudit.errors import ConfigError, DataError
from privaudit.store.world_file import draws_digest
from privaudit.training.model_spec import ModelSpec
from privaudit.training.world_job import make_world_job
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import Poison

N = 1200
MASK = np.random.default_rng(1).random(N) < 0.4
LABELS = (np.random.default_rng(2).random(N) < np.where(MASK, 0.2, 0.4)).astype(np.int64)
POISON = Poison(share=0.1, true_class=0, planted_class=1)
PLAIN_DIGEST = "2ba6d5e9ca24f48f87fa0eba41a596a8d63de67eefb53520e6fd221e853a0024"  # of the version before poison


def design(**changes):
    given_ = {"labels": LABELS, "n_classes": 2, "has_property": MASK, "ratios": (0.5, 0.2, 0.7), "n_records": 60}
    given_ |= {"n_adversary_records": 40, "n_shadows": 3, "n_victims": 2, "n_queries": 30, "seed": 0}
    return make_world_design(**(given_ | changes))


def tails(made, clean):
    """Positions and classes of what each model has beyond the same model without poison."""
    return [
        (rows[len(before) :], classes[len(before) :])
        for rows, classes, before in zip(made.members, made.member_labels, clean.members, strict=True)
    ]


def test_draws_without_poison_are_those_of_older_versions():
    assert draws_digest(design()) == PLAIN_DIGEST


def test_poison_comes_last_and_leaves_the_draws_alone():
    clean, made = design(), design(poison=POISON)
    assert made.poison == POISON and clean.poison is None and clean.member_labels is None
    for before, rows, classes in zip(clean.members, made.members, made.member_labels, strict=True):
        np.testing.assert_array_equal(rows[: len(before)], before)
        np.testing.assert_array_equal(classes[: len(before)], LABELS[before])
    for name in ("query_records", "query_world", "world", "role"):
        np.testing.assert_array_equal(getattr(made, name), getattr(clean, name))


@pytest.mark.parametrize("overlap", [0.0, 1.0])
def test_all_models_get_the_same_records_of_the_adversary(overlap):
    made, clean = design(poison=POISON, overlap=overlap), design(overlap=overlap)
    pools = split_pools(N, MASK * 2 + LABELS, overlap=overlap, seed=0)
    largest = max((rows for rows, _ in tails(made, clean)), key=len)
    assert len(np.unique(largest)) == len(largest) == 7
    assert MASK[largest].all() and (LABELS[largest] == 0).all() and np.isin(largest, pools.adversary_train).all()
    assert not np.isin(largest, made.query_records).any()
    for role, (rows, classes) in zip(made.role, tails(made, clean), strict=True):
        assert len(rows) == (4 if role == SHADOW else 7)  # of 40 and of 60 records
        np.testing.assert_array_equal(rows, largest[: len(rows)])
        assert (classes == 1).all()


def test_a_larger_share_adds_to_a_smaller_one_and_seeds_differ():
    small, large, other = (
        tails(design(poison=poison, seed=seed), design(seed=seed))[0][0]
        for poison, seed in ((POISON, 0), (Poison(share=0.2, true_class=0, planted_class=1), 0), (POISON, 1))
    )
    assert len(large) > len(small)
    np.testing.assert_array_equal(large[: len(small)], small)
    assert not np.array_equal(other, small)


@given(share=st.floats(1e-3, 0.9), n_records=st.integers(1, 10**5))
def test_the_share_is_reached_to_half_a_record(share, n_records):
    added = n_added(share, n_records)
    assert abs(added - share * (n_records + added)) <= 0.5 * (1 - share) + 1e-6


@settings(max_examples=20, deadline=None)
@given(share=st.floats(0.02, 0.5), seed=st.integers(0, 50))
def test_sizes_and_class_counts_stay_the_same_in_all_worlds(share, seed):
    made = design(poison=Poison(share=share, true_class=0, planted_class=1), seed=seed)
    for role in (SHADOW, TARGET):
        rows = made.rows(role)
        assert len({len(made.members[row]) for row in rows}) == 1
        assert len({int(made.member_labels[row].sum()) for row in rows}) == 1


@pytest.mark.parametrize("overlap", [0.0, 1.0])
def test_poison_opens_no_channel_beside_the_model(overlap):
    """Where pools overlap a victim can hold a record with both classes; this is no repeated record."""
    found = world_channels(design(poison=POISON, overlap=overlap, n_victims=8), LABELS, 2)
    assert {one.name for one in found} == {"size", "class 1 share"} and all(one.is_constant for one in found)


def test_a_defense_comes_before_poison_and_does_not_change_how_much_is_added():
    def halved(role, positions, rng):
        kept = positions[: len(positions) // 2]
        return kept, 1 - LABELS[kept]

    clean, made = design(treat=halved), design(treat=halved, poison=POISON)
    for role, (rows, classes) in zip(made.role, tails(made, clean), strict=True):
        assert len(rows) == (4 if role == SHADOW else 7) and (classes == 1).all()
    for before, after, labels in zip(clean.members, made.members, made.member_labels, strict=True):
        np.testing.assert_array_equal(after[: len(before)], before)
        np.testing.assert_array_equal(labels[: len(before)], 1 - LABELS[before])


def test_models_train_on_the_planted_class_and_on_the_true_ones_of_the_others(tmp_path):
    made, clean = design(poison=POISON), design()
    features = np.arange(N, dtype=np.float32)[:, None]
    job = make_world_job(
        features,
        LABELS,
        made,
        n_classes=2,
        spec=ModelSpec(build="linear"),
        recipes={SHADOW: None, TARGET: None},
        device="cpu",
        folder=tmp_path,
    )
    for row, (added, _) in enumerate(tails(made, clean)):
        rows = job.members(row)
        seen = job.features[rows, 0].astype(np.int64)
        np.testing.assert_array_equal(seen, made.members[row])
        np.testing.assert_array_equal(job.labels[rows[: -len(added)]], LABELS[clean.members[row]])
        assert (job.labels[rows[-len(added) :]] == 1).all()


def test_the_set_is_small_enough_for_the_pool():
    with pytest.raises(
        ConfigError, match=r"needs 540 records .* class 0 .* there are \d+\. Lower .*share to 0\.\d+"
    ) as raised:
        design(poison=Poison(share=0.9, true_class=0, planted_class=1))
    assert raised.value.key == "distribution.poison.share"
    largest = float(str(raised.value).split("share to ")[1].split(",")[0])
    made = design(poison=Poison(share=largest, true_class=0, planted_class=1))
    assert made.sizes()[made.rows(TARGET)].min() > 60


@pytest.mark.parametrize(
    ("poison", "match"),
    [
        (Poison(share=0.001, true_class=0, planted_class=1), r"none\. Raise"),
        (Poison(share=0.1, true_class=2, planted_class=1), r"true_class must lie in 0\.\.1; got 2"),
        (Poison(share=0.1, true_class=0, planted_class=-1), r"planted_class must lie in 0\.\.1; got -1"),
    ],
)
def test_poison_that_cannot_be_is_refused(poison, match):
    with pytest.raises(ConfigError, match=match):
        design(poison=poison)


def test_a_class_that_no_record_with_the_property_has_is_refused():
    with pytest.raises(ConfigError, match=r"there are 0\. Take another"):
        choose_poison(
            POISON,
            pool=np.arange(20),
            has_property=np.arange(20) < 10,
            labels=(np.arange(20) < 10).astype(np.int64),
            n_classes=2,
            sizes=(60, 60),
            seed=0,
        )


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_shares_out_of_range_are_no_poison(share):
    with pytest.raises(DataError, match="share"):
        Poison(share=share, true_class=0, planted_class=1)
