import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.data.seeds import stream_generator
from privaudit.data.world_draws import cell_counts, draw_ratio, largest_remainder
from privaudit.data.world_pools import split_pools
from privaudit.errors import ConfigError, DataError, ShapeError

POOLS = ("victim_train", "victim_test", "adversary_train", "adversary_test")


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(max_examples=30)
@given(
    n=st.integers(8, 400),
    n_strata=st.integers(1, 6),
    overlap=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 2**64),
)
def test_pools_are_halves_of_seven_to_three_in_every_stratum(n, n_strata, overlap, seed):
    strata = stream_generator(seed, "coins").integers(0, n_strata, n)
    pools = split_pools(n, strata, overlap=overlap, seed=seed)
    apart = split_pools(n, strata, seed=seed)
    everyone = np.concatenate([getattr(apart, name) for name in POOLS])
    assert sorted(everyone.tolist()) == list(range(n))
    for name in POOLS:
        pool, share = getattr(pools, name), 0.35 if "train" in name else 0.15
        assert (np.diff(pool) > 0).all()
        counts = np.bincount(strata[pool], minlength=n_strata) - share * np.bincount(strata, minlength=n_strata)
        assert np.abs(counts).max() < 2.5
    for name in ("victim_train", "victim_test", "adversary_test"):
        assert np.array_equal(getattr(pools, name), getattr(apart, name))
    shared = np.intersect1d(pools.adversary_train, pools.victim_train)
    assert len(shared) == round(overlap * len(apart.adversary_train))
    assert np.isin(np.setdiff1d(pools.adversary_train, shared), apart.adversary_train).all()
    assert len(pools.adversary_train) == len(apart.adversary_train)


def test_pools_depend_on_the_seed_alone():
    first, again, other = (split_pools(60, np.zeros(60, int), seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.victim_train, again.victim_train)
    assert not np.array_equal(first.victim_train, other.victim_train)


@pytest.mark.parametrize(
    ("error", "n", "strata", "overlap"),
    [
        (ShapeError, 9, np.zeros(8, int), 0.0),
        (DataError, 8, np.zeros(8), 0.0),
        (DataError, 7, np.zeros(7, int), 0.0),
        (ConfigError, 8, np.zeros(8, int), 1.5),
        (ConfigError, 8, np.zeros(8, int), float("nan")),
    ],
)
def test_what_cannot_be_split_is_refused(error, n, strata, overlap):
    with pytest.raises(error):
        split_pools(n, strata, overlap=overlap, seed=0)


def test_whole_parts_sum_and_are_within_one():
    for total in range(200):
        for weights in ([0.76, 0.24], [1, 1, 1], [0.29, 0.71], [0.0, 3.0, 5.0]):
            parts = largest_remainder(weights, total)
            ideal = total * np.array(weights) / sum(weights)
            assert parts.sum() == total
            assert np.abs(parts - ideal).max() < 1
            assert (parts[ideal == 0.0] == 0).all()


@settings(max_examples=60)
@given(
    n=st.integers(1, 3000),
    ratio=st.floats(0, 1),
    weights=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5).filter(lambda w: sum(w) > 0.01),
)
def test_class_counts_do_not_change_with_the_ratio(n, ratio, weights):
    cells = cell_counts(n, ratio, weights)
    shares = np.array(weights) / sum(weights)
    n_with = round(n * ratio)
    assert (cells >= 0).all()
    assert cells.sum(axis=1).tolist() == [n - n_with, n_with]
    assert np.array_equal(cells.sum(axis=0), cell_counts(n, 0.0, weights).sum(axis=0))
    # a class count is rounded once, and the group's part of it once more
    assert np.abs(cells - np.outer([n - n_with, n_with], shares)).max() < 2


def population(n=4000):
    """Property in a third of the records; class 1 in a tenth of them and in three tenths of the others."""
    generator = rng(5)
    mask = generator.random(n) < 1 / 3
    return mask, (generator.random(n) < np.where(mask, 0.1, 0.3)).astype(np.int64)


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.35, 0.5, 0.9, 1.0])
def test_a_fixed_balance_leaves_only_the_property(ratio):
    mask, labels = population()
    pool = np.arange(0, 4000, 2)
    drawn = draw_ratio(
        pool, mask, labels, n=200, ratio=ratio, label_balance="fixed", class_shares=[0.75, 0.25], rng=rng()
    )
    assert len(np.unique(drawn)) == 200
    assert np.isin(drawn, pool).all()
    assert mask[drawn].sum() == round(200 * ratio)
    assert labels[drawn].sum() == 50
    for group in (mask[drawn], ~mask[drawn]):
        assert abs(labels[drawn][group].sum() - 0.25 * group.sum()) < 1


def test_a_free_balance_leaves_each_group_its_own_classes():
    """20 draws of 200 of each group: sd of the mean share .0047 at most; a correct draw strays by 5 of it 6e-7 times."""
    mask, labels = population()
    pool = np.arange(4000)
    draws = [
        draw_ratio(pool, mask, labels, n=400, ratio=0.5, label_balance="free", class_shares=[0.5, 0.5], rng=rng(seed))
        for seed in range(20)
    ]
    for group, share in ((mask, labels[mask].mean()), (~mask, labels[~mask].mean())):
        drawn = np.concatenate([positions[group[positions]] for positions in draws])
        assert len(drawn) == 20 * 200
        assert abs(labels[drawn].mean() - share) < 5 * np.sqrt(share * (1 - share) / 4000)


def test_every_record_of_a_cell_is_drawn_equally_often():
    """Chi-squared over 12 records of one cell, 11 degrees of freedom; above 50 with chance 6e-7."""
    mask, labels = np.arange(48) < 24, np.arange(48) // 12 % 2
    counts = np.zeros(48)
    for seed in range(600):
        counts[
            draw_ratio(
                np.arange(48), mask, labels, n=16, ratio=0.5, label_balance="fixed", class_shares=[1, 1], rng=rng(seed)
            )
        ] += 1
    per_cell = counts.reshape(4, 12)
    assert (per_cell.sum(axis=1) == 2400).all()
    # without replacement: the variance of a count is that of 600 coins of chance 1/3
    assert (((per_cell - 200) ** 2).sum(axis=1) / (600 * 2 / 9) * 11 / 12 < 50).all()


@pytest.mark.parametrize("balance", ["fixed", "free"])
@pytest.mark.parametrize("ratio", [0.0, 0.17, 0.5, 0.83, 1.0])
def test_the_largest_size_that_is_named_works_and_the_next_one_does_not(balance, ratio):
    mask, labels = population(300)
    arguments = {"ratio": ratio, "label_balance": balance, "class_shares": [0.75, 0.25]}
    with pytest.raises(ConfigError, match=r"at ratio .* needs \d+ records with.*there are \d+") as caught:
        draw_ratio(np.arange(300), mask, labels, n=10_000, rng=rng(), **arguments)
    assert caught.value.key == "distribution.n_records"
    most = int(str(caught.value).split()[-1].rstrip("."))
    assert len(draw_ratio(np.arange(300), mask, labels, n=most, rng=rng(), **arguments)) == most
    for n in range(most + 1, most + 40):
        with pytest.raises(ConfigError):
            draw_ratio(np.arange(300), mask, labels, n=n, rng=rng(), **arguments)


def test_a_cell_without_records_says_that_no_size_would_do():
    mask = np.zeros(50, bool)
    with pytest.raises(
        ConfigError, match=r"needs 5 records with the property of class 0; there are 0\. No size would do"
    ):
        draw_ratio(
            np.arange(50),
            mask,
            np.arange(50) % 2,
            n=20,
            ratio=0.5,
            label_balance="fixed",
            class_shares=[1, 1],
            rng=rng(),
        )


@pytest.mark.parametrize(
    "change", [{"n": 0}, {"n": 1}, {"ratio": 0.05}, {"ratio": 1.1}, {"ratio": float("nan")}, {"label_balance": "equal"}]
)
def test_illegal_draws_are_refused(change):
    given = {"n": 4, "ratio": 0.5, "label_balance": "fixed"} | change
    with pytest.raises(ConfigError):
        draw_ratio(np.arange(20), np.arange(20) < 10, np.arange(20) % 2, class_shares=[1, 1], rng=rng(), **given)
