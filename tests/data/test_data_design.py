import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.data.design import balanced_coins, make_design, paired_coins
from privaudit.errors import ConfigError, ShapeError

ERROR = 1e-6  # stated chance that a fair coin fails one of these tests


def design(**changes):
    content = {"kind": "paired", "n_models": 6, "n_records": 200, "targets": [0], "population": 0.2, "seed": 0}
    content |= changes
    return make_design(**{"record_codes": np.arange(content["n_records"]), **content})


@settings(max_examples=40, deadline=None)
@given(
    n_pairs=st.integers(2, 6),
    n_records=st.integers(40, 120),
    population=st.floats(0, 0.5),
    seed=st.integers(0, 2**64),
    n_controls=st.sampled_from([0, 4, 6]),
)
def test_pairs_hold_opposite_coins_and_population_is_in_no_model(n_pairs, n_records, population, seed, n_controls):
    drawn = design(
        n_models=2 * n_pairs, n_records=n_records, population=population, seed=seed, n_control_models=n_controls
    )
    assert drawn.is_population.sum() == round(population * n_records)
    assert not drawn.is_in[:, drawn.is_population].any()
    canaries = drawn.is_in[:, drawn.canaries]
    assert (canaries[0::2] + canaries[1::2] == 1).all()
    assert drawn.pair.tolist() == [model ^ 1 for model in range(2 * n_pairs + n_controls)]
    assert drawn.models_with_role("control").tolist() == list(range(2 * n_pairs, 2 * n_pairs + n_controls))
    assert drawn.variant.tolist() == [0] * 2 * n_pairs + [1] * n_controls


@settings(max_examples=25, deadline=None)
@given(n_pairs=st.integers(2, 8), n_records=st.integers(60, 120), seed=st.integers(0, 2**64))
def test_balanced_puts_every_canary_in_half_of_the_models(n_pairs, n_records, seed):
    drawn = design(kind="balanced", n_models=2 * n_pairs, n_records=n_records, seed=seed)
    assert (drawn.is_in[:, drawn.canaries].sum(axis=0) == n_pairs).all()
    assert not drawn.is_in[:, drawn.is_population].any()
    assert (drawn.pair == -1).all()


def test_coins_are_fair():
    n = 200_000
    coins = paired_coins(4, n // 2, 3, "coins")[0::2]
    low, high = binom.interval(1 - ERROR, n, 0.5)
    assert low <= coins.sum() <= high


def test_coins_of_records_of_pairs_and_of_controls_are_independent():
    n = 100_000
    coins = paired_coins(4, n, 3, "coins")
    controls = paired_coins(4, n, 3, "control_coins")
    low, high = binom.interval(1 - ERROR / 3, n, 0.5)
    assert low <= (coins[0] == coins[2]).sum() <= high
    assert low <= (coins[0] == controls[0]).sum() <= high
    low, high = binom.interval(1 - ERROR / 3, n - 1, 0.5)
    assert low <= (coins[0, 1:] == coins[0, :-1]).sum() <= high


def test_balanced_halves_are_uniform():
    n = 60_000
    words = 2 ** np.arange(4) @ balanced_coins(4, n, 5).astype(np.int64)
    halves, counts = np.unique(words, return_counts=True)
    low, high = binom.interval(1 - ERROR / 6, n, 1 / 6)
    assert len(halves) == 6
    assert ((low <= counts) & (counts <= high)).all()


def test_coins_of_a_pair_do_not_depend_on_the_number_of_pairs_or_controls():
    few, many = design(n_models=4, n_control_models=4), design(n_models=10, n_control_models=6)
    assert (few.is_in[:4] == many.is_in[:4]).all()
    assert (few.is_in[4:] == many.is_in[10:14]).all()


def test_seed_decides():
    assert (design(seed=1).is_in == design(seed=1).is_in).all()
    assert (design(seed=1).is_in != design(seed=2).is_in).any()
    assert (design(seed=1).is_population != design(seed=2).is_population).any()


def test_roles():
    assert design(targets=[3, 0], n_control_models=4).role.tolist() == (
        ["target", "shadow", "shadow", "target", "shadow", "shadow"] + ["control"] * 4
    )
    assert design(targets="all", n_control_models=4).role.tolist() == ["target"] * 6 + ["control"] * 4


def test_record_codes_are_kept():
    codes = np.arange(200) * 7
    assert (design(record_codes=codes).record_codes == codes).all()
    with pytest.raises(ShapeError, match="record_codes"):
        design(record_codes=[1, 2])


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"n_models": 5}, "design.n_models", "even"),
        ({"n_models": 2}, "design.n_models", "at least 4 .*got 2"),
        ({"n_control_models": 3}, "control.n_models", "even"),
        ({"n_control_models": 2}, "control.n_models", "at least 4"),
        ({"targets": [6]}, "design.targets", r"0\.\.5"),
        ({"targets": [-1]}, "design.targets", r"0\.\.5"),
        ({"targets": [1, 1]}, "design.targets", "distinct"),
        ({"targets": []}, "design.targets", "at least one"),
        ({"targets": "some"}, "design.targets", "'some'"),
        ({"population": 1.0}, "design.population", r"\[0, 1\)"),
        ({"population": -0.1}, "design.population", r"\[0, 1\)"),
        ({"population": float("nan")}, "design.population", r"\[0, 1\)"),
        ({"n_records": 10, "population": 0.9}, "design.population", "at least 2 records"),
        ({"n_records": 0}, "design.population", "at least 2 records"),
        ({"kind": "pared"}, "design.kind", "paired or balanced"),
        ({"kind": "balanced", "n_control_models": 4}, "design.kind", "no control"),
        ({"seed": -1}, "seed", "seed"),
    ],
)
def test_designs_that_allow_no_audit_are_refused(changes, key, words):
    with pytest.raises(ConfigError, match=words) as caught:
        design(**changes)
    assert caught.value.key == key


def test_model_with_nothing_to_train_on_is_refused():
    with pytest.raises(ConfigError, match="train on at least one record"):
        design(n_models=64, n_records=2, population=0)
