import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.data.canary_coins import CanaryCoins, draw_canary_coins, join_scores
from privaudit.errors import ConfigError, DataError, ShapeError

KEYS = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=12),
    min_size=1,
    max_size=30,
    unique=True,
)


def names(n):
    return np.array([f"canary-{number:05d}" for number in range(n)])


def game(keys, seed):
    coins = draw_canary_coins(keys, seed=seed)
    return coins, np.random.default_rng(seed).normal(size=len(keys))


@settings(max_examples=100)
@given(keys=KEYS, seed=st.integers(0, 2**32), shuffle=st.integers(0, 2**32))
def test_a_join_is_the_same_for_every_order_of_the_rows(keys, seed, shuffle):
    coins, scores = game(keys, seed)
    order = np.random.default_rng(shuffle).permutation(len(keys))
    joined, is_in = join_scores(coins, np.array(keys)[order], scores[order])
    assert joined.tolist() == scores.tolist()
    assert is_in.tolist() == coins.is_in.tolist()


@settings(max_examples=100)
@given(
    keys=KEYS,
    place=st.integers(0, 29),
    wrong=st.sampled_from(["missing", "unknown", "twice", "renamed", "nan", "twice and one missing"]),
)
def test_every_wrong_join_is_an_error_that_names_the_key(keys, place, wrong):
    coins, scores = game(keys, 0)
    place %= len(keys)
    other = (place + 1) % len(keys)
    given_keys, given_scores = list(keys), scores.tolist()
    named = keys[place]
    if wrong == "missing":
        assume(len(keys) > 1)
        del given_keys[place], given_scores[place]
    elif wrong in ("unknown", "renamed"):
        named = "x" * 13  # longer than any key
        if wrong == "unknown":
            given_keys, given_scores = [*given_keys, named], [*given_scores, 0.0]
        else:
            given_keys[place] = named
    elif wrong == "twice":
        given_keys, given_scores = [*given_keys, named], [*given_scores, 0.0]
    elif wrong == "nan":
        given_scores[place] = np.nan
    else:
        assume(len(keys) > 1)
        given_keys[other] = named
    with pytest.raises(DataError) as caught:
        join_scores(coins, given_keys, given_scores)
    assert named in str(caught.value)


def test_errors_count_and_show_the_first_few():
    coins = draw_canary_coins(names(10), seed=0)
    with pytest.raises(DataError) as caught:
        join_scores(coins, [*names(10)[6:], "mine"], np.zeros(5))
    assert str(caught.value) == (
        "scores and coins do not fit: 6 canaries have no score (canary-00000, canary-00001, canary-00002, ...); 1 scores "
        "belong to no canary (mine). Score exactly the canaries of this coins file."
    )
    with pytest.raises(ShapeError, match=r"got \(10,\) and \(9,\)"):
        join_scores(coins, names(10), np.zeros(9))
    with pytest.raises(DataError, match=r"scores must be .n,. numbers"):
        join_scores(coins, names(10), ["high"] * 10)


def test_infinite_scores_are_legal():
    coins = draw_canary_coins(names(2), seed=0)
    assert join_scores(coins, names(2), [np.inf, -np.inf])[0].tolist() == [np.inf, -np.inf]


@pytest.mark.statistical
@pytest.mark.parametrize("seed", [0, 2**100, None])
def test_coins_are_fair_and_independent(seed):
    """Three counts, each outside its band with probability 1e-6 / 3 at most if the coins are fair."""
    coins = draw_canary_coins(names(20_000), seed=seed).is_in
    for tosses in (coins, coins[1:] ^ coins[:-1], coins[2:] ^ coins[:-2]):
        low, high = binom.ppf([0.5e-6 / 3, 1 - 0.5e-6 / 3], len(tosses), 0.5)
        assert low <= tosses.sum() <= high


def test_a_seed_decides_the_coins_and_without_one_they_differ():
    """Two secret draws of 64 coins agree with probability 2 ** -64."""
    drawn = [draw_canary_coins(names(64), seed=seed).is_in.tolist() for seed in (7, 7, 8, None, None)]
    assert drawn[0] == drawn[1]
    assert len({tuple(coins) for coins in drawn}) == 4


def test_digest_depends_on_keys_coins_and_their_order():
    coins = [
        CanaryCoins(keys=keys, is_in=is_in)
        for keys, is_in in [
            (["a", "b"], [1, 0]),
            (["b", "a"], [0, 1]),
            (["a", "b"], [0, 1]),
            (["a", "c"], [1, 0]),
            (["a", "b", "c"], [1, 0, 0]),
        ]
    ]
    assert len({each.digest for each in coins}) == len(coins)
    assert coins[0].digest == CanaryCoins(keys=np.array(["a", "b"]), is_in=np.array([True, False])).digest


@pytest.mark.parametrize(
    ("keys", "is_in", "error", "message"),
    [
        (["a", "b"], [1], ShapeError, "one length"),
        ([], [], ShapeError, "at least 1"),
        (["a", "a"], [1, 0], DataError, "keys of coins must be distinct; 1 come twice .a."),
        (["a", "b"], [1, 2], DataError, "0 or 1"),
        (["a", "b"], [1, 0.5], DataError, "0 or 1"),
        (["a", "b"], [1, np.nan], DataError, "0 or 1"),
    ],
)
def test_what_is_no_set_of_coins_is_refused(keys, is_in, error, message):
    with pytest.raises(error, match=message):
        CanaryCoins(keys=keys, is_in=is_in)


def test_a_seed_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="seed"):
        draw_canary_coins(names(2), seed=-1)
