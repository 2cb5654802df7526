"""Noise robustness: shares by hand, how the level is chosen and what it may not look at, hostile signals, chance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.attacks.label_only.noise_robustness import (
    MOST_PLAYED,
    NOISE_COPIES,
    NOISE_LEVELS,
    NoiseRobustness,
    best_level,
    shares_by_level,
)
from privaudit.errors import ConfigError, DataError, MissingSignalError, ShapeError, UnsupportedError
from privaudit.estimators import auc, auc_null_variance
from privaudit.types import SignalTable
from privaudit.types.design import NOT_TRAINED

N_LEVELS, N_CHECKPOINTS = len(NOISE_LEVELS), len(NOISE_COPIES)
N_RECORDS = 60


def shares_of(shape, coins=None, leak=(0.0,) * 5, seed=0):
    """Shares after each number of copies; members are more robust by ``leak`` at each level, some records are wrong."""
    rng = np.random.default_rng(seed)
    nature = np.clip(rng.random(shape[1])[:, None] - 0.1 * np.arange(N_LEVELS), 0.0, 1.0)
    chance = np.broadcast_to(nature, (*shape, N_LEVELS))
    if coins is not None:
        chance = np.clip(chance + np.array(leak) * coins[:, :, None], 0.0, 1.0)
    kept = np.cumsum(rng.random((NOISE_COPIES[-1], *chance.shape)) < chance, axis=0)
    shares = np.stack([kept[n - 1] / n for n in NOISE_COPIES], axis=-1)
    is_right = rng.random(shape) < 0.9
    return (shares * is_right[:, :, None, None]).reshape(*shape, -1), is_right


@pytest.fixture(scope="session")
def with_shares(make_inputs):
    def make(design, shares, is_right=None, **options):
        is_right = np.ones(shares.shape[:2]) if is_right is None else is_right
        inputs = make_inputs(design, np.where(is_right, 1.0, -1.0), **options)
        table = SignalTable(
            name="noisy_correct_share",
            values=shares,
            model_index=np.arange(len(shares)),
            record_index=np.arange(shares.shape[1]),
        )
        return replace(inputs, signals={**inputs.signals, "noisy_correct_share": table})

    return make


def test_the_ladders():
    assert NoiseRobustness().query_ladder == (2, 4, 8, 16, 32) and N_LEVELS == 5
    for ladder in (*zip(*NOISE_LEVELS, strict=True), NOISE_COPIES):
        assert list(ladder) == sorted(set(ladder))


@pytest.mark.parametrize("level", range(N_LEVELS))
@pytest.mark.parametrize("n_queries", [None, 2, 4, 8, 16, 32])
def test_a_fixed_level_scores_by_its_column(draw_coins, make_design, with_shares, level, n_queries):
    coins = draw_coins("paired", 4, N_RECORDS)
    shares, is_right = shares_of((4, N_RECORDS + 6))
    inputs = with_shares(make_design(coins, n_population=6), shares, is_right)
    (result,) = NoiseRobustness(level=level, n_queries=n_queries).run(inputs, targets=[2])
    column = level * N_CHECKPOINTS + (2, 4, 8, 16, 32).index(n_queries or 32)
    np.testing.assert_array_equal(result.scores, shares[2, :N_RECORDS, column])
    sigma, p = NOISE_LEVELS[level]
    assert result.params == {"level": level, "sigma": sigma, "p": p, "n_copies": (n_queries or 32) - 1}
    assert not result.depends_on_coins and result.access == "label"


@pytest.mark.parametrize("best", range(N_LEVELS))
def test_the_level_that_attacks_the_shadows_best_is_chosen(draw_coins, make_design, with_shares, best):
    coins = draw_coins("paired", 8, 400)
    shares, is_right = shares_of(coins.shape, coins, leak=[0.6 if level == best else 0.05 for level in range(N_LEVELS)])
    inputs = with_shares(make_design(coins), shares, is_right)
    for result in NoiseRobustness().run(inputs, targets=range(8)):
        assert result.params["level"] == best and not result.depends_on_coins


def test_the_choice_by_hand(draw_coins, make_design, with_shares):
    coins = draw_coins("paired", 8, N_RECORDS)
    shares, is_right = shares_of(coins.shape, coins, leak=[0.1] * 5)
    inputs = with_shares(make_design(coins), shares, is_right, models=[0, 1, 2, 4, 5, 7])
    for target, played in ((1, [2, 4, 5, 7]), (2, [0, 1, 4, 5, 7]), (4, [0, 1, 2, 7])):
        columns = range(N_CHECKPOINTS - 1, N_LEVELS * N_CHECKPOINTS, N_CHECKPOINTS)
        means = [np.mean([auc(shares[model, :, column], coins[model]) for model in played]) for column in columns]
        (result,) = NoiseRobustness().run(inputs, targets=[target])
        assert result.params["level"] == int(np.argmax(means))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(0, 7), st.sampled_from([None, 2, 8]))
def test_the_choice_looks_at_no_target_and_no_pair(draw_coins, make_design, with_shares, seed, target, n_queries):
    coins = draw_coins("paired", 8, N_RECORDS, seed=seed)
    shares, is_right = shares_of(coins.shape, coins, leak=[0.05] * 5, seed=seed)
    attack = NoiseRobustness(n_queries=n_queries)
    (before,) = attack.run(with_shares(make_design(coins), shares, is_right), targets=[target])
    rng = np.random.default_rng(seed)
    for worst in range(N_LEVELS):  # whatever level the target itself would ask for
        own = [target, target ^ 1]
        coins[target] = rng.integers(0, 2, N_RECORDS)
        coins[target ^ 1] = 1 - coins[target]
        split = shares.reshape(8, N_RECORDS, N_LEVELS, N_CHECKPOINTS)  # a view
        split[own] = 0.5
        split[own, :, worst] = coins[own][:, :, None]
        (after,) = attack.run(with_shares(make_design(coins), shares, is_right), targets=[target])
        assert after.params == before.params


def test_at_most_sixteen_shadows_play(draw_coins, make_design, with_shares):
    coins = draw_coins("paired", 24, N_RECORDS)
    shares, is_right = shares_of(coins.shape, coins, leak=[0.3, 0, 0, 0, 0])
    design = make_design(coins)
    (before,) = NoiseRobustness().run(with_shares(design, shares, is_right), targets=[3])
    later = MOST_PLAYED + 2  # the pair of the target stands among the first
    shares[later:] = coins[later:, :, None] * (np.arange(N_LEVELS * N_CHECKPOINTS) >= 20)
    (after,) = NoiseRobustness().run(with_shares(design, shares, is_right), targets=[3])
    assert before.params == after.params and after.params["level"] == 0


def test_without_complements_the_choice_tells_of_the_coins(draw_coins, make_design, with_shares):
    coins = draw_coins("balanced", 6, N_RECORDS)
    inputs = with_shares(make_design(coins, kind="balanced"), *shares_of(coins.shape))
    assert NoiseRobustness().run(inputs, targets=[5])[0].depends_on_coins
    assert not NoiseRobustness(level=1).run(inputs, targets=[5])[0].depends_on_coins


def test_a_released_model_is_nobodys_shadow(draw_coins, make_design, with_shares):
    coins = draw_coins("paired", 6, N_RECORDS)
    design = make_design(np.vstack([coins, coins[:2]]))
    released = replace(
        design,
        is_in=np.vstack([coins, coins[:1]]),
        pair=np.append(np.arange(6) ^ 1, -1),
        role=np.append(np.full(6, "shadow"), "target"),
        variant=np.append(np.zeros(6, dtype=np.int64), NOT_TRAINED),
    )
    shares, is_right = shares_of((7, N_RECORDS), released.is_in, leak=[0.0, 0.4, 0.0, 0.0, 0.0])
    (before,) = NoiseRobustness().run(with_shares(released, shares, is_right), targets=[6])
    shares[6] = released.is_in[6][:, None] * (np.arange(N_LEVELS * N_CHECKPOINTS) >= 20)
    (after, other) = NoiseRobustness().run(with_shares(released, shares, is_right), targets=[6, 0])
    assert before.params == after.params == other.params and after.params["level"] == 1
    assert not after.has_fair_coins and not released.is_trained[6]


def test_without_shadows_a_level_must_be_set(draw_coins, make_design, with_shares):
    coins = draw_coins("paired", 4, N_RECORDS)
    inputs = with_shares(make_design(coins), *shares_of(coins.shape), models=[0, 1])
    with pytest.raises(UnsupportedError, match="Set level"):
        NoiseRobustness().run(inputs, targets=[1])
    assert NoiseRobustness(level=2).run(inputs, targets=[1])[0].params["level"] == 2


@given(st.lists(st.lists(st.integers(0, 8), min_size=5, max_size=5), min_size=1, max_size=6))
def test_equal_levels_go_to_the_smaller_one(rows):
    areas = np.array(rows) / 8
    totals = np.array(rows).sum(axis=0).tolist()  # whole numbers: no rounding
    assert best_level(areas) == totals.index(max(totals))


def test_sums_in_another_order_are_equal():
    assert best_level(np.array([[0.1, 0.3], [0.2, 0.2], [0.3, 0.1]])) == 0
    assert best_level(np.array([[0.3, 0.1], [0.2, 0.2], [0.1, 0.3]])) == 0


def test_columns_are_in_the_order_level_checkpoint():
    values = np.array([[level + n / 100 for level in range(N_LEVELS) for n in NOISE_COPIES]])
    assert shares_by_level(values, 7).tolist() == [[0.07, 1.07, 2.07, 3.07, 4.07]]


@pytest.mark.parametrize(
    ("options", "legal"),
    [
        ({"level": -1}, "0, 1, 2, 3, 4"),
        ({"level": 5}, "0, 1, 2, 3, 4"),
        ({"level": True}, "0, 1, 2, 3, 4"),
        ({"level": 0.5}, "0, 1, 2, 3, 4"),
        ({"n_queries": 0}, "2, 4, 8, 16, 32"),
        ({"n_queries": 1}, "2, 4, 8, 16, 32"),
        ({"n_queries": 33}, "2, 4, 8, 16, 32"),
    ],
)
def test_illegal_options_are_refused(options, legal):
    with pytest.raises(ConfigError, match=legal) as caught:
        NoiseRobustness(**options)
    assert caught.value.key == next(iter(options))


def test_hostile_signals_are_refused(draw_coins, make_design, make_inputs, with_shares):
    design = make_design(draw_coins("paired", 4, N_RECORDS))
    shares, is_right = shares_of((4, N_RECORDS))
    with pytest.raises(ShapeError, match="25 columns; got 24"):
        NoiseRobustness().run(with_shares(design, shares[:, :, :24], is_right), targets=[0])
    with pytest.raises(DataError, match=r"0\.\.1"):
        NoiseRobustness().run(with_shares(design, shares + 0.5, is_right), targets=[0])
    with pytest.raises(MissingSignalError, match="noisy_correct_share"):
        NoiseRobustness().run(
            make_inputs(design, np.ones((4, N_RECORDS)), leave_out=("noisy_correct_share",)), targets=[0]
        )
    with pytest.raises(MissingSignalError, match="correct"):
        NoiseRobustness().run(with_shares(design, shares, is_right, leave_out=("correct",)), targets=[0])


def test_a_constant_target_is_noted(draw_coins, make_design, with_shares):
    is_class_1 = np.broadcast_to(np.arange(N_RECORDS) % 3 == 1, (6, N_RECORDS))
    shares = np.repeat(is_class_1[:, :, None] * 1.0, N_LEVELS * N_CHECKPOINTS, axis=2)
    inputs = with_shares(make_design(draw_coins("paired", 6, N_RECORDS)), shares, is_class_1)
    (result,) = NoiseRobustness().run(inputs, targets=[0])
    assert "class 1 to every record" in result.notes[0] and result.params["level"] == 0


@pytest.mark.statistical
@pytest.mark.parametrize("level", [None, *range(N_LEVELS)])
def test_coins_that_nothing_saw_give_half(draw_coins, make_design, with_shares, level):
    """|z| below 5.3: the six of them fail together with probability 1e-6."""
    coins = draw_coins("paired", 6, 2000, seed=7)
    inputs = with_shares(make_design(coins), *shares_of(coins.shape, seed=1))
    (result,) = NoiseRobustness(level=level).run(inputs, targets=[0])
    n_in = int(result.label.sum())
    spread = np.sqrt(auc_null_variance(result.scores, n_in, 2000 - n_in))
    assert abs(auc(result.scores, result.label) - 0.5) < 5.3 * spread
